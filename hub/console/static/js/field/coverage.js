// Coverage before and after: what the street hears now, and with a microphone where the form says.

import { api } from "../api.js";
import { ground } from "../basemap.js";
import { h, put } from "../dom.js";
import { number } from "../format.js";
import { state } from "../state.js";
import { t } from "../words.js";

function hectares(m2) {
  return t("unit.hectares", { value: number(m2 / 1e4, 1) });
}

/** A button that asks what the place in `form` (latitude, longitude, height_m) is worth for the sensor `id()`. */
export function coverageOf(form, id) {
  const told = h("div", { class: "coverage", hidden: true });
  const says = h("p", { class: "dim", role: "status" });
  const button = h("button", { type: "button", class: "act", "data-action": "coverage", onclick: ask }, t("coverage.ask"));

  async function ask() {
    const { latitude, longitude, height_m } = form.elements;
    const at = { latitude: Number(latitude.value), longitude: Number(longitude.value), height_m: Number(height_m.value) };
    button.disabled = true;
    put(says, t("coverage.asking"));
    try {
      show(await api.plan({ id: id() || "new", ...at }), at);
      put(says, "");
    } catch (problem) {
      told.hidden = true;
      put(says, problem.message || t("technician.unsent"));
    } finally {
      button.disabled = false;
    }
  }

  function show(plan, at) {
    const change = plan.after_m2 - plan.before_m2;
    const tone = change > 0 ? "good" : change < 0 ? "bad" : "dim";
    const place = h("div", { class: "mini-map", role: "img", "aria-label": t("coverage.map") });
    told.hidden = false;
    put(told, h("dl", { class: "facts" }, h("dt", {}, t("coverage.before")), h("dd", {}, hectares(plan.before_m2)), h("dt", {}, t("coverage.after")),
      h("dd", {}, hectares(plan.after_m2), " ", h("span", { class: tone }, `(${change >= 0 ? "+" : "−"}${hectares(Math.abs(change))})`))),
    place, h("p", { class: "dim" }, t("coverage.words")));
    const map = L.map(place, { zoomControl: false, attributionControl: Boolean(state.status.tiles_url), keyboard: false, fadeAnimation: false, zoomAnimation: false }).setView([at.latitude, at.longitude], 15);
    map.createPane("ground").style.zIndex = 250;
    ground(map, state.status);
    for (const name of ["kept", "gained", "lost"]) for (const square of plan[name]) L.polygon(square, { className: `square-${name}`, interactive: false }).addTo(map);
    L.circleMarker([at.latitude, at.longitude], { radius: 6, className: "place", interactive: false }).addTo(map);
    const corners = [...plan.kept, ...plan.gained, ...plan.lost].flat();
    if (corners.length) map.fitBounds(L.latLngBounds(corners).pad(0.05), { animate: false });
  }

  return [button, says, told];
}
