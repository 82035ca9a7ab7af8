// What people ask about their data, with the month in which they are answered; and what the hub missed.

import { api } from "../api.js";
import { h } from "../dom.js";
import { day } from "../format.js";
import { state } from "../state.js";
import { t } from "../words.js";
import { button, choice, field, form, nothing, table, when } from "./parts.js";

const KINDS = ["access", "rectification", "erasure", "objection", "complaint"];
const ANSWERS = ["no_data", "given", "refused", "forwarded"];

export const requests = {
  roles: new Set(["supervisor", "auditor", "administrator"]),
  load: async () => ({ ...await api.requests(), ...await api.missed() }),
  draw({ requests: listed, missed }, { again }) {
    const mayAct = ["supervisor", "administrator"].includes(state.status.person.role);
    const names = state.status.event_names ?? {};
    const answers = (one) => h("span", { class: "acts-row" }, ANSWERS.map((answer) => button({ words: t(`requests.answer.${answer}`), act: () => api.answerRequest(one.number, answer), again })));
    return [
      listed.length ? table(t("desk.requests"), ["reference", "kind", "received", "due", "answer"].map((name) => t(`requests.${name}`)), listed.map((one) => [
        one.reference, t(`requests.kind.${one.kind}`), when(one.received_us), h("span", { class: one.late ? "bad" : "" }, day(one.due_us)),
        one.answer ? t(`requests.answer.${one.answer}`) : mayAct ? answers(one) : t("requests.waits")])) : nothing(t("requests.none")),
      mayAct && form({
        fields: [field(t("requests.kind"), choice("kind", KINDS.map((name) => [name, t(`requests.kind.${name}`)]))),
          field(t("requests.reference"), h("input", { name: "reference", required: true, maxlength: 80, pattern: "[A-Za-z0-9][A-Za-z0-9 ._\\/\\-]*", autocomplete: "off" })),
          h("p", { class: "dim" }, t("requests.reference.words"))],
        submit: t("requests.receive"), send: ({ kind, reference }) => api.addRequest({ kind: kind.value, reference: reference.value.trim() }), again,
      }),
      h("h2", {}, t("requests.missed")),
      missed.length ? table(t("requests.missed"), [t("requests.missed.event"), t("requests.missed.when"), t("requests.reference")], missed.map((one) => [
        names[one.event] ?? one.event, when(one.happened_us), one.reference])) : nothing(t("requests.missed.none")),
    ];
  },
};
