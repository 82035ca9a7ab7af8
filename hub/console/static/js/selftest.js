// The self-test of a sensor, from what it says of itself: each line is a question with its answer and its figure.

import { now, number, span } from "./format.js";
import { t } from "./words.js";

// The same bounds by which the hub calls a sensor well; see hub/registry/record.py.
const SILENT_US = 35e6;
const CLOCK_POOR_US = 20_000;
const QUEUE_LONG = 5_000;
const BATTERY_LOW = 0.2; // a winter night of a small box
const HOT_C = 80; // where small boards begin to slow down
const LEVELS_DB = [20, 130]; // a street is never quieter, no microphone here is asked for more

/** [{name, verdict: "good" | "bad" | "unknown", says}] of a sensor as the API gives it. */
export function selfTest(sensor) {
  const heard = sensor.last_seen_us && now() - sensor.last_seen_us < SILENT_US;
  const checks = [
    ["enrolled", sensor.enrolled, sensor.enrolled ? sensor.software || "" : t("test.enrolled.no")],
    ["heard", sensor.last_seen_us ? heard : null, sensor.last_seen_us ? t("ago", { span: span(now() - sensor.last_seen_us) }) : t("test.unknown")],
  ];
  const since = heard ? true : null;
  checks.push(["capture", since && !/^capture_/.test(sensor.state_reason ?? "") && sensor.state !== "lost", ""]);
  const sigma = sensor.clock_sigma_us;
  const known = since && Number.isFinite(sigma) && sigma !== null;
  const clockGood = sensor.state_reason !== "clock_off" && (sensor.kind === "camera" || sigma <= CLOCK_POOR_US);
  checks.push(["clock", known ? clockGood : null, known ? `±${sigma < 1000 ? `${number(sigma, 0)} µs` : `${number(sigma / 1000, 1)} ms`}` : ""]);
  const queue = sensor.queue_depth;
  checks.push(["uplink", since && queue !== null ? queue <= QUEUE_LONG : null, queue === null ? "" : t("test.uplink.says", { queue: number(queue, 0), dropped: number(sensor.dropped ?? 0, 0) })]);
  if (sensor.battery !== null && sensor.battery !== undefined) {
    checks.push(["battery", since && sensor.battery > BATTERY_LOW, `${number(100 * sensor.battery, 0)} %`]);
  }
  if (sensor.temperature_c !== null && sensor.temperature_c !== undefined) {
    checks.push(["warmth", since && sensor.temperature_c < HOT_C, `${number(sensor.temperature_c, 0)} °C`]);
  }
  if (sensor.kind === "microphone") {
    const level = sensor.laeq_db;
    const has = level !== null && level !== undefined;
    checks.push(["level", has ? level > LEVELS_DB[0] && level < LEVELS_DB[1] : null, has ? `LAeq ${number(level, 1)} dB` : ""]);
  } else {
    checks.push(["view", sensor.field_of_view.length > 2, sensor.field_of_view.length > 2 ? "" : t("test.view.no")]);
  }
  return checks.map(([name, good, says]) => ({ name, verdict: good === null ? "unknown" : good ? "good" : "bad", says }));
}
