// Settings of all tabs: kept in this browser, set by presets, and told in a link. Never a face: only
// numbers, switches and choices that the page's head lists (`settings.py`), and only values that
// the controls themselves would take.

window.stylexferSettings = (() => {
  const { controls, presets } = window.stylexferControls;
  const KEPT = "stylexfer-settings";
  let present = controls.map((control) => control.value);
  let wish = null; // what a preset sets when the page asks for it
  let told = () => {};

  function fits(control, value) {
    if (control.choices) return control.choices.includes(value);
    if (control.least === undefined) return typeof value === "boolean";
    return Number.isFinite(value) && value >= control.least && value <= control.most;
  }

  function read(text, control) {
    if (control.choices) return text;
    if (control.least === undefined) return { 1: true, 0: false }[text];
    return text.trim() ? Number(text) : NaN;
  }

  function kept() {
    try {
      const found = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
      return found && typeof found === "object" ? found : {};
    } catch {
      return {};
    }
  }

  // When the page opens: what the address says, else what is kept, else what the page says.
  function restored(...now) {
    const asked = new URLSearchParams(location.search);
    const known = kept();
    present = controls.map((control, k) => {
      const said = asked.has(control.key) ? read(asked.get(control.key), control) : undefined;
      return [said, known[control.key]].find((value) => fits(control, value)) ?? now[k];
    });
    const rest = [...asked].filter(([key]) => key !== "lang" && !controls.some((c) => c.key === key));
    history.replaceState(null, "", address(rest));
    told();
    return present;
  }

  function keep(...now) {
    present = now;
    const changed = controls.map((control, k) => [control.key, now[k], control.value]);
    const own = Object.fromEntries(changed.filter(([, value, first]) => value !== first));
    localStorage.setItem(KEPT, JSON.stringify(own));
    told();
  }

  function address(query) {
    const url = new URL(location.href);
    url.search = new URLSearchParams(query);
    return url.href;
  }

  // Only what differs from the page's own: a link stays short, and new settings stay as they are.
  function link() {
    const written = (value) => (typeof value === "boolean" ? Number(value) : value);
    const own = controls.map((control, k) => [control.key, written(present[k]), control.value]);
    return address(own.filter(([, value, first]) => value !== written(first)).map((pair) => pair.slice(0, 2)));
  }

  function applied(...now) {
    return controls.map((control, k) => presets[wish]?.[control.name] ?? now[k]);
  }

  function preset() {
    const holds = (values) =>
      controls.every(({ name }, k) => !(name in values) || values[name] === present[k]);
    return Object.keys(presets).find((name) => holds(presets[name])) ?? "";
  }

  return {
    restored, keep, link, applied, preset,
    choose: (name) => (wish = name),
    watch: (teller) => (told = teller),
  };
})();

// Light or dark, whatever Gradio made of the system's wish.
window.stylexferAppearance = (() => {
  const KEPT = "stylexfer-appearance";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let wish = localStorage.getItem(KEPT) ?? "system";

  function show() {
    const asked = new URLSearchParams(location.search).get("__theme");
    const how = wish === "system" ? asked : wish;
    document.body.classList.toggle("dark", how === "dark" || (how !== "light" && dark.matches));
  }

  dark.addEventListener("change", show);
  show();
  return {
    chosen: () => wish,
    choose(how) {
      wish = how;
      localStorage.setItem(KEPT, how);
      show();
    },
  };
})();
