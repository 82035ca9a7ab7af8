// One hand on the keyboard: move, acknowledge, confirm, reject, unsure.

const ACTIONS = { a: "acknowledge", c: "confirm", r: "reject", u: "unsure" };

function typing(target) {
  return target instanceof HTMLInputElement || target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;
}

/** `onMove(+1 | -1)`, `onAction(name)`, `onEscape()`, `onHelp()`, `onMute()`, `onReport()`; silent in forms and dialogs. */
export function listen({ onMove, onAction, onEscape, onHelp, onMute, onReport }) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      onEscape(event);
      return;
    }
    if (typing(event.target)) return;
    const key = event.key.toLowerCase();
    if (key === "j" || key === "k") onMove(key === "j" ? 1 : -1);
    else if (ACTIONS[key] && !event.repeat) onAction(ACTIONS[key]);
    else if (key === "m" && !event.repeat) onMute();
    else if (key === "n" && !event.repeat) onReport();
    else if (event.key === "?") onHelp();
    else return;
    event.preventDefault();
  });
}
