// The technician's page: which sensor needs a hand, and everything one does beside it with a phone.

import { api } from "./api.js";
import { Box, figure, herePosition, mayChange } from "./box.js";
import { h, put } from "./dom.js";
import { enter } from "./enter.js";
import { coverageOf } from "./field/coverage.js";
import { labelOf } from "./field/label.js";
import { forgetPending, forgetSent, pending, register, sendPending, sent, watchPending } from "./field/pending.js";
import { Scanner } from "./field/scan.js";
import { Header } from "./header.js";
import { unhurried } from "./hold.js";
import { Sensors } from "./sensors.js";
import { state } from "./state.js";
import { Stream } from "./stream.js";
import { speak, speaking, t } from "./words.js";

const root = document.getElementById("app");
let parts = null;
let stream = null;
let shown = "list";

function view(name, ...children) {
  root.dataset.view = name;
  put(root, ...children);
}

async function begin() {
  await speak(speaking());
  const named = ({ site }) => { document.title = `${t("technician.title")} · ${site.name}`; };
  if (await enter(view, begin, named)) open();
}

async function open() {
  parts ??= build();
  view("technician", parts.header.element, h("div", { class: "field-page" }, parts.kept, parts.main));
  drawKept();
  await load();
  connect();
  install();
}

function build() {
  const header = new Header({ onLanguage, technician: true, onSignOut });
  const sensors = new Sensors({ onPick: (id) => show("box", id) });
  const box = new Box({ onBack: () => show("list"), onChanged: (sensor) => state.takeSensor(sensor) });
  const add = h("div", { class: "add" });
  const main = h("main", { class: "technician", id: "main" });
  const kept = h("div", { class: "kept", role: "status", hidden: true });
  const scanner = new Scanner({ onRead: beside });
  document.body.append(scanner.element);
  watchPending(drawKept);
  addEventListener("online", send);
  state.addEventListener("sensors", () => shown === "box" && unhurried(box.head, () => shown === "box" && box.draw()));
  return { header, sensors, box, add, main, kept, scanner };
}

/** The technician stands beside the box of that label: its page, or the form to register it. */
function beside({ id, kind }) {
  if (state.sensors.has(id)) show("box", id);
  else if (mayChange()) show("add", id, kind);
  else show("list", id);
}

/** Show the list, one sensor ("box", with its fresh enrolment), or the form for a new one ("add", of that kind). */
function show(what, id = null, more = null) {
  shown = what;
  const { main, sensors, box, add } = parts;
  if (what === "box") {
    put(main, h("h1", { class: "unseen" }, t("technician.title")), box.element);
    box.show(id, more);
    main.scrollTop = 0;
  } else if (what === "add") {
    put(main, h("h1", {}, t("technician.add")), add);
    drawAdd(id ?? "", more);
  } else {
    put(main, h("div", { class: "list-head" }, h("h1", {}, t("technician.title")),
      h("div", { class: "acts-row" }, h("button", { type: "button", class: "act act-primary", "data-action": "scan", onclick: () => parts.scanner.open() }, t("scan.open")),
        mayChange() && h("button", { type: "button", class: "act", "data-action": "add", onclick: () => show("add") }, t("technician.add")))),
    id && h("p", { class: "says says-warn", role: "status" }, t("scan.unknown", { id })), !mayChange() && h("p", { class: "says" }, t("technician.read_only")), sensors.element);
    sensors.words();
  }
}

function drawAdd(name, kindOf) {
  const { site } = state.status;
  const says = h("p", { class: "says says-bad", role: "alert", hidden: true });
  const form = h("form", { class: "grid-form card", onsubmit: async (event) => {
    event.preventDefault();
    const { id, kind, latitude, longitude, height_m } = form.elements;
    try {
      const answer = await register({ id: id.value.trim(), kind: kind.value, latitude: Number(latitude.value), longitude: Number(longitude.value), height_m: Number(height_m.value) });
      if (answer) state.takeSensor(answer.sensor);
      if (answer) show("box", answer.sensor.id, answer.enrolment);
      else show("list");
    } catch (problem) {
      says.hidden = false;
      put(says, problem.message || t("technician.unsent"));
    }
  } });
  put(form,
    h("label", { class: "field" }, h("span", {}, t("technician.name")), h("input", { name: "id", required: true, autocapitalize: "none", autocomplete: "off", placeholder: "mic-12", value: name })),
    h("label", { class: "field" }, h("span", {}, t("technician.kind")), h("select", { name: "kind" },
      ["microphone", "camera"].map((kind) => h("option", { value: kind, selected: kind === kindOf }, t(`sensor.kind.${kind}`))))),
    figure("latitude", t("place.latitude"), "°", site.latitude), figure("longitude", t("place.longitude"), "°", site.longitude),
    figure("height_m", t("place.height"), "m", 4, "0.1"), ...herePosition(form), ...coverageOf(form, () => form.elements.id.value.trim()), says,
    h("button", { type: "submit", class: "act act-primary" }, t("technician.register")),
    h("button", { type: "button", class: "act", onclick: () => show("list") }, t("technician.back")));
  put(parts.add, form);
}

async function load() {
  parts.header.draw();
  try {
    const { sensors } = await api.sensors();
    state.loaded = true;
    sensors.forEach((sensor) => state.takeSensor(sensor));
  } catch (problem) {
    if (problem.status === 401) location.reload();
    state.connect("lost");
  }
  const label = labelOf(location.href);
  if (label) history.replaceState(null, "", "/technician");
  if (label) beside(label);
  else show("list");
}

function send() {
  return sendPending((sensor) => state.takeSensor(sensor));
}

/** What waits on this phone, and what the hub would not take. */
function drawKept() {
  const list = pending();
  const refused = list.filter((one) => one.refused);
  parts.kept.hidden = !list.length && !sent().length;
  put(parts.kept, sent().map(({ id, adds, enrolment }) => h("p", { class: "good", "data-sent": id }, t(adds ? "pending.registered" : "pending.changed", { id }), " ",
    h("button", { type: "button", class: "link", onclick: () => { forgetSent(id); show("box", id, enrolment); } }, t("pending.open")), " ",
    h("button", { type: "button", class: "link", onclick: () => forgetSent(id) }, t("pending.put_away")))), list.length > refused.length && h("p", {}, t("pending.waits", { count: list.length - refused.length })),
    refused.map((one) => h("p", { class: "bad" }, `${one.id}: ${one.refused} `, h("button", { type: "button", class: "link", onclick: () => forgetPending(one.id) }, t("pending.put_away")))));
}

async function onSignOut() {
  forgetPending();
  navigator.serviceWorker?.controller?.postMessage("forget");
  try {
    await api.signOut();
  } finally {
    location.reload();
  }
}

/** The page opens without a network from its second visit on. */
function install() {
  if ("serviceWorker" in navigator && isSecureContext) navigator.serviceWorker.register("/technician-sw.js", { scope: "/technician" }).catch(() => undefined);
}

async function onLanguage(code) {
  await speak(code, true);
  await load();
  connect();
}

function connect() {
  stream?.stop();
  const mine = new Stream({
    incidents: false,
    onEvent: (name, data) => {
      if (mine !== stream) return;
      if (name === "sensor") state.takeSensor(data);
      else if (name === "status") state.takeStatus(data);
    },
    onHeard: () => { state.heard_ms = Date.now(); },
    onState: (connection) => {
      if (mine !== stream) return;
      if (connection === "signed_out") location.reload();
      else state.connect(connection);
      if (connection === "live") send();
    },
  });
  stream = mine;
  mine.start();
}

begin();
