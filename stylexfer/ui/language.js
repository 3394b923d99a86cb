// The page in another language, in the browser. The page is written in English (texts.py), and so
// is all that the server says; here every text that comes to be seen is looked up in the phrases of
// the chosen language and exchanged. So a switch takes effect at once and nothing on the page is
// lost. The page's head runs this before Gradio draws anything; `languages.py` gives `phrases`,
// {English: the other language}, by language, with {fields}.

// A page in a frame may be lent no storage. Then what is kept is forgotten with the page, and nothing
// fails, in Gradio's own script neither.
try {
  window.localStorage.getItem("");
} catch {
  const kept = new Map();
  const value = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, text) => kept.set(key, String(text)),
    removeItem: (key) => kept.delete(key),
  };
  Object.defineProperty(window, "localStorage", { value });
}

window.stylexferLanguage = (() => {
  const { names, phrases } = window.stylexferPhrases;
  const KEPT = "stylexfer-language";
  const ATTRIBUTES = ["aria-label", "aria-valuetext", "alt", "placeholder", "title"];
  const BLOCKS = new Set(["P", "LI", "H1", "H2", "H3", "H4", "TD"]);
  const INLINE = { STRONG: "**", EM: "*", CODE: "`", A: "" };
  const FIELD = /\{(\w+)(:[^}]*)?\}/g;
  const LEFT_ALONE = "script, style, textarea, [contenteditable='true'], [translate='no']";

  // What was there in English, and what stands there now; the latter tells whether it is new.
  const texts = new WeakMap();
  const attributes = Object.fromEntries(ATTRIBUTES.map((name) => [name, new WeakMap()]));
  let language = "en";
  let whole = new Map(); // English -> translation
  let patterns = []; // of the English texts with fields, the most telling first

  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const plain = (text) => text.replace(/\s+/g, " ").trim();

  function pattern(english) {
    const parts = english.split(/\{\w+(?::[^}]*)?\}/).map(escaped);
    const fields = [...english.matchAll(FIELD)];
    const values = fields.map(([, , how]) => (how?.endsWith("f") ? "(-?[\\d.,]+)" : "(.+?)"));
    const source = parts.map((part, k) => part + (values[k] ?? "")).join("");
    return {
      form: new RegExp(`^${source}$`),
      fields: fields.map(([, name]) => name),
      weight: parts.join("").length,
    };
  }

  function learn(chosen) {
    language = chosen;
    whole = new Map();
    patterns = [];
    for (const [english, other] of Object.entries(phrases[chosen] ?? {})) {
      if (english.search(FIELD) < 0) whole.set(plain(english), other);
      else patterns.push({ ...pattern(plain(english)), other });
    }
    patterns.sort((a, b) => b.weight - a.weight);
  }

  // The translation of a text, or null if it is none of the page's.
  function translated(text) {
    if (!/\p{L}/u.test(text)) return null;
    if (whole.has(text)) return whole.get(text);
    for (const { form, fields, other } of patterns) {
      const found = text.match(form);
      if (!found) continue;
      const values = Object.fromEntries(fields.map((name, k) => [name, found[k + 1]]));
      // "Driver: No face was found.": the label is one of the page's, or it is another sentence.
      if ("said" in values && !whole.has(values.label)) continue;
      return other.replace(FIELD, (_, name) => value(values[name]));
    }
    return null;
  }

  // What stands in a field: itself a text of the page, a list of such, or somebody's own words.
  function value(text) {
    const known = translated(text);
    if (known !== null) return known;
    const parts = text.split(/(, | and )/);
    if (parts.length < 3) return text;
    const others = parts.map((part, k) =>
      k % 2 ? part.replace("and", whole.get("and") ?? "and") : translated(part),
    );
    return others.includes(null) ? text : others.join("");
  }

  const shown = (text) => (language === "en" ? text : translated(plain(text)) ?? text);

  // Prose with emphasis is one text, as it is written in texts.py: "made **by AI**".
  function written(block) {
    return [...block.childNodes]
      .map((node) => {
        if (node.nodeType === Node.TEXT_NODE) return node.nodeValue;
        if (node.tagName === "A") return `[${node.textContent}](${node.getAttribute("href")})`;
        return INLINE[node.tagName] + node.textContent + INLINE[node.tagName];
      })
      .join("");
  }

  function write(block, text) {
    const links = [...block.querySelectorAll("a")];
    const parts = text.split(/(\*\*.+?\*\*|\*.+?\*|`.+?`|\[.+?\]\(.+?\))/).filter(Boolean);
    const nodes = parts.map((part) => {
      const [, , strong, emphasis, code, name, href] =
        part.match(/^(\*\*(.+)\*\*|\*(.+)\*|`(.+)`|\[(.+)\]\((.+)\))$/) ?? [];
      if (href) {
        const link = links.find((old) => old.getAttribute("href") === href)?.cloneNode();
        return link ? Object.assign(link, { textContent: name }) : document.createTextNode(name);
      }
      const tag = strong ? "strong" : emphasis ? "em" : code ? "code" : null;
      if (!tag) return document.createTextNode(part);
      return Object.assign(document.createElement(tag), { textContent: strong ?? emphasis ?? code });
    });
    block.replaceChildren(...nodes);
  }

  function exchange(place, memory, read, put) {
    const now = read(place);
    const before = memory.get(place);
    const said = before?.shown === now ? before.said : now;
    const next = shown(said);
    const space = next === said ? ["", ""] : [said.match(/^\s*/)[0], said.match(/\s*$/)[0]];
    const text = space[0] + next.trim() + space[1];
    const final = next === said ? said : text;
    if (final !== now) put(place, final);
    memory.set(place, { said, shown: read(place) });
  }

  function visitText(node) {
    const holder = node.parentElement;
    if (!node.isConnected || !node.nodeValue.trim() || holder.closest(LEFT_ALONE)) return;
    const block = holder.tagName in INLINE ? holder.parentElement : holder;
    const mixed = BLOCKS.has(block.tagName) && block.childElementCount > 0;
    if (mixed && [...block.children].every((child) => child.tagName in INLINE)) {
      exchange(block, texts, written, write);
    } else {
      exchange(node, texts, (it) => it.nodeValue, (it, text) => (it.nodeValue = text));
    }
  }

  function visitAttribute(element, name) {
    const text = element.getAttribute(name);
    if (!text || element.closest(LEFT_ALONE)) return;
    exchange(
      element,
      attributes[name],
      (it) => it.getAttribute(name),
      (it, other) => it.setAttribute(name, other),
    );
  }

  function visit(root) {
    if (root.nodeType === Node.TEXT_NODE) return visitText(root);
    if (root.nodeType !== Node.ELEMENT_NODE) return;
    const found = [];
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    for (let node = root; node; node = walker.nextNode()) found.push(node);
    for (const node of found) {
      if (node.nodeType === Node.TEXT_NODE) visitText(node);
      else for (const name of ATTRIBUTES) if (node.hasAttribute(name)) visitAttribute(node, name);
    }
  }

  function changed(records) {
    if (language === "en") return;
    for (const { type, target, addedNodes, attributeName } of records) {
      if (type === "attributes") visitAttribute(target, attributeName);
      else if (type === "characterData") visitText(target);
      else addedNodes.forEach(visit);
    }
  }

  // Gradio's own words in English too, whatever the browser speaks, so that they are known here.
  // (It has no Czech.) Of its modules the one with its languages is loaded already. It names its
  // language in the page, also when it has at last loaded the one that the browser speaks.
  async function speakEnglish() {
    const known = performance.getEntriesByType("resource").map((entry) => entry.name);
    const core = known.find((name) => /\/assets\/core-[\w-]+\.js$/.test(name));
    if (core) (await import(core)).changeLocale?.("en");
    if (document.documentElement.lang !== language) document.documentElement.lang = language;
  }

  function wanted() {
    const asked = new URLSearchParams(location.search).get("lang");
    const spoken = (navigator.languages ?? []).map((tag) => tag.split("-")[0]);
    if (asked in names) localStorage.setItem(KEPT, asked);
    return [asked, localStorage.getItem(KEPT), ...spoken].find((code) => code in names) ?? "en";
  }

  function choose(code) {
    if (!(code in names)) return;
    localStorage.setItem(KEPT, code);
    learn(code);
    document.documentElement.lang = code;
    visit(document.documentElement);
    dispatchEvent(new Event("resize")); // the row of tabs is measured anew
  }

  learn(wanted());
  document.documentElement.lang = language;
  const watched = { subtree: true, childList: true, characterData: true };
  new MutationObserver(changed).observe(document.documentElement, {
    ...watched,
    attributeFilter: ATTRIBUTES,
  });
  new MutationObserver(speakEnglish).observe(document.documentElement, {
    attributeFilter: ["lang"],
  });
  visit(document.documentElement);
  speakEnglish();
  return { choose, current: () => language };
})();
