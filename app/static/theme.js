// Light or dark: the reader's choice, else the system's. Bootstrap and mars.css read the attribute
// `data-bs-theme`; without this script the style sheet follows the system by itself.
"use strict";
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const other = { light: "dark", dark: "light" };
  let chosen = null;
  // A browser may forbid storage: the choice then lasts as long as the page.
  try { chosen = localStorage.getItem("theme"); } catch {}
  const shown = () => (chosen in other ? chosen : system.matches ? "dark" : "light");

  function show() {
    root.dataset.bsTheme = shown();
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.hidden = false;
      button.textContent = shown() === "dark" ? "Light" : "Dark";
      button.setAttribute("aria-label", `Use ${other[shown()]} colours`);
    }
    document.dispatchEvent(new Event("themechange"));
  }

  show();
  system.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", show);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    chosen = other[shown()];
    try { localStorage.setItem("theme", chosen); } catch {}
    show();
  });
})();
