// A button on each block of code that copies it. Without this script a block is copied by hand.
"use strict";
(() => {
  // Over plain HTTP a browser has no clipboard for scripts: then the text is left selected.
  async function copied(block) {
    const range = document.createRange();
    range.selectNodeContents(block);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    try {
      await navigator.clipboard.writeText(block.textContent);
      return true;
    } catch {
      return false;
    }
  }

  for (const block of document.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-outline-secondary copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy: ${block.getAttribute("aria-label")}`);
    button.addEventListener("click", async () => {
      button.textContent = (await copied(block)) ? "Copied" : "Press Ctrl-C";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    block.before(button);
  }
})();
