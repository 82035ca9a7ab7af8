// The head of the page: whose site, which mode, is the stream alive, what time it is; and the few switches.

import { sound, toggleSound, watchSound } from "./alarm.js";
import { h, put, say } from "./dom.js";
import { clock, now, offset, span, whole } from "./format.js";
import { sign } from "./icons.js";
import { state } from "./state.js";
import { LANGUAGES, speaking, t } from "./words.js";

/** Name, address, and the first parts of paths that belong to it. */
const WAYS = [["map", "/", ["", "incidents"]], ["desk", "/desk", ["desk"]], ["technician", "/technician", ["technician"]], ["public", "/public", []]];

export class Header {
  constructor({ onLanguage, onHelp, onSignOut, technician = false }) {
    this.actions = { onLanguage, onHelp, onSignOut };
    this.technician = technician;
    this.title = h("h1", { class: "site" });
    this.ways = h("nav", { class: "ways" });
    this.mode = h("div", { class: "mode" });
    this.connection = h("p", { class: "connection", role: "status" });
    this.clock = h("time", { class: "clock" });
    this.tools = h("div", { class: "tools" });
    this.bar = h("div", { class: "head" }, this.title, this.ways, this.mode, h("div", { class: "head-end" }, this.connection, this.clock, this.tools));
    this.band = h("p", { class: "hatched band site-band", hidden: true });
    this.lost = h("p", { class: "lost", role: "alert", hidden: true });
    this.mended = h("p", { class: "mended-band", role: "status", hidden: true });
    this.drill = h("p", { class: "drill-band", role: "status", hidden: true });
    this.element = h("header", { class: "top" }, this.bar, this.drill, this.band, this.mended, this.lost);
    state.addEventListener("status", () => this.draw());
    state.addEventListener("connection", () => this.#connection());
    watchSound(() => this.#tools());
    setInterval(() => this.#tick(), 1000);
  }

  draw() {
    const { status } = state;
    if (!status) return;
    put(this.title, h("span", { class: "name" }, "Tocsin"), h("span", { class: "place-name", title: status.site.name }, status.site.name));
    const reasons = (status.mode_reasons ?? []).map((reason) => reason.text ?? String(reason)).join(" ");
    put(this.mode, h("span", { class: `pill mode-${status.mode}`, title: reasons || null },
      status.mode_word ? t("mode.is", { mode: status.mode_word }) : t(`mode.${status.mode}`)));
    this.band.hidden = !status.exercise;
    this.band.textContent = status.exercise ? t("exercise.site") : "";
    this.mended.hidden = !status.mended?.length;
    say(this.mended, (status.mended ?? []).map((one) => one.text).join(" "));
    this.#drill(status.drill);
    this.#ways();
    this.#tools();
    this.#connection();
    this.#tick();
  }

  /** A drill is said on every page, in a frame and a colour that nothing else has. */
  #drill(drill) {
    document.getElementById("app").classList.toggle("is-drill", Boolean(drill));
    this.drill.hidden = !drill;
    say(this.drill, drill ? t("drill.band", { purpose: drill.purpose, time: clock(drill.until_us).slice(0, 5) }) : "");
  }

  #ways() {
    const shown = speaking();
    if (shown === this.waysShown) return;
    this.waysShown = shown;
    this.ways.setAttribute("aria-label", t("ways.label"));
    const here = location.pathname.split("/")[1];
    put(this.ways, WAYS.map(([name, path, first]) => h("a", { href: path, "aria-current": first.includes(here) ? "page" : null }, t(`ways.${name}`))));
  }

  // The first press on the page wakes the sound, so nothing here may be made anew for it: a button that is replaced
  // between press and release swallows the click.
  #tools() {
    if (!state.status) return;
    const { person } = state.status;
    const shown = JSON.stringify([speaking(), person]);
    if (shown !== this.shown) {
      this.shown = shown;
      this.sound = !this.technician && h("button", { type: "button", onclick: toggleSound, "data-tool": "sound" });
      const language = h("select", { class: "language", "aria-label": t("language.label"), onchange: (event) => this.actions.onLanguage(event.target.value) },
        Object.entries(LANGUAGES).map(([code, name]) => h("option", { value: code, lang: code, selected: code === speaking() }, name)));
      put(this.tools,
        this.sound,
        h("button", { type: "button", class: "tool", onclick: nextTheme, title: t("theme.switch"), "aria-label": t("theme.switch"), "data-tool": "theme" }, sign("theme")),
        !this.technician && h("button", { type: "button", class: "tool", onclick: this.actions.onHelp, title: t("help.open"), "aria-label": t("help.open"), "data-tool": "help" }, sign("help")),
        language,
        person && h("span", { class: "person", title: t(`role.${person.role}`) }, person.name),
        person && h("button", { type: "button", class: "link sign-out", onclick: this.actions.onSignOut }, t("session.out")));
    }
    if (this.sound) this.#sound();
  }

  #sound() {
    const on = sound();
    const shown = `${on} ${speaking()}`;
    if (this.sound.dataset.shown === shown) return;
    this.sound.dataset.shown = shown;
    this.sound.className = `tool sound-${on}`;
    this.sound.title = t(`sound.${on}`);
    this.sound.setAttribute("aria-pressed", String(on !== "off"));
    put(this.sound, sign(on === "off" ? "muted" : "sound"), h("span", { class: "tool-word" }, t(`sound.${on}.short`)));
  }

  #connection() {
    const { connection } = state;
    this.bar.dataset.connection = connection;
    const word = connection === "live" ? t("connection.live") : connection === "lost" ? t("connection.lost") : t("connection.connecting");
    put(this.connection, h("span", { class: `dot dot-${connection}`, "aria-hidden": "true" }), h("span", {}, word));
    this.#tick();
  }

  #tick() {
    if (!state.status) return;
    const time = now();
    this.clock.textContent = clock(time);
    this.clock.title = whole(time);
    this.clock.append(h("span", { class: "dim" }, ` ${offset(time)}`));
    const lost = state.connection === "lost";
    const changed = lost !== !this.lost.hidden;
    this.lost.hidden = !lost;
    if (lost) {
      // The words stand still for a screen reader; only the age beside them runs.
      if (changed || !this.lost.firstChild) put(this.lost, h("strong", {}, t("lost.words")), " ", h("span", { "aria-live": "off", class: "lost-age" }));
      this.lost.querySelector(".lost-age").textContent = t("lost.age", { span: span((Date.now() - state.heard_ms) * 1000), time: clock(time - (Date.now() - state.heard_ms) * 1000) });
    }
  }
}

function nextTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : !matchMedia("(prefers-color-scheme: light)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("tocsin.theme", root.dataset.theme);
}
