// How often a dispatch was right, with both denominators and the share that nobody knows.

import { api } from "../api.js";
import { h } from "../dom.js";
import { number } from "../format.js";
import { state } from "../state.js";
import { t } from "../words.js";
import { nothing, table } from "./parts.js";

function share(part, whole) {
  return whole ? `${number((100 * part) / whole, 0)} % (${number(part, 0)}/${number(whole, 0)})` : "—";
}

function row(name, one) {
  return [name, number(one.all, 0), share(one.real, one.known), share(one.real, one.all), share(one.all - one.known, one.all), `${number(one.hours_in_vain, 1)} h`];
}

function rows(group, named = (name) => name) {
  return Object.entries(group).sort((a, b) => b[1].all - a[1].all).map(([name, one]) => row(named(name), one));
}

export const quality = {
  roles: new Set(["operator", "supervisor", "technician", "auditor", "administrator"]),
  load: () => api.quality(30),
  draw(data) {
    const head = ["name", "sent", "of_known", "of_all", "unknown", "hours"].map((name) => t(`quality.${name}`));
    if (!data.overall.all) return [nothing(t("quality.none"), t("quality.none.more"))];
    const names = state.status.event_names ?? {};
    const groups = [["event", rows(data.by_event, (name) => names[name] ?? name)], ["sensor", rows(data.by_sensor)], ["zone", rows(data.by_zone)]];
    return [
      table(t("quality.overall"), head, [row(t("quality.overall"), data.overall)]),
      groups.filter(([, found]) => found.length).map(([name, found]) => [h("h2", {}, t(`quality.by_${name}`)), table(t(`quality.by_${name}`), head, found)]),
    ];
  },
};
