// The webhook log: what waits, what failed for good, every attempt with its answer; send again, and try a receiver.

import { api } from "../api.js";
import { h } from "../dom.js";
import { failed, number } from "../format.js";
import { state } from "../state.js";
import { t } from "../words.js";
import { button, nothing, table, when } from "./parts.js";

/** The headers of a request as lines: what was sent, never the secret. */
function headers(request) {
  return Object.entries(request ?? {}).map(([name, value]) => `${name}: ${value}`).join("\n");
}

function attempt(one) {
  const verdict = one.ok ? h("span", { class: "good" }, t("messages.ok", { status: one.status })) : h("span", { class: "bad" }, one.error ? failed(one.error) : t("messages.status", { status: one.status ?? "?" }));
  return [when(one.at_us), one.endpoint, t(`messages.kind.${one.kind}`), number(one.attempt, 0), verdict, `${number(one.latency_ms, 0)} ms`,
    h("details", {}, h("summary", {}, t("messages.more")), h("p", { class: "dim" }, one.message_id), h("pre", {}, headers(one.request)), one.answer && h("pre", {}, one.answer))];
}

export const messages = {
  roles: new Set(["operator", "supervisor", "technician", "auditor", "administrator"]),
  live: true,
  load: async () => {
    const [outbox, log] = await Promise.all([api.outbox(), api.deliveries()]);
    return { ...outbox, ...log };
  },
  draw({ messages: waiting, disabled, deliveries, endpoints = [] }, { again }) {
    const mayAct = ["supervisor", "administrator"].includes(state.status.person.role);
    const closed = new Set(Array.isArray(disabled) ? disabled : Object.keys(disabled ?? {}));
    const dead = waiting.filter((one) => one.state === "dead");
    const pending = waiting.filter((one) => one.state === "pending");
    const row = (one) => [when(one.created_us), one.endpoint, t(`messages.kind.${one.kind}`), number(one.attempts, 0), one.error ? failed(one.error) : "—",
      one.state === "dead" && mayAct ? button({ words: t("messages.replay"), act: () => api.replay(one.sequence), again, name: "replay" }) : when(one.due_us)];
    const head = ["when", "endpoint", "kind", "attempts", "error"].map((name) => t(`messages.${name}`));
    return [
      endpoints.length ? h("ul", { class: "endpoints" }, endpoints.map((one) => h("li", { class: "card" },
        h("p", {}, h("strong", {}, one.name), " ", one.exercise && h("span", { class: "hatched" }, t("exercise.word")), closed.has(one.name) && h("span", { class: "bad" }, ` ${t("messages.closed")}`)),
        h("p", { class: "dim wrap" }, one.host),
        mayAct && h("p", { class: "acts-row" }, button({ words: t("messages.test"), act: () => api.testWebhook(one.name), again, name: "test" }),
          closed.has(one.name) && button({ words: t("messages.open"), act: () => api.enableWebhook(one.name), again, name: "enable" }))))) : nothing(t("messages.no_endpoint"), t("messages.no_endpoint.more")),
      h("h2", {}, t("messages.dead")), dead.length ? table(t("messages.dead"), [...head, t("messages.act")], dead.map(row)) : nothing(t("messages.dead.none")),
      h("h2", {}, t("messages.pending")), pending.length ? table(t("messages.pending"), [...head, t("messages.next")], pending.map(row)) : nothing(t("messages.pending.none")),
      h("h2", {}, t("messages.log")), deliveries.length
        ? table(t("messages.log"), [...["when", "endpoint", "kind", "attempt", "answer", "latency"].map((name) => t(`messages.${name}`)), t("messages.detail")], deliveries.map(attempt))
        : nothing(t("messages.log.none")),
    ];
  },
};
