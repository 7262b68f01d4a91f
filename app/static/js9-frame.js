// Load each display's stamp once JS9 is ready, and show or hide the menu.
"use strict";
// As many screen pixels for one of a stamp's 63 as let the three stand side by side.
const zoom = Math.min(6, Math.max(4, Math.floor((innerWidth - 60) / 3 / 63)));
for (const display of document.querySelectorAll("[data-fits]")) {
  display.dataset.width = display.dataset.height = `${63 * zoom}px`;
}
$(document).on("JS9:ready", () => {
  for (const display of document.querySelectorAll("[data-fits]")) {
    // Stamps never change; without allowCache JS9 adds a parameter that our API does not know. A
    // zoom given here would cut the image down to a part.
    const onload = (image) => {
      JS9.SetZoom(zoom, { display: image });
      // North is then up, as in the pictures of the page (app/stamps/astrometry.py).
      JS9.SetFlip("y", { display: image });
    };
    JS9.Load(display.dataset.fits, { allowCache: true, onload }, { display: display.id });
  }
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-menu]");
  if (!button) return;
  const menu = document.getElementById("menu");
  menu.hidden = !menu.hidden;
  button.setAttribute("aria-expanded", String(!menu.hidden));
});
