// What could not be sent: kept on the phone, in order, sent when the hub answers again; what became of it is told.

import { api, Problem } from "../api.js";

const KEPT = "tocsin.pending";
const MOST = 100;
const watchers = new Set();
let sending = false;
let done = [];

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? [];
  } catch {
    return [];
  }
}

function tell() {
  watchers.forEach((watcher) => watcher());
}

function write(list) {
  if (list.length) localStorage.setItem(KEPT, JSON.stringify(list));
  else localStorage.removeItem(KEPT);
  tell();
}

/** What waits: [{id, body, at_ms, refused, adds}]; `adds` is true for a registration. */
export function pending() {
  return read();
}

/** What was sent since the page was opened: [{id, adds, enrolment}]. It is in memory alone: an enrolment is a secret. */
export function sent() {
  return done;
}

export function watchPending(watcher) {
  watchers.add(watcher);
}

/** Forget what waits for `id` (null: everything): it was refused, or the person signs out. */
export function forgetPending(id = null) {
  if (id === null) done = [];
  write(id === null ? [] : read().filter((one) => one.id !== id));
}

/** The person has read what became of `id`. */
export function forgetSent(id) {
  done = done.filter((one) => one.id !== id);
  tell();
}

/** Change sensor `id`; where the hub is out of reach the change waits on the phone. {sensor} or null where it waits. */
export async function change(id, body) {
  try {
    return await api.place(id, body);
  } catch (problem) {
    return keep(problem, id, body, false);
  }
}

/** Register a sensor; where the hub is out of reach the registration waits. {sensor, enrolment} or null. */
export async function register(body) {
  try {
    return await api.addSensor(body);
  } catch (problem) {
    return keep(problem, body.id, body, true);
  }
}

function keep(problem, id, body, adds) {
  if (problem.status !== 0) throw problem;
  // Of one sensor only the newest whole of what is wanted counts; what changes a registration that waits is part of it.
  const before = read().find((one) => one.id === id && (!one.refused || !adds));
  const list = read().filter((one) => one.id !== id);
  if (list.length >= MOST) throw new Problem(0, "unreachable", "");
  write([...list, { id, body: { ...before?.body, ...body }, at_ms: Date.now(), refused: "", adds: adds || Boolean(before?.adds) }]);
  return null;
}

/** Send what waits; `onSent(sensor)` hears of each. What the hub refuses stays, with its words, until it is put away. */
export async function sendPending(onSent) {
  if (sending) return;
  sending = true;
  try {
    for (const one of read().filter((kept) => !kept.refused)) {
      try {
        const answer = await (one.adds ? api.addSensor(one.body) : api.place(one.id, one.body));
        done = [...done.filter((told) => told.id !== one.id), { id: one.id, adds: Boolean(one.adds), enrolment: answer.enrolment ?? null }];
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
