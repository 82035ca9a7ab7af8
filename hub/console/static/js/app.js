// The console starts here: words, status, session, then the page, then the stream.

import { announce, armSound, beep, title, toggleSound } from "./alarm.js";
import { api } from "./api.js";
import { Detail } from "./detail.js";
import { h, put } from "./dom.js";
import { enter, failure } from "./enter.js";
import { probability } from "./format.js";
import { Header } from "./header.js";
import { helpDialog, openHelp } from "./help.js";
import { History } from "./history.js";
import { listen } from "./keys.js";
import { load, refreshWaiting } from "./load.js";
import { CityMap } from "./map.js";
import { Panel } from "./panel.js";
import { Queue } from "./queue.js";
import { mayReport, Report } from "./report.js";
import { Sensors } from "./sensors.js";
import { state } from "./state.js";
import { Stream } from "./stream.js";
import { askAgain, forgetReason, givenReason, reasonName } from "./why.js";
import { speak, speaking, t } from "./words.js";

const root = document.getElementById("app");
const alarms = h("div", { class: "unseen", role: "alert", "aria-live": "assertive" });
const views = {};
let stream = null;

function view(name, ...children) {
  root.dataset.view = name;
  root.removeAttribute("aria-busy");
  put(root, ...children, alarms);
  if (name !== "gate") return;
  stream?.stop();
  root.querySelector("input")?.focus();
}

async function begin() {
  await speak(speaking());
  view("loading", h("main", { class: "gate" }, h("p", { class: "loading", role: "status" }, t("loading"))));
  if (await enter(view, again)) await open();
}

function again() {
  askAgain();
  begin();
}

async function open() {
  if (!views.map) build();
  view("console", h("a", { class: "skip", href: "#main" }, t("skip")), views.header.element, views.panel.element, views.map.frame, views.detail.element, views.help, views.report.dialog);
  words();
  views.header.draw();
  views.queue.draw();
  // The stream first, then the lists: what happens between the two is heard and not missed.
  await Promise.race([connect(), new Promise((resolve) => setTimeout(resolve, 2000))]);
  try {
    await load();
    await linked();
  } catch (problem) {
    if (problem.status === 401) location.reload();
    else view("failed", failure(problem, again));
    return;
  }
  why();
  views.map.start();
}

function build() {
  views.detail = new Detail({
    onClose: () => pick(null), onSensor: showSensor,
    onDecided: (incident) => state.takeIncident(incident),
  });
  views.queue = new Queue({ onPick: pick });
  views.history = new History({ onPick: pick });
  views.sensors = new Sensors({ onPick: (id) => showSensor(id), link: true });
  views.panel = new Panel({ queue: views.queue, history: views.history, sensors: views.sensors });
  views.why = h("p", { class: "why", hidden: true });
  views.panel.element.append(views.why);
  views.report = new Report({ onReported: (incident) => { state.takeIncident(incident); pick(incident.id); } });
  views.map = new CityMap({ onSensor: showSensor, onIncident: pick, onReport: mayReport() ? () => views.report.start(views.map) : null, hint: views.report.hint });
  views.help = helpDialog();
  views.header = new Header({ onLanguage, onHelp: () => openHelp(views.help), onSignOut });
  // A drill that begins or ends changes how every row says whether it is real.
  state.addEventListener("status", () => views.queue.draw());
  state.addEventListener("incidents", () => title(state.status.site.name, state.queue().length));
  armSound();
  addEventListener("popstate", () => linked());
  listen({
    onMove: move,
    onAction: (action) => views.detail.decide.start(action),
    onEscape: () => views.report.cancel() || views.detail.decide.cancel() || pick(null),
    onReport: () => views.map.onReport?.(),
    onHelp: () => openHelp(views.help),
    onMute: toggleSound,
  });
}

function words() {
  views.panel.words();
  why();
  views.detail.words();
  views.header.draw();
  if (views.map.layers) views.map.words();
  title(state.status.site.name, state.queue().length);
}

/** Whoever gave a reason for reading sees which, and may give another. */
function why() {
  const given = givenReason();
  views.why.hidden = given === null;
  if (given === null) return;
  const anew = () => {
    forgetReason();
    location.reload();
  };
  put(views.why, t("why.given", { reason: reasonName(given) }), " ", h("button", { type: "button", class: "link", onclick: anew }, t("why.other")));
}

async function onLanguage(code) {
  await speak(code, true);
  words();
  // The hub's own sentences come anew in the other language, and so does the stream.
  try {
    state.takeStatus(await api.status());
    await load();
    if (state.selected) state.takeIncident(await api.incident(state.selected));
  } catch {
    // The connection's own words say that the hub is out of reach.
  }
  words();
  connect();
}

async function onSignOut() {
  stream?.stop();
  forgetReason();
  try {
    await api.signOut();
  } finally {
    location.assign("/");
  }
}

/** Look at one incident (or none); the address says which, so that it can be sent to a colleague. */
function pick(id) {
  if (id === state.selected) return;
  state.select(id);
  history.pushState(null, "", id ? `/incidents/${id}` : "/");
}

async function linked() {
  const id = /^\/incidents\/([\w-]+)$/.exec(location.pathname)?.[1] ?? null;
  if (id && !state.incidents.has(id)) {
    try {
      state.takeIncident(await api.incident(id));
    } catch (problem) {
      announce(alarms, problem.message);
      history.replaceState(null, "", "/");
      return;
    }
  }
  state.select(id);
}

function move(step) {
  const listed = [...state.queue(), ...state.decided().slice(0, 50)];
  if (!listed.length) return;
  const at = listed.findIndex((incident) => incident.id === state.selected);
  const next = at < 0 ? (step > 0 ? 0 : listed.length - 1) : Math.min(listed.length - 1, Math.max(0, at + step));
  pick(listed[next].id);
}

function showSensor(id) {
  const sensor = state.sensors.get(id);
  if (!sensor) return;
  views.panel.show("sensors");
  views.sensors.choose(id);
  views.map.lookAt(sensor);
}

/** Open the stream; the promise is kept once it is open for the first time. */
function connect() {
  stream?.stop();
  let first = true;
  let opened;
  const promise = new Promise((resolve) => { opened = resolve; });
  const mine = new Stream({
    onEvent: (name, data) => mine === stream && take(name, data),
    onHeard: () => { state.heard_ms = Date.now(); },
    onState: (connection) => {
      if (mine !== stream) return;
      if (connection === "signed_out") {
        location.reload();
        return;
      }
      if (connection === "unread") {
        opened();
        return;
      }
      state.connect(connection);
      if (connection !== "live") return;
      state.heard_ms = Date.now();
      if (!first) refreshWaiting().catch(() => undefined);
      first = false;
      opened();
    },
  });
  stream = mine;
  mine.start();
  return promise;
}

function take(name, data) {
  if (name === "sensor") state.takeSensor(data);
  else if (name === "status") state.takeStatus(data);
  else if (name === "incident") {
    const fresh = !state.incidents.has(data.id) && data.state === "open";
    state.takeIncident(data);
    if (fresh) alarm(data);
  }
}

function alarm(incident) {
  beep();
  const sentence = t("alarm", {
    event: incident.event_name, place: incident.place.words ?? "", word: incident.probability_word, probability: probability(incident.probability),
  });
  announce(alarms, incident.exercise ? `${t("exercise.word")}. ${sentence}` : sentence);
  root.classList.remove("is-alarmed");
  void root.offsetWidth; // the flash starts anew
  root.classList.add("is-alarmed");
}

begin();
