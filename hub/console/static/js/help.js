// The keys, and what the shapes mean.

import { h, put } from "./dom.js";
import { sensorIcon, stateIcon } from "./icons.js";
import { t } from "./words.js";

const KEYS = [["J", "K"], ["A"], ["C", "Enter"], ["R", "1"], ["U"], ["N"], ["Esc"], ["M"], ["?"]];
const NAMES = ["move", "acknowledge", "confirm", "reject", "unsure", "report", "escape", "mute", "help"];
const STATES = ["open", "acknowledged", "confirmed", "rejected", "unsure", "expired", "closed"];
const SENSORS = [["microphone", "ok"], ["camera", "ok"], ["microphone", "degraded"], ["microphone", "lost"], ["microphone", "never"], ["microphone", "revoked"]];

export function helpDialog() {
  const dialog = h("dialog", { class: "help", "aria-labelledby": "help-title" });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  return dialog;
}

export function openHelp(dialog) {
  const keys = KEYS.map((keyList, index) => [
    h("dt", {}, keyList.map((key) => h("kbd", {}, key === "Enter" ? t("key.enter") : key))), h("dd", {}, t(`help.${NAMES[index]}`))]);
  const states = STATES.map((name) => h("li", { class: `is-${name}` }, stateIcon(name), t(`state.${name}`)));
  const sensors = SENSORS.map(([kind, name]) => h("li", {}, sensorIcon(kind, name),
    name === "ok" ? `${t(`sensor.kind.${kind}`)}, ${t("sensor.state.ok")}` : t(`sensor.state.${name}`)));
  put(dialog, h("div", { class: "help-body" },
    h("h2", { id: "help-title", tabindex: "-1", autofocus: true }, t("help.title")), h("dl", { class: "keys" }, keys),
    h("h3", {}, t("help.states")), h("ul", { class: "legend-list" }, states),
    h("h3", {}, t("help.sensors")), h("ul", { class: "legend-list" }, sensors),
    h("h3", {}, t("help.map")), h("p", {}, t("help.map.words")),
    h("form", { method: "dialog" }, h("button", { class: "act" }, t("help.close")))));
  dialog.showModal();
}
