// Draw a light curve with Plotly in the place of the server's SVG. Which points there are, and how
// each series looks, comes as JSON from app/pages/curveplot.py; here it only gets its colours.
"use strict";
(() => {
  const place = document.querySelector("[data-curve]");
  if (!place || !window.Plotly) return;
  const { series, marked } = JSON.parse(document.getElementById(place.dataset.curve).textContent);
  const controls = document.querySelector("[data-curve-controls]");
  const note = document.querySelector("[data-curve-note]");

  const view = () => controls.querySelector("[name=view]:checked").value;
  const chosen = (name) => controls.elements[name]?.checked ?? true;

  function traces() {
    const shown = view();
    const drawn = series
      .filter((one) => one.view === shown)
      .filter((one) => !(one.kind in { forced: 0, upper_limit: 0 }) || chosen(one.kind))
      .map((one) => {
        const own = plots.colour(`band-${one.filter ?? "none"}`);
        return {
          type: "scatter",
          mode: "markers",
          x: one.x,
          y: one.y,
          text: one.text,
          customdata: one.page,
          meta: one.kind,
          hovertemplate: "%{text}<extra></extra>",
          opacity: one.kind === "forced" ? 0.55 : 1,
          marker: {
            symbol: one.symbol,
            size: one.size,
            color: own,
            line: { width: 1.5, color: own },
          },
          error_y: {
            type: "data",
            array: one.error,
            visible: !one.limit,
            color: own,
            thickness: 1,
            width: 0,
          },
        };
      });
    return [...ring(drawn), ...drawn];
  }

  // A ring around this page's own alert.
  function ring(drawn) {
    for (const trace of drawn) {
      const n = marked === null ? -1 : trace.customdata.indexOf(marked);
      if (n >= 0) {
        const line = { width: 2, color: plots.colour("ink") };
        const marker = { symbol: "circle-open", size: 20, color: line.color, line };
        const at = { x: [trace.x[n]], y: [trace.y[n]] };
        const kind = { type: "scatter", mode: "markers", meta: "marked", hoverinfo: "skip" };
        return [{ ...kind, ...at, marker }];
      }
    }
    return [];
  }

  function layout() {
    const axis = plots.axis();
    return {
      ...plots.layout(420),
      dragmode: "zoom",
      xaxis: { ...axis, title: { text: "MJD (UTC)" }, tickformat: "~f" },
      yaxis: { ...axis, title: { text: `${view()} magnitude` }, autorange: "reversed" },
      uirevision: view(),
    };
  }

  function draw() {
    note.hidden = view() !== "total";
    Plotly.react(place, traces(), layout(), plots.config);
  }

  place.replaceChildren();
  controls.hidden = false;
  draw();
  controls.addEventListener("change", draw);
  document.addEventListener("themechange", draw);
  place.on("plotly_click", ({ points: [point] }) => {
    if (point.customdata && point.customdata !== marked) plots.visit(point.customdata);
  });
})();
