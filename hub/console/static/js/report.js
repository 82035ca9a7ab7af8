// What no sensor signalled: a person points at the place, says what it is and how it was learnt. It waits for a decision.

import { api } from "./api.js";
import { h, put } from "./dom.js";
import { coordinates, now } from "./format.js";
import { state } from "./state.js";
import { t } from "./words.js";

const RADII_M = [10, 30, 60, 150];
const AGO_MIN = [0, 2, 5, 15, 60];

/** True where the person may report. */
export function mayReport() {
  return ["operator", "supervisor"].includes(state.status?.person?.role) && (state.status.classes ?? []).length > 0;
}

export class Report {
  #map = null;
  #placing = false;

  /** `onReported(view)` gets the incident as the hub keeps it. */
  constructor({ onReported }) {
    this.onReported = onReported;
    this.dialog = h("dialog", { class: "help", "aria-labelledby": "report-title" });
    this.hint = h("div", { class: "hint", role: "status", hidden: true });
  }

  /** Let the person point at the place on `map` (CityMap). */
  start(map) {
    if (this.#placing || !mayReport()) return;
    this.#map = map;
    this.#placing = true;
    put(this.hint, h("span", {}, t("report.point")),
      h("button", { type: "button", class: "quiet", "data-action": "report-middle", onclick: () => this.#at(map.middle()) }, t("report.middle")),
      h("button", { type: "button", class: "quiet", onclick: () => this.cancel() }, t("report.cancel")));
    this.hint.hidden = false;
    map.point((place) => this.#at(place));
  }

  /** Leave it. True where there was something to leave. */
  cancel() {
    if (!this.#placing) return false;
    this.#placing = false;
    this.hint.hidden = true;
    this.#map.point(null);
    return true;
  }

  #at({ latitude, longitude }) {
    this.cancel();
    const drill = Boolean(state.status.drill);
    const names = state.status.event_names ?? {};
    const classes = [...state.status.classes].sort((a, b) => (names[a] ?? a).localeCompare(names[b] ?? b));
    const says = h("p", { class: "says says-bad", role: "alert", hidden: true });
    const submit = h("button", { type: "submit", class: "act act-primary", "data-action": "report-send" }, t("report.send"));
    const form = h("form", { class: "help-body", onsubmit: (event) => {
      event.preventDefault();
      this.#send(form, { latitude, longitude }, says, submit);
    } },
    h("h2", { id: "report-title" }, t("report.title")), h("p", { class: "dim" }, t("report.words")),
    h("p", {}, t("report.at", { place: coordinates(latitude, longitude) })),
    h("label", { class: "field" }, h("span", {}, t("report.event")), h("select", { name: "event", required: true },
      h("option", { value: "" }, t("report.choose")), classes.map((name) => h("option", { value: name }, names[name] ?? name)))),
    h("div", { class: "pair" },
      h("label", { class: "field" }, h("span", {}, t("report.radius")), h("select", { name: "radius" },
        RADII_M.map((metres) => h("option", { value: metres, selected: metres === 30 }, `±${metres} m`)))),
      h("label", { class: "field" }, h("span", {}, t("report.when")), h("select", { name: "ago" },
        AGO_MIN.map((minutes) => h("option", { value: minutes }, minutes ? t("ago", { span: `${minutes} min` }) : t("report.now")))))),
    h("label", { class: "field" }, h("span", {}, t("report.reason")),
      h("input", { name: "reason", required: true, minlength: 3, maxlength: 400, autocomplete: "off", placeholder: t("report.reason.example") })),
    drill && h("label", { class: "choice hatched-choice" }, h("input", { type: "checkbox", name: "exercise" }), h("span", {}, t("report.exercise"))),
    says,
    h("div", { class: "acts" }, h("button", { type: "button", class: "act", onclick: () => this.dialog.close() }, t("report.cancel")), submit));
    put(this.dialog, form);
    this.dialog.showModal();
    form.elements.event.focus();
  }

  async #send(form, place, says, submit) {
    const { event, radius, ago, reason, exercise } = form.elements;
    submit.disabled = true;
    says.hidden = true;
    try {
      const view = await api.report({
        ...place, event: event.value, radius_m: Number(radius.value), reason: reason.value.trim(),
        happened_us: Math.round(now() - Number(ago.value) * 60e6 - 1e6), exercise: Boolean(exercise?.checked),
      });
      this.dialog.close();
      this.onReported(view);
    } catch (problem) {
      put(says, problem.message || t("error.unreachable"));
      says.hidden = false;
    } finally {
      submit.disabled = false;
    }
  }
}
