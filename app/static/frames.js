// A link with data-frame opens its page inside this one, in the place of the same name; without
// this script it is a plain link. Nothing of the frame is loaded before the click.
"use strict";
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-frame]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const place = document.querySelector(`[data-frame-place="${link.dataset.frame}"]`);
  if (!place.firstChild) {
    const frame = document.createElement("iframe");
    frame.src = link.href;
    frame.title = link.textContent;
    place.append(frame);
  }
  place.hidden = !place.hidden;
  if (!place.hidden) place.scrollIntoView({ block: "nearest" });
  link.setAttribute("aria-expanded", String(!place.hidden));
});
