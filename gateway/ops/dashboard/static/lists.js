// Long lists, a page at a time: updates and devices. What changes in the rows at hand is shown at once.

import { Looked, get } from "./api.js";
import { el } from "./dom.js";
import { state } from "./state.js";
import { deviceLink, empty, stateWord, table, updateLink, updateName, when, who } from "./tables.js";
import { say } from "./words.js";

const PAGE = 50;
const ENDED_OTHERWISE = ["failed", "timed_out", "canceled", "rejected"];
const SHOWS = { open: { open: "true" }, all: {}, succeeded: { state: ["succeeded"] }, failed: { state: ENDED_OTHERWISE } };

class List {
  constructor(redraw, what, query) {
    Object.assign(this, { redraw, what, query, cursor: undefined });
    this.page = new Looked(() => get(what, { ...this.filter(), limit: PAGE, cursor: this.cursor }), redraw);
    this.page.again();
  }

  end() {
    this.page.end();
  }

  name() {
    return say(this.what);
  }

  rows() {
    return this.page.value?.[this.what] ?? [];
  }

  turn(where) {
    this.cursor = where === "next" ? this.page.value.next : undefined;
    this.page.at = 0;
    this.page.again();
    document.getElementById("main").focus();
  }

  frame(shows, shown, none) {
    const { value, error } = this.page;
    const links = Object.entries(shows).map(([show, word]) =>
      el("a", { href: `#/${this.what}?show=${show}`, "aria-current": show === this.shown() && "true" }, word),
    );
    return [
      el("h2", {}, this.name()),
      el("nav", { class: "filters", "aria-label": say("filter_label") }, links),
      error && el("p", { class: "wrong", role: "alert" }, error.message),
      value === null ? !error && empty(say("loading")) : this.rows().length ? shown() : empty(none),
      el(
        "div", { class: "buttons pages" },
        this.cursor && el("button", { "data-turn": "first", "data-key": "first" }, this.firstWord()),
        value?.next && el("button", { "data-turn": "next", "data-key": "next" }, this.nextWord()),
      ),
    ];
  }
}

export class Updates extends List {
  constructor(redraw, query) {
    super(redraw, "updates", query);
  }

  shown() {
    if (this.query.state) return "";
    return this.query.show in SHOWS ? this.query.show : "open";
  }

  filter() {
    return this.query.state ? { state: [this.query.state] } : SHOWS[this.shown()];
  }

  firstWord() {
    return say("first_page");
  }

  nextWord() {
    return say("next_page");
  }

  hear({ isStart, updates, more }) {
    if (isStart) return this.page.again();
    const rows = this.rows();
    for (const row of rows) {
      const news = updates?.get(row.id);
      if (news === undefined) continue;
      Object.assign(row, { state: news.state, percent: news.percent, stalled: news.stalled });
      if (news.next !== row.next.who) row.next = { who: news.next, values: {} };
    }
    // One that is not here may belong here, and one that is may not.
    if (updates?.size || more) this.page.again();
  }

  draw() {
    const columns = [
      { name: say("update"), cell: (row) => updateName(row.id, row.target) },
      { name: say("state"), cell: stateWord },
      { name: say("opened"), cell: (row) => when(row.opened_at), kind: "time" },
      { name: say("next"), cell: who, kind: "wide" },
    ];
    const shows = Object.fromEntries(Object.keys(SHOWS).map((show) => [show, say(`filter_${show}`)]));
    const title = this.query.state ? `${this.name()}${say("colon")}${say(`state.${this.query.state}`)}` : this.name();
    return this.frame(shows, () => table(title, columns, this.rows(), (row) => row.id), say("no_updates"));
  }
}

export class Devices extends List {
  constructor(redraw, query) {
    super(redraw, "devices", query);
    this.present = state.picture?.devices.present;
  }

  shown() {
    return ["present", "away"].includes(this.query.show) ? this.query.show : "all";
  }

  filter() {
    return { present: { present: "true", away: "false" }[this.shown()] };
  }

  firstWord() {
    return say("to_start");
  }

  nextWord() {
    return say("following");
  }

  hear({ isStart, updates, more }) {
    const isOther = this.present !== state.picture.devices.present;
    this.present = state.picture.devices.present;
    if (isStart || isOther || updates?.size || more) this.page.again();
  }

  draw() {
    const columns = [
      { name: say("device"), cell: (row) => deviceLink(row.product, row.device) },
      { name: say("presence"), cell: (row) => presence(row) },
      { name: say("runs"), cell: versions, kind: "wide" },
      { name: say("under_way"), cell: (row) => row.open.map(underWay), kind: "wide" },
    ];
    const shows = { all: say("filter_all"), present: say("filter_present"), away: say("filter_away") };
    const [head, ...rest] = this.frame(shows, () => table(this.name(), columns, this.rows(), (row) => row.id), say("no_devices"));
    return [head, finder(), ...rest];
  }
}

function finder() {
  return el(
    "form", { class: "finder", role: "search", "data-key": "finder" },
    el("label", { for: "finder" }, say("find_device")),
    el("input", { id: "finder", name: "device", placeholder: say("find_placeholder"), autocomplete: "off", spellcheck: "false" }),
    el("button", {}, say("find")),
  );
}

export function presence(device) {
  return el("span", { class: device.present ? "here" : "away" }, el("span", { class: "sign", "aria-hidden": "true" }, device.present ? "●" : "○"), say(device.present ? "present" : "absent"));
}

export function versions(device) {
  const found = Object.entries(device.versions);
  return found.map(([module, version]) => (module === "default" ? version : `${module} ${version}`)).join(say("comma")) || "–";
}

function underWay(update) {
  return el("span", { class: "detail", "data-key": update.id }, updateLink(update.id, `→ ${update.target}`), " ", stateWord(update));
}
