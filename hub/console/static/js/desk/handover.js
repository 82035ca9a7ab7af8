// Handover: what one shift leaves to the next, and taking it over.

import { api } from "../api.js";
import { h } from "../dom.js";
import { clock, day } from "../format.js";
import { state } from "../state.js";
import { t } from "../words.js";
import { button, field, form, nothing, when } from "./parts.js";

function note(one) {
  return h("li", { class: `card note${one.taken_us ? "" : " is-waiting"}` },
    h("p", { class: "note-head" }, h("strong", {}, one.person), " ", when(one.at_us)),
    h("p", { class: "note-text" }, one.text),
    h("p", { class: "dim" }, one.taken_us ? [t("handover.taken", { person: one.taken_by }), " ", when(one.taken_us)] : t("handover.waits")));
}

function shiftName(us) {
  return t("handover.shift", { day: day(us), time: clock(us).slice(0, 5) });
}

export const handover = {
  roles: new Set(["operator", "supervisor"]),
  load: () => api.handover(),
  draw({ notes, shift, kept_days }, { again }) {
    const me = state.status.person.name;
    const waiting = notes.filter((one) => !one.taken_us && one.person !== me).length;
    const shifts = [...new Set(notes.map((one) => one.shift_us))];
    return [
      h("p", {}, t("handover.now", { from: clock(shift.began_us).slice(0, 5), until: clock(shift.ends_us).slice(0, 5) })),
      waiting > 0 && h("p", {}, button({ words: t("handover.take", { count: waiting }), act: () => api.takeOver(), again, className: "act act-primary", name: "take" })),
      form({
        fields: [field(t("handover.text"), h("textarea", { name: "text", required: true, maxlength: 4000, rows: 3 })), h("p", { class: "dim" }, t("handover.kept", { days: kept_days }))],
        submit: t("handover.write"), send: ({ text }) => api.note(text.value.trim()), again,
      }),
      notes.length ? shifts.map((us) => h("section", {}, h("h2", {}, us === shift.began_us ? t("handover.this") : shiftName(us)),
        h("ol", { class: "notes" }, notes.filter((one) => one.shift_us === us).map(note)))) : nothing(t("handover.none")),
    ];
  },
};
