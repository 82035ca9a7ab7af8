// Signing in, and making the first administrator of a new hub.

import { api } from "./api.js";
import { h, put } from "./dom.js";
import { LANGUAGES, speaking, t } from "./words.js";

function field(name, type, autocomplete, label) {
  return h("label", { class: "field" }, h("span", {}, label), h("input", { name, type, autocomplete, required: true, autocapitalize: "none" }));
}

/** The form; `onDone()` is called once there is a session, `onLanguage(code)` when another language is wanted. */
export function signInForm(status, { onDone, onLanguage }) {
  const setup = status.setup_needed;
  const says = h("p", { class: "says says-bad", role: "alert", hidden: true });
  const submit = h("button", { type: "submit", class: "act act-primary" }, setup ? t("setup.make") : t("session.in"));
  // Only an account that has a second factor ever asks for its code.
  const digits = h("label", { class: "field", hidden: true }, h("span", {}, t("session.code")),
    h("input", { name: "digits", type: "text", autocomplete: "one-time-code", inputmode: "numeric", pattern: "[0-9 ]{6,8}" }));
  const form = h("form", { class: "sign-in", onsubmit: send },
    h("p", { class: "name" }, "Tocsin"),
    h("h1", {}, status.site?.name ?? ""),
    h("p", { class: "dim" }, setup ? t("setup.words") : t("session.words")),
    setup && field("code", "text", "one-time-code", t("setup.code")),
    field("name", "text", "username", t("session.name")),
    field("password", "password", setup ? "new-password" : "current-password", t("session.password")),
    digits, says, submit,
    // A link, because the browser itself goes to the provider and comes back with a session.
    status.sign_in_with && !setup && h("a", { class: "act sign-in-with", href: "/api/v1/oidc/start" },
      t("session.with", { name: status.sign_in_with })));
  const refused = new URLSearchParams(location.search).get("sign_in");
  if (refused) {
    put(says, t("session.refused", { code: refused }));
    says.hidden = false;
  }
  const languages = h("p", { class: "languages" }, Object.entries(LANGUAGES).map(([code, name]) => h("button", {
    type: "button", class: "link", lang: code, "aria-pressed": String(code === speaking()), onclick: () => onLanguage(code),
  }, name)));

  async function send(event) {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form));
    submit.disabled = true;
    says.hidden = true;
    try {
      if (setup) await api.setup(values.code.trim(), values.name.trim(), values.password);
      else await api.signIn(values.name.trim(), values.password, values.digits);
      onDone();
    } catch (problem) {
      if (problem.code === "second_factor_needed") {
        digits.hidden = false;
        digits.querySelector("input").focus();
        return;
      }
      put(says, problem.message || t("error.unreachable"));
      says.hidden = false;
      form.elements.password.value = "";
      form.elements.password.focus();
    } finally {
      submit.disabled = false;
    }
  }

  return h("main", { class: "gate", id: "main" }, form, languages);
}
