// What the page knows, and who is told when it changes.

import { setClock } from "./format.js";

export const state = {
  picture: null, // as /api/v1/events tells it
  connection: "connecting", // live, lost, busy
  lostAt: null,
};
const listeners = new Set();

export function listen(listener) {
  listeners.add(listener);
}

export function tell(news = {}) {
  for (const listener of listeners) listener(news);
}

export function begin({ at, picture }) {
  const version = state.picture?.version;
  setClock(at);
  Object.assign(state, { picture, connection: "live", lostAt: null });
  // Another gateway serves another page.
  if (version !== undefined && version !== picture.version) location.reload();
  tell({ isStart: true });
}

export function change({ at, patch, updates, more }) {
  const before = state.picture;
  setClock(at);
  state.picture = merged(before, patch);
  tell({
    updates: new Map(updates.map((update) => [update.id, update])),
    more,
    isRefused: refusals(before) !== refusals(state.picture),
  });
}

// The stream is there again; whoever missed nothing is told nothing.
export function found() {
  if (state.picture === null || state.connection === "live") return;
  Object.assign(state, { connection: "live", lostAt: null });
  tell();
}

export function lose(connection) {
  if (state.connection !== "lost" && state.connection !== "busy") state.lostAt = new Date().toISOString();
  state.connection = connection;
  tell();
}

function refusals(picture) {
  const letters = Object.values(picture.lanes).map((lane) => lane.dead_letters);
  return `${letters.join()} ${picture.quarantined}`;
}

// RFC 7396.
export function merged(old, patch) {
  const result = { ...old };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (isObject(value) && isObject(result[key])) result[key] = merged(result[key], value);
    else result[key] = value;
  }
  return result;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
