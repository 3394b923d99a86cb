// What Gradio leaves unsaid to a screen reader. The page's head runs this.

(() => {
  // "mona_lisa_joconde.jpg" -> "mona lisa joconde"
  const spoken = (address) =>
    decodeURIComponent(address.split("/").pop()).replace(/\.\w+$/, "").replaceAll("_", " ");

  function mend() {
    // An empty place has a name, so it needs a role that may have one.
    for (const place of document.querySelectorAll("div.empty[aria-label]:not([role])"))
      place.role = "img";
    // Examples shown as pictures or clips alone.
    for (const button of document.querySelectorAll("button.gallery-item:not([aria-label])")) {
      const shown = button.querySelector("img, video");
      if (shown?.src && !button.innerText.trim()) button.ariaLabel = spoken(shown.src);
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
