// Numbers, times and ages as people read them.

import { language, say } from "./words.js";

let ahead = 0; // milliseconds that the gateway's clock is ahead of this machine's

export function setClock(at) {
  ahead = Date.parse(at) - Date.now();
}

export function now() {
  return Date.now() + ahead;
}

export function number(value) {
  return new Intl.NumberFormat(language).format(value);
}

export function secondsSince(instant) {
  return Math.max(0, (now() - Date.parse(instant)) / 1000);
}

export function secondsUntil(instant) {
  return Math.max(0, (Date.parse(instant) - now()) / 1000);
}

export function age(seconds) {
  const whole = Math.floor(seconds);
  if (whole < 120) return say("seconds", { count: seconds > 0 && seconds < 1 ? "<1" : whole });
  const minutes = Math.floor(whole / 60);
  if (minutes < 120) return say("minutes", { count: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return say("hours", { hours, minutes: minutes % 60 });
  return say("days", { days: Math.floor(hours / 24), hours: hours % 24 });
}

// The time of day, with the date where it is another day.
export function clock(instant, { seconds = false } = {}) {
  const date = new Date(typeof instant === "number" ? instant * 1000 : instant);
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (seconds) time.second = "2-digit";
  const isToday = date.toDateString() === new Date(now()).toDateString();
  const day = isToday ? {} : { month: "short", day: "numeric" };
  return new Intl.DateTimeFormat(language, { ...day, ...time }).format(date);
}

export function bytes(size) {
  if (size === undefined || size === null) return "";
  const units = ["B", "KiB", "MiB", "GiB"];
  let value = size, unit = 0;
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(value)} ${units[unit]}`;
}

export function cloudName(lane) {
  return lane.replace(/^cloud\//, "");
}

export function joined(names) {
  if (names.length < 2) return names.join("");
  return say("and", { first: names.slice(0, -1).join(", "), last: names[names.length - 1] });
}
