// The map: the page itself.

import { ground } from "./basemap.js";
import { calm, h } from "./dom.js";
import { unhurried } from "./hold.js";
import { Markers } from "./markers.js";
import { drawPlace, extent } from "./place.js";
import { state } from "./state.js";
import { t } from "./words.js";

const CLOSEST = 18;
const remembered = (name) => localStorage.getItem(`tocsin.layer.${name}`) !== "off";

export class CityMap {
  #map;
  #markers;
  #place;
  #arrivals;
  #fitted = false;
  #pointed = () => undefined;

  constructor({ onSensor, onIncident, onReport = null, hint = null }) {
    this.element = h("div", { class: "map", role: "region" });
    this.panel = h("div", { class: "layers" });
    this.frame = h("main", { class: "frame", id: "main" }, this.element, this.panel, hint);
    this.actions = { onSensor, onIncident };
    this.onReport = onReport;
  }

  /** Start it: the page must hold `frame` already, and the status and sensors must be known. */
  start() {
    const { site } = state.status;
    this.#map = L.map(this.element, {
      zoomControl: false, attributionControl: Boolean(state.status.tiles_url), maxZoom: 20, minZoom: 3, zoomSnap: 0.25,
      fadeAnimation: !calm(), zoomAnimation: !calm(), markerZoomAnimation: !calm(), inertia: !calm(),
    }).setView([site.latitude, site.longitude], 15);
    if (state.status.tiles_url) this.#map.attributionControl.setPrefix("");
    this.#map.createPane("ground").style.zIndex = 250;
    ground(this.#map, state.status);
    this.zoom = L.control.zoom({ position: "bottomright" }).addTo(this.#map);
    this.#markers = new Markers(this.#map, this.actions);
    this.#arrivals = L.layerGroup();
    this.#place = L.layerGroup().addTo(this.#map);
    new ResizeObserver(() => this.#map.invalidateSize({ pan: false })).observe(this.element);
    this.layers = { views: this.#markers.viewLayer, arrivals: this.#arrivals, decided: this.#markers.decidedLayer };
    for (const [name, layer] of Object.entries(this.layers)) this.#show(layer, remembered(name));
    this.words();
    state.addEventListener("sensors", () => unhurried(this.element, () => this.#sensors(), "map sensors"));
    state.addEventListener("incidents", () => unhurried(this.element, () => this.#incidents(), "map incidents"));
    state.addEventListener("selection", () => {
      this.#incidents();
      this.#look();
    });
    this.#sensors();
    this.#incidents();
  }

  /** Everything in words again, after the language changed. */
  words() {
    this.element.setAttribute("aria-label", t("map.label"));
    const boxes = Object.keys(this.layers).map((name) => h("label", {},
      h("input", { type: "checkbox", checked: remembered(name), onchange: (event) => this.#toggle(name, event.target.checked) }),
      t(`layer.${name}`)));
    const all = h("button", { type: "button", class: "quiet", onclick: () => this.showAll() }, t("map.all"));
    const report = this.onReport && h("button", { type: "button", class: "quiet", "data-action": "report", onclick: () => this.onReport() }, t("report.begin"));
    this.panel.replaceChildren(...boxes, all, ...(report ? [report] : []));
    this.element.querySelector(".leaflet-control-zoom-in")?.setAttribute("aria-label", t("map.nearer"));
    this.element.querySelector(".leaflet-control-zoom-out")?.setAttribute("aria-label", t("map.farther"));
  }

  #toggle(name, on) {
    localStorage.setItem(`tocsin.layer.${name}`, on ? "on" : "off");
    this.#show(this.layers[name], on);
  }

  #show(layer, on) {
    if (on) layer.addTo(this.#map);
    else layer.remove();
  }

  #sensors() {
    this.#markers.drawSensors();
    drawPlace({ place: this.#place, arrivals: this.#arrivals }, state.incident, this.#markers);
    if (!this.#fitted && state.sensors.size) {
      this.#fitted = true;
      if (!state.selected) this.showAll();
    }
  }

  #incidents() {
    this.#markers.drawIncidents();
    drawPlace({ place: this.#place, arrivals: this.#arrivals }, state.incident, this.#markers);
  }

  #look() {
    const { incident } = state;
    if (!incident) return;
    // The panel beside the map may just have opened: the map must know its new size before it looks.
    setTimeout(() => {
      this.#map.invalidateSize({ pan: false });
      const size = this.#map.getSize();
      const padding = [Math.min(96, size.x / 8), Math.min(72, size.y / 8)];
      this.#map.fitBounds(extent(incident), { padding, maxZoom: CLOSEST, animate: !calm() });
    }, 30);
  }

  /** All sensors in sight. */
  showAll() {
    const points = [...state.sensors.values()].filter((sensor) => Number.isFinite(sensor.latitude))
      .map((sensor) => [sensor.latitude, sensor.longitude]);
    if (!points.length) return;
    this.#map.fitBounds(L.latLngBounds(points).pad(0.15), { maxZoom: 17, animate: false });
  }

  /** Where the middle of what is in sight lies. */
  middle() {
    const { lat, lng } = this.#map.getCenter();
    return { latitude: lat, longitude: lng };
  }

  /** The next click on the map tells `onPlace({latitude, longitude})`; null takes that back. */
  point(onPlace) {
    this.#map.off("click", this.#pointed);
    this.element.classList.toggle("is-pointing", Boolean(onPlace));
    if (!onPlace) return;
    this.#pointed = ({ latlng }) => onPlace({ latitude: latlng.lat, longitude: latlng.lng });
    this.#map.once("click", this.#pointed);
  }

  /** One sensor in the middle. */
  lookAt(sensor) {
    this.#map.setView([sensor.latitude, sensor.longitude], Math.max(this.#map.getZoom(), 17), { animate: !calm() });
  }
}
