// Why one reads: who does not work with incidents says it once, it goes with every request, and the hub's audit log keeps
// it. It is remembered for this person in this tab until it is closed or signed out of, and never longer.

import { h, put } from "./dom.js";
import { known, t } from "./words.js";

const KEPT = "tocsin.reason";

let open = null; // the question on the page, where there is one: everything that waits for the answer shares it
let declined = false; // said no: nothing else of the page asks again by itself

/** The reason said before in this session; null where none was. */
export function givenReason() {
  return sessionStorage.getItem(KEPT);
}

/** Forget it: the next request asks anew. */
export function forgetReason() {
  sessionStorage.removeItem(KEPT);
  askAgain();
}

/** Somebody who would not say why is asked once more, as he tries again. */
export function askAgain() {
  declined = false;
}

/** What a reason is called. */
export function reasonName(reason) {
  const key = `why.${reason}`;
  return known(key) ? t(key) : reason;
}

/**
 * Ask the person for one of `reasons`; null where he rather does not read. `refused` is what went with the request that
 * the hub turned away: where another was said since then, that one is the answer.
 */
export function reasonFor(reasons, refused) {
  const given = givenReason();
  if (given !== null && given !== refused) return Promise.resolve(given);
  if (declined) return Promise.resolve(null);
  open ??= question(reasons).then((answer) => {
    open = null;
    declined = answer === null;
    return answer;
  });
  return open;
}

function question(reasons) {
  return new Promise((resolve) => {
    let answer = null;
    const choices = reasons.map((reason) => h("label", { class: "choice" },
      h("input", { type: "radio", name: "why", value: reason, required: true }), h("span", {}, reasonName(reason))));
    const form = h("form", { class: "help-body", method: "dialog" },
      h("h2", { id: "why-title" }, t("why.title")), h("p", { id: "why-words", class: "dim" }, t("why.words")),
      h("fieldset", { class: "choices" }, h("legend", { class: "unseen" }, t("why.title")), choices),
      h("div", { class: "acts" },
        h("button", { type: "button", class: "act", "data-action": "why-not", onclick: () => dialog.close() }, t("why.not")),
        h("button", { type: "submit", class: "act act-primary", "data-action": "why" }, t("why.read"))));
    const dialog = h("dialog", { class: "help", "aria-labelledby": "why-title", "aria-describedby": "why-words" });
    form.addEventListener("submit", () => {
      answer = new FormData(form).get("why");
      sessionStorage.setItem(KEPT, answer);
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    put(dialog, form);
    document.body.append(dialog);
    dialog.showModal();
  });
}
