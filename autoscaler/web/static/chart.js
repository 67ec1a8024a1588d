// Drawing a day: one time axis, several plots, a cross that runs through all of them.

import { clock, h, latency, money, s } from "./dom.js";

const LEFT = 46;
const RIGHT = 10;
const BOTTOM = 20;
const APART = 26; // pixels between two marks that can be told apart by a finger
const KNOWN = (value) => value !== null && value !== undefined;

function ticksOf(high, whole) {
  const rough = high / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 2.5, 5, 10].map((f) => f * power).find((f) => f >= rough) ?? power * 10;
  if (whole) step = Math.max(1, Math.ceil(step));
  const ticks = [];
  for (let at = 0; at <= high * 1.0001; at += step) ticks.push(at);
  return ticks;
}

function hoursOf(from, to, most) {
  const step = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600].find((f) => (to - from) / f <= most) ?? 43200;
  const ticks = [];
  for (let at = Math.ceil(from / step) * step; at < to; at += step) ticks.push(at);
  return ticks;
}

// Runs of points at which `value` is known; a gap longer than three minutes breaks a line.
function runsOf(points, value) {
  const runs = [];
  let last = -Infinity;
  for (const point of points) {
    if (!KNOWN(value(point))) continue;
    if (point.at - last > 180) runs.push([]);
    runs.at(-1).push(point);
    last = point.at;
  }
  return runs;
}

const line = (run, x, y) => run.map((p, i) => `${i ? "L" : "M"}${x(p).toFixed(1)} ${y(p).toFixed(1)}`).join("");

function steps(run, x, y) {
  return run.map((p, i) => (i ? `H${x(p).toFixed(1)}V${y(p).toFixed(1)}` : `M${x(p).toFixed(1)} ${y(p).toFixed(1)}`)).join("")
    + `H${(x(run.at(-1)) + 1).toFixed(1)}`;
}

function area(run, x, y, base, draw) {
  const end = draw === steps ? x(run.at(-1)) + 1 : x(run.at(-1));
  return `${draw(run, x, y)}L${end.toFixed(1)} ${base}L${x(run[0]).toFixed(1)} ${base}Z`;
}

function frame(plot, scale, height) {
  const { width, from, to, high, whole, show } = scale;
  const x = (at) => LEFT + ((at - from) / (to - from)) * (width - LEFT - RIGHT);
  const y = (value) => 4 + (1 - Math.min(value, high) / high) * (height - BOTTOM - 4);
  for (const tick of ticksOf(high, whole)) {
    plot.append(s("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }),
      s("text", { x: LEFT - 7, y: y(tick) + 4, "text-anchor": "end" }, show(tick)));
  }
  for (const tick of hoursOf(from, to, width / 80)) {
    plot.append(s("text", { x: x(tick), y: height - 4, "text-anchor": "middle" }, clock(tick)));
  }
  return { x, y, base: y(0) };
}

function outages(plot, points, x, height) {
  for (const run of runsOf(points, (p) => (p.success_ratio === 0 || p.status === "failed" ? 1 : null))) {
    const start = x(run[0].at);
    plot.append(s("rect", {
      class: "outage", x: start, y: 4, width: Math.max(2, x(run.at(-1).at + 60) - start), height: height - BOTTOM - 4,
    }));
  }
}

function highest(points, values, floor) {
  let high = floor;
  for (const point of points) for (const value of values) if (KNOWN(value(point))) high = Math.max(high, value(point));
  return high * 1.08;
}

// The scale of a latency: its objective and what 99 of 100 minutes stay below; one bad minute is cut.
function usual(points, read, threshold) {
  const sorted = points.map(read).filter(KNOWN).sort((a, b) => a - b);
  return Math.max(threshold ?? 0.01, sorted[Math.floor(sorted.length * 0.99)] ?? 0) * 1.12;
}

/** Replicas against the estimated need. */
function replicasPlot(points, context) {
  const values = [(p) => p.replicas, (p) => p.target, (p) => p.need_high, (p) => p.need];
  return {
    title: "Replicas and what the load needs", height: 210, whole: true, show: (v) => v.toFixed(0),
    legend: [["k-replicas", "running"], ["k-target", "target"], ["k-need", "needed, with its interval"]],
    high: Math.max(2, highest(points, values, 1)),
    marked: true,
    draw: (plot, { x, y, base }) => {
      const px = (p) => x(p.at);
      for (const run of runsOf(points, (p) => p.need_high)) {
        const back = [...run].reverse();
        plot.append(s("path", {
          class: "band",
          d: `${line(run, px, (p) => y(p.need_high))}${line(back, px, (p) => y(p.need_low ?? p.need)).replace("M", "L")}Z`,
        }));
      }
      for (const run of runsOf(points, (p) => p.replicas)) {
        plot.append(s("path", { class: "replicas-area", d: area(run, px, (p) => y(p.replicas), base, steps) }),
          s("path", { class: "replicas", d: steps(run, px, (p) => y(p.replicas)) }));
      }
      for (const run of runsOf(points, (p) => p.target)) plot.append(s("path", { class: "target", d: steps(run, px, (p) => y(p.target)) }));
      for (const run of runsOf(points, (p) => p.need)) plot.append(s("path", { class: "need-line", d: line(run, px, (p) => y(p.need)) }));
    },
    tell: (p) => [`${p.replicas ?? "?"} running, target ${p.target ?? "?"}`,
      KNOWN(p.need) ? `needs ${p.need.toFixed(1)}${KNOWN(p.need_low) ? ` (${p.need_low.toFixed(1)} to ${p.need_high.toFixed(1)})` : ""}` : "need unknown"],
    now: (p) => `${p.replicas ?? "?"} running${KNOWN(p.need) ? `, ${p.need.toFixed(1)} needed` : ""}`,
    context,
  };
}

/** A latency against its objective. */
function latencyPlot(title, points, read, threshold) {
  return {
    title, height: 132, whole: false, show: latency,
    legend: [["k-value", "measured"], ...(threshold ? [["k-slo", `objective ${latency(threshold)}`]] : [])],
    high: usual(points, read, threshold),
    draw: (plot, { x, y, base }, width) => {
      for (const run of runsOf(points, read)) {
        plot.append(s("path", { class: "value-area", d: area(run, (p) => x(p.at), (p) => y(read(p)), base, line) }),
          s("path", { class: "value", d: line(run, (p) => x(p.at), (p) => y(read(p))) }));
      }
      if (threshold) plot.append(s("line", { class: "slo", x1: LEFT, x2: width - RIGHT, y1: y(threshold), y2: y(threshold) }));
    },
    tell: (p) => [latency(read(p)), p.success_ratio === 0 ? "probes fail" : ""],
    now: (p) => latency(read(p)),
  };
}

function costPlot(points, currency) {
  const read = (p) => p.cost_per_hour;
  return {
    title: "Cost an hour", height: 112, whole: false, show: (v) => money(v, currency).replace(/\.00$/, ""),
    legend: [], high: highest(points, [read], 1),
    draw: (plot, { x, y, base }) => {
      for (const run of runsOf(points, read)) {
        plot.append(s("path", { class: "value-area", d: area(run, (p) => x(p.at), (p) => y(read(p)), base, steps) }),
          s("path", { class: "value", d: steps(run, (p) => x(p.at), (p) => y(read(p))) }));
      }
    },
    tell: (p) => [`${money(read(p), currency)} an hour`, ""],
    now: (p) => `${money(read(p), currency)} an hour`,
  };
}

/** Changes of the target in a history: what a person asks "why" about. */
export function changesOf(points) {
  const found = [];
  let last = null;
  for (const point of points) {
    if (!KNOWN(point.target)) continue;
    if (last !== null && point.target !== last) found.push({ at: point.at, before: last, after: point.target });
    last = point.target;
  }
  return found;
}

function marks(layer, changes, x, open) {
  const groups = [];
  for (const change of changes) {
    const place = x(change.at);
    const last = groups.at(-1);
    if (last && place - last.place < APART) last.changes.push(change);
    else groups.push({ place, changes: [change] });
  }
  const buttons = groups.map(({ place, changes: own }) => {
    const [first, final] = [own[0], own.at(-1)];
    const up = final.after > first.before;
    const text = own.length > 1
      ? `${own.length} decisions from ${clock(first.at)} to ${clock(final.at)}, ${first.before} to ${final.after}`
      : `${up ? "Up" : "Down"} from ${first.before} to ${first.after} at ${clock(first.at)}`;
    const button = h("button", {
      type: "button", class: `mark ${own.length > 1 ? "many" : up ? "up" : "down"}`, "aria-label": text, title: text,
      tabindex: -1, onclick: () => open(own),
    }, own.length > 1 ? String(own.length) : up ? "▲" : "▼");
    button.style.left = `${place}px`;
    return button;
  });
  buttons.at(-1)?.setAttribute("tabindex", "0");
  layer.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const at = buttons.indexOf(document.activeElement);
    const next = buttons[at + (move ?? 0)];
    if (!move || at < 0 || !next) return;
    event.preventDefault();
    buttons[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  layer.replaceChildren(...buttons);
}

function spoken(plot, points) {
  const last = points.at(-1);
  return `${plot.title}, ${clock(points[0].at)} to ${clock(last.at)}. Now ${plot.now(last)}.`;
}

function build(plot, points, story) {
  const svg = s("svg", { role: "img", "aria-label": spoken(plot, points), height: plot.height });
  const layer = h("div", { class: "marks", ...(plot.marked ? { role: "group", "aria-label": "Decisions; arrow keys move between them" } : {}) });
  const box = h("div", { class: `plot${plot.marked ? " marked" : ""}` }, svg, plot.marked ? layer : null);
  const width = story.width;
  svg.setAttribute("viewBox", `0 0 ${width} ${plot.height}`);
  const axes = frame(svg, { width, from: story.from, to: story.to, high: plot.high, whole: plot.whole, show: plot.show }, plot.height);
  outages(svg, points, axes.x, plot.height);
  plot.draw(svg, axes, width);
  for (const alert of story.alerts) {
    if (alert.started_at > story.from) {
      svg.append(s("line", { class: "alert-mark", x1: axes.x(alert.started_at), x2: axes.x(alert.started_at), y1: 4, y2: plot.height - BOTTOM },
        s("title", null, alert.name)));
    }
  }
  const cross = s("line", { class: "cross", y1: 4, y2: plot.height - BOTTOM, visibility: "hidden" });
  svg.append(cross);
  if (plot.marked) marks(layer, changesOf(points), axes.x, story.open);
  const chart = h("div", { class: "chart" },
    h("h3", null, plot.title,
      h("span", { class: "legend" }, plot.legend.map(([kind, text]) => h("span", { class: kind }, text))),
      h("span", { class: "now" }, plot.now(points.at(-1)))),
    box);
  return { chart, box, svg, cross, plot };
}

function follow(parts, points, story) {
  const tip = h("div", { class: "tip", hidden: true });
  const hide = () => {
    tip.hidden = true;
    for (const part of parts) part.cross.setAttribute("visibility", "hidden");
  };
  const show = (part, event) => {
    const box = part.svg.getBoundingClientRect();
    const place = event.clientX - box.left;
    const inner = story.width - LEFT - RIGHT;
    const at = story.from + ((place - LEFT) / inner) * (story.to - story.from);
    if (place < LEFT || place > story.width - RIGHT) return hide();
    const near = points.reduce((best, p) => (Math.abs(p.at - at) < Math.abs(best.at - at) ? p : best));
    const x = LEFT + ((near.at - story.from) / (story.to - story.from)) * inner;
    for (const { cross } of parts) {
      cross.setAttribute("x1", x);
      cross.setAttribute("x2", x);
      cross.setAttribute("visibility", "visible");
    }
    part.box.append(tip);
    tip.replaceChildren(h("b", null, `${clock(near.at)} UTC`), ...part.plot.tell(near).filter(Boolean).map((text) => h("div", null, text)));
    tip.hidden = false;
    tip.style.left = x < story.width / 2 ? `${x + 12}px` : "auto";
    tip.style.right = x < story.width / 2 ? "auto" : `${story.width - x + 12}px`;
    return undefined;
  };
  for (const part of parts) {
    part.box.addEventListener("pointermove", (event) => show(part, event));
    part.box.addEventListener("pointerleave", hide);
  }
}

/** Draw all plots of one deployment into `place`. `story`: from, to, width, alerts, slos, currency, open. */
export function drawStory(place, all, story) {
  const points = all.filter((point) => point.at >= story.from);
  if (points.length < 2) {
    place.replaceChildren(h("p", { class: "empty" }, "Nothing is recorded for this time yet. The first points come within two minutes."));
    return;
  }
  const plots = [
    replicasPlot(points, story),
    latencyPlot("Time to first token", points, (p) => p.ttft_seconds, story.slos.ttft),
    latencyPlot("Time between tokens", points, (p) => p.itl_seconds, story.slos.itl),
  ];
  if (points.some((p) => KNOWN(p.cost_per_hour))) plots.push(costPlot(points, story.currency));
  const parts = plots.map((plot) => build(plot, points, story));
  place.replaceChildren(...parts.map((part) => part.chart));
  follow(parts, points, story);
}
