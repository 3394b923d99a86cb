// What Gradio leaves unsaid to a screen reader, and out of reach of the keyboard. The page's head runs
// this.

(() => {
  // "mona_lisa_joconde.jpg" -> "mona lisa joconde"
  const spoken = (address) =>
    decodeURIComponent(address.split("/").pop()).replace(/\.\w+$/, "").replaceAll("_", " ");

  // The label of the block that an element is in names the element too.
  let labels = 0;
  function named(element) {
    const label = element.closest(".block")?.querySelector("[data-testid=block-label]");
    if (!label) return;
    label.id ||= `names-${labels++}`;
    element.setAttribute("aria-labelledby", label.id);
  }

  // The line between two pictures: arrow keys, Home and End drag it as a pointer would.
  const STEP = 0.05;
  function keys(line) {
    const picture = line.parentElement.querySelector("img");
    // The picture's own box within the element, which it need not fill.
    const box = () => {
      const { left, top, width, height } = picture.getBoundingClientRect();
      const shape = picture.naturalWidth / picture.naturalHeight || 1;
      const own = Math.min(width, height * shape);
      return { left: left + (width - own) / 2, top, width: own };
    };
    const place = () => {
      const middle = line.getBoundingClientRect();
      return (middle.left + middle.width / 2 - box().left) / box().width;
    };
    const tell = () => {
      if (box().width) line.ariaValueNow = Math.round(100 * place());
    };
    const ways = { ArrowLeft: -STEP, ArrowDown: -STEP, ArrowRight: STEP, ArrowUp: STEP };
    line.role = "slider";
    line.tabIndex = 0;
    named(line);
    line.ariaValueNow = 50; // where Gradio starts
    line.addEventListener("focus", tell); // the pointer may have moved it
    line.addEventListener("keydown", (event) => {
      const ends = { Home: 0, End: 1 };
      if (!(event.key in ways) && !(event.key in ends)) return;
      event.preventDefault();
      if (!box().width) return; // it is still being loaded
      const aim = ends[event.key] ?? Math.min(1, Math.max(0, place() + ways[event.key]));
      const { left, top, width } = box();
      const at = { clientX: left + aim * width, clientY: top, view: window, bubbles: true };
      line.dispatchEvent(new MouseEvent("mousedown", at));
      for (const what of ["mousemove", "mouseup"]) window.dispatchEvent(new MouseEvent(what, at));
      requestAnimationFrame(tell);
    });
  }

  function mend() {
    for (const line of document.querySelectorAll("[data-testid=slider].outer:not([tabindex])"))
      keys(line);
    // A picture that can be clicked.
    for (const button of document.querySelectorAll(
      ".image-container button:has(img):not([aria-label], [aria-labelledby])",
    ))
      named(button);
    // An empty place has a name, so it needs a role that may have one.
    for (const place of document.querySelectorAll("div.empty[aria-label]:not([role])"))
      place.role = "img";
    // Examples shown as pictures or clips alone.
    for (const button of document.querySelectorAll("button.gallery-item:not([aria-label])")) {
      const shown = button.querySelector("img, video");
      if (!shown?.src || button.innerText.trim()) continue;
      button.ariaLabel = spoken(shown.src);
      button.translate = false; // a name of somebody
    }
  }

  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      mend();
    });
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
