// What a camera sees on the ground: heading, opening and reach make a fan; it is kept as the polygon that it is.

import { figure } from "../box.js";
import { h, put, s } from "../dom.js";
import { metres, number } from "../format.js";
import { t } from "../words.js";
import { headingButton } from "./heading.js";
import { change } from "./pending.js";

const METRES_PER_DEGREE = 111_320;
const RAYS = 8;

/** The fan of a camera as [latitude, longitude] corners. */
export function fan(latitude, longitude, heading_deg, width_deg, reach_m) {
  const shrink = Math.cos((latitude * Math.PI) / 180);
  const corner = (ray) => {
    const angle = ((heading_deg - width_deg / 2 + (width_deg * ray) / RAYS) * Math.PI) / 180;
    return [latitude + (reach_m * Math.cos(angle)) / METRES_PER_DEGREE, longitude + (reach_m * Math.sin(angle)) / METRES_PER_DEGREE / shrink];
  };
  return [[latitude, longitude], ...Array.from({ length: RAYS + 1 }, (_, ray) => corner(ray))].map(([lat, lon]) => [Number(lat.toFixed(7)), Number(lon.toFixed(7))]);
}

/** {heading, width, reach} that a kept polygon stands for; the usual where there is none. */
export function fanOf(sensor) {
  const shrink = Math.cos((sensor.latitude * Math.PI) / 180);
  const seen = (sensor.field_of_view ?? []).map(([lat, lon]) => [(lon - sensor.longitude) * METRES_PER_DEGREE * shrink, (lat - sensor.latitude) * METRES_PER_DEGREE])
    .filter(([x, y]) => Math.hypot(x, y) > 1);
  if (seen.length < 2) return { heading: 0, width: 70, reach: 40 };
  const bearings = seen.map(([x, y]) => (Math.atan2(x, y) * 180) / Math.PI);
  const middle = (Math.atan2(seen.reduce((a, [x]) => a + x, 0), seen.reduce((a, [, y]) => a + y, 0)) * 180) / Math.PI;
  const off = bearings.map((one) => Math.abs(((one - middle + 540) % 360) - 180));
  return { heading: Math.round((middle + 360) % 360), width: Math.round(2 * Math.max(...off)), reach: Math.round(Math.max(...seen.map(([x, y]) => Math.hypot(x, y)))) };
}

function drawing(heading, width, reach) {
  const corner = (angle, far) => `${50 + far * Math.sin((angle * Math.PI) / 180)} ${50 - far * Math.cos((angle * Math.PI) / 180)}`;
  const [from, to] = [heading - width / 2, heading + width / 2];
  return s("svg", { class: "fan", viewBox: "0 0 100 100", role: "img", "aria-label": t("view.drawn", { heading: number(heading, 0), width: number(width, 0), reach: metres(reach) }) },
    s("circle", { class: "fan-ground", cx: 50, cy: 50, r: 44 }),
    s("path", { class: "fan-seen", d: `M50 50 L${corner(from, 44)} A44 44 0 ${width > 180 ? 1 : 0} 1 ${corner(to, 44)} Z` }),
    s("text", { class: "fan-north", x: 50, y: 14, "text-anchor": "middle" }, t("view.north")),
    s("circle", { cx: 50, cy: 50, r: 3 }));
}

/** The card of camera `sensor`; `onChanged(sensor)` hears of what was saved. */
export function viewCard(sensor, may, onChanged) {
  const now = fanOf(sensor);
  const says = h("p", { class: "says", role: "status", hidden: true });
  const picture = h("div", { class: "fan-box" });
  const heading = figure("heading", t("view.heading"), "°", now.heading, "1");
  const width = figure("width", t("view.width"), "°", now.width, "1");
  const reach = figure("reach", t("view.reach"), "m", now.reach, "1");
  const value = (field, least, most) => Math.min(most, Math.max(least, Number(field.querySelector("input").value) || 0));
  const values = () => [value(heading, 0, 360) % 360, value(width, 5, 350), value(reach, 2, 1000)];
  const redraw = () => put(picture, drawing(...values()));
  const form = h("form", { class: "grid-form", oninput: redraw, onsubmit: async (event) => {
    event.preventDefault();
    says.hidden = false;
    try {
      const answer = await change(sensor.id, { latitude: sensor.latitude, longitude: sensor.longitude, field_of_view: fan(sensor.latitude, sensor.longitude, ...values()) });
      put(says, t(answer ? "place.saved" : "pending.kept"));
      if (answer) onChanged(answer.sensor);
    } catch (problem) {
      put(says, problem.message || t("technician.unsent"));
    }
  } }, picture, heading, may && headingButton(heading.querySelector("input")), h("div", { class: "pair" }, width, reach),
  may && h("button", { type: "submit", class: "act act-primary" }, t("view.save")), says);
  if (!may) form.querySelectorAll("input").forEach((input) => { input.disabled = true; });
  redraw();
  return h("section", { class: "card", "data-card": "view" }, h("h3", {}, t("test.view")), h("p", { class: "dim" }, t("view.words")), form);
}
