// Zones and masks, drawn on the edge sketch of the empty scene: contours from the camera's own agent, never a picture.

import { h, put, s } from "../dom.js";
import { t } from "../words.js";
import { change } from "./pending.js";

const FORMAT = "tocsin-sketch/1";
const MOST_BYTES = 1_000_000;
const MOST_CORNERS = 40;
const NAME = /^[a-z0-9][a-z0-9_-]{0,31}$/;

function fraction(value) {
  return Number.isFinite(value) && value >= 0 && value <= 1;
}

function polygon(points) {
  return Array.isArray(points) && points.length >= 2 && points.every((point) => Array.isArray(point) && point.length === 2 && point.every(fraction));
}

/** The sketch in `text`; throws an Error that says what is wrong. */
export function readSketch(text) {
  const said = JSON.parse(text);
  if (said?.format !== FORMAT) throw new Error(t("sketch.format", { format: FORMAT }));
  if (!(said.aspect > 0.1 && said.aspect < 10) || !said.lines?.every(polygon)) throw new Error(t("sketch.broken"));
  if (!Object.values(said.zones ?? {}).every(polygon) || !(said.masks ?? []).every(polygon)) throw new Error(t("sketch.broken"));
  return said;
}

/** What the camera's settings file takes: its zones and masks as TOML. */
export function settingsOf(shapes) {
  const corners = (points) => `[${points.map(([x, y]) => `[${x.toFixed(3)}, ${y.toFixed(3)}]`).join(", ")}]`;
  const masks = shapes.filter((one) => one.kind === "mask");
  const zones = shapes.filter((one) => one.kind === "zone");
  return [masks.length ? `masks = [\n${masks.map((one) => `  ${corners(one.points)},\n`).join("")}]\n` : "",
    ...zones.map((one) => `[[zones]]\nname = "${one.name}"\npolygon = ${corners(one.points)}\n`)].filter(Boolean).join("\n");
}

/** The card of camera `sensor`. */
export function sketchCard(sensor, may, onChanged) {
  let sketch = { aspect: 0.5625, lines: [] };
  let shapes = Object.entries(sensor.zones ?? {}).map(([name, points]) => ({ kind: "zone", name, points }));
  let corners = [];
  const says = h("p", { class: "says", role: "status", hidden: true });
  const board = h("div", { class: "sketch" });
  const list = h("ul", { class: "shapes" });
  const kind = h("select", { name: "shape", "aria-label": t("sketch.kind") }, ["zone", "mask"].map((name) => h("option", { value: name }, t(`sketch.${name}`))));
  const name = h("input", { name: "zone", maxlength: 32, autocapitalize: "none", autocomplete: "off", placeholder: "lawn", "aria-label": t("sketch.name") });
  const settings = h("textarea", { class: "settings", readonly: true, rows: 6, "aria-label": t("sketch.settings") });
  const settingsBox = h("details", {}, h("summary", {}, t("sketch.settings")), h("p", { class: "dim" }, t("sketch.settings.words")), settings);

  function tell(words) {
    says.hidden = false;
    put(says, words);
  }

  function draw() {
    const tall = 1000 * sketch.aspect;
    const at = (points) => points.map(([x, y]) => `${x * 1000},${y * tall}`).join(" ");
    put(board, s("svg", { viewBox: `0 0 1000 ${tall}`, role: "img", "aria-label": t("sketch.board"), class: "sketch-board", onclick: may ? point : null },
      sketch.lines.map((line) => s("polyline", { class: "edge", points: at(line) })),
      shapes.map((one) => s("polygon", { class: `shape shape-${one.kind}`, points: at(one.points) })),
      corners.length > 1 && s("polyline", { class: "drawing", points: at(corners) }),
      corners.map(([x, y]) => s("circle", { class: "corner", cx: x * 1000, cy: y * tall, r: 12 }))));
    put(list, shapes.map((one, index) => h("li", {}, h("span", { class: `swatch swatch-${one.kind}`, "aria-hidden": "true" }), `${t(`sketch.${one.kind}`)} ${one.name ?? ""}`,
      may && h("button", { type: "button", class: "quiet", onclick: () => { shapes.splice(index, 1); draw(); } }, t("sketch.remove")))));
    settings.value = settingsOf(shapes);
    settingsBox.hidden = !shapes.length;
    done.disabled = corners.length < 3;
  }

  function point(event) {
    const box = event.currentTarget.getBoundingClientRect();
    if (corners.length >= MOST_CORNERS) return;
    const inside = (value) => Number(Math.min(1, Math.max(0, value)).toFixed(3));
    corners.push([inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)]);
    draw();
  }

  function close() {
    const called = name.value.trim().toLowerCase();
    if (kind.value === "zone" && !NAME.test(called)) {
      tell(t("sketch.name.wrong"));
      name.focus();
      return;
    }
    says.hidden = true;
    shapes = shapes.filter((one) => kind.value === "mask" || one.name !== called);
    shapes.push(kind.value === "mask" ? { kind: "mask", points: corners } : { kind: "zone", name: called, points: corners });
    corners = [];
    name.value = "";
    draw();
  }

  async function take(event) {
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    try {
      if (file.size > MOST_BYTES) throw new Error(t("sketch.broken"));
      sketch = readSketch(await file.text());
      shapes = [...Object.entries(sketch.zones ?? {}).map(([called, points]) => ({ kind: "zone", name: called, points })), ...(sketch.masks ?? []).map((points) => ({ kind: "mask", points }))];
      corners = [];
      says.hidden = true;
      draw();
    } catch (problem) {
      tell(problem instanceof SyntaxError ? t("sketch.broken") : problem.message);
    }
  }

  async function save() {
    const zones = Object.fromEntries(shapes.filter((one) => one.kind === "zone").map((one) => [one.name, one.points]));
    try {
      const answer = await change(sensor.id, { latitude: sensor.latitude, longitude: sensor.longitude, zones });
      tell(t(answer ? "sketch.saved" : "pending.kept"));
      if (answer) onChanged(answer.sensor);
    } catch (problem) {
      tell(problem.message || t("technician.unsent"));
    }
  }

  const done = h("button", { type: "button", class: "act", "data-action": "close-shape", onclick: close }, t("sketch.close"));
  const undo = h("button", { type: "button", class: "act", onclick: () => { corners.pop(); draw(); } }, t("sketch.undo"));
  draw();
  return h("section", { class: "card", "data-card": "sketch" }, h("h3", {}, t("sketch.title")), h("p", { class: "dim" }, t("sketch.words")),
    h("label", { class: "act file" }, t("sketch.open"), h("input", { type: "file", class: "unseen-input", accept: ".json,application/json", onchange: take })),
    board, may && h("div", { class: "sketch-tools" }, h("div", { class: "pair" }, kind, name), h("div", { class: "pair" }, undo, done)), list,
    may && h("button", { type: "button", class: "act act-primary", "data-action": "save-zones", onclick: save }, t("sketch.save")), says, settingsBox);
}
