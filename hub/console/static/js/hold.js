// A redraw between press and release swallows the click, and one while somebody types eats the words: what the stream
// changes waits until the hand is off that part of the page.

const LONGEST_MS = 20_000; // a release that the browser never told of holds nothing up for ever

let pressed = null;
let since_ms = 0;
const waiting = new Map();

const TYPED = 'input:not([type="checkbox"], [type="radio"]), textarea, select';

/** True while something inside `element` is pressed, or typed into. */
export function busy(element) {
  if (pressed && element.contains(pressed) && performance.now() - since_ms < LONGEST_MS) return true;
  const { activeElement } = document;
  return Boolean(activeElement && element.contains(activeElement) && activeElement.matches(TYPED));
}

/** Call `draw` now, or as soon as `element` is no longer held; of several calls with one `key` only the newest is done. */
export function unhurried(element, draw, key = element) {
  if (!busy(element)) {
    waiting.delete(key);
    draw();
    return;
  }
  waiting.set(key, { element, draw });
}

function release() {
  // After the click that follows the release.
  setTimeout(() => {
    pressed = null;
    flush();
  });
}

function flush() {
  for (const [key, { element, draw }] of [...waiting]) {
    if (busy(element)) continue;
    waiting.delete(key);
    draw();
  }
}

function press(event) {
  pressed = event.target;
  since_ms = performance.now();
}

addEventListener("pointerdown", press, true);
addEventListener("pointerup", release, true);
addEventListener("pointercancel", release, true);
addEventListener("blur", release);
addEventListener("keydown", (event) => (event.key === " " || event.key === "Enter") && press(event), true);
addEventListener("keyup", release, true);
addEventListener("focusout", () => setTimeout(flush), true);
setInterval(flush, 1000);
