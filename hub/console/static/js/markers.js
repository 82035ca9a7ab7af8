// What stands on the map all the time: sensors, fields of view, incidents. Many are gathered into one counted mark.

import { h } from "./dom.js";
import { placeRing } from "./geometry.js";
import { sensorIcon, stateIcon } from "./icons.js";
import { state, waiting } from "./state.js";
import { t } from "./words.js";

const MANY = 50; // from here on the clusters are reckoned anew at once instead of one by one
const MOST_OUTLINES = 200; // more ellipses than this at once say nothing to an eye

function markup(element) {
  return element.outerHTML;
}

function counted(className, cluster, worst) {
  const count = cluster.getChildCount();
  const size = count < 10 ? 28 : count < 100 ? 32 : 40;
  const html = h("span", { class: worst ? `worst-${worst}` : "" }, count);
  const exercise = cluster.getAllChildMarkers().every((marker) => marker.options.exercise) ? "is-exercise" : "";
  return L.divIcon({ className: `cluster ${className} ${exercise}`, html: markup(html), iconSize: [size, size] });
}

/** Many marks become one with their number; seen from afar sooner than near. */
function group(className, near, far) {
  return L.markerClusterGroup({
    chunkedLoading: true, maxClusterRadius: (zoom) => (zoom >= 16 ? near : far), showCoverageOnHover: false, spiderfyDistanceMultiplier: 1.6,
    animate: false,
    iconCreateFunction: (cluster) => counted(className, cluster, worstOf(cluster, className)),
  });
}

function worstOf(cluster, className) {
  if (className !== "cluster-sensors") return null;
  const found = new Set(cluster.getAllChildMarkers().map((marker) => marker.options.state));
  return found.has("lost") ? "lost" : found.has("degraded") ? "degraded" : null;
}

/** Keeps the markers of one kind equal to a list, touching only what changed. */
class Kept {
  #shown = new Map();

  constructor(layer) {
    this.layer = layer;
  }

  /** `items` as [key, version, make()]. */
  set(items) {
    const keys = new Set();
    const [fresh, gone] = [[], []];
    for (const [key, version, make] of items) {
      keys.add(key);
      const shown = this.#shown.get(key);
      if (shown?.version === version) continue;
      if (shown) gone.push(shown.marker);
      const marker = make();
      this.#shown.set(key, { version, marker });
      fresh.push(marker);
    }
    for (const [key, shown] of this.#shown) {
      if (keys.has(key)) continue;
      gone.push(shown.marker);
      this.#shown.delete(key);
    }
    if (gone.length > MANY && this.layer.removeLayers) this.layer.removeLayers(gone);
    else gone.forEach((marker) => this.layer.removeLayer(marker));
    if (fresh.length > MANY && this.layer.addLayers) this.layer.addLayers(fresh);
    else fresh.forEach((marker) => this.layer.addLayer(marker));
  }
}

function sensorMarker(sensor, onSensor) {
  const words = `${sensor.id}: ${t(`sensor.kind.${sensor.kind}`)}, ${t(`sensor.state.${sensor.state}`)}`;
  const icon = L.divIcon({ className: `pin pin-sensor sensor-${sensor.state}`, html: markup(sensorIcon(sensor.kind, sensor.state)), iconSize: [18, 18] });
  const marker = L.marker([sensor.latitude, sensor.longitude], { icon, keyboard: false, state: sensor.state, title: words });
  marker.on("click", () => onSensor(sensor.id));
  marker.on("add", () => marker.getElement()?.setAttribute("data-sensor", sensor.id));
  return marker;
}

function incidentMarker(incident, chosen, onIncident) {
  const pieces = [h("span", { class: "halo" }), stateIcon(incident.state)];
  if (incident.exercise) pieces.push(h("span", { class: "tag" }, t("exercise.short")));
  const className = ["pin", "pin-incident", `is-${incident.state}`, waiting(incident) ? "is-waiting" : "",
    incident.exercise ? "is-exercise" : "", chosen ? "is-chosen" : ""].join(" ");
  const icon = L.divIcon({ className, html: pieces.map(markup).join(""), iconSize: [32, 32] });
  const title = `${incident.event_name}, ${t(`state.${incident.state}`)}${incident.exercise ? `, ${t("exercise.word")}` : ""}`;
  const options = { icon, title, keyboard: waiting(incident), zIndexOffset: waiting(incident) ? 2000 : 0, exercise: incident.exercise };
  const marker = L.marker([incident.place.latitude, incident.place.longitude], options);
  marker.on("click", () => onIncident(incident.id));
  marker.on("add", () => marker.getElement()?.setAttribute("data-incident", incident.id));
  return marker;
}

export class Markers {
  #views;
  #outlines;
  #sensors;
  #decided;
  #waiting;

  constructor(map, { onSensor, onIncident }) {
    this.onSensor = onSensor;
    this.onIncident = onIncident;
    this.viewLayer = L.layerGroup().addTo(map);
    this.decidedLayer = group("cluster-decided", 32, 52).addTo(map);
    this.#views = new Kept(this.viewLayer);
    this.#outlines = new Kept(L.layerGroup().addTo(map));
    this.#sensors = new Kept(group("cluster-sensors", 16, 44).addTo(map));
    this.#decided = new Kept(this.decidedLayer);
    this.#waiting = new Kept(group("cluster-waiting", 18, 48).addTo(map));
  }

  drawSensors() {
    const sensors = [...state.sensors.values()].filter((sensor) => Number.isFinite(sensor.latitude));
    this.#sensors.set(sensors.map((sensor) => [
      sensor.id, `${sensor.latitude} ${sensor.longitude} ${sensor.state} ${document.documentElement.lang}`,
      () => sensorMarker(sensor, this.onSensor)]));
    this.#views.set(sensors.filter((sensor) => sensor.field_of_view?.length).map((sensor) => [
      sensor.id, JSON.stringify(sensor.field_of_view) + sensor.state,
      () => L.polygon(sensor.field_of_view, { className: `view view-${sensor.state}`, interactive: false, pane: "ground" })]));
  }

  drawIncidents() {
    const all = [...state.incidents.values()];
    const drawn = (incident) => [
      incident.id,
      `${incident.revision} ${incident.state} ${incident.id === state.selected} ${document.documentElement.lang}`,
      () => incidentMarker(incident, incident.id === state.selected, this.onIncident)];
    const queue = all.filter(waiting);
    // The chosen one is never hidden in a count: it is drawn with its place.
    this.#waiting.set(queue.filter((incident) => incident.id !== state.selected).map(drawn));
    this.#decided.set(all.filter((incident) => !waiting(incident) && incident.id !== state.selected).map(drawn));
    this.#outlines.set(queue.slice(0, MOST_OUTLINES).filter((incident) => placeRing(incident.place).length).map((incident) => [
      incident.id, `${incident.revision} ${incident.id === state.selected}`,
      () => L.polygon(placeRing(incident.place), { className: "outline", interactive: false })]));
  }

  /** The marker of the chosen incident, for the layer that draws its place. */
  chosen(incident) {
    return incidentMarker(incident, true, this.onIncident);
  }
}

