// Plots as SVG: lines, or bands upon each other. Drawn for the width at hand, so that words keep their size.

import { svg } from "./dom.js";

const LEFT = 52, RIGHT = 8, TOP = 10, BOTTOM = 24;

// `series` are {name, kind, values}, one value or null for each time of `at` (Unix seconds).
export function plot({ at, series, isStacked, width, height, label, tick, time, title, least = 1, round = nice }) {
  const inner = { width: Math.max(width - LEFT - RIGHT, 40), height: height - TOP - BOTTOM };
  const stacked = isStacked ? stack(series) : series.map((each) => ({ ...each, base: null }));
  const top = round(Math.max(least, ...stacked.flatMap(({ values }) => values.filter((value) => value !== null))));
  const [from, to] = [at[0] ?? 0, at[at.length - 1] ?? 1];
  const x = (moment) => LEFT + (to > from ? ((moment - from) / (to - from)) * inner.width : inner.width);
  const y = (value) => TOP + inner.height * (1 - value / top);
  const drawn = stacked.map((each) => (isStacked ? band(each, at, x, y) : line(each, at, x, y)));
  return svg(
    "svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label },
    svg("title", {}, title),
    grid(top, y, width, tick), drawn, times(from, to, x, height, time, inner.width),
  );
}

function stack(series) {
  let base = series[0]?.values.map(() => 0) ?? [];
  return series.map((each) => {
    const values = each.values.map((value, index) => base[index] + (value ?? 0));
    const found = { ...each, base, values };
    base = values;
    return found;
  });
}

// In steps: between two moments it stood as at the first.
function band({ kind, values, base }, at, x, y) {
  const edge = (heights) =>
    heights.flatMap((value, index) => {
      const until = at[Math.min(index + 1, at.length - 1)];
      return [at[index], until].map((moment) => `${x(moment).toFixed(1)},${y(value).toFixed(1)}`);
    });
  return svg("polygon", { class: `band ${kind}`, points: [...edge(values), ...edge(base).reverse()].join(" ") });
}

// A line breaks where nothing is known; a point alone is a dot.
function line({ kind, values }, at, x, y) {
  const runs = [];
  let run = [];
  values.forEach((value, index) => {
    if (value === null) run = [];
    else {
      if (run.length === 0) runs.push(run);
      run.push([x(at[index]), y(value)]);
    }
  });
  return runs.map((points) =>
    points.length === 1
      ? svg("circle", { class: `dot ${kind}`, cx: points[0][0].toFixed(1), cy: points[0][1].toFixed(1), r: 2.5 })
      : svg("polyline", { class: `line ${kind}`, points: points.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(" ") }),
  );
}

function grid(top, y, width, tick) {
  return [0, 0.5, 1].map((part) => top * part).filter((value) => top < 1 || Number.isInteger(value)).map((value) => {
    return [
      svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
      svg("text", { class: "tick", x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, tick(value)),
    ];
  });
}

function times(from, to, x, height, time, width) {
  const steps = to <= from ? [1] : width > 420 ? [0, 0.25, 0.5, 0.75, 1] : [0, 0.5, 1];
  return steps.map((part, index) => {
    const moment = from + (to - from) * part;
    const anchor = steps.length === 1 || index === steps.length - 1 ? "end" : index === 0 ? "start" : "middle";
    return svg("text", { class: "tick", x: x(moment), y: height - 6, "text-anchor": anchor }, time(moment));
  });
}

// The next age that people think in: half of it is one, too.
const AGES = [1, 2, 4, 10, 20, 60, 120, 240, 600, 1200, 3600, 7200, 14_400, 43_200, 86_400, 172_800, 345_600];
export function niceAge(seconds) {
  return AGES.find((age) => age >= seconds * 0.999) ?? nice(seconds / 172_800) * 172_800;
}

// The next round number: 1, 2, 5, 10 …
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}
