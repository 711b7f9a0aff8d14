// All that was refused: dead letters, which can be sent again or forgotten, and the quarantine.

import { letterButtons } from "./acts.js";
import { Looked, get } from "./api.js";
import { el } from "./dom.js";
import { asideTable, empty, lettersTable } from "./tables.js";
import { say } from "./words.js";

const PAGE = 25;

export class Refused {
  constructor(redraw) {
    this.lists = {
      "dead-letters": { key: "dead_letters", limit: PAGE },
      quarantine: { key: "quarantine", limit: PAGE },
    };
    for (const [at, list] of Object.entries(this.lists)) {
      list.looked = new Looked(() => this.read(at, list), redraw);
      list.looked.again();
    }
  }

  end() {
    for (const { looked } of Object.values(this.lists)) looked.end();
  }

  name() {
    return say("refused_title");
  }

  hear({ isStart, isRefused, isActed }) {
    if (isStart || isRefused || isActed) for (const { looked } of Object.values(this.lists)) looked.again();
  }

  // As many as were shown, page after page: what was sent again is gone, and the next has its place.
  async read(at, { key, limit }) {
    const found = [];
    let cursor;
    do {
      const page = await get(at, { limit: Math.min(limit - found.length, 500), cursor });
      found.push(...page[key]);
      cursor = page.next ?? undefined;
    } while (cursor && found.length < limit);
    return { rows: found, isMore: cursor !== undefined };
  }

  turn(at) {
    const list = this.lists[at];
    list.limit += PAGE;
    list.looked.again();
  }

  draw() {
    const letters = this.part("dead-letters", (rows) => lettersTable(rows, letterButtons), say("no_letters"));
    const aside = this.part("quarantine", (rows) => asideTable(rows), say("no_quarantine"));
    return [
      el("h2", {}, this.name()),
      el("h3", {}, say("dead_letters"), " ", el("span", { class: "small" }, say("dead_letters_why"))), letters,
      el("h3", {}, say("quarantine"), " ", el("span", { class: "small" }, say("quarantine_why"))), aside,
    ];
  }

  part(at, shown, none) {
    const { value, error } = this.lists[at].looked;
    if (error) return el("p", { class: "wrong", role: "alert" }, error.message);
    if (value === null) return empty(say("loading"));
    return [
      value.rows.length ? shown(value.rows) : empty(none),
      value.isMore && el("div", { class: "buttons" }, el("button", { "data-turn": at, "data-key": at }, say("more"))),
    ];
  }
}
