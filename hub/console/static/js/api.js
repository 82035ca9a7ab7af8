// Questions to the hub's API. An answer that is a problem document becomes a Problem with its stable code.

import { speaking } from "./words.js";

export class Problem extends Error {
  /** `status` is 0 where the hub could not be reached at all; `code` is stable, `detail` is a sentence for people. */
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

const LONGEST_MS = 15_000;

async function ask(method, path, body) {
  const headers = { Accept: "application/json", "Accept-Language": speaking() };
  if (method !== "GET") headers["X-Tocsin"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(`/api/v1${path}`, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store", signal: AbortSignal.timeout(LONGEST_MS),
    });
  } catch {
    throw new Problem(0, "unreachable", "");
  }
  const text = await answer.text();
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    throw new Problem(answer.status, "not_json", "");
  }
  if (!answer.ok) throw new Problem(answer.status, value?.code ?? "unknown", value?.detail ?? value?.title ?? "");
  return value;
}

function query(values) {
  const kept = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return kept.length ? `?${new URLSearchParams(kept)}` : "";
}

export const api = {
  status: () => ask("GET", "/status"),
  sensors: () => ask("GET", "/sensors"),
  /** A page of incidents, newest first: `{incidents, next}`; `next` is the `before` of the page after it. */
  incidents: (filters) => ask("GET", `/incidents${query(filters)}`),
  incident: (id) => ask("GET", `/incidents/${encodeURIComponent(id)}`),
  decide: (id, decision) => ask("POST", `/incidents/${encodeURIComponent(id)}/decisions`, decision),
  setup: (code, name, password) => ask("POST", "/setup", { code, name, password }),
  signIn: (name, password, code) => ask("POST", "/session", { name, password, code }),
  signOut: () => ask("DELETE", "/session"),
  addSensor: (sensor) => ask("POST", "/sensors", sensor),
  code: (id) => ask("POST", `/sensors/${encodeURIComponent(id)}/code`),
  place: (id, position) => ask("PATCH", `/sensors/${encodeURIComponent(id)}`, position),
};
