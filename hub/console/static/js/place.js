// The chosen incident on the map: its place, the second solution, and the travel-time circles that meet in it.

import { placeRing } from "./geometry.js";
import { state } from "./state.js";
import { t } from "./words.js";
import { metres } from "./format.js";

const MOST_CIRCLES = 6; // the nearest say where it was; a dozen more would only hide it

/** Draw `incident` into `layers` = {place, arrivals} (layer groups, emptied first). */
export function drawPlace(layers, incident, markers) {
  layers.place.clearLayers();
  layers.arrivals.clearLayers();
  if (!incident) return;
  const { place } = incident;
  const here = [place.latitude, place.longitude];
  const ring = placeRing(place);
  const exercise = incident.exercise ? " is-exercise" : "";
  if (ring.length) {
    layers.place.addLayer(L.polygon(ring, { className: `place place-${place.kind}${exercise}`, interactive: false }));
  }
  if (place.alternative) {
    const mark = L.circleMarker(place.alternative, { className: "alternative", radius: 8 });
    layers.place.addLayer(mark.bindTooltip(t("place.alternative"), { permanent: true, direction: "right", className: "label" }));
  }
  layers.place.addLayer(markers.chosen(incident));
  for (const [index, arrival] of nearest(incident.arrivals).entries()) {
    const sensor = state.sensors.get(arrival.sensor);
    if (!sensor) continue;
    const from = [sensor.latitude, sensor.longitude];
    const heard = L.circleMarker(from, { radius: 11, className: "heard", interactive: false });
    layers.arrivals.addLayer(heard);
    if (index >= MOST_CIRCLES) continue;
    const timed = isTimed(arrival);
    if (timed) layers.arrivals.addLayer(L.circle(from, { radius: arrival.distance_m, className: "arrival", interactive: false }));
    if (timed) layers.arrivals.addLayer(L.polyline([from, here], { className: "ray", interactive: false }));
    const label = timed ? `${arrival.sensor} · ${metres(arrival.distance_m)}` : arrival.sensor;
    heard.bindTooltip(label, { permanent: true, direction: "bottom", offset: [0, 8], className: "label" });
  }
}

/** True where the place was reckoned from travel times: a sound that only lasts has no distance to its sensors. */
export function isTimed(arrival) {
  return arrival.distance_m > 0;
}

/** One arrival a sensor (a burst has one a round): the first. */
export function nearest(arrivals) {
  const first = new Map();
  for (const arrival of arrivals) {
    const known = first.get(arrival.sensor);
    if (!known || arrival.onset_us < known.onset_us) first.set(arrival.sensor, arrival);
  }
  return [...first.values()].sort((a, b) => a.distance_m - b.distance_m);
}

/** What should be in sight to judge `incident`: its place, and the sensors that heard it. */
export function extent(incident) {
  const { place } = incident;
  const bounds = L.latLngBounds([[place.latitude, place.longitude]]);
  placeRing(place).forEach((corner) => bounds.extend(corner));
  for (const arrival of nearest(incident.arrivals).slice(0, MOST_CIRCLES)) {
    const sensor = state.sensors.get(arrival.sensor);
    if (sensor) bounds.extend([sensor.latitude, sensor.longitude]);
  }
  return bounds;
}
