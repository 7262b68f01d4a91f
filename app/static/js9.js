// Load each display's stamp once JS9 is ready, and show or hide the menu.
"use strict";
$(document).on("JS9:ready", () => {
  for (const display of document.querySelectorAll("[data-fits]")) {
    JS9.Load(display.dataset.fits, {}, { display: display.id });
  }
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-menu]");
  if (!button) return;
  const menu = document.getElementById("menu");
  menu.hidden = !menu.hidden;
  button.setAttribute("aria-expanded", String(!menu.hidden));
});
