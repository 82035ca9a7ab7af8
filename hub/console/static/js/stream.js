// The hub's server-sent events, read by fetch and not by EventSource: this way the page hears the keep-alive, knows how
// old its data is, sends its language, and can tell "signed out" from "out of reach".

import { Problem, WITHOUT_REASON } from "./api.js";
import { givenReason, reasonFor } from "./why.js";
import { speaking } from "./words.js";

const SILENCE_MS = 40_000; // the hub says something at least every 15 s; two missed and a bit
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8_000;

export class Stream {
  #id = null;
  #abort = null;
  #wait_ms = FIRST_WAIT_MS;
  #running = false;
  #timer = null;
  #wake = null;

  /** `onEvent(name, data)`; `onState("live" | "lost" | "signed_out" | "unread")`; `onHeard()` at every byte; `incidents` is false for a page that shows none. */
  constructor({ onEvent, onState, onHeard, incidents = true }) {
    this.incidents = incidents;
    this.onEvent = onEvent;
    this.onState = onState;
    this.onHeard = onHeard;
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.hurry());
  }

  async start() {
    if (this.#running) return;
    this.#running = true;
    while (this.#running) {
      const verdict = await this.#once();
      if (!this.#running) return;
      if (verdict === "signed_out" || verdict === "unread") {
        this.#running = false;
        this.onState(verdict);
        return;
      }
      if (verdict === "reason") continue;
      this.onState("lost");
      await new Promise((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, this.#wait_ms * (0.75 + Math.random() / 2));
      });
      this.#wait_ms = Math.min(LONGEST_WAIT_MS, this.#wait_ms * 2);
    }
  }

  stop() {
    this.#running = false;
    this.#abort?.abort();
  }

  /** Try again at once: the network came back, or the page came into sight. */
  hurry() {
    this.#wait_ms = FIRST_WAIT_MS;
    this.#wake?.();
  }

  async #once() {
    this.#abort = new AbortController();
    const headers = { Accept: "text/event-stream", "Accept-Language": speaking() };
    if (this.#id !== null) headers["Last-Event-ID"] = this.#id;
    this.#guard();
    try {
      const given = givenReason();
      const why = this.incidents ? given === null ? "" : `?${new URLSearchParams({ reason: given })}` : "?incidents=no";
      const answer = await fetch(`/api/v1/events${why}`, { headers, cache: "no-store", signal: this.#abort.signal });
      if (answer.status === 401 || answer.status === 403) return "signed_out";
      if (answer.status === 400) return await this.#why(Problem.of(400, await answer.json()), given);
      if (!answer.ok) return "lost";
      this.#wait_ms = FIRST_WAIT_MS;
      this.onState("live");
      await this.#read(answer.body);
    } catch {
      // A broken stream is no error here: the loop above says so on the page and tries again.
    } finally {
      clearTimeout(this.#timer);
    }
    return "lost";
  }

  /** The hub wants to know why one reads: "reason" once it is said, "unread" where the person rather does not read. */
  async #why(problem, given) {
    if (problem.code !== WITHOUT_REASON) return "lost";
    clearTimeout(this.#timer); // a person thinks as long as a person thinks
    return await reasonFor(problem.reasons, given) === null ? "unread" : "reason";
  }

  #guard() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#abort.abort(), SILENCE_MS);
  }

  async #read(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.#guard();
      this.onHeard();
      const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop();
      blocks.forEach((block) => this.#block(block));
    }
  }

  #block(block) {
    let name = "message";
    const data = [];
    for (const line of block.split("\n")) {
      const [, field, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
      if (field === "event") name = value;
      else if (field === "data") data.push(value);
      else if (field === "id") this.#id = value;
    }
    if (!data.length) return;
    try {
      this.onEvent(name, JSON.parse(data.join("\n")));
    } catch (error) {
      console.warn("an event could not be read", name, error);
    }
  }
}
