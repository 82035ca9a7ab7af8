// Numbers with their units and times with their offset, as the reader's language writes them.

import { known, speaking, t } from "./words.js";

let zone;
let ahead_ms = 0;

/** Show times in `timeZone` (IANA); the hub's clock is `now_us`, so that ages are right on a screen whose clock is not. */
export function setClock(timeZone, now_us) {
  zone = timeZone || undefined;
  if (now_us) ahead_ms = now_us / 1000 - Date.now();
}

/** The hub's time now, in microseconds. */
export function now() {
  return (Date.now() + ahead_ms) * 1000;
}

function date(us, options) {
  return new Intl.DateTimeFormat(speaking(), { timeZone: zone, hourCycle: "h23", ...options }).format(us / 1000);
}

/** "21:03:12" */
export function clock(us) {
  return date(us, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

/** "21:03:12.482": an onset is known to the millisecond. */
export function onset(us) {
  return date(us, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
}

/** "Sun 22 Nov" */
export function day(us) {
  return date(us, { weekday: "short", day: "numeric", month: "short" });
}

/** The whole of a time, with its offset: "22 November 2026, 21:03:12 UTC+1". */
export function whole(us) {
  const offset = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" })
    .formatToParts(us / 1000).find((part) => part.type === "timeZoneName").value.replace("GMT", "UTC");
  const text = date(us, { day: "numeric", month: "long", year: "numeric" });
  return `${text}, ${clock(us)} ${offset === "UTC" ? "UTC+00:00" : offset}`;
}

/** The offset alone: "UTC+01:00". */
export function offset(us) {
  return whole(us).split(" ").pop();
}

/** "2026-11-22": the day in the city, as a date field takes it. */
export function isoDay(us) {
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }).formatToParts(us / 1000);
  return ["year", "month", "day"].map((name) => parts.find((part) => part.type === name).value).join("-");
}

/** "22 Nov": for lists, where the room is short. */
export function shortDay(us) {
  return date(us, { day: "numeric", month: "short" });
}

/** True where `us` is today in the city. */
export function today(us) {
  return day(us) === day(now());
}

/** "12 s", "4 min", "3 h", "2 d": how long ago or how long. */
export function span(us) {
  const seconds = Math.max(0, Math.round(us / 1e6));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return t("unit.days", { days: number(Math.floor(seconds / 86_400), 0) });
}

/** A number with at most `digits` decimals, as the language writes it. */
export function number(value, digits = 1, least = 0) {
  return new Intl.NumberFormat(speaking(), { maximumFractionDigits: digits, minimumFractionDigits: least }).format(value);
}

/** A number that shows its sign, plus too. */
export function signed(value, digits = 1) {
  const format = { maximumFractionDigits: digits, minimumFractionDigits: digits, signDisplay: "exceptZero" };
  return new Intl.NumberFormat(speaking(), format).format(value);
}

/** "±6.1 m", "420 m", "1.2 km" */
export function metres(value) {
  if (value >= 1000) return `${number(value / 1000, 1)} km`;
  return `${number(value, value < 10 ? 1 : 0)} m`;
}

/** 0.874 -> "87 %": never 100 % nor 0 %, for nothing is sure. */
export function probability(value) {
  return `${number(100 * Math.min(0.99, Math.max(0.01, value)), 0)}\u00a0%`;
}

/** A log-odds as a factor that a person can weigh: 2.3 -> "×10", -1.4 -> "÷4". */
export function factor(logOdds) {
  const times = Math.exp(Math.abs(logOdds));
  const digits = times < 10 ? 1 : 0;
  return `${logOdds < 0 ? "÷" : "×"}${number(times > 10_000 ? 10_000 : times, digits)}`;
}

/** "45.43391, 4.38012": five decimals are a metre. */
export function coordinates(latitude, longitude) {
  return `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`;
}

/** Why a delivery failed, in words: "http_503" -> "HTTP 503", "timeout" -> "no answer in time". */
export function failed(error) {
  const status = /^http_(\d{3})$/.exec(error)?.[1];
  if (status) return `HTTP ${status}`;
  return known(`delivery.error.${error}`) ? t(`delivery.error.${error}`) : error;
}
