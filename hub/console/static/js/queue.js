// The queue: what waits for a person in order of arrival, then what was decided lately.

import { h } from "./dom.js";
import { clock, number, now, probability, shortDay, span, today, whole } from "./format.js";
import { stateIcon } from "./icons.js";
import { state, waiting } from "./state.js";
import { VirtualList } from "./virtual.js";
import { t } from "./words.js";

const ROW_PX = 88;
const HEAD_PX = 36;
const MOST_DECIDED = 50;
const FRESH_US = 60e6;

/** One incident as a row of a list. */
export function incidentRow(incident, onPick) {
  const chosen = incident.id === state.selected;
  const age = now() - incident.onset_us;
  const rounds = incident.rounds ? t("rounds", { count: incident.rounds }) : null;
  const sure = `${incident.probability_word}, ${probability(incident.probability)}`;
  return h("div", {
    class: ["row", `is-${incident.state}`, waiting(incident) ? "is-waiting" : "", incident.exercise ? "is-exercise" : "",
      chosen ? "is-chosen" : "", incident.state === "open" && age < FRESH_US ? "is-fresh" : ""].join(" "),
    role: "option", "aria-selected": String(chosen), "data-incident": incident.id,
    onclick: () => onPick(incident.id),
  },
  h("div", { class: "row-top" },
    stateIcon(incident.state),
    h("strong", { class: "row-name", title: incident.event_name }, incident.event_name),
    !incident.exercise && state.status?.drill && h("span", { class: "real" }, t("drill.real")),
    incident.exercise && h("span", { class: "hatched", title: t("exercise.word") }, h("span", { class: "long" }, t("exercise.word")),
      h("span", { class: "short", "aria-hidden": "true" }, t("exercise.short"))),
    h("time", { class: "row-time", title: whole(incident.onset_us), datetime: new Date(incident.onset_us / 1000).toISOString() },
      today(incident.onset_us) ? clock(incident.onset_us) : `${shortDay(incident.onset_us)}, ${clock(incident.onset_us).slice(0, 5)}`)),
  h("div", { class: "row-place", title: incident.place.words }, incident.place.words ?? t("place.unnamed")),
  h("div", { class: "row-foot" },
    h("span", { class: "row-state" }, t(`state.${incident.state}`)),
    h("span", { class: "row-sure", title: sure }, sure),
    rounds && h("span", { class: "row-rounds", title: rounds }, rounds),
    waiting(incident) && h("span", { class: "row-age", "data-since": incident.onset_us }, t("ago", { span: span(age) }))));
}

/** The version of a row: anything that it shows. */
export function rowVersion(incident) {
  return [incident.revision, incident.state, incident.id === state.selected, Boolean(state.status?.drill), document.documentElement.lang].join(" ");
}

export class Queue {
  constructor({ onPick }) {
    this.onPick = onPick;
    this.list = new VirtualList({ name: "queue", draw: (row) => this.#draw(row), chosen: () => state.selected, onPick });
    this.empty = h("div", { class: "empty" });
    this.notice = h("p", { class: "notice", hidden: true });
    this.element = h("div", { class: "tab-body queue" }, this.notice, this.empty, this.list.element);
    for (const what of ["incidents", "selection"]) state.addEventListener(what, () => this.draw());
    state.addEventListener("selection", () => state.selected && this.list.reveal(state.selected));
    setInterval(() => this.#age(), 1000);
  }

  draw() {
    const queue = state.queue();
    const decided = state.decided().slice(0, MOST_DECIDED);
    this.list.label(t("queue.label"));
    this.empty.replaceChildren();
    if (!state.loaded) {
      this.empty.append(h("p", { class: "loading" }, t("loading")));
    } else if (!queue.length) {
      this.empty.append(h("p", { class: "all-clear" }, t("queue.empty")), h("p", { class: "dim" }, t("queue.empty.more")));
    }
    this.empty.hidden = state.loaded && queue.length > 0;
    this.notice.hidden = !state.truncated;
    this.notice.textContent = state.truncated ? t("queue.truncated", { number: number(queue.length, 0) }) : "";
    const rows = queue.map((incident, index) => option(incident, index, queue.length + decided.length));
    if (decided.length) rows.push({ key: "decided", height: HEAD_PX, version: document.documentElement.lang, heading: t("queue.decided") });
    decided.forEach((incident, index) => rows.push(option(incident, queue.length + index, queue.length + decided.length)));
    this.list.element.hidden = rows.length === 0;
    this.list.set(rows);
  }

  #draw(row) {
    if (row.heading) return h("div", { class: "row-head", role: "presentation" }, row.heading);
    return incidentRow(row.incident, this.onPick);
  }

  #age() {
    for (const element of this.element.querySelectorAll("[data-since]")) {
      element.textContent = t("ago", { span: span(now() - Number(element.dataset.since)) });
    }
  }
}

function option(incident, index, total) {
  return { key: incident.id, height: ROW_PX, version: rowVersion(incident), incident, position: index + 1, total };
}
