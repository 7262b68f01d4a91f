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

  // Empty fields stay out of the address. They come back with the page out of the browser's cache.
  const form = document.querySelector("form.filters");
  form.addEventListener("submit", () => {
    for (const field of form.elements) field.disabled = "value" in field && field.name !== "" && field.value === "";
  });
  addEventListener("pageshow", () => {
    for (const field of form.elements) field.disabled = false;
  });
})();
