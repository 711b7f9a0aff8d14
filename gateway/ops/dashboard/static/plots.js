// The plots of the overview: reports a minute, delay of each cloud, and how the newest campaign came along.

import { Looked, get, path } from "./api.js";
import { el } from "./dom.js";
import { age, clock, cloudName, number } from "./format.js";
import { campaignKey } from "./glance.js";
import { niceAge, plot } from "./plot.js";
import { state } from "./state.js";
import { empty } from "./tables.js";
import { say } from "./words.js";

const MINUTES = 180;
const HEIGHT = 190;
const BANDS = ["succeeded", "open", "ended_otherwise"];

export class Plots {
  constructor(redraw) {
    this.minutes = new Looked(() => get("minutes", { last: MINUTES }), redraw);
    this.progress = new Looked(() => this.lookAtCampaign(), redraw);
    this.timer = setInterval(() => this.minutes.again(), 60_000);
    this.redraw = redraw;
    this.onResize = () => redraw();
    addEventListener("resize", this.onResize);
  }

  end() {
    clearInterval(this.timer);
    removeEventListener("resize", this.onResize);
    this.minutes.end();
    this.progress.end();
  }

  hear(news) {
    if (news.isStart) this.minutes.again();
    const found = this.wanted();
    if (found && JSON.stringify(found) !== this.drawn) {
      this.drawn = JSON.stringify(found);
      this.progress.again();
    }
  }

  // The campaign that was chosen, or the newest.
  wanted() {
    const campaigns = state.picture?.campaigns ?? [];
    return campaigns.find((each) => campaignKey(each) === this.chosen) ?? campaigns[0];
  }

  choose(key) {
    this.chosen = key;
    this.progress.at = 0;
    this.hear({});
  }

  async lookAtCampaign() {
    const found = this.wanted();
    if (!found) return null;
    const { product, module, target } = found;
    return { target, ...(await get(path("campaigns", product, module, target))) };
  }

  draw(picture) {
    return el("div", { class: "plots-row" }, this.reports(picture), this.delay(picture), this.campaign());
  }

  reports(picture) {
    const { value } = this.minutes;
    const series = value && [{ name: say("plot_reports"), kind: "first", values: value.reports }];
    return this.figure(say("plot_reports"), picture, value?.at, series, { tick: number, least: 10 });
  }

  delay(picture) {
    const { value } = this.minutes;
    const lanes = Object.entries(value?.delay_seconds ?? {});
    const kinds = ["first", "second", "third", "fourth"];
    const series = lanes.map(([lane, values], index) => ({ name: cloudName(lane), kind: kinds[index % kinds.length], values }));
    return this.figure(say("plot_delay"), picture, value?.at, series, { tick: age, round: niceAge, isKeyed: true });
  }

  campaign() {
    const { value } = this.progress;
    if (!value || value.at.length === 0) return null;
    const series = BANDS.map((band) => ({ name: say(`band_${band}`), kind: band, values: value[band] }));
    const title = say("plot_campaign", { target: value.target });
    return this.figure(title, null, value.at, series, { tick: number, isStacked: true, isKeyed: true });
  }

  figure(title, picture, at, series, { isKeyed, ...options }) {
    const head = el("h3", {}, title);
    if (!at || at.length === 0) {
      const words = at ? say("plot_empty", { time: clock(picture.started_at) }) : this.minutes.error?.message ?? say("loading");
      return el("figure", { "data-key": title }, head, empty(words));
    }
    const label = series.map((each) => summary(each, at, options.tick, title)).join(" ");
    const drawn = plot({ at, series, ...options, width: room(), height: HEIGHT, label, time: clock, title: label });
    const since = picture && at.length < MINUTES && say("plot_since", { time: clock(picture.started_at) });
    return el(
      "figure", { "data-key": title }, head, drawn,
      el("figcaption", { class: "small" }, isKeyed && legend(series), since),
    );
  }
}

// The width of one plot: as many stand side by side as the style sheet says.
function room() {
  const whole = document.getElementById("main").clientWidth - 2 * parseFloat(getComputedStyle(document.documentElement).fontSize);
  const beside = whole > 1000 ? 3 : whole > 660 ? 2 : 1;
  return Math.floor((whole - (beside - 1) * 32) / beside);
}

function legend(series) {
  return series.map(({ name, kind }) => el("span", { class: `key ${kind}` }, name));
}

function summary({ name, values }, at, tick, title) {
  const known = values.filter((value) => value !== null);
  const called = name === title ? title : `${title}, ${name}`;
  if (known.length === 0) return say("plot_nothing", { name: called });
  return say("plot_says", {
    name: called, now: tick(known[known.length - 1]), least: tick(Math.min(...known)), most: tick(Math.max(...known)),
    from: clock(at[0]), to: clock(at[at.length - 1]),
  });
}
