"use strict";
window.addEventListener("load", () => {
  window.SwaggerUIBundle({
    url: document.getElementById("swagger").dataset.document,
    dom_id: "#swagger",
    deepLinking: true,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
});
