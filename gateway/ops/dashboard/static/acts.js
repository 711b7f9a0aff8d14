// What a person may do from here: buttons that say what they act upon, and the one place that sees to them.

import { path, post } from "./api.js";
import { sure } from "./dialogs.js";
import { el } from "./dom.js";
import { say } from "./words.js";

const GRAVE = new Set(["refuse", "cancel", "drop"]);
const BEFORE_TOLD = new Set(["queued", "waiting_confirmation"]);
const CANCELABLE = new Set([...BEFORE_TOLD, "notified", "downloading", "downloaded", "verified"]);
const ENDED_BADLY = new Set(["failed", "timed_out", "canceled", "rejected"]);

// A button; `at` is the path of the thing, `what` its name.
export function button(act, at, what) {
  return el(
    "button",
    { "data-act": act, "data-at": at, "data-what": what, "data-key": act, "aria-label": `${say(act)}: ${what}`, class: GRAVE.has(act) && "grave" },
    say(act),
  );
}

// What may be done to an update as it stands; the gateway decides, and says why not.
export function possible(update) {
  const found = [];
  if (update.state === "waiting_confirmation" && !update.confirmed) found.push("confirm", "refuse");
  if (update.ordered && BEFORE_TOLD.has(update.state)) found.push(update.paused ? "resume" : "pause");
  if (update.stalled || (update.ordered && CANCELABLE.has(update.state))) found.push("cancel");
  if (ENDED_BADLY.has(update.state)) found.push("retry");
  return found;
}

export function updateButtons(update, only = possible(update)) {
  const number = update.id.slice(update.id.lastIndexOf("/") + 1);
  const at = path("updates", update.product, update.device, update.module, number);
  return possible(update).filter((act) => only.includes(act)).map((act) => button(act, at, update.id));
}

export function letterButtons(letter) {
  const what = `${letter.device} ${letter.said}`;
  return ["replay", "drop"].map((act) => button(act, path("dead-letters", letter.id), what));
}

// Sees to every button of the page; `onDone` looks again at what it may have changed.
export function attend(onDone) {
  document.addEventListener("click", async (event) => {
    const pressed = event.target.closest("button[data-act]");
    if (pressed === null || pressed.disabled) return;
    const { act, at, what } = pressed.dataset;
    if (GRAVE.has(act) && !(await sure(act, what))) return;
    pressed.disabled = true;
    try {
      const answer = await post(`${at}/${act}`);
      announce(say(`done_${act}`, { what: act === "retry" ? answer.id : what }));
    } catch (error) {
      announce(say("not_done", { why: error.message }), true);
    } finally {
      pressed.disabled = false;
      onDone();
    }
  });
}

let fading = null;
export function announce(text, isBad = false) {
  const place = document.getElementById("told");
  place.textContent = text;
  place.className = isBad ? "bad" : "";
  place.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => (place.hidden = true), isBad ? 15_000 : 6000);
}
