// New alerts, counted while the page is looked at; a click shows them. The page does without.
"use strict";
(() => {
  const place = document.querySelector("[data-stream]");
  // A page of errors has no table above which to tell of them.
  if (place === null) return;
  const AGAIN_MS = 30000;
  let source = null;
  let last = null;
  let count = 0;

  function note(event) {
    last = event.lastEventId;
  }

  function show(event) {
    note(event);
    count += 1;
    place.querySelector("a").textContent = `${count.toLocaleString("en")} new alert${count === 1 ? "" : "s"}`;
    place.hidden = false;
  }

  function follow() {
    if (source !== null || document.hidden) return;
    source = new EventSource(place.dataset.stream + (last === null ? "" : `&since=${last}`));
    source.addEventListener("seen", note);
    source.addEventListener("alert", show);
    // A connection that breaks comes again by itself, a refusal does not.
    source.addEventListener("error", () => {
      if (source?.readyState !== EventSource.CLOSED) return;
      stop();
      setTimeout(follow, AGAIN_MS);
    });
  }

  function stop() {
    source?.close();
    source = null;
  }

  // A link to the page itself may show what the browser keeps of it.
  place.addEventListener("click", (event) => {
    if (event.target.href !== location.href) return;
    event.preventDefault();
    location.reload();
  });

  // A browser has six connections to a host: pages in the background keep none.
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : follow()));
  addEventListener("pagehide", stop);
  addEventListener("pageshow", follow);
  follow();
})();
