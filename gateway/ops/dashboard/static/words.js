// What the page says, in the reader's language: one table for each, the same as the command line's.

const KNOWN = ["en", "zh"];
const KEPT = "ota-gateway.language";
let table = {};
let plural = new Intl.PluralRules("en");

export let language = "en";

export function preferred() {
  const kept = localStorage.getItem(KEPT);
  if (KNOWN.includes(kept)) return kept;
  for (const wanted of navigator.languages ?? [navigator.language]) {
    const short = wanted.toLowerCase().split("-")[0];
    if (KNOWN.includes(short)) return short;
  }
  return "en";
}

export async function learn(wanted, keep = false) {
  const answer = await fetch(`dashboard/${wanted}.json`);
  if (!answer.ok) throw new Error(`no words: ${answer.status}`);
  table = await answer.json();
  language = wanted;
  plural = new Intl.PluralRules(wanted);
  document.documentElement.lang = wanted === "zh" ? "zh-Hans" : wanted;
  if (keep) localStorage.setItem(KEPT, wanted);
}

// Says a word of the page, or `section.word`; a word that the table does not have is said as it is.
export function say(name, values = {}) {
  const dot = name.indexOf(".");
  const [section, word] = dot < 0 ? ["page", name] : [name.slice(0, dot), name.slice(dot + 1)];
  const text = table[section]?.[word];
  if (text === undefined) return word;
  return text.replace(/\{(\w+)\}/g, (place, key) => (key in values ? String(values[key]) : place));
}

export function count(name, number, values = {}) {
  const form = plural.select(number) === "one" ? "one" : "other";
  return say(`${name}_${form}`, { count: new Intl.NumberFormat(language).format(number), ...values });
}

// What a line of a timeline tells: words of the table with values that may be words themselves.
const OF = { state: "state", believed: "state", reason: "reason", outcome: "outcome" };
export function phrased(phrases) {
  const told = phrases.map(({ section, word, values }) => {
    if (!section) return word;
    const known = Object.entries(values).map(([name, value]) => [name, OF[name] ? say(`${OF[name]}.${value}`) : value]);
    return say(`${section}.${word}`, Object.fromEntries(known));
  });
  return told.filter(Boolean).join(say("label.list"));
}

// Who must move an update next, and what for.
export function baton(next) {
  if (!next || next.who === "nobody") return "";
  const values = { ...next.values };
  if (values.reason) values.reason = say(`reason.${values.reason}`);
  if (values.lanes) values.lanes = values.lanes.replaceAll("cloud/", "");
  const why = next.word ? say(`why.${next.word}`, values) : "";
  return [say(`owner.${next.who}`), why].filter(Boolean).join(language === "zh" ? "：" : ": ");
}
