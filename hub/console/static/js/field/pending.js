// Changes that could not be sent: kept on the phone, in order, and sent when the hub answers again.

import { api, Problem } from "../api.js";

const KEPT = "tocsin.pending";
const MOST = 100;
const watchers = new Set();
let sending = false;

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? [];
  } catch {
    return [];
  }
}

function write(list) {
  if (list.length) localStorage.setItem(KEPT, JSON.stringify(list));
  else localStorage.removeItem(KEPT);
  watchers.forEach((watcher) => watcher());
}

/** What waits: [{id, body, at_ms, refused}]. */
export function pending() {
  return read();
}

export function watchPending(watcher) {
  watchers.add(watcher);
}

/** Forget what waits for `id` (null: everything): it was refused, or the person signs out. */
export function forgetPending(id = null) {
  write(id === null ? [] : read().filter((one) => one.id !== id));
}

/** Change sensor `id`; where the hub is out of reach the change waits on the phone. {sensor} or null where it waits. */
export async function change(id, body) {
  try {
    return await api.place(id, body);
  } catch (problem) {
    if (problem.status !== 0) throw problem;
    // Of one sensor only the newest whole change counts.
    const before = read().find((one) => one.id === id)?.body ?? {};
    const list = read().filter((one) => one.id !== id);
    if (list.length >= MOST) throw new Problem(0, "unreachable", "");
    write([...list, { id, body: { ...before, ...body }, at_ms: Date.now(), refused: "" }]);
    return null;
  }
}

/** Send what waits; `onSent(sensor)` hears of each. What the hub refuses stays, with its words, until it is put away. */
export async function sendPending(onSent) {
  if (sending) return;
  sending = true;
  try {
    for (const one of read().filter((kept) => !kept.refused)) {
      try {
        const answer = await api.place(one.id, one.body);
        write(read().filter((kept) => kept.at_ms !== one.at_ms || kept.id !== one.id));
        onSent(answer.sensor);
      } catch (problem) {
        if (problem.status === 0 || problem.status === 401 || problem.status >= 500) return;
        write(read().map((kept) => (kept.id === one.id ? { ...kept, refused: problem.message || String(problem.status) } : kept)));
      }
    }
  } finally {
    sending = false;
  }
}
