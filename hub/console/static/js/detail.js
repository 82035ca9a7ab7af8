// One incident: what, where, when, how sure, why; in sentences before charts.

import { arrivalTable, travelTimes } from "./arrivals.js";
import { Decide } from "./decide.js";
import { h, putAgain, unseen } from "./dom.js";
import { clock, coordinates, day, factor, failed, metres, now, number, offset, onset, probability, span, today, whole } from "./format.js";
import { unhurried } from "./hold.js";
import { sign, stateIcon } from "./icons.js";
import { isTimed, nearest } from "./place.js";
import { state } from "./state.js";
import { videoLinks } from "./video.js";
import { known, t } from "./words.js";

const STRONGEST_NAT = 4; // a bar is full at a factor of 55; more would not change a mind
const MOST_ROWS = 12;

export class Detail {
  #seen = "";

  constructor({ onClose, onSensor, onDecided }) {
    this.onClose = onClose;
    this.onSensor = onSensor;
    this.decide = new Decide({ onDecided });
    this.body = h("div", { class: "detail-body", tabindex: "0", role: "region" });
    this.element = h("aside", { class: "detail", hidden: true }, this.body, this.decide.element);
    for (const what of ["incidents", "selection", "sensors"]) state.addEventListener(what, () => this.draw());
    setInterval(() => this.#age(), 1000);
  }

  draw(anew = false) {
    const { incident } = state;
    this.element.hidden = !incident;
    document.getElementById("app").classList.toggle("has-detail", Boolean(incident));
    const version = incident ? JSON.stringify(incident) : "";
    if (version === this.#seen && !anew) return;
    const same = incident && this.#seen.includes(incident.id);
    this.#seen = version;
    this.decide.draw();
    if (!incident) return;
    if (!same || anew) this.#body(incident, 0);
    else unhurried(this.body, () => state.incident?.id === incident.id && this.#body(state.incident, this.body.scrollTop));
  }

  #body(incident, top) {
    this.body.setAttribute("aria-label", t("detail.label", { event: incident.event_name }));
    putAgain(this.body, this.#head(incident), this.#facts(incident), this.#why(incident), this.#arrivals(incident), this.#history(incident), this.#deliveries(incident));
    this.body.scrollTop = top;
  }

  words() {
    this.draw(true);
    this.decide.words();
  }

  #head(incident) {
    return [
      incident.exercise && h("p", { class: "hatched band" }, t("exercise.band")),
      h("header", { class: "detail-head" },
        h("div", {},
          h("h2", {}, incident.event_name, incident.rounds > 0 && h("span", { class: "rounds" }, ` ${t("rounds", { count: incident.rounds })}`)),
          h("p", { class: `badge is-${incident.state}` }, stateIcon(incident.state), t(`state.${incident.state}`))),
        h("button", { type: "button", class: "square detail-close", "data-key": "close", onclick: this.onClose, "aria-label": t("detail.close"), title: t("detail.close") }, sign("close"))),
      incident.summary && h("p", { class: "summary" }, incident.summary),
    ];
  }

  #facts(incident) {
    const { place } = incident;
    const sure = h("div", { class: "sure" }, h("span", { class: "sure-fill", style: { "--share": incident.probability } }));
    const facts = [
      [t("fact.when"), [h("time", { title: whole(incident.onset_us), datetime: new Date(incident.onset_us / 1000).toISOString() },
        `${today(incident.onset_us) ? "" : `${day(incident.onset_us)}, `}${onset(incident.onset_us)}`), " ",
      h("span", { class: "dim" }, offset(incident.onset_us), " · ", h("span", { class: "nowrap", "data-since": incident.onset_us }, t("ago", { span: span(now() - incident.onset_us) })))]],
      [t("fact.where"), [place.words ?? t("place.unnamed"), h("span", { class: "dim block" }, this.#size(place)),
        h("span", { class: "dim block copy" }, coordinates(place.latitude, place.longitude))]],
      [t("fact.sure"), [`${incident.probability_word}, `, h("strong", {}, probability(incident.probability)), sure]],
    ];
    facts.push([t("fact.precision"), precision(incident)]);
    const cameras = videoLinks(incident);
    if (cameras.length) facts.push([t("fact.video"), cameras.map(({ sensor, url }, index) => [index > 0 && ", ",
      h("a", { class: "link", href: url, target: "_blank", rel: "noopener noreferrer", "data-key": `video-${sensor}`, title: t("video.words") }, sensor)])]);
    const notes = [!incident.settled && t("note.unsettled"), incident.late && t("note.late")].filter(Boolean);
    if (notes.length) facts.push([t("fact.note"), notes.join(" ")]);
    return h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }

  #size(place) {
    const { ellipse } = place;
    if (!ellipse) return t(`place.kind.${place.kind}`);
    const axes = `${metres(ellipse.semi_major_m)} × ${metres(ellipse.semi_minor_m)}`;
    const residual = place.residual_ms === null || place.residual_ms === undefined ? "" : `, ${t("place.residual", { value: number(place.residual_ms, 1) })}`;
    return t("place.ellipse", { axes }) + residual;
  }

  #why(incident) {
    if (!incident.sentences.length) return null;
    const rows = incident.sentences.map((sentence) => {
      const weight = Math.min(1, Math.abs(sentence.log_odds) / STRONGEST_NAT);
      const side = sentence.log_odds < 0 ? "against" : "for";
      const times = factor(sentence.log_odds);
      return h("li", { class: `reason reason-${side}` },
        h("span", { class: "reason-text" }, sentence.text),
        h("span", { class: "reason-bar", "aria-hidden": "true" }, h("span", { class: "reason-fill", style: { "--weight": weight } })),
        h("span", { class: "reason-factor", title: t("evidence.nat", { value: number(sentence.log_odds, 2) }) }, times, unseen(` ${t(`evidence.${side}`)}`)));
    });
    return h("section", {}, h("h3", {}, t("evidence.title")),
      incident.explanation && h("p", { class: "explanation" }, incident.explanation),
      h("p", { class: "legend" }, h("span", {}, t("evidence.legend.against")), h("span", {}, t("evidence.legend.for"))),
      h("ul", { class: "reasons" }, rows));
  }

  #arrivals(incident) {
    const first = nearest(incident.arrivals);
    if (!first.length) return null;
    const link = (id) => h("button", { type: "button", class: "link", "data-key": `sensor-${id}`, onclick: () => this.onSensor(id) }, id);
    const shown = first.slice(0, MOST_ROWS);
    const timed = first.some(isTimed);
    return h("section", {}, h("h3", {}, t("arrivals.title")), h("p", { class: "dim" }, t(timed ? "arrivals.words" : "arrivals.untimed", { count: first.length })),
      timed && travelTimes(first), arrivalTable(shown, link, timed),
      first.length > shown.length && h("p", { class: "dim" }, t("more", { number: number(first.length - shown.length, 0) })));
  }

  #history(incident) {
    if (!incident.decisions.length) return null;
    const rows = incident.decisions.map((decision) => h("li", {},
      h("time", { title: whole(decision.at_us) }, clock(decision.at_us)), " ",
      h("strong", {}, t(`did.${decision.action}`)), ` ${t("by", { person: decision.person })}`,
      decision.reason && h("span", { class: "dim block" }, known(`reason.${decision.reason}`) ? t(`reason.${decision.reason}`) : decision.reason)));
    return h("section", {}, h("h3", {}, t("decisions.title")), h("ol", { class: "log" }, rows));
  }

  #deliveries(incident) {
    if (!incident.deliveries.length) return null;
    const rows = incident.deliveries.map((delivery) => h("li", { class: delivery.ok ? "ok" : "failed" },
      h("time", { title: whole(delivery.at_us) }, clock(delivery.at_us)), " ", h("strong", {}, delivery.endpoint), " ",
      delivery.ok ? t("delivery.ok", { status: delivery.status, latency: number(delivery.latency_ms, 0) })
        : t("delivery.failed", { attempt: delivery.attempt, error: delivery.error ? failed(delivery.error) : delivery.status ?? "?" })));
    return h("section", {}, h("h3", {}, t("deliveries.title")), h("ol", { class: "log" }, rows));
  }

  #age() {
    for (const element of this.body.querySelectorAll("[data-since]")) {
      element.textContent = t("ago", { span: span(now() - Number(element.dataset.since)) });
    }
  }
}

/** How often this class was right here in the last 30 days: of those whose outcome is known, and how many are not. */
function precision(incident) {
  const figures = state.quality?.by_event?.[incident.event];
  if (!figures?.all) return h("span", { class: "dim" }, t("precision.none"));
  const unknown = figures.all - figures.known;
  const share = figures.known ? t("precision", { share: number(100 * figures.real_of_known, 0), real: number(figures.real, 0), known: number(figures.known, 0) }) : t("precision.unknown");
  return [share, unknown > 0 && h("span", { class: "dim block" }, t("precision.rest", { count: unknown, number: number(unknown, 0), all: number(figures.all, 0) }))];
}
