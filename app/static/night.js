// Draw a night's plots with Plotly in the place of the server's SVG. What they show comes as JSON from
// app/pages/nightplot.py; a click leads to the search for those alerts.
"use strict";
(() => {
  const data = document.getElementById("night-data");
  if (!data || !window.Plotly) return;
  const series = JSON.parse(data.textContent);
  const HATCHES = { g: "", r: "/", i: "x" };
  // Fields lie upon one another: what is beneath must show.
  const pale = (color) => color.replace(/^rgb\((.*)\)$/, "rgba($1, 0.35)");

  const drawings = {
    time: () => ({
      traces: series.time.map((one) => {
        const color = plots.colour(`band-${one.filter ?? "none"}`);
        return {
          type: "bar",
          x: one.x,
          y: one.y,
          text: one.text,
          textposition: "none",
          customdata: one.search,
          hovertemplate: "%{text}<extra></extra>",
          marker: { color, line: { color, width: 1 }, pattern: { shape: HATCHES[one.filter] ?? ".", size: 6 } },
        };
      }),
      layout: {
        ...plots.layout(320),
        barmode: "stack",
        bargap: 0.08,
        xaxis: { ...plots.axis(), type: "date", tickformat: "%H:%M", hoverformat: "%H:%M", title: { text: "start of exposure (UTC)" } },
        yaxis: { ...plots.axis(), title: { text: "alerts" }, rangemode: "tozero", tickformat: ",d" },
      },
    }),
    sky: (wide) => ({
      traces: series.sky.map((one) => {
        const color = plots.colour(`band-${one.filter ?? "none"}`);
        return {
          type: "scatter",
          mode: "markers",
          x: one.x,
          y: one.y,
          text: one.text,
          customdata: one.search,
          hovertemplate: "%{text}<extra></extra>",
          marker: { symbol: one.symbol, size: one.size, opacity: 1, color: pale(color), line: { color, width: 1 } },
        };
      }),
      layout: {
        ...plots.layout(320),
        xaxis: { ...plots.axis(), range: [360, 0], dtick: wide ? 30 : 60, tickangle: 0, ticksuffix: "°", title: { text: "right ascension" } },
        yaxis: { ...plots.axis(), range: [Math.min(-35, ...series.sky.flatMap((one) => one.y)) - 2, 90], dtick: 30, ticksuffix: "°", title: { text: "declination" } },
      },
    }),
  };

  for (const place of document.querySelectorAll("[data-night]")) {
    const draw = () => {
      const { traces, layout } = drawings[place.dataset.night](place.clientWidth > 500);
      Plotly.react(place, traces, layout, plots.config);
    };
    place.replaceChildren();
    draw();
    document.addEventListener("themechange", draw);
    place.on("plotly_click", ({ points: [point] }) => {
      if (point.customdata) plots.visit(point.customdata);
    });
  }
})();
