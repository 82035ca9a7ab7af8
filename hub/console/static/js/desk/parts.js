// Pieces that the sections of the desk share.

import { h, put } from "../dom.js";
import { clock, day, today, whole } from "../format.js";
import { t } from "../words.js";

/** A time for a list: the clock today, the day and the clock before; the whole of it on hover. */
export function when(us) {
  const text = today(us) ? clock(us).slice(0, 5) : `${day(us)}, ${clock(us).slice(0, 5)}`;
  return h("time", { title: whole(us), datetime: new Date(us / 1000).toISOString() }, text);
}

/** What a list says that has nothing in it. */
export function nothing(words, more = null) {
  return h("div", { class: "card empty-card" }, h("p", {}, words), more && h("p", { class: "dim" }, more));
}

/** A form that sends by `send(elements)` and then calls `again`; what the hub refuses stands beside the button. */
export function form({ fields, submit, send, again, className = "grid-form card" }) {
  const says = h("p", { class: "says says-bad", role: "alert", hidden: true });
  const button = h("button", { type: "submit", class: "act act-primary" }, submit);
  const made = h("form", { class: className, onsubmit: async (event) => {
    event.preventDefault();
    button.disabled = true;
    says.hidden = true;
    try {
      await send(made.elements);
      made.reset();
      document.activeElement?.blur();
      await again();
    } catch (problem) {
      put(says, problem.message || t("error.unreachable"));
      says.hidden = false;
    } finally {
      button.disabled = false;
    }
  } }, fields, says, h("div", { class: "form-end" }, button));
  return made;
}

/** A button that does `act()` and then `again()`; with `ask` it wants a reason in words first. */
export function button({ words, act, again, ask = null, className = "act", name = null }) {
  const says = h("span", { class: "button-says", role: "alert", hidden: true });
  const one = h("button", { type: "button", class: className, "data-action": name, onclick: () => (ask ? wanted() : run()) }, words);
  const place = h("span", { class: "button-place" }, one, says);

  async function run(reason) {
    one.disabled = true;
    says.hidden = true;
    try {
      await act(reason);
      await again();
    } catch (problem) {
      put(says, problem.message || t("error.unreachable"));
      says.hidden = false;
      one.disabled = false;
      if (!one.isConnected) put(place, one, says);
    }
  }

  function wanted() {
    const why = h("input", { type: "text", required: true, minlength: 3, maxlength: 400, "aria-label": ask, placeholder: ask, autocomplete: "off" });
    const back = () => { put(place, one, says); one.focus(); };
    put(place, h("form", { class: "reason-form", onsubmit: (event) => { event.preventDefault(); put(place, one, says); run(why.value.trim()); } },
      why, h("button", { type: "submit", class: "act act-primary" }, words), h("button", { type: "button", class: "act", onclick: back }, t("decide.back"))));
    why.focus();
  }

  return place;
}

/** A labelled field. */
export function field(label, input) {
  return h("label", { class: "field" }, h("span", {}, label), input);
}

/** A choice of [value, words]. */
export function choice(name, options, chosen = null) {
  return h("select", { name, required: true }, options.map(([value, words]) => h("option", { value, selected: value === chosen }, words)));
}

/** A table that becomes a list of cards where the page is narrow; `rows` as arrays of cells, `head` as words. */
export function table(caption, head, rows) {
  return h("div", { class: "table-card" }, h("table", { class: "rows-table" }, h("caption", { class: "unseen" }, caption),
    h("thead", {}, h("tr", {}, head.map((words) => h("th", { scope: "col" }, words)))),
    h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell, index) => h("td", { "data-head": head[index] }, cell)))))));
}
