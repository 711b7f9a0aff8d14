// One sentence that answers: is everything delivered? And one level: good, warn, bad, or unknown.

import { age, clock, cloudName, joined, number, secondsSince } from "./format.js";
import { count, say } from "./words.js";

const LATE = 300; // seconds that a report may wait before it is worth a warning

export function judge({ picture, connection, lostAt }) {
  if (picture === null) {
    const isSilent = connection === "lost" || connection === "busy";
    return { level: "unknown", title: say(isSilent ? "lost" : "loading"), more: isSilent ? say(connection === "busy" ? "busy" : "lost_first") : "" };
  }
  if (connection === "lost" || connection === "busy") {
    const more = connection === "busy" ? say("busy") : say("lost_since", { time: clock(lostAt, { seconds: true }) });
    return { level: "unknown", title: say("lost"), more };
  }
  return delivery(picture);
}

function delivery(picture) {
  const sums = totals(picture);
  const waits = sums.messages
    ? [count("wait", sums.messages), sums.oldestAt && say("oldest_is", { age: age(secondsSince(sums.oldestAt)) })]
    : [say("nothing_waits")];
  const letters = sums.letters > 0 && count("letters", sums.letters);
  const stuck = picture.updates.stuck > 0 && count("stuck", picture.updates.stuck);
  const also = [letters, stuck];
  const more = (...facts) => sentence(facts.flat().filter(Boolean));
  if (picture.store_error !== undefined) {
    return { level: "bad", title: say("store_fails"), more: picture.store_error };
  }
  if (picture.full_lanes.length > 0) {
    return { level: "bad", title: say("lanes_full", { clouds: named(picture.full_lanes) }), more: more(waits, also) };
  }
  const shut = Object.entries(picture.lanes).filter(([, lane]) => lane.circuit !== "closed");
  if (shut.length > 0) return { level: "bad", title: trouble(shut), more: more(waits, also) };
  const isLate = sums.oldestAt && secondsSince(sums.oldestAt) > LATE;
  if (isLate) return { level: "warn", title: count("late", sums.messages), more: more(waits.slice(1), also) };
  const level = also.some(Boolean) ? "warn" : "good";
  if (sums.messages > 0) return { level, title: count("on_their_way", sums.messages), more: more(waits.slice(1), also) };
  if (letters) return { level, title: sentence([letters]), more: more(say("else_delivered"), stuck) };
  return { level, title: say("all_delivered"), more: more(stuck) };
}

function trouble(shut) {
  const clouds = named(shut.map(([lane]) => lane));
  const since = shut.map(([, lane]) => lane.since).filter(Boolean).sort()[0];
  const time = since ? clock(since) : "?";
  if (shut.length > 1) return say("clouds_trouble", { clouds, time });
  return say(shut[0][1].circuit === "denied" ? "cloud_denies" : "cloud_silent", { clouds, time });
}

// What waits in all lanes together, what was refused, and since when the oldest waits.
export function totals(picture) {
  const lanes = Object.values(picture.lanes);
  const add = (key) => lanes.reduce((sum, lane) => sum + lane[key], 0);
  return {
    messages: add("messages"),
    letters: add("dead_letters"),
    oldestAt: lanes.map((lane) => lane.oldest_at).filter(Boolean).sort()[0],
  };
}

export function figures(picture) {
  const sums = totals(picture);
  const open = Object.values(picture.updates.states).reduce((sum, value) => sum + value, 0);
  return [
    { name: say("figure_waiting"), value: number(sums.messages), key: "waiting" },
    { name: say("figure_oldest"), value: sums.oldestAt ? age(secondsSince(sums.oldestAt)) : "–", key: "oldest" },
    { name: say("figure_updating"), value: number(open), key: "updating", to: "#/updates?show=open" },
    { name: say("figure_stuck"), value: number(picture.updates.stuck), key: "stuck", to: "#/stuck" },
    { name: say("figure_refused"), value: number(sums.letters), key: "refused", to: "#/refused" },
    {
      name: say("figure_devices", { known: number(picture.devices.known) }),
      value: number(picture.devices.present), key: "devices", to: "#/devices",
    },
  ];
}

function named(lanes) {
  return joined(lanes.map(cloudName));
}

function sentence(facts) {
  const text = facts.join(say("comma"));
  return text ? text[0].toUpperCase() + text.slice(1) + say("stop") : "";
}
