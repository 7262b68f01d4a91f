"use strict";
// A part of the document with what its references name in their place; no schema of ours holds itself.
const resolve = (whole, part) => {
  if (Array.isArray(part)) return part.map((item) => resolve(whole, item));
  if (part === null || typeof part !== "object") return part;
  const { $ref: named, ...own } = part;
  const entries = Object.entries(own).map(([key, value]) => [key, resolve(whole, value)]);
  if (typeof named !== "string") return Object.fromEntries(entries);
  const target = named.split("/").slice(1).reduce((at, key) => at[key], whole);
  return { ...resolve(whole, target), ...Object.fromEntries(entries), $$ref: named };
};

window.addEventListener("load", () => {
  window.SwaggerUIBundle({
    url: document.getElementById("swagger").dataset.document,
    dom_id: "#swagger",
    deepLinking: true,
    tryItOutEnabled: true,
    validatorUrl: null,
    // A page of alerts has ten thousand values: to colour them stops the browser for seconds.
    syntaxHighlight: false,
    // Its own takes the whole document apart for each form that is opened: a second each.
    plugins: [
      () => ({
        fn: {
          resolveSubtree: async (whole, path) => ({
            errors: [],
            spec: resolve(whole, path.reduce((at, key) => at?.[key], whole)),
          }),
        },
      }),
    ],
  });
});
