// The duty roster: who is on duty now, this week's turns, and what makes them.

import { api } from "../api.js";
import { h } from "../dom.js";
import { speaking, t } from "../words.js";
import { button, choice, field, form, nothing, table } from "./parts.js";

const WEEK = [1, 2, 3, 4, 5, 6, 7];
const LEVELS = [1, 2, 3];

function weekday(number) {
  return new Intl.DateTimeFormat(speaking(), { weekday: "short", timeZone: "UTC" }).format(Date.UTC(2026, 10, 22 + number));
}

/** "2026-11-23T22:00" -> "Mon 23, 22:00": local times of the site as they come. */
function moment(text) {
  const [date, time] = text.split("T");
  const [year, month, dayOf] = date.split("-").map(Number);
  const short = new Intl.DateTimeFormat(speaking(), { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" }).format(Date.UTC(year, month - 1, dayOf));
  return `${short}, ${time}`;
}

/** "2026-11-23" as the reader's language writes it. */
function date(text) {
  const [year, month, dayOf] = text.split("-").map(Number);
  return new Intl.DateTimeFormat(speaking(), { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }).format(Date.UTC(year, month - 1, dayOf));
}

function turn(one) {
  return [one.person, t("roster.level", { level: one.level }), moment(one.starts), moment(one.ends)];
}

export const roster = {
  roles: new Set(["operator", "supervisor", "technician", "auditor", "administrator"]),
  load: () => api.roster(),
  draw(data, { again }) {
    const { now, turns, gaps, shifts, exceptions, people, may_change: mayChange } = data;
    const head = ["person", "level", "from", "until"].map((name) => t(`roster.${name === "level" ? "call" : name}`));
    const change = mayChange ? [t("roster.act")] : [];
    const end = (act) => (mayChange ? [button({ words: t("roster.end"), act, again, name: "end" })] : []);
    const person = () => field(t("roster.person"), choice("person", people.map((one) => [one.name, one.name])));
    const level = () => field(t("roster.call"), choice("level", LEVELS.map((value) => [value, t("roster.level", { level: value })]), 1));
    return [
      h("div", { class: `card on-duty${now.nobody ? " is-nobody" : ""}` }, h("h2", {}, t("roster.now")),
        now.nobody ? h("p", { class: "bad" }, t("roster.nobody")) : h("ul", {}, now.on_duty.map((one) => h("li", {}, h("strong", {}, one.person), " ", t("roster.level", { level: one.level }), ", ", t("roster.until_time", { time: moment(one.ends) }))))),
      gaps.length > 0 && turns.length > 0 && h("p", { class: "says says-warn" }, t("roster.gaps", { count: gaps.length })),
      h("h2", {}, t("roster.week")), turns.length ? table(t("roster.week"), head, turns.map(turn)) : nothing(t("roster.none"), t("roster.none.more")),
      h("h2", {}, t("roster.shifts")), shifts.length ? table(t("roster.shifts"), [t("roster.person"), t("roster.call"), t("roster.days"), t("roster.hours"), t("roster.valid"), ...change], shifts.map((one) => [
        one.person, t("roster.level", { level: one.level }), one.weekdays.map(weekday).join(" "), h("span", { class: "nowrap" }, `${one.start}–${one.end}`), one.until ? `${date(one.since)} – ${date(one.until)}` : t("roster.since", { day: date(one.since) }), ...end(() => api.endShift(one.number))])) : nothing(t("roster.shifts.none")),
      mayChange && people.length > 0 && form({
        fields: [person(), level(), h("fieldset", { class: "days" }, h("legend", {}, t("roster.days")), WEEK.map((number) => h("label", { class: "choice" }, h("input", { type: "checkbox", name: "weekday", value: number, checked: number < 6 }), h("span", {}, weekday(number))))),
          h("div", { class: "pair" }, field(t("roster.from"), h("input", { name: "start", type: "time", required: true, value: "06:00" })), field(t("roster.until"), h("input", { name: "end", type: "time", required: true, value: "14:00" }))),
          field(t("roster.since_day"), h("input", { name: "since", type: "date", required: true, value: data.from }))],
        submit: t("roster.add"), again,
        send: (fields) => api.addShift({ person: fields.person.value, level: Number(fields.level.value), weekdays: [...fields.weekday].filter((box) => box.checked).map((box) => Number(box.value)),
          start: fields.start.value, end: fields.end.value, since: fields.since.value }),
      }),
      h("h2", {}, t("roster.exceptions")), exceptions.length ? table(t("roster.exceptions"), [t("roster.person"), t("roster.what"), t("roster.from"), t("roster.until"), ...change], exceptions.map((one) => [
        one.person, t(one.on ? "roster.on" : "roster.off"), moment(one.starts), moment(one.ends), ...end(() => api.endException(one.number))])) : nothing(t("roster.exceptions.none")),
      mayChange && people.length > 0 && form({
        fields: [person(), field(t("roster.what"), choice("on", [["no", t("roster.off")], ["yes", t("roster.on")]])),
          h("div", { class: "pair" }, field(t("roster.from"), h("input", { name: "starts", type: "datetime-local", required: true })), field(t("roster.until"), h("input", { name: "ends", type: "datetime-local", required: true })))],
        submit: t("roster.add"), again,
        send: (fields) => api.addException({ person: fields.person.value, on: fields.on.value === "yes", starts: fields.starts.value.slice(0, 16), ends: fields.ends.value.slice(0, 16) }),
      }),
    ];
  },
};
