// French and English: every sentence of the console by its key, from words/LANGUAGE.json.

export const LANGUAGES = { fr: "Français", en: "English" };

let language = document.documentElement.lang;
let sentences = {};

/** The language that the page speaks now. */
export function speaking() {
  return language;
}

/** Load the words of `next` and speak them from now on; the choice is remembered where `remember`. */
export async function speak(next, remember = false) {
  const answer = await fetch(new URL(`../words/${next}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`no words for the language ${next}`);
  sentences = await answer.json();
  language = next;
  document.documentElement.lang = next;
  if (remember) localStorage.setItem("tocsin.language", next);
}

/** The sentence of `key`, its {names} filled from `values`. A count picks `key.one` where it is one (or zero in French). */
export function t(key, values = {}) {
  let found = sentences[key];
  if ("count" in values) {
    const one = new Intl.PluralRules(language).select(values.count) === "one";
    found = sentences[`${key}.${one ? "one" : "other"}`] ?? found;
  }
  if (found === undefined) return key;
  return found.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** True where there is a sentence for `key`. */
export function known(key) {
  return key in sentences;
}
