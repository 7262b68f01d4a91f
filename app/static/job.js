// The progress of a job, asked for each second; without this script the page loads itself anew.
"use strict";
(() => {
  const page = document.querySelector("[data-job]");
  const bar = page.querySelector("progress");
  const words = page.querySelector("[data-words]");
  const status = page.querySelector("[role=status]");
  const EVERY_MS = 1000;
  const count = (n) => n.toLocaleString("en");

  function show(job) {
    const expected = job.expected ?? job.positions ?? 0;
    const known = expected > 0 && expected >= job.done;
    if (known) {
      bar.max = expected;
      bar.value = job.done;
    } else bar.removeAttribute("value");
    const of = known ? ` of ${job.is_estimate ? "about " : ""}${count(expected)}` : "";
    words.textContent = `${count(job.done)}${of} ${page.dataset.unit}`;
    if (job.status === "running" && status.textContent !== "Running") status.textContent = "Running";
  }

  async function ask() {
    try {
      const answer = await fetch(page.dataset.job);
      // Deleted, or over: the page itself says which.
      if (answer.status === 404) return location.reload();
      if (answer.ok) {
        const job = await answer.json();
        if (job.status === "done" || job.status === "failed") return location.reload();
        show(job);
      }
    } catch {
      // Without a connection it asks again.
    }
    setTimeout(ask, EVERY_MS);
  }
  setTimeout(ask, EVERY_MS);
})();
