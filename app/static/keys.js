// Left or k: what rel="prev" links to; right or j: rel="next". Not while someone types or selects.
"use strict";
const STEPS = { ArrowLeft: "prev", k: "prev", ArrowRight: "next", j: "next" };
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  // Arrows also move in forms, plots and tables that scroll.
  if (event.target.closest("input, select, textarea, [contenteditable], .scroll")) return;
  const step = STEPS[event.key];
  if (step) document.querySelector(`a[rel="${step}"]`)?.click();
});
