// One sensor in the technician's hand: its self-test, its place, its enrolment.

import { api } from "./api.js";
import { h, put, putAgain, s } from "./dom.js";
import { coverageOf } from "./field/coverage.js";
import { pastCard } from "./field/past.js";
import { labelAddress, qrRows } from "./field/label.js";
import { change } from "./field/pending.js";
import { sketchCard } from "./field/sketch.js";
import { trialsCard } from "./field/trials.js";
import { viewCard } from "./field/view.js";
import { clock, coordinates, metres, now, number, span, whole } from "./format.js";
import { sensorIcon } from "./icons.js";
import { selfTest } from "./selftest.js";
import { reasonOf } from "./sensors.js";
import { state } from "./state.js";
import { t } from "./words.js";

const MAY = new Set(["technician", "administrator"]);
const SIGNS = { good: "M3 8.5 6.5 12 13 4.5", bad: "M4 4l8 8 M12 4l-8 8", unknown: "M4 8h8" };

/** True where the person may change sensors. */
export function mayChange() {
  return MAY.has(state.status?.person?.role);
}

/** The rows of a QR code ('1' is dark) as an SVG, always dark on white with its quiet zone: that is what readers read. */
export function qrCode(rows, words = t("enrol.qr")) {
  const size = rows.length + 8;
  const path = rows.flatMap((row, y) => [...row].map((cell, x) => (cell === "1" ? `M${x + 4} ${y + 4}h1v1h-1z` : ""))).join("");
  return s("svg", { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": words, "shape-rendering": "crispEdges" },
    s("rect", { width: size, height: size, fill: "#fff" }), s("path", { d: path, fill: "#000" }));
}

/** The label to print for the box: drawn when somebody asks for it. */
function labelCard(sensor) {
  const place = h("div", { class: "label-sheet" });
  const draw = async () => {
    if (!place.firstChild) put(place, qrCode(await qrRows(labelAddress(sensor)), t("label.qr", { id: sensor.id })), h("p", { class: "code" }, sensor.id));
  };
  return h("details", { class: "card", "data-card": "label", ontoggle: draw }, h("summary", {}, t("label.title")), h("p", { class: "dim" }, t("label.words")), place);
}

/** A field for a figure with its unit. */
export function figure(name, label, unit, value, step = "any") {
  return h("label", { class: "field" }, h("span", {}, `${label} (${unit})`),
    h("input", { name, type: "number", step, inputmode: "decimal", required: true, value }));
}

/** A button that puts the phone's own position into `form`, and says how good it is. */
export function herePosition(form) {
  const says = h("p", { class: "dim", role: "status" });
  const button = h("button", { type: "button", class: "act", onclick: ask }, t("place.here"));
  function ask() {
    if (!isSecureContext || !navigator.geolocation) {
      put(says, t("place.here.insecure"));
      return;
    }
    put(says, t("place.here.asking"));
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      form.elements.latitude.value = coords.latitude.toFixed(6);
      form.elements.longitude.value = coords.longitude.toFixed(6);
      put(says, t("place.here.got", { accuracy: metres(coords.accuracy) }));
    }, () => put(says, t("place.here.refused")), { enableHighAccuracy: true, timeout: 20_000, maximumAge: 0 });
  }
  return [button, says];
}

export class Box {
  #enrolment = null;
  #id = null;

  constructor({ onBack, onChanged }) {
    this.onBack = onBack;
    this.onChanged = onChanged;
    this.health = h("section", { class: "card" });
    this.enrol = h("section", { class: "card" });
    this.position = h("section", { class: "card" });
    this.head = h("div", { class: "box-head" });
    this.more = h("div", { class: "box-more" });
    this.out = h("section", { class: "card" });
    this.element = h("div", { class: "box" }, this.head, this.health, this.position, this.more, this.enrol, this.out);
    setInterval(() => this.#id && this.#expiry(), 1000);
  }

  /** Show the sensor `id`, with the `enrolment` it just got where there is one. */
  show(id, enrolment = null) {
    this.#id = id;
    this.#enrolment = enrolment;
    this.draw();
    this.#drawPosition();
    this.#drawMore();
    this.#drawEnrol();
    this.#drawOut();
  }

  /** What is made once for a sensor and never by the stream: forms and trials that a hand is in. */
  #drawMore() {
    const sensor = state.sensors.get(this.#id);
    const may = mayChange();
    const cards = sensor.kind === "camera" ? [viewCard(sensor, may, this.onChanged), sketchCard(sensor, may, this.onChanged)] : [may && trialsCard(sensor)];
    put(this.more, cards, pastCard(sensor), labelCard(sensor));
  }

  /** Taking a sensor out wants its reason, and a second press. */
  #drawOut() {
    const sensor = state.sensors.get(this.#id);
    this.out.hidden = !mayChange() || sensor.state === "revoked";
    const says = h("p", { class: "says says-bad", role: "alert", hidden: true });
    const why = h("input", { name: "why", required: true, minlength: 3, maxlength: 400, autocomplete: "off" });
    const form = h("form", { class: "grid-form", hidden: true, onsubmit: async (event) => {
      event.preventDefault();
      try {
        const answer = await api.revoke(sensor.id, why.value.trim());
        this.onChanged(answer.sensor);
        this.onBack();
      } catch (problem) {
        says.hidden = false;
        put(says, problem.message || t("technician.unsent"));
      }
    } }, h("label", { class: "field" }, h("span", {}, t("revoke.why")), why), says,
    h("div", { class: "pair" }, h("button", { type: "button", class: "act", onclick: () => this.#drawOut() }, t("decide.back")),
      h("button", { type: "submit", class: "act act-danger", "data-action": "revoke-final" }, t("revoke.final"))));
    const begin = h("button", { type: "button", class: "act", "data-action": "revoke", onclick: () => {
      form.hidden = false;
      begin.hidden = true;
      why.focus();
    } }, t("revoke.begin"));
    put(this.out, h("h3", {}, t("revoke.title")), h("p", { class: "dim" }, t("revoke.words")), begin, form);
  }

  draw() {
    const sensor = state.sensors.get(this.#id);
    if (!sensor) return;
    const reason = reasonOf(sensor);
    putAgain(this.head, h("button", { type: "button", class: "act", "data-key": "back", onclick: this.onBack }, t("technician.back")),
      h("h2", {}, sensorIcon(sensor.kind, sensor.state), sensor.id),
      h("p", {}, `${t(`sensor.kind.${sensor.kind}`)} · ${t(`sensor.state.${sensor.state}`)}${reason ? ` · ${reason}` : ""}`));
    const checks = selfTest(sensor).map(({ name, verdict, says }) => h("li", { class: `check check-${verdict}` },
      s("svg", { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" }, s("path", { d: SIGNS[verdict] })),
      h("span", {}, t(`test.${name}`)), h("strong", {}, t(`test.${verdict}`)), says && h("span", { class: "dim says-figure" }, says)));
    put(this.health, h("h3", {}, t("test.title")), h("ul", { class: "checks" }, checks), h("p", { class: "dim" }, t("test.words")));
  }

  #drawPosition() {
    const sensor = state.sensors.get(this.#id);
    const says = h("p", { class: "says", role: "status", hidden: true });
    const form = h("form", { class: "grid-form", onsubmit: async (event) => {
      event.preventDefault();
      const { latitude, longitude, height_m } = form.elements;
      says.hidden = false;
      try {
        const answer = await change(sensor.id, { latitude: Number(latitude.value), longitude: Number(longitude.value), height_m: Number(height_m.value) });
        if (answer) this.onChanged(answer.sensor);
        put(says, t(answer ? "place.saved" : "pending.kept"));
      } catch (problem) {
        put(says, problem.message || t("technician.unsent"));
      }
    } });
    const { latitude, longitude } = sensor;
    put(form, figure("latitude", t("place.latitude"), "°", latitude.toFixed(6)), figure("longitude", t("place.longitude"), "°", longitude.toFixed(6)),
      figure("height_m", t("place.height"), "m", number(sensor.height_m, 1).replace(",", "."), "0.1"));
    if (mayChange()) form.append(...herePosition(form), ...(sensor.kind === "microphone" ? coverageOf(form, () => sensor.id) : []), h("button", { type: "submit", class: "act act-primary" }, t("place.save")), says);
    else form.querySelectorAll("input").forEach((input) => { input.disabled = true; });
    put(this.position, h("h3", {}, t("place.title")), h("p", { class: "dim" }, coordinates(latitude, longitude)), form);
  }

  #drawEnrol() {
    const enrolment = this.#enrolment;
    const says = h("p", { class: "says says-bad", role: "alert", hidden: true });
    const fresh = mayChange() && h("button", { type: "button", class: "act", onclick: async () => {
      try {
        const answer = await api.code(this.#id);
        this.#enrolment = answer.enrolment;
        this.#drawEnrol();
      } catch (problem) {
        says.hidden = false;
        put(says, problem.message || t("technician.unsent"));
      }
    } }, t("enrol.new"));
    put(this.enrol, h("h3", {}, t("enrol.title")), h("p", { class: "dim" }, mayChange() ? t("enrol.words") : t("technician.read_only")),
      enrolment && [qrCode(enrolment.qr), h("p", { class: "code" }, enrolment.code), h("p", { class: "expiry", role: "timer" }), h("code", { class: "command" }, enrolment.command.split(/ (?=--)/).map((part) => [h("span", {}, part), " "]))],
      fresh, says);
    this.#expiry();
  }

  #expiry() {
    const line = this.enrol.querySelector(".expiry");
    if (!line) return;
    const left = this.#enrolment.expires_us - now();
    line.textContent = left > 0 ? t("enrol.left", { span: span(left), time: clock(this.#enrolment.expires_us) }) : t("enrol.expired");
    line.title = whole(this.#enrolment.expires_us);
    this.enrol.classList.toggle("is-expired", left <= 0);
  }
}
