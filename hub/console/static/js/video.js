// Links into the city's own video system: the cameras that look at a place. The hub itself shows no picture.

import { state } from "./state.js";

const METRES_PER_DEGREE = 111_320;
const NEAR_M = 150;
const MOST = 4;

function inside([y, x], ring) {
  let within = false;
  ring.forEach(([y1, x1], k) => {
    const [y2, x2] = ring[(k + 1) % ring.length];
    if ((y1 > y) !== (y2 > y) && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)) within = !within;
  });
  return within;
}

function metresBetween(a, b) {
  const shrink = Math.cos((a.latitude * Math.PI) / 180);
  return METRES_PER_DEGREE * Math.hypot(a.latitude - b.latitude, (a.longitude - b.longitude) * shrink);
}

/** [{sensor, url}] of the cameras that look at the place of `incident`, else of those near it; empty without a template. */
export function videoLinks(incident) {
  const { video } = state.status;
  if (!video?.url) return [];
  const { place } = incident;
  const time = new Date(incident.onset_us / 1000).toISOString();
  return [...state.sensors.values()]
    .filter((sensor) => sensor.kind === "camera" && sensor.state !== "revoked")
    .map((sensor) => ({
      sensor: sensor.id, sees: inside([place.latitude, place.longitude], sensor.field_of_view ?? []), metres: metresBetween(place, sensor),
    }))
    .filter((one) => one.sees || one.metres <= NEAR_M)
    .sort((a, b) => b.sees - a.sees || a.metres - b.metres)
    .slice(0, MOST)
    .map(({ sensor }) => ({
      sensor,
      url: video.url.replaceAll("{camera}", encodeURIComponent(video.cameras[sensor] ?? sensor)).replaceAll("{time}", encodeURIComponent(time)),
    }));
}
