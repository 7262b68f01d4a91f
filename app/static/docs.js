"use strict";
window.addEventListener("load", () => {
  window.SwaggerUIBundle({
    url: document.getElementById("swagger").dataset.document,
    dom_id: "#swagger",
    deepLinking: true,
    tryItOutEnabled: true,
    validatorUrl: null,
    // A page of alerts has ten thousand values: to colour them stops the browser for seconds.
    syntaxHighlight: false,
  });
});
