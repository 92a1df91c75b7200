// The map of a case: zones of the site, both error ellipses, the points. No tiles, nothing from elsewhere. It loads
// after the page is up; without WebGL the table below it stands alone.
const COLOURS = {
  light: { ground: "#eef1f4", zone: "#7a5cc2", permit: "#0d7a4b", own: "#ff7a1a", pass: "#2f7fe0", point: "#15202b", halo: "#ffffff" },
  dark: { ground: "#10181f", zone: "#a58be6", permit: "#5fd49a", own: "#ff9a4d", pass: "#6cb0ff", point: "#ffffff", halo: "#10181f" },
};

const role = (name) => ["==", ["get", "role"], name];

function style(data, colours) {
  return {
    version: 8,
    sources: { case: { type: "geojson", data } },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": colours.ground } },
      { id: "zone", type: "fill", source: "case", filter: role("zone"), paint: { "fill-color": colours.zone, "fill-opacity": 0.16 } },
      { id: "zone-line", type: "line", source: "case", filter: role("zone"), paint: { "line-color": colours.zone, "line-width": 1.5 } },
      { id: "permit", type: "fill", source: "case", filter: role("permit"), paint: { "fill-color": colours.permit, "fill-opacity": 0.2 } },
      { id: "permit-line", type: "line", source: "case", filter: role("permit"), paint: { "line-color": colours.permit, "line-width": 1.5 } },
      { id: "pass", type: "line", source: "case", filter: role("pass"), paint: { "line-color": colours.pass, "line-width": 2, "line-dasharray": [3, 2] } },
      { id: "own", type: "fill", source: "case", filter: role("own"), paint: { "fill-color": colours.own, "fill-opacity": 0.25 } },
      { id: "own-line", type: "line", source: "case", filter: role("own"), paint: { "line-color": colours.own, "line-width": 2 } },
      { id: "sighting", type: "circle", source: "case", filter: role("sighting"), paint: { "circle-radius": 2.5, "circle-color": colours.own, "circle-stroke-width": 1, "circle-stroke-color": colours.halo } },
      { id: "case", type: "circle", source: "case", filter: role("case"), paint: { "circle-radius": 3, "circle-color": colours.point, "circle-stroke-width": 1, "circle-stroke-color": colours.halo } },
    ],
  };
}

// What must be in view: the case and its ellipses, and at least a few metres around them.
function bounds(data, lon, lat) {
  const north = 5 / 111320;
  const east = north / Math.cos((lat * Math.PI) / 180);
  const box = [lon - east, lat - north, lon + east, lat + north];
  for (const feature of data.features) {
    if (["zone", "permit"].includes(feature.properties.role)) continue;
    const points = feature.geometry.type === "Point" ? [feature.geometry.coordinates] : feature.geometry.coordinates[0];
    for (const [x, y] of points) {
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x);
      box[3] = Math.max(box[3], y);
    }
  }
  return box;
}

function zonePopups(library, map) {
  map.on("click", ["permit", "zone"], (event) => {
    const { kind, name, id } = event.features[0].properties;
    new library.Popup({ closeButton: false }).setLngLat(event.lngLat).setText([name, kind, id].filter(Boolean).join(" · ")).addTo(map);
  });
}

async function draw(place) {
  const [library, answer] = await Promise.all([
    import("/static/vendor/maplibre-gl.mjs"),
    fetch(place.dataset.source, { credentials: "same-origin" }),
  ]);
  if (!answer.ok) throw new Error(`map data: ${answer.status}`);
  const data = await answer.json();
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const map = new library.Map({
    container: place,
    style: style(data, dark ? COLOURS.dark : COLOURS.light),
    bounds: bounds(data, Number(place.dataset.lon), Number(place.dataset.lat)),
    fitBoundsOptions: { padding: 32, maxZoom: 22 },
    maxZoom: 24,
    attributionControl: false,
    // A page is scrolled far more often than its map.
    cooperativeGestures: true,
    locale: {
      "CooperativeGesturesHandler.WindowsHelpText": "按住 Ctrl 滚动缩放 · Ctrl + scroll to zoom",
      "CooperativeGesturesHandler.MacHelpText": "按住 ⌘ 滚动缩放 · ⌘ + scroll to zoom",
      "CooperativeGesturesHandler.MobileHelpText": "双指移动地图 · two fingers move the map",
    },
  });
  map.addControl(new library.NavigationControl({ showCompass: false }));
  map.addControl(new library.ScaleControl({ maxWidth: 110 }));
  zonePopups(library, map);
  map.once("idle", () => place.setAttribute("data-drawn", "yes"));
}

function hasWebGl() {
  const canvas = document.createElement("canvas");
  return Boolean(canvas.getContext("webgl2") ?? canvas.getContext("webgl"));
}

function start(place) {
  const missing = () => {
    place.hidden = true;
    document.getElementById("map-missing").hidden = false;
  };
  if (!hasWebGl()) {
    missing();
    return;
  }
  draw(place).catch((error) => {
    console.warn("map:", error);
    missing();
  });
}

export function startMap() {
  const place = document.getElementById("map");
  if (!place || place.dataset.started) return;
  place.dataset.started = "yes";
  // Most cases are decided by the picture: a map nobody scrolls to costs nothing.
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    start(place);
  }, { rootMargin: "80px" });
  seen.observe(place);
}
