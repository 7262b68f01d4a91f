// Buttons that send a table to TOPCAT, Aladin or any other program, over the hub of SAMP that one of
// them runs on the reader's machine. Nothing is asked there before a button is pressed.
"use strict";
(() => {
  const library = document.currentScript.dataset.library;
  let connector = null;

  function loaded() {
    // The library ends with a line for bundlers, which wants to find this.
    globalThis.module ??= {};
    return new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = library;
      script.onload = done;
      script.onerror = () => failed(new Error("the library cannot be loaded"));
      document.head.append(script);
    });
  }

  async function connected() {
    if (connector === null) {
      if (typeof samp === "undefined") await loaded();
      connector = new samp.Connector("MARS", { "samp.name": "MARS", "samp.description.text": document.title });
      addEventListener("pagehide", () => connector.unregister());
    }
    return new Promise((done, failed) => connector.runWithConnection(done, failed));
  }

  async function send(button) {
    const url = new URL(button.dataset.samp, location.href).href;
    const message = new samp.Message("table.load.votable", { url, name: button.dataset.name, "table-id": url });
    const connection = connector.connection;
    return new Promise((done, failed) => connection.notifyAll([message], done, failed));
  }

  for (const button of document.querySelectorAll("[data-samp]")) {
    const told = document.createElement("span");
    told.setAttribute("role", "status");
    button.after(" ", told);
    button.hidden = false;
    button.addEventListener("click", async () => {
      button.disabled = true;
      told.textContent = "Asking for permission…";
      try {
        await connected();
        const receivers = await send(button);
        const count = receivers.length;
        told.textContent = count ? `Sent to ${count} program${count === 1 ? "" : "s"}` : "No program there takes tables";
      } catch {
        told.textContent = "No hub of SAMP answers: start TOPCAT or Aladin first, and allow MARS there";
      }
      button.disabled = false;
    });
  }
})();
