// The sensors as a list: those that need someone first.

import { h, say } from "./dom.js";
import { now, number, span, whole } from "./format.js";
import { sensorIcon } from "./icons.js";
import { state } from "./state.js";
import { VirtualList } from "./virtual.js";
import { known, t } from "./words.js";

const ROW_PX = 64;
const ORDER = ["lost", "degraded", "never", "ok", "revoked"];

/** One line of figures about a sensor, each with its unit. */
export function sensorFigures(sensor) {
  const parts = [];
  if (sensor.last_seen_us) parts.push(t("sensor.seen", { span: span(now() - sensor.last_seen_us) }));
  if (sensor.laeq_db !== null && sensor.laeq_db !== undefined) parts.push(`LAeq ${number(sensor.laeq_db, 0)} dB`);
  if (sensor.clock_sigma_us) {
    const ms = sensor.clock_sigma_us / 1000;
    parts.push(t("sensor.clock", { value: ms < 1 ? `${number(sensor.clock_sigma_us, 0)} µs` : `${number(ms, 1)} ms` }));
  }
  return parts.join(" · ");
}

/** Why a sensor is not well, in words; a reason that people typed is shown as it is. */
export function reasonOf(sensor) {
  const key = `sensor.reason.${sensor.state_reason}`;
  return known(key) ? t(key) : sensor.state_reason;
}

export class Sensors {
  #chosen = null;

  /** `link`: with the way to the technician's page, where that is another one. */
  constructor({ onPick, link = false }) {
    this.list = new VirtualList({ name: "sensors", draw: (row) => this.#draw(row.sensor), chosen: () => this.#chosen, onPick });
    this.count = h("span");
    this.way = link && h("a", { class: "link", href: "/technician" });
    this.says = h("p", { class: "empty" }, this.count, this.way && [" ", this.way]);
    this.element = h("div", { class: "tab-body sensors" }, this.says, this.list.element);
    this.onPick = onPick;
    state.addEventListener("sensors", () => !this.element.hidden && this.draw());
  }

  open() {
    this.draw();
  }

  words() {
    this.draw();
  }

  /** Show the sensor `id` in the list. */
  choose(id) {
    this.#chosen = id;
    this.draw();
    this.list.reveal(id);
  }

  draw() {
    const sensors = [...state.sensors.values()].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state)
      || a.id.localeCompare(b.id, undefined, { numeric: true }));
    this.list.label(t("sensors.label"));
    this.list.element.hidden = !sensors.length;
    const well = sensors.filter((sensor) => sensor.state === "ok").length;
    say(this.count, sensors.length ? t("sensors.count", { well: number(well, 0), all: number(sensors.length, 0) })
      : state.loaded ? t("sensors.empty") : t("loading"));
    if (this.way) say(this.way, t("sensors.technician"));
    this.says.classList.toggle("is-count", sensors.length > 0);
    const minute = Math.floor(now() / 10e6);
    this.list.set(sensors.map((sensor, index) => ({
      key: sensor.id, height: ROW_PX, sensor, position: index + 1, total: sensors.length,
      version: `${sensor.state} ${sensor.last_seen_us} ${minute} ${this.#chosen === sensor.id} ${document.documentElement.lang}`,
    })));
  }

  #draw(sensor) {
    return h("div", {
      class: `row row-sensor${this.#chosen === sensor.id ? " is-chosen" : ""}`, role: "option", "aria-selected": String(this.#chosen === sensor.id),
      "data-sensor-row": sensor.id, onclick: () => this.onPick(sensor.id), title: sensor.last_seen_us ? whole(sensor.last_seen_us) : null,
    },
    h("div", { class: "row-top" }, sensorIcon(sensor.kind, sensor.state), h("strong", { class: "row-name" }, sensor.id),
      h("span", { class: `sensor-word sensor-word-${sensor.state}` }, t(`sensor.state.${sensor.state}`))),
    h("div", { class: "row-foot" }, h("span", { class: "dim" }, [reasonOf(sensor), sensorFigures(sensor)].filter(Boolean).join(" · ") || t("sensor.silent"))));
  }
}
