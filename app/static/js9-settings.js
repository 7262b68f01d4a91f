// Read by JS9 as it starts: it has no server of its own here, and stamps are small.
"use strict";
window.JS9Prefs = {
  globalOpts: { helperType: "none", loadProxy: false, resizeHandle: false },
  imageOpts: { colormap: "grey", scale: "linear", scaleclipping: "zscale", valpos: true },
};
