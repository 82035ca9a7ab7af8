// Making elements without markup strings: text is always text, so nothing a sensor says can become a script.

const SVG = "http://www.w3.org/2000/svg";

// A figure and its unit stay on one line.
const UNITS = /(\d) (?=(?:km|m|ms|s|min|h|d|j|dB|µs|nat)(?![\w-])|%)/g;

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.setAttribute("class", value);
    else if (name === "style") for (const [key, v] of Object.entries(value)) element.style.setProperty(key, v);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child).replace(UNITS, "$1\u00a0"));
  }
  return element;
}

/** An HTML element: h("button", {class: "quiet", onclick: f}, "Text", otherElement). */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element, in the same way. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Text that only a screen reader says. */
export function unseen(text) {
  return h("span", { class: "unseen" }, text);
}

/** Replace what `element` holds. */
export function put(element, ...children) {
  element.replaceChildren();
  return fill(element, {}, children);
}

/** Replace what `element` holds, and leave the keyboard where it was: on the child of the same `data-key`. */
export function putAgain(element, ...children) {
  const { activeElement } = document;
  const key = activeElement && element.contains(activeElement) ? activeElement.dataset.key : undefined;
  put(element, ...children);
  if (key) element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

/** Write `text` into `element` only where it says something else: what stands is never replaced under a finger. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** True where the person asked for less movement. */
export function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
