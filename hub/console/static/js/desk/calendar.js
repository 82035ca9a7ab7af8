// Known sources and the calendar: what lowers the belief in a bang there and then, in words; nothing is deleted by it.

import { api } from "../api.js";
import { ground } from "../basemap.js";
import { h } from "../dom.js";
import { isoDay, now, number } from "../format.js";
import { circle } from "../geometry.js";
import { state } from "../state.js";
import { t } from "../words.js";
import { button, choice, field, form, nothing, when } from "./parts.js";

const KINDS = ["known_source", "works", "firework", "match"];
const MAY = new Set(["operator", "supervisor", "technician", "administrator"]);
const RADII_M = [30, 60, 120, 250, 500];

let where = null; // the middle of the zone that is being declared; null is the whole site
let radius_m = 60;
let map = null;
let zones = [];
let drawing = null;

function hours(one) {
  const [opens, closes] = [one.opens.slice(0, 5), one.closes.slice(0, 5)];
  return opens === closes ? t("calendar.all_day") : `${opens}–${closes}`;
}

function entry(one, again) {
  const times = Math.exp(-one.log_odds);
  return h("li", { class: `card declaration is-${one.state}` },
    h("p", { class: "note-head" }, h("strong", {}, one.name), " ", h("span", { class: `pill pill-${one.state}` }, t(`calendar.state.${one.state}`))),
    h("p", {}, `${t(`calendar.kind.${one.kind}`)} · ${one.first_day} – ${one.last_day} · ${hours(one)} · ${one.zone.length ? t("calendar.zone", { margin: number(one.margin_m, 0) }) : t("calendar.whole")}`),
    h("p", { class: "dim" }, t("calendar.weight", { times: number(times, 0) })),
    one.number === null ? h("p", { class: "dim" }, t("calendar.file")) : h("p", { class: "dim" }, t("by", { person: one.person }), " ", when(one.at_us)),
    one.ended_us && h("p", { class: "dim" }, t("calendar.ended", { person: one.ended_by, why: one.ended_why }), " ", when(one.ended_us)),
    one.number !== null && ["now", "ahead"].includes(one.state) && MAY.has(state.status.person.role)
      && button({ words: t("calendar.end"), ask: t("calendar.end.why"), act: (reason) => api.endDeclaration(one.number, reason), again, name: "end" }));
}

function declared(fields) {
  const { kind, name, first_day, last_day, opens, closes, radius } = fields;
  const zone = where && radius.value !== "0" ? circle(where.latitude, where.longitude, Number(radius.value)) : [];
  return { kind: kind.value, name: name.value.trim(), first_day: first_day.value, last_day: last_day.value, opens: `${opens.value}:00`, closes: `${closes.value}:00`, zone, margin_m: 20 };
}

function redraw() {
  drawing?.clearLayers();
  if (map && where) drawing.addLayer(L.polygon(circle(where.latitude, where.longitude, radius_m), { className: "place", interactive: false }));
}

export const calendar = {
  roles: new Set(["operator", "supervisor", "technician", "auditor", "administrator"]),
  load: async () => ({ ...await api.calendar(), ...await api.sensors() }),
  draw({ declarations, sensors }, { again }) {
    where = null;
    map = null;
    zones = declarations.filter((one) => ["now", "ahead"].includes(one.state) && one.zone.length);
    this.sensors = sensors;
    const today = isoDay(now());
    const order = ["now", "ahead", "over", "ended"];
    const sorted = [...declarations].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
    const radius = choice("radius", [["0", t("calendar.whole")], ...RADII_M.map((metres) => [String(metres), t("calendar.radius", { metres })])], "60");
    radius.addEventListener("change", () => { radius_m = Number(radius.value) || 1; redraw(); });
    return [
      h("div", { class: "mini-map", role: "region", "aria-label": t("calendar.map") }),
      MAY.has(state.status.person.role) && form({
        fields: [h("p", { class: "dim" }, t("calendar.point")), field(t("calendar.kind"), choice("kind", KINDS.map((name) => [name, t(`calendar.kind.${name}`)]))),
          field(t("calendar.name"), h("input", { name: "name", required: true, maxlength: 120, autocomplete: "off" })), field(t("calendar.size"), radius),
          h("div", { class: "pair" }, field(t("calendar.first"), h("input", { name: "first_day", type: "date", required: true, value: today })), field(t("calendar.last"), h("input", { name: "last_day", type: "date", required: true, value: today }))),
          h("div", { class: "pair" }, field(t("calendar.opens"), h("input", { name: "opens", type: "time", required: true, value: "00:00" })), field(t("calendar.closes"), h("input", { name: "closes", type: "time", required: true, value: "00:00" }))),
          h("p", { class: "dim" }, t("calendar.hours.words"))],
        submit: t("calendar.declare"), again,
        send: (fields) => {
          if (!where && fields.radius.value !== "0") throw new Error(t("calendar.no_place"));
          return api.declare(declared(fields));
        },
      }),
      sorted.length ? h("ul", { class: "notes" }, sorted.map((one) => entry(one, again))) : nothing(t("calendar.none"), t("calendar.none.more")),
    ];
  },
  /** It is on the page: the map may look at its size. */
  shown(body) {
    const place = body.querySelector(".mini-map");
    if (!place) return;
    const { site } = state.status;
    map = L.map(place, { zoomControl: true, attributionControl: Boolean(state.status.tiles_url), maxZoom: 20, minZoom: 3, fadeAnimation: false, zoomAnimation: false }).setView([site.latitude, site.longitude], 15);
    map.createPane("ground").style.zIndex = 250;
    ground(map, state.status);
    drawing = L.layerGroup().addTo(map);
    for (const one of zones) L.polygon(one.zone, { className: "declared-zone", interactive: false }).addTo(map).bindTooltip(one.name);
    for (const sensor of this.sensors) L.circleMarker([sensor.latitude, sensor.longitude], { radius: 4, className: "sensor-dot", interactive: false }).addTo(map);
    map.on("click", ({ latlng }) => { where = { latitude: latlng.lat, longitude: latlng.lng }; redraw(); });
  },
};
