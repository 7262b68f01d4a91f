// What all plots of the pages share: colours and type from the style sheet, Plotly's settings, and
// where a click leads.
"use strict";
const plots = (() => {
  // A custom property may hold light-dark(): only a drawn element tells its colour.
  const probe = document.createElement("i");
  probe.hidden = true;
  document.body.append(probe);
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };

  const axis = () => {
    const line = colour("line");
    return { gridcolor: line, zeroline: false, linecolor: line, exponentformat: "none" };
  };

  const layout = (height) => ({
    height,
    margin: { l: 56, r: 12, t: 8, b: 44 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: {
      color: colour("ink"),
      size: 12,
      family: getComputedStyle(document.body).fontFamily,
    },
    showlegend: false,
    hovermode: "closest",
  });

  const config = {
    responsive: true,
    displaylogo: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    toImageButtonOptions: { filename: document.querySelector("h1")?.textContent.trim() },
  };
  // The site may lie below a path of its host.
  const visit = (address) => location.assign(document.documentElement.dataset.base + address);
  return { colour, axis, layout, config, visit };
})();
