// How each page of people begins: the hub's answer, who is signed in, and what stands there where either is missing.

import { api } from "./api.js";
import { h } from "./dom.js";
import { setClock } from "./format.js";
import { signInForm } from "./session.js";
import { state } from "./state.js";
import { forgetReason } from "./why.js";
import { speak, t } from "./words.js";

/** What the page says where the hub does not answer, with a way to try again. */
export function failure(problem, again) {
  return h("main", { class: "gate" }, h("div", { class: "sign-in", role: "alert" }, h("h1", {}, t("error.title")),
    h("p", {}, problem.message || t("error.unreachable")), h("button", { type: "button", class: "act act-primary", onclick: again }, t("again"))));
}

/** Draw the form to sign in with `view(name, element)`; another language draws it anew. */
export function signIn(view, status) {
  forgetReason(); // it was another person's, or another time's
  const onLanguage = async (code) => {
    await speak(code, true);
    signIn(view, status);
  };
  view("gate", signInForm(status, { onDone: () => location.reload(), onLanguage }));
}

/** True for a person who is signed in; else `view` has drawn what there is to do. `told` gets the status either way. */
export async function enter(view, again, told = () => {}) {
  let status;
  try {
    status = await api.status();
  } catch (problem) {
    view("failed", failure(problem, again));
    return false;
  }
  setClock(status.time_zone, status.now_us);
  told(status);
  if (!status.person) {
    signIn(view, status);
    return false;
  }
  state.takeStatus(status);
  return true;
}
