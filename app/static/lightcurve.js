// Draw a light curve with Plotly in the place of the server's SVG, and fetch another one where the
// form asks for it. Which points there are, folded how, and how each series looks comes as JSON from
// app/pages/curveplot.py; here it only gets its colours.
"use strict";
(() => {
  if (!window.Plotly) return;
  let box = document.querySelector("[data-curve-box]");
  let asked = null;

  const read = () => JSON.parse(box.querySelector("#curve-data").textContent);
  const place = () => box.querySelector("[data-curve]");

  function traces({ series, marked }) {
    const drawn = series.map((one) => {
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
    return [...ring(drawn, marked), ...drawn];
  }

  // A ring around this page's own alert.
  function ring(drawn, marked) {
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

  function layout({ axes: [value, time], folded, reversed }) {
    const axis = plots.axis();
    const across = folded ? { range: [0, 2] } : { tickformat: "~f" };
    const zero = { zeroline: !reversed, zerolinecolor: plots.colour("faint") };
    return {
      ...plots.layout(420),
      dragmode: "zoom",
      xaxis: { ...axis, title: { text: time }, ...across },
      yaxis: {
        ...axis,
        ...zero,
        title: { text: value },
        automargin: true,
        autorange: reversed ? "reversed" : true,
      },
    };
  }

  // On the page it is the page's own; a file needs one.
  const ground = () => ({ paper_bgcolor: plots.colour("ground") });

  function draw() {
    if (!place()) return;
    const data = read();
    const isNew = place().querySelector(".plot-container") === null;
    if (isNew) place().replaceChildren();
    Plotly.react(place(), traces(data), layout(data), plots.config);
    if (!isNew) return;
    place().on("plotly_click", ({ points: [point] }) => {
      if (point.customdata && point.customdata !== data.marked) plots.visit(point.customdata);
    });
    const button = box.querySelector("[data-curve-png]");
    button.hidden = false;
    button.addEventListener("click", () => {
      const filename = document.querySelector("h1").textContent.trim();
      const figure = { data: place().data, layout: { ...place().layout, ...ground() } };
      Plotly.downloadImage(figure, { format: "png", width: 1200, height: 600, filename });
    });
  }

  // The form's state is the address; where all boxes of a list are ticked, it need not say so.
  function address(form) {
    const chosen = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      const boxes = [...form.querySelectorAll(`[type=checkbox][name="${name}"]`)];
      const usual = { view: "difference", fold: "no" }[name] === value;
      const idle = name === "period" && form.elements.fold.value !== "period";
      const all = boxes.length > 0 && boxes.every((one) => one.checked);
      if (value !== "" && !usual && !idle && !all) chosen.append(name, value);
    }
    const here = new URL(location.href);
    here.search = chosen;
    return here;
  }

  async function show(form, control) {
    const wanted = address(form);
    asked?.abort();
    asked = new AbortController();
    box.setAttribute("aria-busy", "true");
    let text;
    try {
      const headers = { Accept: "text/html" };
      const answer = await fetch(wanted, { headers, signal: asked.signal });
      if (!answer.ok) throw new Error(answer.statusText);
      text = await answer.text();
    } catch (error) {
      // The server's own page says what is wrong.
      if (error.name !== "AbortError") location.assign(wanted);
      return;
    }
    const page = new DOMParser().parseFromString(text, "text/html");
    const next = document.importNode(page.querySelector("[data-curve-box]"), true);
    next.querySelector("[data-curve-table]").open = box.querySelector("[data-curve-table]").open;
    box.replaceWith(next);
    box = next;
    history.replaceState(null, "", wanted);
    draw();
    if (!control) return;
    const same = control.type === "number" ? "" : `[value="${control.value}"]`;
    box.querySelector(`[name="${control.name}"]${same}`)?.focus({ preventScroll: true });
  }

  document.addEventListener("change", ({ target }) => {
    const form = target.closest("[data-curve-form]");
    if (!form) return;
    if (target.name === "period" && target.value !== "") form.elements.fold.value = "period";
    const waits = form.elements.fold.value === "period" && form.elements.period.value === "";
    if (waits) form.elements.period.focus();
    else if (form.reportValidity()) show(form, target);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-curve-form]")) return;
    event.preventDefault();
    show(event.target, event.submitter);
  });
  document.addEventListener("themechange", draw);
  draw();
})();
