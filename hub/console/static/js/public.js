// What everybody may see: how loud it is, by coarse squares and whole days, and how often the hub was right. No sign-in.

import { ground } from "./basemap.js";
import { h, put } from "./dom.js";
import { day, number, setClock, span } from "./format.js";
import { LANGUAGES, speak, speaking, t } from "./words.js";

const STATES = ["confirmed", "rejected", "unsure", "expired", "closed", "open", "acknowledged"];
/** Classes of the strategic noise maps of directive 2002/49/EC: 55 to 75 dB by fives. */
const CLASSES = [55, 60, 65, 70, 75];
const root = document.getElementById("app");

async function ask(name) {
  const answer = await fetch(`/public/${name}.json?lang=${speaking()}`, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(15_000) });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

/** 0 (quiet) to 5 (over 75 dB). */
function classOf(lden) {
  return CLASSES.filter((limit) => lden >= limit).length;
}

function head(site) {
  const languages = Object.entries(LANGUAGES).map(([code, name]) => h("button", { type: "button", class: "link", lang: code, "aria-pressed": String(code === speaking()), onclick: () => switchTo(code) }, name));
  return h("header", { class: "public-head" }, h("p", { class: "name" }, "Tocsin"), h("h1", {}, t("public.title", { site })), h("p", { class: "dim" }, t("public.words")),
    h("nav", { "aria-label": t("ways.label") }, h("a", { class: "link", href: "#noise" }, t("public.noise")), h("a", { class: "link", href: "#statistics" }, t("public.statistics")),
      h("a", { class: "link", href: `/register?lang=${speaking()}` }, t("public.register"))), h("p", { class: "languages" }, languages));
}

function noiseSection(noise) {
  const days = t("public.days", { from: day(noise.from_us), until: day(noise.until_us - 1) });
  const measured = noise.features.filter((one) => one.properties.hours > 0);
  if (!measured.length) return h("section", { class: "card", id: "noise" }, h("h2", {}, t("public.noise")), h("p", { class: "dim" }, days), h("p", { class: "nothing" }, t("public.noise.none")));
  const legend = h("ul", { class: "noise-legend" }, [0, 1, 2, 3, 4, 5].map((index) => h("li", {}, h("span", { class: `swatch noise-${index}`, "aria-hidden": "true" }),
    index === 0 ? t("public.noise.below", { limit: CLASSES[0] }) : index === 5 ? t("public.noise.over", { limit: CLASSES[4] }) : `${CLASSES[index - 1]}–${CLASSES[index]} dB`)));
  const level = (value) => (value === null ? "–" : `${number(value, 0)} dB`);
  const rows = measured.map((one, index) => h("tr", {}, h("th", { scope: "row" }, String(index + 1)), ["lden", "lday", "levening", "lnight"].map((name) => h("td", {}, level(one.properties[name])))));
  return h("section", { class: "card", id: "noise" }, h("h2", {}, t("public.noise")), h("p", { class: "dim" }, `${days} · ${t("public.noise.words", { side: noise.square_m })}`),
    noise.exercise && h("p", { class: "hatched band" }, t("public.exercise")), h("div", { class: "noise-map", role: "group", "aria-label": t("public.noise.map") }), legend,
    h("details", {}, h("summary", {}, t("public.noise.table")), h("table", { class: "figures" }, h("caption", { class: "unseen" }, t("public.noise.table")),
      h("thead", {}, h("tr", {}, [t("public.square"), "Lden", t("public.lday"), t("public.levening"), t("public.lnight")].map((words) => h("th", { scope: "col" }, words)))), h("tbody", {}, rows))));
}

function drawMap(noise) {
  const place = root.querySelector(".noise-map");
  if (!place) return;
  const map = L.map(place, { attributionControl: Boolean(noise.tiles_url), keyboard: false, fadeAnimation: false, zoomAnimation: false, scrollWheelZoom: false }).setView([noise.site.latitude, noise.site.longitude], 14);
  map.createPane("ground").style.zIndex = 250;
  ground(map, { site: noise.site, tiles_url: noise.tiles_url, tiles_attribution: noise.tiles_attribution });
  const every = [];
  noise.features.filter((one) => one.properties.hours > 0).forEach((one, index) => {
    const corners = one.geometry.coordinates[0].map(([longitude, latitude]) => [latitude, longitude]);
    const { lden, lday, lnight } = one.properties;
    const shown = lden ?? lday ?? lnight;
    L.polygon(corners, { className: `noise noise-${shown === null ? "none" : classOf(shown)}`, interactive: false }).addTo(map)
      .bindTooltip(shown === null ? String(index + 1) : `${index + 1}: ${number(shown, 0)} dB`, { permanent: true, direction: "center", className: "label" });
    every.push(...corners);
  });
  map.fitBounds(L.latLngBounds(every).pad(0.1), { maxZoom: 16, animate: false });
}

function count(value, below) {
  return value === null || value === undefined ? h("span", { class: "dim", title: t("public.hidden.why", { below }) }, t("public.hidden", { below })) : number(value, 0);
}

function statisticsSection(told) {
  const { states, outcomes, hidden_below: below } = told;
  const used = STATES.filter((state) => Object.values(states).some((row) => row[state] !== 0 && row[state] !== undefined));
  const classes = Object.keys(states).filter((name) => name !== "*");
  const period = t("public.days", { from: day(told.from_us), until: day(told.until_us) });
  const row = (name, cells) => h("tr", {}, h("th", { scope: "row" }, name), used.map((state) => h("td", { "data-head": t(`state.${state}`) }, count(cells[state] ?? 0, below))), h("td", { "data-head": t("public.all") }, count(cells["*"], below)));
  const table = classes.length ? h("div", { class: "wide" }, h("table", { class: "figures figures-cards" }, h("caption", { class: "unseen" }, t("public.counts")),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("public.class")), used.map((state) => h("th", { scope: "col" }, t(`state.${state}`))), h("th", { scope: "col" }, t("public.all")))),
    h("tbody", {}, classes.map((name) => row(told.event_names[name] ?? name, states[name])), row(t("public.all"), states["*"])))) : h("p", { class: "nothing" }, t("public.counts.none"));
  const fact = (name, value) => h("div", {}, h("dt", {}, t(`public.${name}`)), h("dd", {}, value));
  return h("section", { class: "card", id: "statistics" }, h("h2", {}, t("public.statistics")), h("p", { class: "dim" }, `${period} · ${t("public.small", { below })}`),
    told.exercise && h("p", { class: "hatched band" }, t("public.exercise")),
    h("dl", { class: "tiles" }, fact("microphones", number(told.microphones, 0)), fact("cameras", number(told.cameras, 0)), fact("real", count(outcomes.real, below)), fact("not_real", count(outcomes.not_real, below)),
      fact("unknown", count(outcomes.unknown === null || outcomes.unreported === null ? null : outcomes.unknown + outcomes.unreported, below)),
      fact("decision", told.median_decision_s === null ? "–" : span(told.median_decision_s * 1e6))),
    h("h3", {}, t("public.counts")), table);
}

async function show() {
  document.title = t("public.noise");
  root.setAttribute("aria-busy", "true");
  put(root, h("main", { class: "public-main" }, h("h1", { class: "unseen" }, t("public.noise")), h("p", { class: "loading", role: "status" }, t("loading"))));
  try {
    const [noise, told] = await Promise.all([ask("noise"), ask("statistics")]);
    setClock(noise.time_zone, told.until_us);
    document.title = `${t("public.title", { site: told.site })} · Tocsin`;
    put(root, head(told.site), h("main", { class: "public-main" }, noiseSection(noise), statisticsSection(told), h("p", { class: "dim" }, t("public.foot"), " ", h("a", { class: "link", href: `/register?lang=${speaking()}` }, t("public.register")))));
    drawMap(noise);
  } catch {
    put(root, h("main", { class: "public-main" }, h("h1", {}, t("error.title")), h("div", { class: "card", role: "alert" }, h("p", {}, t("error.unreachable")), h("p", {}, h("button", { type: "button", class: "act", onclick: show }, t("again"))))));
  }
  root.removeAttribute("aria-busy");
}

async function switchTo(code) {
  await speak(code, true);
  await show();
}

await speak(speaking());
await show();
