// Tables that stay tables for whoever listens, also where a narrow screen lays them out as cards.

import { el } from "./dom.js";
import { bytes, cloudName, clock } from "./format.js";
import { baton, say } from "./words.js";

// `columns` are {name, cell(row), kind}; the first names the row. `key(row)` tells rows apart.
export function table(title, columns, rows, key) {
  const head = el(
    "thead", { role: "rowgroup" },
    el("tr", { role: "row" }, columns.map(({ name, kind }) => el("th", { role: "columnheader", scope: "col", class: kind }, name))),
  );
  const body = el(
    "tbody", { role: "rowgroup" },
    rows.map((row) =>
      el("tr", { role: "row", "data-key": key(row) }, columns.map((column, index) => cellOf(column, row, index))),
    ),
  );
  return el("table", { role: "table", "aria-label": title }, head, body);
}

function cellOf({ name, cell, kind }, row, index) {
  const found = cell(row);
  if (index === 0) return el("th", { role: "rowheader", scope: "row", class: kind }, found);
  return el("td", { role: "cell", class: kind, "data-label": name }, el("div", {}, found));
}

export function empty(text) {
  return el("p", { class: "empty" }, text);
}

export function deviceLink(product, device, text = `${product}/${device}`) {
  return el("a", { href: `#/devices/${encodeURIComponent(product)}/${encodeURIComponent(device)}` }, text);
}

// An update's name is PRODUCT/DEVICE/MODULE/NUMBER; a module may have slashes of its own.
export function updateLink(id, text = id) {
  const [product, device, ...rest] = id.split("/");
  const parts = [product, device, rest.slice(0, -1).join("/"), rest[rest.length - 1]];
  return el("a", { href: `#/updates/${parts.map(encodeURIComponent).join("/")}` }, text);
}

// An update as a row begins with it: its device, and below which one of its updates this is.
export function updateName(id, target) {
  const [product, device, ...rest] = id.split("/");
  const which = rest.join("/") + (target ? ` → ${target}` : "");
  return [updateLink(id, `${product}/${device}`), el("span", { class: "small detail" }, which)];
}

// A state in words, with its percent, and a sign for whoever does not see colours.
const SIGNS = { succeeded: "✓", failed: "✕", timed_out: "✕", rejected: "✕", canceled: "–" };
export function stateWord(update) {
  const percent = update.percent !== undefined && update.percent !== null ? ` ${update.percent} %` : "";
  const kind = update.stalled ? "stalled" : update.state;
  return el(
    "span", { class: `state ${kind}` },
    SIGNS[update.state] && el("span", { class: "sign", "aria-hidden": "true" }, SIGNS[update.state]),
    say(`state.${update.state}`) + percent,
  );
}

export function reasonWords(update) {
  if (!update.reason) return "";
  const own = [update.code, update.detail].filter(Boolean).join(" ");
  const words = [say(`phase.${update.phase}`), say(`reason.${update.reason}`)].filter(Boolean).join(say("comma"));
  return own ? `${words} (${own})` : words;
}

export function who(update) {
  const why = update.state && isOver(update) ? reasonWords(update) : "";
  return [why, baton(update.next)].filter(Boolean).join(say("label.list"));
}

const OVER = new Set(["succeeded", "failed", "timed_out", "canceled", "rejected"]);
export function isOver(update) {
  return OVER.has(update.state);
}

export function when(instant) {
  return el("time", { datetime: instant, title: instant }, clock(instant));
}

export function lettersTable(letters, buttons) {
  const columns = [
    { name: say("update"), cell: (row) => [updateName(row.update), el("span", { class: "small detail" }, when(row.at), " ", saidWords(row.said))] },
    { name: say("reason"), cell: (row) => [`${cloudName(row.lane)}${say("colon")}`, el("code", {}, row.code), el("span", { class: "small detail" }, row.reason)], kind: "wide" },
    { name: say("actions"), cell: (row) => buttons(row), kind: "acts" },
  ];
  return table(say("dead_letters"), columns, letters, (row) => `letter ${row.id}`);
}

export function asideTable(items) {
  const columns = [
    { name: say("device"), cell: (row) => deviceLink(...splitDevice(row.device)) },
    { name: say("when"), cell: (row) => when(row.at), kind: "time" },
    { name: say("reason"), cell: (row) => [say(`quarantine.${row.reason}`), row.detail && el("span", { class: "small detail" }, row.detail)], kind: "wide" },
    { name: say("topic"), cell: (row) => [el("code", {}, row.topic), el("span", { class: "small detail" }, bytes(row.bytes))], kind: "wide" },
  ];
  return table(say("quarantine"), columns, items, (row) => `aside ${row.id}`);
}

// The first word that was understood is a state; what a device or a cloud said stays as it was said.
export function saidWords(text) {
  const [first, ...rest] = text.split(" ");
  const reason = /^[A-Z][A-Z_]+$/;
  const more = rest.map((word) => (reason.test(word) ? say(`reason.${word}`) : word)).join(" ");
  return say(`state.${first}`) + (more ? (rest[1] === "%" ? ` ${more}` : say("colon") + more) : "");
}

function splitDevice(name) {
  const slash = name.indexOf("/");
  return [name.slice(0, slash), name.slice(slash + 1)];
}
