// How a sensor was: each change of its state in the last seven days, as a bar and in words.

import { api } from "../api.js";
import { h, put } from "../dom.js";
import { clock, day, now, number, span } from "../format.js";
import { reasonOf } from "../sensors.js";
import { t } from "../words.js";

const WEEK_US = 7 * 86_400e6;
const MOST = 8;

function share(value) {
  return value === null ? "–" : `${number(100 * value, 1)} %`;
}

/** The card of what was; it asks by itself. */
export function pastCard(sensor) {
  const body = h("div", { class: "past" }, h("p", { class: "loading" }, t("loading")));
  ask();

  async function ask() {
    try {
      const told = await api.history(sensor.id);
      put(body, draw(told));
    } catch (problem) {
      put(body, h("p", { class: "dim" }, problem.message || t("technician.unsent")), h("button", { type: "button", class: "act", onclick: ask }, t("again")));
    }
  }

  function draw({ changes, well_day, well_week }) {
    if (!changes.length) return h("p", { class: "dim" }, t("past.none"));
    const end = now();
    const begin = end - WEEK_US;
    const pieces = changes.map((one, index) => {
      const until = index === 0 ? end : changes[index - 1].at_us;
      const from = Math.max(one.at_us, begin);
      return h("span", { class: `past-piece past-${one.state}`, style: { "--from": (from - begin) / WEEK_US, "--width": Math.max(0, until - from) / WEEK_US } });
    });
    const rows = changes.slice(0, MOST).map((one, index) => h("li", {}, h("span", { class: "dim" }, `${day(one.at_us)}, ${clock(one.at_us).slice(0, 5)}`), " ",
      h("strong", {}, t(`sensor.state.${one.state}`)), one.reason && ` · ${reasonOf({ state_reason: one.reason })}`, " ",
      h("span", { class: "dim" }, t("past.for", { span: span((index === 0 ? end : changes[index - 1].at_us) - one.at_us) }))));
    return [h("dl", { class: "facts" }, h("dt", {}, t("past.day")), h("dd", {}, share(well_day)), h("dt", {}, t("past.week")), h("dd", {}, share(well_week))),
      h("div", { class: "past-bar", role: "img", "aria-label": t("past.bar", { share: share(well_week) }) }, pieces),
      h("p", { class: "past-ends dim" }, h("span", {}, day(begin)), h("span", {}, t("report.now"))), h("ol", { class: "log" }, rows)];
  }

  return h("section", { class: "card", "data-card": "past" }, h("h3", {}, t("past.title")), body);
}
