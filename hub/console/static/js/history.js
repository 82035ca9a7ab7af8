// What was: incidents of before, by state and class, page by page as far as one scrolls.

import { api } from "./api.js";
import { h, put } from "./dom.js";
import { number } from "./format.js";
import { incidentRow, rowVersion } from "./queue.js";
import { MOST_INCIDENTS, state } from "./state.js";
import { VirtualList } from "./virtual.js";
import { t } from "./words.js";

const ROW_PX = 88;
const PAGE = 200;
const STATES = ["open", "acknowledged", "confirmed", "rejected", "unsure", "expired", "closed"];

export class History {
  #filters = { state: "", event: "" };
  #ids = [];
  #next = null;
  #phase = "idle"; // idle, loading, ready, failed
  #turn = 0;
  #events = new Map();
  #said = "";

  constructor({ onPick }) {
    this.onPick = onPick;
    this.list = new VirtualList({
      name: "history", draw: (row) => incidentRow(row.incident, onPick), chosen: () => state.selected, onPick, onEnd: () => this.#more(),
    });
    this.form = h("form", { class: "filters", onsubmit: (event) => event.preventDefault() });
    this.says = h("p", { class: "empty", role: "status" });
    this.element = h("div", { class: "tab-body history" }, this.form, this.says, this.list.element);
    for (const what of ["incidents", "selection"]) state.addEventListener(what, () => !this.element.hidden && this.draw());
  }

  /** It came into sight: ask for the first page. */
  open() {
    this.words();
    this.#begin();
  }

  words() {
    const choice = (name, options, all) => h("label", {}, h("span", { class: "unseen" }, t(`filter.${name}`)),
      h("select", { name, onchange: (event) => this.#filter(name, event.target.value) },
        h("option", { value: "" }, all), options.map(([value, text]) => h("option", { value, selected: this.#filters[name] === value }, text))));
    for (const incident of state.incidents.values()) this.#events.set(incident.event, incident.event_name);
    const events = [...this.#events].sort((a, b) => a[1].localeCompare(b[1]));
    put(this.form, choice("state", STATES.map((name) => [name, t(`state.${name}`)]), t("filter.state.all")), choice("event", events, t("filter.event.all")));
    this.list.label(t("history.label"));
    this.draw();
  }

  #filter(name, value) {
    this.#filters[name] = value;
    this.#begin();
  }

  #begin() {
    this.#ids = [];
    this.#next = null;
    this.#turn += 1;
    this.#load();
  }

  #more() {
    if (this.#phase === "ready" && this.#next && this.#ids.length < MOST_INCIDENTS) this.#load();
  }

  async #load() {
    const turn = this.#turn;
    this.#phase = "loading";
    this.draw();
    try {
      const page = await api.incidents({ ...this.#filters, limit: PAGE, before: this.#next });
      if (turn !== this.#turn) return;
      page.incidents.forEach((incident) => state.takeIncident(incident));
      this.#ids.push(...page.incidents.map((incident) => incident.id));
      this.#next = page.next ?? null;
      this.#phase = "ready";
    } catch (problem) {
      if (turn !== this.#turn) return;
      this.#phase = "failed";
      this.error = problem.message || t("error.unreachable");
    }
    this.draw();
  }

  draw() {
    const incidents = this.#ids.map((id) => state.incidents.get(id)).filter(Boolean);
    this.list.element.hidden = !incidents.length;
    this.list.set(incidents.map((incident, index) => ({
      key: incident.id, height: ROW_PX, version: rowVersion(incident), incident, position: index + 1, total: incidents.length,
    })));
    const said = [this.#phase, incidents.length, Boolean(this.#next), this.error, document.documentElement.lang].join();
    if (said !== this.#said) put(this.says, this.#words(incidents.length));
    this.#said = said;
    this.says.classList.toggle("is-count", incidents.length > 0);
  }

  #words(count) {
    if (this.#phase === "failed") return [this.error, " ", h("button", { type: "button", class: "link", onclick: () => this.#load() }, t("again"))];
    if (this.#phase === "loading" && !count) return t("loading");
    if (!count) return t("history.empty");
    if (count >= MOST_INCIDENTS) return t("history.too_many", { shown: number(count, 0) });
    return t(this.#next ? "history.shown.more" : "history.shown", { shown: number(count, 0) });
  }
}
