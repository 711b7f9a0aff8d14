// The page that hangs on the wall: is everything delivered, what is updating, what stands still, what was refused.

import { letterButtons } from "./acts.js";
import { Looked, get } from "./api.js";
import { el } from "./dom.js";
import { clouds, updating } from "./glance.js";
import { figures } from "./headline.js";
import { Plots } from "./plots.js";
import { state } from "./state.js";
import { stuckTable } from "./stuck.js";
import { asideTable, empty, lettersTable } from "./tables.js";
import { say } from "./words.js";

const SHOWN = 4;

export class Overview {
  constructor(redraw) {
    const options = { limit: SHOWN };
    this.letters = new Looked(() => get("dead-letters", options), redraw);
    this.aside = new Looked(() => get("quarantine", options), redraw);
    this.plots = new Plots(redraw);
  }

  hear(news) {
    if (news.isStart || news.isRefused) for (const looked of [this.letters, this.aside]) looked.again();
    this.plots.hear(news);
  }

  end() {
    for (const looked of [this.letters, this.aside, this.plots]) looked.end();
  }

  choose(campaign) {
    this.plots.choose(campaign);
    document.getElementById("title-plots").scrollIntoView({ block: "nearest" });
  }

  name() {
    return say("overview");
  }

  draw() {
    const { picture } = state;
    if (picture === null) return [];
    return [
      figuresList(picture),
      el(
        "div", { class: "columns" },
        el("div", {}, section("clouds", say("clouds"), clouds(picture)), section("stuck", say("stuck"), stuckTable(picture))),
        el("div", {}, section("updating", say("updating"), updating(picture)), this.refused(), this.quarantined()),
      ),
      section("plots", say("plots"), this.plots.draw(picture)),
    ];
  }

  refused() {
    const shown = (letters) => lettersTable(letters, letterButtons);
    return this.few("dead_letters", this.letters, shown, "no_letters");
  }

  quarantined() {
    return this.few("quarantine", this.aside, asideTable, "no_quarantine");
  }

  // The newest of a list; that there is none is said only when it is known.
  few(key, { value, error }, shown, none) {
    const rows = value?.[key] ?? [];
    return section(
      key, say(key), el("p", { class: "small" }, say(`${key}_why`)),
      error && el("p", { class: "wrong" }, error.message),
      rows.length ? shown(rows) : !error && empty(say(value ? none : "loading")),
      value?.next && allLink(),
    );
  }
}

function allLink() {
  return el("p", {}, el("a", { href: "#/refused" }, say("all")));
}

function section(key, title, ...children) {
  return el("section", { class: key, "data-key": key, "aria-labelledby": `title-${key}` }, el("h2", { id: `title-${key}` }, title), children);
}

function figuresList(picture) {
  const one = ({ name, value, key, to }) => {
    const inner = [el("dd", {}, to ? el("a", { href: to }, value) : value), el("dt", {}, name)];
    return el("div", { class: `figure ${key}`, "data-key": key, "data-zero": value === "0" }, inner);
  };
  return el("dl", { class: "figures", "data-key": "figures" }, figures(picture).map(one));
}
