// The main page by keyboard, and short addresses. The page does all it does without this script.
"use strict";
(() => {
  const typing = (target) => target.closest("input, select, textarea, [contenteditable]") !== null;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || typing(event.target)) return;
    if (event.key === "/") {
      event.preventDefault();
      document.getElementById("q").focus();
    }
    // Arrows turn the pages; inside the table's box they scroll it.
    const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    if (rel && event.target.closest(".scroll, pre") === null) {
      document.querySelector(`.pager a[rel=${rel}]`)?.click();
    }
  });

  // Where the filters stand above the results, they make room for them, unless one is wrong.
  const panel = document.querySelector("details.panel");
  const narrow = matchMedia("(max-width: 62rem)").matches;
  if (narrow && document.querySelector(".field-error") === null) panel.open = false;

  // What a link within the page leads to may be folded up.
  function unfold() {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
    if (target.matches("input, select")) target.focus();
  }
  addEventListener("hashchange", unfold);
  unfold();

  // Empty fields stay out of the address. They come back with the page out of the browser's cache.
  const form = document.querySelector("form.filters");
  form.addEventListener("submit", () => {
    for (const field of form.elements) field.disabled = "value" in field && field.name !== "" && field.value === "";
  });
  addEventListener("pageshow", () => {
    for (const field of form.elements) field.disabled = false;
  });
})();
