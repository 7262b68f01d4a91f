// Read by JS9 as it starts: it has no server of its own here, and stamps are small.
"use strict";
window.JS9Prefs = {
  globalOpts: { helperType: "none", loadProxy: false, toolBar: "tooltips" },
  imageOpts: { colormap: "grey", scale: "log", scaleclipping: "zscale", zoom: "tofit", valpos: true },
};
