// A list of which only the rows in sight exist: 10,000 incidents cost as much as 20.

import { h } from "./dom.js";
import { unhurried } from "./hold.js";

const BEYOND_PX = 240;

export class VirtualList {
  #rows = [];
  #tops = [0];
  #shown = new Map();
  #frame = null;

  /**
   * `draw(row)` makes the element of a row; a row is `{key, height, version, position, total, ...}` and is drawn anew
   * when its version changes; one without a position is a heading. `chosen()` is the key of the chosen row, `onPick(key)`
   * is called when the arrows reach another, `onEnd()` when the end comes into sight. `name` begins the ids of its rows.
   */
  constructor({ name, draw, chosen, onPick, onEnd }) {
    this.name = name;
    this.draw = draw;
    this.chosen = chosen;
    this.onPick = onPick;
    this.onEnd = onEnd;
    this.spacer = h("div", { class: "rows", role: "listbox", tabindex: "0", onkeydown: (event) => this.#key(event) });
    this.element = h("div", { class: "scroller" }, this.spacer);
    this.element.addEventListener("scroll", () => this.#soon(), { passive: true });
    new ResizeObserver(() => this.#soon()).observe(this.element);
  }

  label(text) {
    this.spacer.setAttribute("aria-label", text);
  }

  /** Show `rows`; while one of them is pressed the list stands still, so that the finger meets what it aimed at. */
  set(rows) {
    unhurried(this.element, () => this.#set(rows));
  }

  #set(rows) {
    this.#rows = rows;
    this.#tops = [0];
    for (const row of rows) this.#tops.push(this.#tops.at(-1) + row.height);
    this.spacer.style.height = `${this.#tops.at(-1)}px`;
    this.#paint();
  }

  /** Bring the row of `key` into sight. */
  reveal(key) {
    const index = this.#rows.findIndex((row) => row.key === key);
    if (index < 0) return;
    const [top, bottom] = [this.#tops[index], this.#tops[index + 1]];
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top - 8;
    else if (bottom > scrollTop + clientHeight) this.element.scrollTop = bottom - clientHeight + 8;
    this.#paint();
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const options = this.#rows.filter((row) => row.position);
    if (!options.length || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = options.findIndex((row) => row.key === this.chosen());
    let next = null;
    if (step) next = at < 0 ? 0 : at + step;
    else if (event.key === "Home") next = 0;
    else if (event.key === "End") next = options.length - 1;
    else return;
    event.preventDefault();
    const { key } = options[Math.min(options.length - 1, Math.max(0, next))];
    this.onPick(key);
    this.reveal(key);
  }

  #soon() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#paint();
    });
  }

  #first(y) {
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#tops[middle + 1] <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #paint() {
    const { scrollTop, clientHeight } = this.element;
    const keep = new Set();
    let index = this.#first(scrollTop - BEYOND_PX);
    for (; index < this.#rows.length && this.#tops[index] < scrollTop + clientHeight + BEYOND_PX; index += 1) {
      const row = this.#rows[index];
      keep.add(row.key);
      let shown = this.#shown.get(row.key);
      if (!shown || shown.version !== row.version) {
        const element = this.draw(row);
        if (shown) shown.element.replaceWith(element);
        else this.spacer.append(element);
        shown = { element, version: row.version };
        this.#shown.set(row.key, shown);
      }
      shown.element.style.transform = `translateY(${this.#tops[index]}px)`;
      shown.element.style.height = `${row.height}px`;
      if (row.position) {
        shown.element.id = `${this.name}-${row.key}`;
        shown.element.setAttribute("aria-posinset", row.position);
        shown.element.setAttribute("aria-setsize", row.total);
      }
    }
    for (const [key, shown] of this.#shown) {
      if (keep.has(key)) continue;
      shown.element.remove();
      this.#shown.delete(key);
    }
    const chosen = this.chosen();
    if (this.#shown.has(chosen)) this.spacer.setAttribute("aria-activedescendant", `${this.name}-${chosen}`);
    else this.spacer.removeAttribute("aria-activedescendant");
    if (this.onEnd && this.#rows.length && scrollTop + clientHeight > this.#tops.at(-1) - BEYOND_PX) this.onEnd();
  }
}
