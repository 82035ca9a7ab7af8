// A list of which only the rows in sight exist: 10,000 incidents cost as much as 20.

import { h } from "./dom.js";

const BEYOND_PX = 240;

export class VirtualList {
  #rows = [];
  #tops = [0];
  #shown = new Map();
  #frame = null;

  /**
   * `draw(row)` makes the element of a row; a row is `{key, height, version, option?, ...}` and is drawn anew when its
   * version changes. `onEnd()` is called when the end comes into sight.
   */
  constructor({ label, draw, onEnd }) {
    this.draw = draw;
    this.onEnd = onEnd;
    this.spacer = h("div", { class: "rows", role: "listbox", "aria-label": label, tabindex: "-1" });
    this.element = h("div", { class: "scroller" }, this.spacer);
    this.element.addEventListener("scroll", () => this.#soon(), { passive: true });
    new ResizeObserver(() => this.#soon()).observe(this.element);
  }

  label(text) {
    this.spacer.setAttribute("aria-label", text);
  }

  set(rows) {
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
        shown.element.setAttribute("aria-posinset", row.position);
        shown.element.setAttribute("aria-setsize", row.total);
      }
    }
    for (const [key, shown] of this.#shown) {
      if (keep.has(key)) continue;
      shown.element.remove();
      this.#shown.delete(key);
    }
    if (this.onEnd && this.#rows.length && scrollTop + clientHeight > this.#tops.at(-1) - BEYOND_PX) this.onEnd();
  }
}
