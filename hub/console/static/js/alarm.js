// A new incident is heard and seen: two soft tones, the title of the page, a live region for a screen reader.

import { t } from "./words.js";

let context = null;
let wanted = localStorage.getItem("tocsin.sound") !== "off";
const watchers = new Set();

/** "on", "off", or "blocked": wanted, but the browser lets nothing sound before a first click or key. */
export function sound() {
  if (!wanted) return "off";
  return context?.state === "running" ? "on" : "blocked";
}

export function watchSound(watcher) {
  watchers.add(watcher);
}

function tell() {
  watchers.forEach((watcher) => watcher(sound()));
}

async function wake() {
  context ??= new AudioContext();
  if (context.state !== "running") await context.resume();
  tell();
}

/** Sound on or off; the choice is remembered. */
export async function toggleSound() {
  wanted = !wanted || sound() === "blocked";
  localStorage.setItem("tocsin.sound", wanted ? "on" : "off");
  tell();
  if (wanted) {
    await wake();
    beep();
  }
}

/** After the first gesture the browser lets a page sound. */
export function armSound() {
  const first = () => {
    removeEventListener("pointerdown", first, true);
    removeEventListener("keydown", first, true);
    if (wanted) wake().catch(() => tell());
  };
  addEventListener("pointerdown", first, true);
  addEventListener("keydown", first, true);
}

function tone(frequency_hz, start_s, length_s) {
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.frequency.value = frequency_hz;
  gain.gain.setValueAtTime(0, start_s);
  gain.gain.linearRampToValueAtTime(0.25, start_s + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.001, start_s + length_s);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(start_s);
  oscillator.stop(start_s + length_s);
}

export function beep() {
  if (sound() !== "on") return;
  tone(784, context.currentTime, 0.35);
  tone(1047, context.currentTime + 0.22, 0.5);
}

/** Say `text` to a screen reader at once. */
export function announce(region, text) {
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, 60);
}

/** The title of the page carries the number that waits. */
export function title(site, count) {
  document.title = count ? `(${count}) ${t("title.waiting", { count })} · ${site}` : `Tocsin · ${site}`;
}
