// The desk: the control room's papers beside the map. One section at a time, each with its own address.

import { api } from "./api.js";
import { alerts } from "./desk/alerts.js";
import { calendar } from "./desk/calendar.js";
import { drill } from "./desk/drill.js";
import { handover } from "./desk/handover.js";
import { messages } from "./desk/messages.js";
import { people } from "./desk/people.js";
import { quality } from "./desk/quality.js";
import { requests } from "./desk/requests.js";
import { roster } from "./desk/roster.js";
import { h, put } from "./dom.js";
import { enter } from "./enter.js";
import { Header } from "./header.js";
import { unhurried } from "./hold.js";
import { state } from "./state.js";
import { Stream } from "./stream.js";
import { askAgain, forgetReason } from "./why.js";
import { speak, speaking, t } from "./words.js";

const ALL = { handover, calendar, drill, roster, messages, alerts, quality, requests, people };
const RENEWED_MS = 15_000;

const root = document.getElementById("app");
const main = h("main", { class: "desk", id: "main", tabindex: "0" });
const nav = h("nav", { class: "sections" });
let header = null;
let stream = null;
let shown = null;
let turn = 0;

function view(name, ...children) {
  root.dataset.view = name;
  put(root, ...children);
}

/** The sections that this person may open. */
function open() {
  return Object.keys(ALL).filter((name) => ALL[name].roles.has(state.status.person.role));
}

async function begin() {
  await speak(speaking());
  if (!(await enter(view, begin))) return;
  header = new Header({ onLanguage, technician: true, onSignOut: () => { forgetReason(); api.signOut().finally(() => location.assign("/")); } });
  view("desk", h("a", { class: "skip", href: "#main" }, t("skip.content")), header.element, nav, main);
  header.draw();
  addEventListener("popstate", () => show(named()));
  setInterval(() => ALL[shown]?.live && unhurried(main, () => renew(), "renew"), RENEWED_MS);
  show(named());
  connect();
}

function named() {
  const name = location.pathname.split("/")[2];
  return open().includes(name) ? name : open()[0];
}

function tabs() {
  nav.setAttribute("aria-label", t("desk.label"));
  put(nav, open().map((name) => h("a", {
    href: `/desk/${name}`, "aria-current": name === shown ? "page" : null, onclick: (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      history.pushState(null, "", `/desk/${name}`);
      show(name);
      main.focus({ preventScroll: true });
    },
  }, t(`desk.${name}`))));
}

async function show(name) {
  shown = name;
  document.title = `${t(`desk.${name}`)} · ${state.status.site.name}`;
  tabs();
  nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  put(main, h("h1", {}, t(`desk.${name}`)), h("p", { class: "dim" }, t(`desk.${name}.words`)), h("p", { class: "loading", role: "status" }, t("loading")));
  main.scrollTop = 0;
  await renew();
}

/** Ask the hub and draw the section anew. */
async function renew() {
  const mine = ++turn;
  const name = shown;
  const body = h("div", { class: "section" });
  try {
    const data = await ALL[name].load();
    if (mine !== turn) return;
    put(body, ALL[name].draw(data, { again: renew }));
  } catch (problem) {
    if (mine !== turn) return;
    if (problem.status === 401) location.reload();
    const again = () => { askAgain(); renew(); };
    put(body, h("div", { class: "card", role: "alert" }, h("p", {}, problem.message || t("error.unreachable")),
      h("p", {}, h("button", { type: "button", class: "act", onclick: again }, t("again")))));
  }
  const top = main.scrollTop;
  put(main, h("h1", {}, t(`desk.${name}`)), h("p", { class: "dim" }, t(`desk.${name}.words`)), body);
  main.scrollTop = top;
  ALL[name].shown?.(body);
}

async function onLanguage(code) {
  await speak(code, true);
  state.takeStatus(await api.status());
  header.draw();
  await show(shown);
  connect();
}

function connect() {
  stream?.stop();
  const mine = new Stream({
    incidents: false,
    onEvent: (name, data) => mine === stream && name === "status" && state.takeStatus(data),
    onHeard: () => { state.heard_ms = Date.now(); },
    onState: (connection) => {
      if (mine !== stream) return;
      if (connection === "signed_out") location.reload();
      else state.connect(connection);
    },
  });
  stream = mine;
  mine.start();
}

begin();
