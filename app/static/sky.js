// Aladin Lite on a position, with the object marked. Images and their catalogue come from CDS.
const place = document.getElementById("sky");
const { library, ra, dec, name } = place.dataset;
const { default: A } = await import(library);
await A.init;
// Pan-STARRS has seen nothing further south.
const survey = Number(dec) > -29.5 ? "P/PanSTARRS/DR1/color-z-zg-g" : "P/DSS2/color";
const aladin = A.aladin(place, {
  survey,
  target: `${ra} ${dec}`,
  fov: 2 / 60,
  cooFrame: "ICRSd",
  showShareControl: false,
  log: false,
});
const marker = A.catalog({ name, color: "#f08138", sourceSize: 18 });
aladin.addCatalog(marker);
const popup = { popupTitle: name, popupDesc: `${ra}, ${dec}` };
marker.addSources([A.marker(Number(ra), Number(dec), popup)]);
