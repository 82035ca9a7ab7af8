// Questions to the hub's API. An answer that is a problem document becomes a Problem with its stable code.

import { givenReason, reasonFor } from "./why.js";
import { speaking } from "./words.js";

export class Problem extends Error {
  /**
   * `status` is 0 where the hub could not be reached at all; `code` is stable, `detail` is a sentence for people;
   * `reasons` are those to choose from where the hub wants to know why one reads.
   */
  constructor(status, code, detail, reasons = []) {
    super(detail);
    this.status = status;
    this.code = code;
    this.reasons = reasons;
  }

  /** The problem that a hub's answer tells. */
  static of(status, value) {
    return new Problem(status, value?.code ?? "unknown", value?.detail ?? value?.title ?? "", value?.reasons ?? []);
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
  if (!answer.ok) throw Problem.of(answer.status, value);
  return value;
}

function query(values) {
  const kept = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return kept.length ? `?${new URLSearchParams(kept)}` : "";
}

/** Read what one says why for: asked once, and again only where the hub does not take the reason. */
async function read(path, values = {}) {
  const given = givenReason();
  try {
    return await ask("GET", path + query({ ...values, reason: given }));
  } catch (problem) {
    if (problem.code !== WITHOUT_REASON) throw problem;
    const reason = await reasonFor(problem.reasons, given);
    if (reason === null) throw problem;
    return ask("GET", path + query({ ...values, reason }));
  }
}

/** The hub's code where it wants to know why somebody reads. */
export const WITHOUT_REASON = "LEGAL_READ_WITHOUT_REASON";

export const api = {
  status: () => ask("GET", "/status"),
  sensors: () => ask("GET", "/sensors"),
  /** A page of incidents, newest first: `{incidents, next}`; `next` is the `before` of the page after it. */
  incidents: (filters) => read("/incidents", filters),
  incident: (id) => read(`/incidents/${encodeURIComponent(id)}`),
  decide: (id, decision) => ask("POST", `/incidents/${encodeURIComponent(id)}/decisions`, decision),
  setup: (code, name, password) => ask("POST", "/setup", { code, name, password }),
  signIn: (name, password, code) => ask("POST", "/session", { name, password, code }),
  signOut: () => ask("DELETE", "/session"),
  addSensor: (sensor) => ask("POST", "/sensors", sensor),
  code: (id) => ask("POST", `/sensors/${encodeURIComponent(id)}/code`),
  revoke: (id, reason) => ask("POST", `/sensors/${encodeURIComponent(id)}/revoke`, { reason }),
  report: (report) => ask("POST", "/incidents", report),
  quality: (days) => ask("GET", `/quality${query({ days })}`),
  handover: () => ask("GET", "/handover"),
  note: (text) => ask("POST", "/handover", { text }),
  takeOver: () => ask("POST", "/handover/take"),
  calendar: () => ask("GET", "/calendar"),
  declare: (declaration) => ask("POST", "/calendar", declaration),
  endDeclaration: (number, reason) => ask("POST", `/calendar/${number}/end`, { reason }),
  drill: () => ask("GET", "/drill"),
  beginDrill: (purpose, minutes) => ask("POST", "/drill", { purpose, minutes }),
  endDrill: () => ask("DELETE", "/drill"),
  outbox: () => ask("GET", "/outbox?limit=100"),
  deliveries: () => ask("GET", "/deliveries?limit=100"),
  replay: (sequence) => ask("POST", `/outbox/${sequence}/replay`),
  testWebhook: (name) => ask("POST", `/webhooks/${encodeURIComponent(name)}/test`),
  enableWebhook: (name) => ask("POST", `/webhooks/${encodeURIComponent(name)}/enable`),
  alerts: () => ask("GET", "/alerts"),
  roster: (from) => ask("GET", `/roster${query({ from })}`),
  addShift: (shift) => ask("POST", "/roster/shifts", shift),
  endShift: (number) => ask("DELETE", `/roster/shifts/${number}`),
  addException: (one) => ask("POST", "/roster/exceptions", one),
  endException: (number) => ask("DELETE", `/roster/exceptions/${number}`),
  suspensions: () => ask("GET", "/suspensions"),
  suspend: (name, reason) => ask("POST", "/suspensions", { name, reason }),
  resume: (name, reason) => ask("DELETE", `/suspensions/${encodeURIComponent(name)}`, { reason }),
  people: () => ask("GET", "/people"),
  addPerson: (person) => ask("POST", "/people", person),
  closePerson: (name) => ask("DELETE", `/people/${encodeURIComponent(name)}`),
  requests: () => ask("GET", "/requests"),
  addRequest: (one) => ask("POST", "/requests", one),
  answerRequest: (number, answer) => ask("POST", `/requests/${number}/answer`, { answer }),
  missed: () => ask("GET", "/missed"),
  history: (id) => ask("GET", `/sensors/${encodeURIComponent(id)}/history`),
  heard: (id, since) => ask("GET", `/sensors/${encodeURIComponent(id)}/heard${query({ since, reason: "maintenance" })}`),
  plan: (planned) => ask("POST", "/plan", planned),
  place: (id, position) => ask("PATCH", `/sensors/${encodeURIComponent(id)}`, position),
};
