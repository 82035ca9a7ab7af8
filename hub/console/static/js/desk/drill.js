// The drill: begin one, end it, and what it changes and does not change.

import { api } from "../api.js";
import { h } from "../dom.js";
import { clock } from "../format.js";
import { state } from "../state.js";
import { t } from "../words.js";
import { button, choice, field, form } from "./parts.js";

export const drill = {
  roles: new Set(["operator", "supervisor", "administrator"]),
  load: () => api.drill(),
  draw({ drill: runs }, { again }) {
    const mayLead = ["supervisor", "administrator"].includes(state.status.person.role);
    const after = async () => {
      state.takeStatus(await api.status());
      await again();
    };
    const rules = h("ul", { class: "bullets" }, ["exercise", "real", "dispatch", "end"].map((name) => h("li", {}, t(`drill.rule.${name}`))));
    if (runs) {
      return [h("div", { class: "card drill-card" }, h("h2", {}, t("drill.runs")), h("p", {}, runs.purpose),
        h("p", { class: "dim" }, t("drill.by", { person: runs.person, from: clock(runs.started_us).slice(0, 5), until: clock(runs.until_us).slice(0, 5) })),
        mayLead && button({ words: t("drill.end"), act: () => api.endDrill(), again: after, className: "act act-primary", name: "end-drill" })), rules];
    }
    return [h("p", {}, t("drill.none")), rules, mayLead ? form({
      fields: [field(t("drill.purpose"), h("input", { name: "purpose", required: true, minlength: 3, maxlength: 400, autocomplete: "off" })),
        field(t("drill.minutes"), choice("minutes", [[30, "30 min"], [60, "1 h"], [120, "2 h"], [240, "4 h"]], 60))],
      submit: t("drill.begin"), send: ({ purpose, minutes }) => api.beginDrill(purpose.value.trim(), Number(minutes.value)), again: after,
    }) : h("p", { class: "says" }, t("drill.role"))];
  },
};
