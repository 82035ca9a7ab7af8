// The travel-time curve: distance against time of arrival. What one source explains lies on one straight line.

import { h, s } from "./dom.js";
import { metres, number, signed } from "./format.js";
import { t } from "./words.js";

const [WIDTH, HEIGHT] = [360, 180];
const [LEFT, RIGHT, TOP, BOTTOM] = [56, 14, 16, 32];

/** The line time = origin + distance / speed through arrivals, by least squares; null where there are too few. */
export function fit(arrivals) {
  const n = arrivals.length;
  if (n < 3) return null;
  const zero = arrivals[0].onset_us;
  const d = arrivals.map((arrival) => arrival.distance_m);
  const e = arrivals.map((arrival) => (arrival.onset_us - zero) / 1e6);
  const [meanD, meanE] = [d.reduce((a, b) => a + b) / n, e.reduce((a, b) => a + b) / n];
  const spread = d.reduce((sum, value) => sum + (value - meanD) ** 2, 0);
  const slope = d.reduce((sum, value, k) => sum + (value - meanD) * (e[k] - meanE), 0) / spread;
  if (!(slope > 1 / 400 && slope < 1 / 280)) return null;
  return { speed_mps: 1 / slope, origin_us: zero + (meanE - slope * meanD) * 1e6 };
}

function ticks(limit, count) {
  const rough = limit / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((value) => value >= rough);
  return Array.from({ length: Math.floor(limit / step) + 1 }, (_, k) => k * step);
}

/** The chart of an incident whose arrivals lie on a line, as an SVG; null where there is nothing to draw. */
export function travelTimes(arrivals) {
  const line = fit(arrivals);
  if (!line) return null;
  const farthest = Math.max(...arrivals.map((arrival) => arrival.distance_m)) * 1.08;
  const longest_ms = (farthest / line.speed_mps) * 1000;
  const x = (distance_m) => LEFT + (distance_m / farthest) * (WIDTH - LEFT - RIGHT);
  const y = (ms) => HEIGHT - BOTTOM - (ms / longest_ms) * (HEIGHT - TOP - BOTTOM);
  const parts = [];
  for (const distance of ticks(farthest, 4)) {
    parts.push(s("line", { class: "axis", x1: x(distance), x2: x(distance), y1: TOP, y2: HEIGHT - BOTTOM }));
    parts.push(s("text", { x: x(distance), y: HEIGHT - 12, "text-anchor": "middle" }, metres(distance)));
  }
  for (const ms of ticks(longest_ms, 3)) {
    parts.push(s("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: y(ms), y2: y(ms) }));
    parts.push(s("text", { x: LEFT - 6, y: y(ms) + 4, "text-anchor": "end" }, longest_ms > 1000 ? `${number(ms / 1000, 1)} s` : `${number(ms, 0)} ms`));
  }
  parts.push(s("line", { class: "curve", x1: x(0), y1: y(0), x2: x(farthest), y2: y(longest_ms) }));
  parts.push(s("text", { class: "speed", x: WIDTH - RIGHT - 4, y: HEIGHT - BOTTOM - 8, "text-anchor": "end" }, t("arrivals.speed", { speed: number(line.speed_mps, 0) })));
  for (const arrival of arrivals) {
    const at = (arrival.onset_us - line.origin_us) / 1000;
    parts.push(s("circle", { class: "pick", cx: x(arrival.distance_m), cy: y(at), r: 4.5 },
      s("title", {}, `${arrival.sensor}: ${metres(arrival.distance_m)}, ${number(at, 1)} ms`)));
  }
  return s("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": t("arrivals.chart") }, parts);
}

function after(ms) {
  return Math.abs(ms) < 10_000 ? t("unit.ms", { value: signed(ms, 1) }) : `${signed(ms / 1000, 1)} s`;
}

/** The same in numbers, for those who read rather than look; without travel times (not `timed`) only who heard it when. */
export function arrivalTable(arrivals, sensorLink, timed) {
  const rows = arrivals.map((arrival) => h("tr", {},
    h("th", { scope: "row" }, sensorLink(arrival.sensor)),
    timed && h("td", {}, metres(arrival.distance_m)),
    h("td", {}, after((arrival.onset_us - arrivals[0].onset_us) / 1000)),
    timed && h("td", {}, t("unit.ms", { value: signed(arrival.residual_ms, 1) }))));
  const head = (timed ? ["sensor", "distance", "after_first", "residual"] : ["sensor", "after_first"]).map((name) => h("th", { scope: "col" }, t(`arrivals.${name}`)));
  return h("table", { class: "figures" }, h("caption", { class: "unseen" }, t("arrivals.title")), h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows));
}
