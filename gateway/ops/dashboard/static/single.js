// One update with all that happened to it, and one device.

import { button, updateButtons } from "./acts.js";
import { Looked, get, path } from "./api.js";
import { el, svg } from "./dom.js";
import { age, bytes, clock, cloudName, secondsSince } from "./format.js";
import { presence, versions } from "./lists.js";
import { state } from "./state.js";
import { deviceLink, empty, stateWord, table, updateLink, when, who } from "./tables.js";
import { phrased, say } from "./words.js";

class Single {
  constructor(redraw, at) {
    this.looked = new Looked(() => get(at), redraw, 400);
    this.looked.again();
  }

  end() {
    this.looked.end();
  }

  draw() {
    const { value, error } = this.looked;
    if (error?.status === 404) return [el("h2", {}, this.name()), empty(error.message)];
    return [
      el("h2", {}, this.name()),
      error && el("p", { class: "wrong", role: "alert" }, error.message),
      value ? this.show(value) : !error && empty(say("loading")),
    ];
  }
}

export class OneUpdate extends Single {
  constructor(redraw, parts) {
    super(redraw, path("updates", ...parts));
    this.id = parts.join("/");
  }

  name() {
    return this.id;
  }

  hear({ isStart, updates, more, isActed }) {
    if (isStart || isActed || more || updates?.has(this.id)) this.looked.again();
  }

  show(update) {
    return [
      el("p", { class: "stands" }, stateWord(update), update.percent !== null && isDownloading(update) && meter(update)),
      el("p", {}, who(update)),
      el("div", { class: "buttons" }, updateButtons(update)),
      facts([
        [say("device"), deviceLink(update.product, update.device)],
        [say("target"), [update.target, update.source && ` ${say("from", { version: update.source })}`]],
        [say("opened"), when(update.opened_at)],
        [say("entered"), age(secondsSince(update.entered_at))],
        ["", [update.attempt > 1 && say("attempt", { count: update.attempt }), flags(update)]],
      ]),
      update.orders.length > 0 && [el("h3", {}, say("orders")), orders(update.orders)],
      update.image && [el("h3", {}, say("image")), el("p", {}, imageWords(update.image))],
      el("h3", {}, say("timeline")),
      update.timeline.length ? timeline(update.timeline) : empty(say("no_timeline")),
    ];
  }
}

export class OneDevice extends Single {
  constructor(redraw, parts) {
    super(redraw, path("devices", ...parts));
    this.id = parts.join("/");
    this.at = path("devices", ...parts);
  }

  name() {
    return this.id;
  }

  hear({ isStart, updates, more, isActed }) {
    const isMine = [...(updates?.keys() ?? [])].some((id) => id.startsWith(`${this.id}/`));
    const isOther = this.present !== state.picture.devices.present;
    this.present = state.picture.devices.present;
    if (isStart || isActed || isMine || isOther || more) this.looked.again();
  }

  show(device) {
    const columns = [
      { name: say("update"), cell: (row) => updateLink(row.id) },
      { name: say("target"), cell: (row) => row.target },
      { name: say("state"), cell: stateWord },
      { name: say("opened"), cell: (row) => when(row.opened_at), kind: "time" },
      { name: say("next"), cell: who, kind: "wide" },
    ];
    return [
      el("p", { class: "stands" }, presence(device)),
      facts([[say("runs"), versions(device)]]),
      el("div", { class: "buttons" }, button("ask", this.at, this.id)),
      device.orders.length > 0 && [el("h3", {}, say("orders")), orders(device.orders)],
      el("h3", {}, say("updates")),
      device.updates.length ? table(say("updates"), columns, device.updates, (row) => row.id) : empty(say("no_updates")),
    ];
  }
}

function isDownloading(update) {
  return ["downloading", "installing", "applying"].includes(update.state);
}

function meter({ percent, target }) {
  return svg(
    "svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img", "aria-label": `${target}${say("colon")}${percent} %` },
    svg("rect", { class: "band none", x: 0, y: 0, width: 100, height: 10 }),
    svg("rect", { class: "band open", x: 0, y: 0, width: percent, height: 10 }),
  );
}

function facts(found) {
  return el("dl", { class: "facts" }, found.filter(([, fact]) => [fact].flat(9).some(Boolean)).map(([name, fact]) => el("div", {}, el("dt", {}, name), el("dd", {}, fact))));
}

function flags(update) {
  return ["paused", "stalled", "unverified"].filter((flag) => update[flag]).map((flag) => el("span", { class: "flag" }, say(flag)));
}

function orders(rows) {
  const columns = [
    { name: say("cloud"), cell: (row) => cloudName(row.lane) },
    { name: say("target"), cell: (row) => row.version },
    { name: say("state"), cell: (row) => say(`order_${row.state}`) },
    { name: say("update"), cell: (row) => (row.update ? updateLink(row.update) : "–") },
  ];
  return table(say("orders"), columns, rows, (row) => `${row.lane} ${row.device} ${row.module}`);
}

function imageWords(image) {
  if (image.trouble) return image.trouble.detail;
  const how = say(image.here ? "image_here" : "image_coming");
  return [how, image.percent !== null && !image.here && `${image.percent} %`, bytes(image.size)].filter(Boolean).join(say("comma"));
}

function timeline(lines) {
  return el("ol", { class: "timeline" }, lines.map((line, index) => el(
    "li", { "data-key": `line ${index}` },
    el("time", { datetime: line.at, title: line.at }, clock(line.at, { seconds: true })),
    el("span", { class: "source" }, sourceWord(line.source)),
    el("span", { class: "text" }, phrased(line.phrases)),
  )));
}

function sourceWord(source) {
  return source.startsWith("cloud/") ? cloudName(source) : say(`who.${source}`);
}
