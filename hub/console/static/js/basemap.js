// The ground under the map. Without tiles: a quiet metric grid about the site, so that distance can be read anywhere.

import { archive, isArchive } from "./archive.js";

const METRES_PER_DEGREE = 111_320;
const STEPS_M = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000];
const LEAST_PX = 88;

/** Put tiles on the map where an address is set, else the grid; and the outline of the district where there is one. */
export function ground(map, status) {
  if (isArchive(status.tiles_url)) {
    archive(map, status.tiles_url, status.tiles_attribution ?? "").catch(() => grid(map, status.site));
  } else if (status.tiles_url) {
    L.tileLayer(status.tiles_url, { maxZoom: 20, maxNativeZoom: 19, attribution: status.tiles_attribution ?? "" }).addTo(map);
  } else {
    grid(map, status.site);
  }
  for (const ring of status.outlines ?? []) {
    L.polygon(ring, { className: "district", interactive: false, pane: "ground" }).addTo(map);
  }
  L.control.scale({ imperial: false, maxWidth: 140, position: "bottomleft" }).addTo(map);
}

function grid(map, site) {
  const lines = L.layerGroup().addTo(map);
  const perLongitude = METRES_PER_DEGREE * Math.cos((site.latitude * Math.PI) / 180);
  let drawn = null;

  function draw() {
    const size = map.getSize();
    if (!size.x || !size.y) return;
    const bounds = map.getBounds();
    const metresPerPixel = map.distance(bounds.getNorthWest(), bounds.getNorthEast()) / size.x;
    const step = STEPS_M.find((metres) => metres / metresPerPixel >= LEAST_PX) ?? STEPS_M.at(-1);
    if (drawn && drawn.step === step && drawn.bounds.contains(bounds)) return;
    const area = bounds.pad(0.6);
    drawn = { step, bounds: area };
    lines.clearLayers();
    add(area.getSouth(), area.getNorth(), site.latitude, step / METRES_PER_DEGREE, (latitude) => [
      [latitude, area.getWest()], [latitude, area.getEast()]]);
    add(area.getWest(), area.getEast(), site.longitude, step / perLongitude, (longitude) => [
      [area.getSouth(), longitude], [area.getNorth(), longitude]]);
  }

  function add(low, high, centre, step, ends) {
    for (let k = Math.ceil((low - centre) / step); centre + k * step < high; k += 1) {
      const className = k % 5 === 0 ? "grid grid-strong" : "grid";
      lines.addLayer(L.polyline(ends(centre + k * step), { className, interactive: false, pane: "ground" }));
    }
  }

  map.on("moveend zoomend resize", draw);
  draw();
}
