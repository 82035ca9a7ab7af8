// Trials beside a microphone: a clap that neighbours hear too, and the tone of a sound calibrator.

import { api } from "../api.js";
import { h, put } from "../dom.js";
import { metres, now, number, signed } from "../format.js";
import { state } from "../state.js";
import { t } from "../words.js";

const CLAP_S = 20;
const EVERY_MS = 1000;
const CALIBRATORS_DB = [94, 114];
const GOOD_DB = 0.7; // class 1 of IEC 60942 at 94 dB is ±0.25 dB, of the microphone ±0.5
const SPEED_MPS = 343;

/** The card of trials of microphone `sensor`. */
export function trialsCard(sensor) {
  return h("section", { class: "card", "data-card": "trials" }, h("h3", {}, t("trials.title")), clap(sensor), tone(sensor));
}

function clap(sensor) {
  const told = h("div", { class: "trial", role: "status" });
  const button = h("button", { type: "button", class: "act", "data-action": "clap", onclick: begin }, t("clap.begin"));

  async function begin() {
    button.disabled = true;
    const since = Math.round(now());
    try {
      for (let second = CLAP_S; second > 0 && told.isConnected; second -= 1) {
        const answer = await api.heard(sensor.id, since);
        draw(answer, second);
        await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      }
      if (told.isConnected) draw(await api.heard(sensor.id, since), 0);
    } catch (problem) {
      put(told, h("p", { class: "says says-bad" }, problem.message || t("technician.unsent")));
    } finally {
      button.disabled = false;
    }
  }

  function draw({ heard, neighbours }, left) {
    const own = heard.filter((one) => one.sensor === sensor.id).sort((a, b) => a.onset_us - b.onset_us);
    const others = new Map(heard.filter((one) => one.sensor !== sensor.id).map((one) => [one.sensor, one]));
    put(told, h("p", {}, left ? t("clap.now", { seconds: left }) : own.length ? t("clap.done") : t("clap.none")),
      h("p", { class: own.length ? "good" : "dim" }, own.length ? t("clap.own", { count: own.length, peak: own[0].peak_db === null ? "–" : number(own[0].peak_db, 0) }) : t("clap.own.none")),
      h("p", { class: others.size ? "good" : "dim" }, t("clap.others", { count: others.size, heard: number(others.size, 0), all: number(neighbours, 0) })),
      others.size > 0 && own.length > 0 && h("ul", {}, [...others.values()].map((one) => h("li", {}, t("clap.neighbour", {
        sensor: one.sensor, distance: metres(one.distance_m), after: signed((one.onset_us - own[0].onset_us) / 1000, 0), expected: number((one.distance_m / SPEED_MPS) * 1000, 0),
      })))));
  }

  return h("div", { class: "trial-box" }, h("h4", {}, t("clap.title")), h("p", { class: "dim" }, t("clap.words")), button, told);
}

function tone(sensor) {
  const level = h("select", { name: "calibrator" }, CALIBRATORS_DB.map((value) => h("option", { value }, `${value} dB`)));
  const told = h("p", { class: "trial", role: "status", "data-trial": "tone" });
  const draw = () => {
    const newest = state.sensors.get(sensor.id);
    const has = newest?.laeq_db !== null && newest?.laeq_db !== undefined;
    if (!has) return put(told, h("span", { class: "dim" }, t("tone.none")));
    const off = newest.laeq_db - Number(level.value);
    const good = Math.abs(off) <= GOOD_DB;
    return put(told, h("strong", { class: good ? "good" : Math.abs(off) > 15 ? "dim" : "bad" }, `LAeq ${number(newest.laeq_db, 1, 1)} dB`), " ",
      Math.abs(off) > 15 ? t("tone.wait") : t(good ? "tone.good" : "tone.off", { off: signed(off, 1) }));
  };
  level.addEventListener("change", draw);
  const watch = () => (told.isConnected ? draw() : state.removeEventListener("sensors", watch));
  state.addEventListener("sensors", watch);
  draw();
  return h("div", { class: "trial-box" }, h("h4", {}, t("tone.title")), h("p", { class: "dim" }, t("tone.words")), h("label", { class: "field" }, h("span", {}, t("tone.level")), level), told);
}
