// Reads /api/v1/events for ever: server-sent events by fetch, because EventSource cannot show a token.

import { Refused, request } from "./api.js";
import { begin, change, found, lose } from "./state.js";

const SILENCE = 25_000; // the gateway gives a sign of life every ten seconds
const LASTING = 1000; // one that ends sooner is none
const PAUSES = [500, 1000, 2000, 3000, 5000];
let last = null;
let resume = () => {};

export async function follow() {
  for (let tries = 0; ; ) {
    const begun = Date.now();
    const lasted = () => Date.now() - begun > LASTING;
    try {
      await read();
      // It ends now and then, so that the token is shown again: only who cannot come back has lost it.
      if (lasted()) continue;
      lose("lost");
    } catch (error) {
      if (error instanceof Refused && error.status === 401) {
        await new Promise((known) => (resume = known));
        continue;
      }
      lose(error instanceof Refused && error.status === 503 ? "busy" : "lost");
    }
    if (lasted()) tries = 0;
    const pause = PAUSES[Math.min(tries, PAUSES.length - 1)];
    tries += 1;
    await new Promise((later) => setTimeout(later, pause * (0.75 + Math.random() / 2)));
  }
}

// The token is there, or another one.
export function known() {
  resume();
}

async function read() {
  const abort = new AbortController();
  let watchdog = setTimeout(() => abort.abort(), SILENCE);
  try {
    const headers = last === null ? {} : { "Last-Event-ID": last };
    const answer = await request("events", { headers, signal: abort.signal });
    found();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => abort.abort(), SILENCE);
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      events.forEach(heard);
    }
  } finally {
    clearTimeout(watchdog);
  }
}

function heard(text) {
  const event = { data: "" };
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, "");
  }
  if (event.event === undefined) return;
  last = event.id ?? last;
  if (event.event === "start") begin(JSON.parse(event.data));
  if (event.event === "change") change(JSON.parse(event.data));
}
