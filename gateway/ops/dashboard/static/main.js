// Joins the parts: words, looks, the stream, and the view that the address names.

import { attend, announce } from "./acts.js";
import { whenUnknown } from "./api.js";
import { askToken } from "./dialogs.js";
import { el, paint, svg } from "./dom.js";
import { clock } from "./format.js";
import { judge } from "./headline.js";
import { Devices, Updates } from "./lists.js";
import { dress, theme, turn, whenSystemTurns } from "./looks.js";
import { Overview } from "./overview.js";
import { Refused } from "./refused.js";
import { OneDevice, OneUpdate } from "./single.js";
import { listen, state } from "./state.js";
import { Stuck } from "./stuck.js";
import { follow, known } from "./stream.js";
import { language, learn, preferred, say } from "./words.js";

const PAGES = { "": "overview", updates: "updates", devices: "devices", refused: "refused" };
const SHAPES = {
  good: "M8 1a7 7 0 1 0 .01 0z", warn: "M8 1 15.500 14.500H.5z", bad: "M1.500 1.500h13v13h-13z",
  unknown: "M8 1a7 7 0 1 0 .01 0zM8 4a4 4 0 1 1-.01 0z",
};
let view = null;
let place = "";
let frame = 0;

function redraw() {
  if (frame === 0) frame = requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  if (state.picture !== null && performance.getEntriesByName("useful").length === 0) performance.mark("useful");
  const verdict = judge(state);
  const isOverview = view instanceof Overview;
  document.title = `${verdict.title} · ${state.picture?.name ?? say("title")}`;
  document.documentElement.dataset.connection = state.connection;
  paint(document.getElementById("skip"), say("skip"));
  paint(document.getElementById("top"), bar());
  paint(document.getElementById("main"), headline(verdict, isOverview), view.draw());
  paint(document.getElementById("foot"), foot());
  speak(verdict);
}

function bar() {
  const links = Object.entries(PAGES).map(([at, word]) =>
    el("a", { href: `#/${at}`, "aria-current": place === at && "page" }, say(word)),
  );
  const live = state.connection === "live";
  return [
    el("span", { class: "site" }, state.picture?.name ?? say("title")),
    el("nav", { "aria-label": say("navigation") }, links),
    el("span", { class: "switches" },
      el("span", { class: `connection ${state.connection}` }, el("span", { class: "sign", "aria-hidden": "true" }, live ? "●" : "○"), say(live ? "live" : state.connection === "connecting" ? "connecting" : "lost")),
      el("button", { "data-switch": "language", "data-key": "language", "aria-label": say("language_label") }, say("language")),
      el("button", { "data-switch": "theme", "data-key": "theme", "aria-label": say("theme_label") }, say(theme() === "dark" ? "theme_light" : "theme_dark")),
    ),
  ];
}

function headline({ level, title, more }, isLarge) {
  const shape = svg("svg", { class: "shape", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: SHAPES[level], "fill-rule": "evenodd" }));
  return el("div", { class: `headline ${isLarge ? "large" : ""}`, "data-level": level, "data-key": "headline" },
    shape, el("div", {}, el("h1", {}, title), more && el("p", {}, more)));
}

function foot() {
  const { picture, connection } = state;
  if (picture === null) return "";
  const about = say("page_of", { version: picture.version, time: clock(picture.started_at) });
  const old = connection !== "live" && ` · ${say("as_of", { time: clock(state.lostAt ?? Date.now() / 1000, { seconds: true }) })}`;
  return [about, old, " · ", el("a", { href: "api/v1/docs" }, "API")];
}

// Said aloud when the verdict is another one, not when a number in it grows.
let spoken = "";
function speak({ level, title }) {
  const words = title.replace(/\d/g, "");
  if (spoken === level + words) return;
  spoken = level + words;
  document.getElementById("spoken").textContent = title;
}

function open() {
  const [address, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [at, ...parts] = address.split("/").map(decoded);
  const query = Object.fromEntries(new URLSearchParams(search));
  view?.end();
  place = at in PAGES ? at : "";
  if (at === "updates") view = parts.length === 4 ? new OneUpdate(redraw, parts) : new Updates(redraw, query);
  else if (at === "devices") view = parts.length === 2 ? new OneDevice(redraw, parts) : new Devices(redraw, query);
  else if (at === "refused") view = new Refused(redraw);
  else if (at === "stuck") view = new Stuck();
  else view = new Overview(redraw);
  if (state.picture !== null) view.hear({ isStart: true });
  draw();
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

async function pressed(event) {
  const { switch: which, turn: where, campaign } = event.target.closest("button")?.dataset ?? {};
  if (which === "theme") turn();
  if (which === "language") await learn(language === "en" ? "zh" : "en", true).catch((error) => announce(error.message, true));
  if (where !== undefined) view.turn(where);
  if (campaign !== undefined) view.choose(campaign);
  if (which !== undefined) redraw();
}

function submitted(event) {
  if (!event.target.classList.contains("finder")) return;
  event.preventDefault();
  const [product, ...name] = event.target.elements.device.value.trim().split("/");
  if (name.length > 0) location.hash = `#/devices/${encodeURIComponent(product)}/${encodeURIComponent(name.join("/"))}`;
}

async function start() {
  dress();
  await learn(preferred()).catch(() => learn("en"));
  open();
  addEventListener("hashchange", () => {
    open();
    document.getElementById("main").focus({ preventScroll: true });
    scrollTo(0, 0);
  });
  document.addEventListener("click", pressed);
  document.addEventListener("submit", submitted);
  whenSystemTurns(redraw);
  attend(() => view.hear({ isActed: true }));
  listen((news) => {
    if (state.picture !== null) view.hear(news);
    redraw();
  });
  whenUnknown((wasGiven) => askToken(wasGiven, () => {
    known();
    if (state.picture !== null) view.hear({ isStart: true });
  }));
  setInterval(redraw, 1000);
  follow();
}

start();
