// The panel beside the map: queue, history and sensors as tabs.

import { h, say } from "./dom.js";
import { number } from "./format.js";
import { state } from "./state.js";
import { t } from "./words.js";

const NAMES = ["queue", "history", "sensors"];

export class Panel {
  #chosen = "queue";

  constructor(bodies) {
    this.bodies = bodies;
    this.tabs = Object.fromEntries(NAMES.map((name) => [name, h("button", {
      type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `body-${name}`, onclick: () => this.show(name),
    })]));
    this.names = Object.fromEntries(NAMES.map((name) => [name, h("span", {})]));
    this.waiting = h("span", { class: "count", hidden: true });
    for (const name of NAMES) this.tabs[name].append(this.names[name]);
    this.tabs.queue.append(this.waiting);
    this.list = h("div", { class: "tabs", role: "tablist" }, Object.values(this.tabs));
    this.list.addEventListener("keydown", (event) => this.#key(event));
    for (const name of NAMES) {
      const body = bodies[name].element;
      body.id = `body-${name}`;
      body.setAttribute("role", "tabpanel");
      body.setAttribute("aria-labelledby", `tab-${name}`);
    }
    this.element = h("section", { class: "panel", "aria-label": t("panel.label") }, this.list, NAMES.map((name) => bodies[name].element));
    state.addEventListener("incidents", () => this.#count());
    this.#choose();
  }

  get chosen() {
    return this.#chosen;
  }

  show(name) {
    if (this.#chosen === name) return;
    this.#chosen = name;
    this.#choose();
    this.bodies[name].open?.();
    this.bodies[name].draw();
  }

  words() {
    this.list.setAttribute("aria-label", t("panel.label"));
    this.element.setAttribute("aria-label", t("panel.label"));
    this.#count();
    this.bodies.queue.draw();
    if (this.#chosen !== "queue") this.bodies[this.#chosen].words();
  }

  #count() {
    const waiting = state.queue().length;
    for (const name of NAMES) say(this.names[name], t(`tab.${name}`));
    say(this.waiting, waiting ? number(waiting, 0) : "");
    this.waiting.hidden = !waiting;
  }

  #choose() {
    for (const name of NAMES) {
      const chosen = name === this.#chosen;
      this.tabs[name].setAttribute("aria-selected", String(chosen));
      this.tabs[name].tabIndex = chosen ? 0 : -1;
      this.bodies[name].element.hidden = !chosen;
    }
  }

  #key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = NAMES[(NAMES.indexOf(this.#chosen) + step + NAMES.length) % NAMES.length];
    this.show(next);
    this.tabs[next].focus();
    event.preventDefault();
  }
}
