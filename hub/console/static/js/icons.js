// Shapes: a state is a shape, a colour and a word, never a colour alone.

import { s } from "./dom.js";

const STATES = {
  open: "M8 1 15 8 8 15 1 8Z",
  acknowledged: "M8 1 15 8 8 15 1 8Z M8 1 1 8 8 15Z",
  confirmed: "M8 .8a7.2 7.2 0 1 1 0 14.4A7.2 7.2 0 0 1 8 .8Z M4.5 8.3 7 10.8 11.6 5.6",
  rejected: "M3 3 13 13 M13 3 3 13",
  unsure: "M5 5.4C5 3.2 6.5 2 8.2 2c1.8 0 3 1.2 3 2.8 0 2.4-3 2.6-3 5.2 M8.2 13.4v.4",
  expired: "M3.5 1.5h9 M3.5 14.5h9 M4.5 1.5c0 4 7 9 7 13 M11.5 1.5c0 4-7 9-7 13",
  closed: "M2.5 2.5h11v11h-11Z",
};

const SIGNS = {
  sound: "M2 6h3l4-3.5v11L5 10H2Z M11.5 5.5a4 4 0 0 1 0 5 M13.5 3.5a7 7 0 0 1 0 9",
  muted: "M2 6h3l4-3.5v11L5 10H2Z M11.5 6l3.5 4 M15 6l-3.5 4",
  theme: "M8 1.5a6.5 6.5 0 1 0 0 13Z M8 1.5a6.5 6.5 0 0 1 0 13",
  help: STATES.unsure,
  back: "M10 2.5 4.5 8 10 13.5",
  close: STATES.rejected,
  link: "M6.5 9.5l6-6 M8.5 3h4.5v4.5 M11.5 9.5V13H3V4.5h3.5",
  bell: "M8 1.5v1 M3.5 11.5V7.5a4.5 4.5 0 0 1 9 0v4l1 1.5h-11Z M6.5 14.5h3",
};

/** The shape of an incident's state; its word stands beside it. */
export function stateIcon(state) {
  return s("svg", { viewBox: "0 0 16 16", class: `icon state-${state}`, "aria-hidden": "true" },
    s("path", { d: STATES[state] ?? STATES.closed }));
}

/** A small sign of a button. */
export function sign(name) {
  return s("svg", { viewBox: "0 0 16 16", class: "icon sign", "aria-hidden": "true" }, s("path", { d: SIGNS[name] }));
}

const MARKS = {
  degraded: "M8 5v3.4 M8 11v.1",
  lost: "M5.8 5.8l4.4 4.4 M10.2 5.8l-4.4 4.4",
  revoked: "M5 8h6",
};

/** A sensor: a disc for a microphone, a wedge for a camera; its state is a fill and a mark inside. */
export function sensorIcon(kind, state) {
  const camera = kind === "camera";
  const body = camera ? "M8 15 .8 4.2A9.5 9.5 0 0 1 15.2 4.2Z" : "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2Z";
  return s("svg", { viewBox: "0 0 16 16", class: `icon sensor sensor-${state}`, "aria-hidden": "true" },
    s("path", { class: "body", d: body }),
    MARKS[state] && s("path", { class: "mark", d: MARKS[state], transform: camera ? "translate(0 -1.6)" : null }));
}
