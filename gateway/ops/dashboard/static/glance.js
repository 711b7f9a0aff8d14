// Clouds, and what is updating: as the picture has them.

import { el, svg } from "./dom.js";
import { age, clock, cloudName, number, secondsSince, secondsUntil } from "./format.js";
import { empty, table } from "./tables.js";
import { count, say } from "./words.js";

const STATES = [
  "queued", "waiting_confirmation", "notified", "downloading", "downloaded", "verified", "installing", "applying", "confirming",
];
const BANDS = { succeeded: ["succeeded"], ended_otherwise: ["failed", "timed_out", "canceled", "rejected"] };

export function clouds({ lanes, started_at: started }) {
  const rows = Object.entries(lanes).map(([name, lane]) => ({ name, ...lane }));
  if (rows.length === 0) return empty(say("no_clouds"));
  const columns = [
    { name: say("cloud"), cell: (row) => cloudName(row.name) },
    { name: say("cloud_state"), cell: (row) => cloudWords(row, started), kind: "wide" },
    { name: say("waiting"), cell: (row) => number(row.messages), kind: "number big" },
    { name: say("oldest"), cell: (row) => (row.oldest_at ? age(secondsSince(row.oldest_at)) : "–"), kind: "number big" },
    { name: say("refused"), cell: (row) => number(row.dead_letters), kind: "number big" },
  ];
  return table(say("clouds"), columns, rows, (row) => row.name);
}

function cloudWords(lane, started) {
  const isWell = lane.circuit === "closed" && !lane.reason;
  const words = lane.circuit === "closed" && lane.reason ? say("status.failing") : say(`circuit.${lane.circuit}`);
  const wasBefore = lane.since && Date.parse(lane.since) <= Date.parse(started) + 2000;
  const details = [
    lane.since && say(wasBefore ? "since_start" : "since", { time: clock(lane.since) }),
    lane.parked_devices > 0 && count("parked", lane.parked_devices),
    lane.reason,
    lane.next_try_at && secondsUntil(lane.next_try_at) > 0 && say("next_try", { age: age(secondsUntil(lane.next_try_at)) }),
  ].filter(Boolean);
  return [
    el("span", { class: `circuit ${isWell ? "good" : "bad"}` }, el("span", { class: "sign", "aria-hidden": "true" }, isWell ? "●" : "■"), words),
    details.map((detail) => el("span", { class: "small detail" }, detail)),
  ];
}

export function updating({ updates, campaigns }) {
  const states = STATES.filter((name) => updates.states[name]).map((name) => [name, updates.states[name]]);
  const next = Object.entries(updates.next).map(([owner, value]) => (owner === "device" ? count("who_device", value) : say(`who_${owner}`, { count: number(value) })));
  if (updates.away > 0) next.push(say("who_away", { count: number(updates.away) }));
  return [
    states.length === 0 && empty(say("nothing_updating")),
    el("ul", { class: "states" }, states.map(([name, value]) => el("li", { "data-key": name }, el("strong", {}, number(value)), " ", el("a", { href: `#/updates?state=${name}` }, say(`state.${name}`))))),
    next.length > 0 && el("p", { class: "small" }, `${say("who_moves")}${say("colon")}${next.join(say("comma"))}`),
    el("h3", {}, say("campaigns")),
    campaigns.length === 0 ? empty(say("no_campaigns")) : el("ul", { class: "campaigns" }, campaigns.map(campaign)),
  ];
}

function bands(states) {
  const of = (names) => names.reduce((sum, name) => sum + (states[name] ?? 0), 0);
  const total = of(Object.keys(states));
  const succeeded = of(BANDS.succeeded), otherwise = of(BANDS.ended_otherwise);
  return { total, succeeded, ended_otherwise: otherwise, open: total - succeeded - otherwise };
}

export function campaignKey({ product, module, target }) {
  return JSON.stringify([product, module, target]);
}

// Pressed, its course is drawn.
function campaign(each) {
  const name = say("campaign_of", each);
  const parts = bands(each.states);
  const words = ["succeeded", "open", "ended_otherwise"].filter((band) => parts[band] > 0)
    .map((band) => `${number(parts[band])} ${say(`band_${band}`)}`).join(say("comma"));
  const key = campaignKey(each);
  return el("li", { "data-key": key }, el("button", { class: "plain name", "data-campaign": key }, name), bar(parts, name, words), el("span", { class: "small" }, words));
}

function bar(parts, name, words) {
  let x = 0;
  const rects = ["succeeded", "open", "ended_otherwise"].map((band) => {
    const width = parts.total ? (1000 * parts[band]) / parts.total : 0;
    const rect = svg("rect", { class: `band ${band}`, x, y: 0, width, height: 10 });
    x += width;
    return rect;
  });
  return svg("svg", { class: "bar", viewBox: "0 0 1000 10", preserveAspectRatio: "none", role: "img", "aria-label": `${name}${say("colon")}${words}` }, rects);
}
