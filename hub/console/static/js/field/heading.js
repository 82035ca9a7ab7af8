// Which way the phone points: its compass, true or magnetic as the phone tells it.

import { h, put } from "../dom.js";
import { number } from "../format.js";
import { t } from "../words.js";

const WAIT_MS = 5_000;
const ENOUGH = 12; // readings, about a fifth of a second each: a hand trembles

/** Degrees clockwise from north of one reading; null where it tells none. */
export function headingOf(event) {
  if (Number.isFinite(event.webkitCompassHeading)) return event.webkitCompassHeading;
  if (!event.absolute || !Number.isFinite(event.alpha)) return null;
  const turned = screen.orientation?.angle ?? 0;
  return (360 - event.alpha + turned) % 360;
}

/** The mean of directions in degrees, and how far they spread. */
export function meanHeading(headings) {
  const [x, y] = headings.reduce(([a, b], one) => [a + Math.cos((one * Math.PI) / 180), b + Math.sin((one * Math.PI) / 180)], [0, 0]);
  const mean = ((Math.atan2(y, x) * 180) / Math.PI + 360) % 360;
  const off = headings.map((one) => Math.abs(((one - mean + 540) % 360) - 180));
  return { mean, spread: Math.max(...off) };
}

/** A button that puts the phone's heading into `input`, and says how steady it was. */
export function headingButton(input) {
  const says = h("p", { class: "dim", role: "status" });
  const button = h("button", { type: "button", class: "act", "data-action": "heading", onclick: take }, t("heading.take"));

  async function take() {
    put(says, t("heading.asking"));
    try {
      if (await globalThis.DeviceOrientationEvent?.requestPermission?.() === "denied") throw new Error("denied");
      const headings = await readings();
      if (!headings.length) throw new Error("none");
      const { mean, spread } = meanHeading(headings);
      input.value = Math.round(mean);
      input.dispatchEvent(new Event("input", { bubbles: true }));
      put(says, t("heading.got", { heading: number(mean, 0), spread: number(spread, 0) }));
    } catch {
      put(says, t("heading.none"));
    }
  }

  return [button, says];
}

function readings() {
  return new Promise((resolve) => {
    const found = [];
    const done = () => {
      removeEventListener("deviceorientationabsolute", hear);
      removeEventListener("deviceorientation", hear);
      resolve(found);
    };
    const hear = (event) => {
      const heading = headingOf(event);
      if (heading !== null) found.push(heading);
      if (found.length === ENOUGH) done();
    };
    addEventListener("deviceorientationabsolute", hear);
    addEventListener("deviceorientation", hear);
    setTimeout(done, WAIT_MS);
  });
}
