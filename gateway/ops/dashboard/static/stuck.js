// What stands still, the longest first: who must move it, and what a person can do.

import { updateButtons } from "./acts.js";
import { el } from "./dom.js";
import { age, cloudName, secondsSince } from "./format.js";
import { state } from "./state.js";
import { empty, stateWord, table, updateName } from "./tables.js";
import { baton, count, say } from "./words.js";

const STUCK = 6;

// All of it that the picture has.
export class Stuck {
  name() {
    return say("stuck");
  }

  hear() {}

  end() {}

  draw() {
    return state.picture === null ? [] : [el("h2", {}, this.name()), stuckTable(state.picture, Infinity)];
  }
}

// What there is to decide: consent first, and where there is none, whether to go on waiting.
function stuckButtons(update) {
  const asked = updateButtons(update, ["confirm", "refuse", "resume"]);
  return asked.length ? asked : updateButtons(update, ["cancel"]);
}

export function stuckTable({ stuck: rows, updates, images }, limit = STUCK) {
  const columns = [
    { name: say("update"), cell: (row) => updateName(row.id, row.target) },
    { name: say("state"), cell: (row) => [stateWord(row), el("span", { class: "small detail" }, age(secondsSince(row.entered_at)))] },
    { name: say("next"), cell: (row) => baton(row.next), kind: "wide" },
    { name: say("actions"), cell: (row) => stuckButtons(row), kind: "acts" },
  ];
  const shown = rows.slice(0, limit);
  const beyond = updates.stuck - shown.length;
  const words = beyond > 0 && count("more_stuck", beyond);
  return [
    rows.length ? table(say("stuck"), columns, shown, (row) => row.id) : empty(say("nothing_stuck")),
    words && el("p", {}, limit === STUCK ? el("a", { href: "#/stuck" }, words) : words),
    images.length > 0 && [el("h3", {}, say("images")), el("ul", {}, images.map(imageTrouble))],
  ];
}

function imageTrouble(image) {
  return el("li", {}, `${image.version} (${image.module}, ${cloudName(image.lane)})${say("colon")}${image.trouble.detail}`);
}
