// The bar at the top: language, appearance, preset, link. Gradio runs this as the body of a function
// with `element` and `trigger`.

const [language, appearance, preset] = element.querySelectorAll("select");
const notice = element.querySelector("[role=status]");
const settings = window.stylexferSettings;
const NOTICE = 6000; // ms

language.value = window.stylexferLanguage.current();
language.addEventListener("change", () => window.stylexferLanguage.choose(language.value));

appearance.value = window.stylexferAppearance.chosen();
appearance.addEventListener("change", () => window.stylexferAppearance.choose(appearance.value));

settings.watch(() => (preset.value = settings.preset()));
preset.value = settings.preset();
preset.addEventListener("change", () => {
  settings.choose(preset.value);
  trigger("apply"); // Gradio sets the controls
});

element.querySelector("button").addEventListener("click", async () => {
  const link = settings.link();
  try {
    await navigator.clipboard.writeText(link);
    notice.textContent = notice.dataset.copied;
  } catch {
    history.replaceState(null, "", link);
    notice.textContent = notice.dataset.shown;
  }
  setTimeout(() => (notice.textContent = ""), NOTICE);
});
