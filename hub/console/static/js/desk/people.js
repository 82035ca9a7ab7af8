// Accounts: who may sign in, in which role.

import { api } from "../api.js";
import { h } from "../dom.js";
import { state } from "../state.js";
import { t } from "../words.js";
import { button, choice, field, form, table } from "./parts.js";

const ROLES = ["operator", "supervisor", "technician", "auditor", "administrator"];

export const people = {
  roles: new Set(["administrator"]),
  load: () => api.people(),
  draw({ people: listed }, { again }) {
    const me = state.status.person.name;
    return [
      table(t("desk.people"), [t("people.name"), t("people.role"), t("people.act")], listed.map((one) => [
        one.name, t(`role.${one.role}`), one.name === me ? t("people.you") : button({ words: t("people.close"), act: () => api.closePerson(one.name), again, name: "close" })])),
      h("h2", {}, t("people.add")),
      form({
        fields: [field(t("people.name"), h("input", { name: "name", required: true, minlength: 2, maxlength: 80, autocomplete: "off" })),
          field(t("people.role"), choice("role", ROLES.map((name) => [name, t(`role.${name}`)]))),
          field(t("people.password"), h("input", { name: "password", type: "password", required: true, minlength: 10, maxlength: 200, autocomplete: "new-password" }))],
        submit: t("people.open"), send: (fields) => api.addPerson({ name: fields.name.value.trim(), role: fields.role.value, password: fields.password.value }), again,
      }),
    ];
  },
};
