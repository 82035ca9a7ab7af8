// Alerts about the machinery, and what was stopped: a sensor, a class, or everything.

import { api } from "../api.js";
import { h } from "../dom.js";
import { state } from "../state.js";
import { t } from "../words.js";
import { button, field, form, nothing, when } from "./parts.js";

const STOP = new Set(["operator", "supervisor", "technician", "administrator"]);
const RESUME = new Set(["supervisor", "administrator"]);

export const alerts = {
  roles: new Set(["operator", "supervisor", "technician", "auditor", "administrator"]),
  live: true,
  load: async () => {
    const [told, stopped, sensors] = await Promise.all([api.alerts(), api.suspensions(), api.sensors()]);
    return { ...told, ...stopped, ...sensors };
  },
  draw({ alerts: told, suspensions, sensors }, { again }) {
    const { role } = state.status.person;
    const unwell = sensors.filter((one) => ["lost", "degraded"].includes(one.state));
    const names = state.status.event_names ?? {};
    const called = (name) => (name === "*" ? t("alerts.everything") : names[name] ?? name);
    return [
      h("h2", {}, t("alerts.firing")),
      told.length ? h("ul", { class: "notes" }, told.map((one) => h("li", { class: `card alert-${one.status}` },
        h("p", {}, h("strong", {}, one.name), " ", h("span", { class: one.status === "firing" ? "bad" : "good" }, t(`alerts.${one.status}`)), " ", when(one.at_us)),
        one.description && h("p", {}, one.description), (one.sensor || one.endpoint) && h("p", { class: "dim" }, one.sensor ?? one.endpoint)))) : nothing(t("alerts.none"), t("alerts.none.more")),
      unwell.length > 0 && h("p", {}, h("a", { class: "link", href: "/technician" }, t("alerts.sensors", { count: unwell.length }))),
      h("h2", {}, t("alerts.stopped")),
      suspensions.length ? h("ul", { class: "notes" }, suspensions.map((one) => h("li", { class: "card" },
        h("p", {}, h("strong", {}, called(one.name)), " ", when(one.at_us)), h("p", {}, one.reason), h("p", { class: "dim" }, t("by", { person: one.person })),
        RESUME.has(role) && button({ words: t("alerts.resume"), ask: t("alerts.why"), act: (reason) => api.resume(one.name, reason), again, name: "resume" })))) : nothing(t("alerts.stopped.none")),
      STOP.has(role) && form({
        fields: [field(t("alerts.what"), h("select", { name: "name", required: true }, h("option", { value: "" }, t("report.choose")), h("option", { value: "*" }, t("alerts.everything")),
          h("optgroup", { label: t("alerts.classes") }, Object.entries(names).map(([value, words]) => h("option", { value }, words))),
          h("optgroup", { label: t("tab.sensors") }, sensors.map((one) => h("option", { value: one.id }, one.id))))),
        field(t("alerts.why"), h("input", { name: "reason", required: true, minlength: 3, maxlength: 400, autocomplete: "off" })), h("p", { class: "dim" }, t("alerts.stop.words"))],
        submit: t("alerts.stop"), send: ({ name, reason }) => api.suspend(name.value, reason.value.trim()), again,
      }),
    ];
  },
};
