// Tiles from one file: a PMTiles archive (version 3), read in pieces by range, of vector or of picture tiles.

import { speaking } from "./words.js";

const VECTOR = 1;
const DEEPEST = 20;
const loaded = new Map();

/** True for the address of an archive: it ends in `.pmtiles`. */
export function isArchive(url) {
  return /\.pmtiles(?:[?#]|$)/i.test(url ?? "");
}

/** A library of the page's own, fetched once it is needed. */
function library(path) {
  if (!loaded.has(path)) loaded.set(path, new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL(`../vendor/${path}`, import.meta.url).href;
    script.onload = () => resolve();
    script.onerror = () => { loaded.delete(path); reject(new Error(path)); };
    document.head.append(script);
  }));
  return loaded.get(path);
}

function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : !matchMedia("(prefers-color-scheme: light)").matches;
}

/** Put the archive at `url` under the map, and again where the page turns dark or light. Rejects where it can't be read. */
export async function archive(map, url, attribution) {
  await library("pmtiles/pmtiles.js");
  const source = new window.pmtiles.PMTiles(new URL(url, location.href).href);
  const header = await source.getHeader();
  if (header.tileType !== VECTOR) {
    window.pmtiles.leafletRasterLayer(source, { attribution, maxZoom: DEEPEST, maxNativeZoom: header.maxZoom }).addTo(map);
    return;
  }
  await library("protomaps/protomaps-leaflet.js");
  let layer = null;
  const draw = () => {
    layer?.remove();
    layer = window.protomapsL.leafletLayer({ url: source.source.getKey(), flavor: isDark() ? "dark" : "light", lang: speaking(), attribution, maxDataZoom: header.maxZoom });
    layer.addTo(map);
  };
  draw();
  const observer = new MutationObserver(draw);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  map.on("unload", () => observer.disconnect());
}
