// The decision. Confirming takes two strokes on purpose and is never the default; rejecting takes two as well.

import { api } from "./api.js";
import { h, put } from "./dom.js";
import { unhurried } from "./hold.js";
import { state } from "./state.js";
import { t } from "./words.js";

const ALLOWED = {
  open: ["acknowledge", "confirm", "reject", "unsure"],
  acknowledged: ["confirm", "reject", "unsure"],
  unsure: ["confirm", "reject", "close"],
  confirmed: ["close"],
  rejected: ["close"],
  expired: ["close"],
  closed: [],
};

/** Roles that decide; the hub refuses the others, and the page does not pretend. */
const DECIDERS = new Set(["operator", "supervisor"]);

const KEYS = { acknowledge: "A", confirm: "C", reject: "R", unsure: "U" };

/** Reasons as they are sent and kept; the words of each are in the language files. */
export const REASONS = ["firework", "vehicle", "works", "impact", "known_source", "nothing_found", "test"];

const ARMED_MS = 15_000;

export class Decide {
  #mode = "idle";
  #busy = false;
  #message = null;
  #seen = "";
  #revision = 0;
  #timer = null;
  #shown = "";
  #notice = h("p", { class: "says says-warn", role: "status", hidden: true });

  /** `onDecided(view)` gets the incident as it is after a decision. */
  constructor({ onDecided }) {
    this.onDecided = onDecided;
    this.element = h("section", { class: "decide" });
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  get mode() {
    return this.#mode;
  }

  /** The incident on show changed, or its state or revision did. */
  draw() {
    const { incident } = state;
    const version = incident ? `${incident.id} ${incident.state} ${incident.revision}` : "";
    if (this.#seen === version) return;
    const same = incident && this.#seen.startsWith(incident.id);
    const sameState = same && this.#seen.startsWith(`${incident.id} ${incident.state} `);
    const armed = this.#mode !== "idle";
    this.#seen = version;
    if (this.#busy && same) return; // the answer to what is being sent says how it ended
    if (this.#mode === "reject" && sameState) {
      // Whoever is choosing or typing a reason keeps it; what is sent still names the revision that was looked at.
      put(this.#notice, t("decide.changed"));
      this.#notice.hidden = false;
      return;
    }
    if (same && armed) this.#message = { tone: "warn", text: t("decide.changed") };
    else if (!sameState) this.#message = null;
    if (same && !armed) unhurried(this.element, () => this.#mode === "idle" && this.#enter("idle"));
    else this.#enter("idle");
  }

  words() {
    this.#shown = "";
    this.#enter(this.#mode);
  }

  /** Begin `action` as its key or its button does. */
  start(action) {
    const { incident } = state;
    if (!incident || this.#busy || !mayDecide()) return;
    if (!ALLOWED[incident.state].includes(action)) {
      this.#message = { tone: "warn", text: t("decide.not_now", { state: t(`state.${incident.state}`) }) };
      this.#enter("idle");
      return;
    }
    this.#message = null;
    this.#revision = incident.revision;
    if (action === "confirm" || action === "reject") this.#enter(action);
    else this.#send(action);
  }

  /** Leave a half-made decision. True where there was one. */
  cancel() {
    if (this.#mode === "idle") return false;
    this.#enter("idle");
    return true;
  }

  #enter(mode) {
    clearTimeout(this.#timer);
    const before = this.#mode;
    this.#mode = mode;
    this.element.classList.toggle("is-armed", mode === "confirm");
    if (mode === "confirm") this.#confirm();
    else if (mode === "reject") this.#reject();
    else this.#idle();
    if (mode === "confirm") this.#timer = setTimeout(() => this.#enter("idle"), ARMED_MS);
    if (mode !== "idle") this.element.querySelector("[data-focus]")?.focus({ preventScroll: true });
    else if (before !== "idle" && this.element.contains(document.activeElement)) document.activeElement.blur();
  }

  #idle() {
    const { incident } = state;
    const actions = incident && mayDecide() ? ALLOWED[incident.state] : [];
    // Made anew only when they change: a button replaced between press and release swallows the click.
    const shown = JSON.stringify([actions, this.#busy, this.#message, state.status?.person?.role]);
    this.element.hidden = !actions.length && !this.#message && mayDecide();
    if (shown === this.#shown) return;
    this.#shown = shown;
    const buttons = actions.map((action) => h("button", {
      type: "button", class: `act act-${action}`, "data-action": action, disabled: this.#busy, "aria-keyshortcuts": KEYS[action],
      onclick: () => this.start(action),
    }, t(`act.${action}`), KEYS[action] && h("kbd", { "aria-hidden": "true" }, KEYS[action])));
    put(this.element, this.#says(), h("div", { class: "acts", role: "group", "aria-label": t("decide.label") }, buttons));
  }

  #confirm() {
    const { incident } = state;
    this.#shown = "";
    const words = incident.exercise ? t("decide.confirm.exercise") : t("decide.confirm.real");
    put(this.element,
      h("div", { class: "ask", role: "group", tabindex: "-1", "data-focus": true, "aria-label": words }, h("p", {}, words),
        h("div", { class: "acts" },
          h("button", { type: "button", class: "act", onclick: () => this.cancel() }, t("decide.back"), h("kbd", { "aria-hidden": "true" }, "Esc")),
          h("button", { type: "button", class: "act act-final", "data-action": "confirm-final", disabled: this.#busy, onclick: () => this.#send("confirm") },
            t("act.confirm.final"), h("kbd", { "aria-hidden": "true" }, t("key.enter"))))));
    this.element.hidden = false;
  }

  #reject() {
    this.#shown = "";
    this.#notice.hidden = true;
    const buttons = REASONS.map((reason, index) => h("button", {
      type: "button", class: "act act-reason", "data-reason": reason, onclick: () => this.#send("reject", reason),
    }, t(`reason.${reason}`), h("kbd", { "aria-hidden": "true" }, index + 1)));
    const other = h("input", { type: "text", name: "reason", maxlength: 200, "aria-label": t("reason.other"), placeholder: t("reason.other"), autocomplete: "off" });
    const form = h("form", {
      class: "other", onsubmit: (event) => {
        event.preventDefault();
        if (other.value.trim()) this.#send("reject", other.value.trim());
      },
    }, other, h("button", { type: "submit", class: "act" }, t("act.reject.final")));
    put(this.element, h("div", { class: "ask", role: "group", tabindex: "-1", "data-focus": true, "aria-label": t("decide.reject") },
      this.#notice, h("p", {}, t("decide.reject")), h("div", { class: "acts acts-reasons" }, buttons), form,
      h("button", { type: "button", class: "quiet", onclick: () => this.cancel() }, t("decide.back"))));
    this.element.hidden = false;
  }

  /** It changed before the reason arrived: the reason is kept, and sent only when the person says so again. */
  #offerAgain(reason) {
    this.#revision = state.incident.revision;
    this.#enter("reject");
    if (!REASONS.includes(reason)) this.element.querySelector("input[name=reason]").value = reason;
    put(this.#notice, t("decide.changed"));
    this.#notice.hidden = false;
  }

  #says() {
    if (!mayDecide()) return h("p", { class: "says" }, t("decide.role", { role: t(`role.${state.status.person.role}`) }));
    if (this.#busy) return h("p", { class: "says", role: "status" }, t("decide.sending"));
    if (!this.#message) return null;
    return h("p", { class: `says says-${this.#message.tone}`, role: this.#message.tone === "bad" ? "alert" : "status" }, this.#message.text);
  }

  #key(event) {
    if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.#mode === "reject" && REASONS[Number(event.key) - 1]) {
      event.preventDefault();
      this.#send("reject", REASONS[Number(event.key) - 1]);
    } else if (this.#mode === "confirm" && event.key === "Enter" && event.target.dataset.focus !== undefined && !event.repeat) {
      event.preventDefault();
      this.#send("confirm");
    }
  }

  async #send(action, reason) {
    if (this.#busy) return;
    const { id } = state.incident;
    const typed = action === "reject" ? reason : null;
    this.#busy = true;
    this.#message = null;
    this.#enter("idle");
    let again = false;
    try {
      const view = await api.decide(id, { action, revision: this.#revision, ...(reason ? { reason } : {}) });
      this.#message = { tone: "good", text: t(`done.${action}`) };
      this.#seen = `${view.id} ${view.state} ${view.revision}`;
      this.onDecided(view);
    } catch (problem) {
      this.#message = { tone: "bad", text: known(problem) };
      again = problem.code === "stale_revision" && typed && state.incident?.id === id;
    } finally {
      this.#busy = false;
      this.#enter("idle");
    }
    if (again) this.#offerAgain(typed);
  }
}

function mayDecide() {
  return DECIDERS.has(state.status?.person?.role);
}

function known(problem) {
  if (problem.code === "unreachable") return t("decide.unreachable");
  if (problem.code === "stale_revision") return t("decide.changed");
  return problem.message || t("decide.failed", { code: problem.code ?? "?" });
}
