// One deployment: what it does now and why, the story of its day, and what a person may order.

import { read } from "./api.js";
import { changesOf, drawStory } from "./chart.js";
import { argument, chip, headline, openAt, openDecision } from "./decision.js";
import { DASH, byId, clock, duration, h, latency, money, moment, percent, plain, s, sentence } from "./dom.js";
import * as orders from "./orders.js";

const DAY = 86400;
const HISTORY_SECONDS = 60;
const LEAST_SECONDS = 600;
const RANGES = [[3600, "1 h"], [6 * 3600, "6 h"], [DAY, "24 h"]];
const TONES = { ready: "good", failed: "bad", initializing: "busy", terminating: "busy", unknown: "warn" };
const state = { id: null, view: null, points: [], decisions: [], keys: {}, range: DAY, asked: 0, now: 0 };

const currency = () => state.view?.cost?.currency ?? "";
const button = (text, act, kind) => h("button", { type: "button", class: kind, "data-focus": text, onclick: act }, text);

// Replace a panel only when what it shows changed; a focused button in it keeps the focus.
function put(name, key, build) {
  const place = byId(`part-${name}`);
  const text = JSON.stringify(key);
  if (!place || state.keys[name] === text) return;
  state.keys[name] = text;
  const focus = place.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  const unfolded = place.querySelector("details")?.open;
  place.replaceChildren(...[build()].flat(Infinity).filter(Boolean));
  if (unfolded) place.querySelector("details")?.setAttribute("open", "");
  if (focus) [...place.querySelectorAll("[data-focus]")].find((each) => each.dataset.focus === focus)?.focus();
}

const part = (name, kind = "panel") => h("section", { class: kind, id: `part-${name}` });

function skeleton() {
  byId("detail").replaceChildren(
    h("a", { class: "back", href: "#" }, "← All deployments"),
    part("head", "head"), part("order", "orders"),
    h("div", { class: "story" },
      h("div", { class: "column" }, part("charts"), part("events"), h("div", { class: "pair" }, part("probe"), part("uptime"))),
      h("div", { class: "column" }, part("now"), part("alerts"), part("slo"), part("cost"), part("policy"))));
}

async function after(act) {
  if (await act(state.view)) {
    await refresh();
  }
}

function head(view) {
  const d = view.deployment;
  return [
    h("div", { class: "title" },
      h("h1", { id: "detail-title", tabindex: -1 }, plain(d.name, 80)),
      h("p", { class: "facts" }, `${plain(d.model_id, 100)} · ${plain(d.region, 40)} · ${d.gpu_count} × ${plain(d.gpu_config_id, 60)} a replica · ${plain(d.id, 60)}`),
      h("p", { class: "chips" },
        h("span", { class: `status ${TONES[view.status] ?? ""}` }, plain(view.status, 20)),
        h("span", { class: "chip" }, `${d.replicas} running`),
        view.ask && ["pending", "accepted"].includes(view.ask.outcome) ? h("span", { class: "chip warn" }, `${view.ask.count} asked for at ${clock(view.ask.asked_at)}`) : null,
        h("span", { class: "chip" }, view.policy.matched && view.policy.max_replicas !== null ? plain(view.policy.mode, 12) : "watched only"))),
    h("div", { class: "acts" },
      view.orders.pause || view.orders.override
        ? button("Resume", () => after(orders.resume))
        : button("Pause", () => after(orders.pause)),
      button("Hold a count", () => after(orders.override)),
      button("Probe now", () => orders.probe(view))),
  ];
}

function orderNotice(view) {
  const { pause, override } = view.orders;
  const told = [];
  if (pause) {
    told.push(["Paused: watched, never scaled", pause.until, pause]);
  }
  if (override) told.push([`Held at ${override.replicas} replicas`, override.until, override]);
  return told.map(([title, until, order]) => h("div", { class: "notice order" }, h("h2", null, title),
    h("p", null, until ? `Until ${moment(until)}, ${duration(until - state.now)} left` : "Until resumed",
      `, by ${plain(order.by, 80) || "somebody"}${order.reason ? `: ${plain(order.reason, 200)}` : ""}`)));
}

function now(view) {
  const title = h("h2", null, "What it does now, and why");
  if (!view.decision) return [title, h("p", { class: "fine" }, "No decision yet; the first comes within 15 seconds.")];
  const advice = view.policy.mode === "advisory" && view.decision.target !== view.deployment.replicas
    ? h("p", { class: "fine" }, "Advisory mode: it says so and does not do it.") : null;
  return [title, argument(view.decision, currency()), advice];
}

function alerts(view) {
  const items = view.alerts.filter((alert) => alert.state !== "resolved").map((alert) => h("div", { class: "alert-item" },
    h("span", { class: `alert ${["critical", "warning", "info"].includes(alert.severity) ? alert.severity : ""}` }, plain(alert.name, 60)),
    h("small", null, `${plain(alert.state, 12)} since ${moment(alert.started_at)}`,
      alert.silenced_by ? ", silenced" : "", alert.inhibited_by ? `, explained by ${plain(alert.inhibited_by, 60)}` : ""),
    h("p", null, plain(alert.description || alert.summary)),
    alert.suggested_action ? h("p", null, h("b", null, "What to do: "), plain(alert.suggested_action)) : null));
  return [h("h2", null, "Alerts"), items.length ? items : h("p", { class: "fine" }, "Nothing fires.")];
}

function budget(slo) {
  const left = slo.budget_left_ratio;
  const tone = left === null ? "" : left <= 0 ? "bad" : left < 0.25 ? "warn" : "good";
  const names = { availability: "Availability", ttft: "First token", itl: "Between tokens" };
  const burn = slo.burn_rates["1h"];
  return h("div", { class: "budget" },
    h("p", null, h("span", null, names[slo.slo] ?? plain(slo.slo, 20)), h("b", null, left === null ? DASH : `${percent(left)} left`)),
    s("svg", { class: `bar ${tone}`, viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
      s("rect", { class: "track", width: 100, height: 4 }),
      s("rect", { class: "fill", width: Math.max(0, Math.min(100, (left ?? 0) * 100)), height: 4 })),
    h("small", null, `${percent(slo.objective_ratio, 1)} of probes${slo.threshold_seconds ? ` within ${latency(slo.threshold_seconds)}` : " succeed"}; ${slo.bad} of ${slo.events} missed it`,
      burn === null || burn === undefined ? "" : `; burn rate ${burn.toFixed(1)} (1 is just on budget)`));
}

const pairs = (rows) => h("dl", { class: "pairs" }, rows.filter(Boolean).map(([term, text]) => [h("dt", null, term), h("dd", null, text)]));

function cost(view) {
  const c = view.cost;
  if (!c) return [h("h2", null, "Cost"), h("p", { class: "fine" }, "No price is known for this GPU configuration. Set one under prices: in the configuration.")];
  const m = (amount) => money(amount, c.currency);
  return [h("h2", null, "Cost"), pairs([
    ["An hour, now", m(c.per_hour)], ["Today", m(c.today)], ["This month", m(c.month_to_date)],
    ["By the end of the month", m(c.forecast_month_end)],
    view.policy.monthly_budget !== null ? ["Budget a month", m(view.policy.monthly_budget)] : null,
    ["Less than always at max", m(c.avoided_against_max)], ["While not ready", m(c.while_not_ready)],
    view.shadow_cost !== null && view.policy.mode === "advisory" ? ["Following the advice", `${m(view.shadow_cost)} against now`] : null,
  ]), h("p", { class: "fine" }, `Estimated from ${m(c.price_per_gpu_hour)} a GPU and hour; the invoice decides.`)];
}

function probe(view) {
  const p = view.probe;
  const last = p.last;
  const phases = last ? Object.entries(last.phases).filter(([, v]) => v !== null).map(([k, v]) => `${k.replace("_", " ")} ${latency(v)}`).join(", ") : "";
  return [h("h2", null, "Probes"), pairs([
    ["Last", last ? `${last.failure === null ? "succeeded" : `failed: ${plain(last.failure, 40)}`} at ${clock(last.sent_at)}` : "none yet"],
    ["TTFT p50, p90", `${latency(p.ttft_p50)}, ${latency(p.ttft_p90)}`], ["ITL p50, p90", `${latency(p.itl_p50)}, ${latency(p.itl_p90)}`],
    ["Succeeded, 10 min", percent(p.success_ratio, 1)], ["Every", duration(p.interval_seconds)],
  ]), last?.detail ? h("p", { class: "fine" }, plain(last.detail)) : null,
  phases ? h("p", { class: "fine" }, phases) : null, p.buffered_hint ? h("p", { class: "fine" }, plain(p.buffered_hint)) : null];
}

function uptime(view) {
  const { seconds } = view.uptime;
  const total = Object.values(seconds).reduce((a, b) => a + b, 0) || 1;
  let at = 0;
  const parts = Object.entries(seconds).filter(([, v]) => v > 0).map(([name, v]) => {
    const rect = s("rect", { class: plain(name, 20), x: (at / total) * 100, width: Math.max(0.4, (v / total) * 100), height: 10 });
    at += v;
    return rect;
  });
  return [h("h2", null, "Uptime"),
    s("svg", { class: "timebar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, parts),
    pairs([["Available, 30 days", percent(view.uptime.availability_ratio, 2)], ["This session", view.uptime.uptime_seconds ? duration(view.uptime.uptime_seconds) : "not ready"],
      ["Sessions", String(view.uptime.ready_sessions)],
      ...Object.entries(seconds).filter(([, v]) => v > 0).map(([name, v]) => [`Time ${plain(name, 20)}`, duration(v)])])];
}

function policy(view) {
  const p = view.policy;
  return [h("h2", null, "Policy"), pairs([
    ["Matched by", plain(p.matched ?? "no entry: never scaled", 120)], ["Mode", plain(p.mode, 12)],
    ["Bounds", p.max_replicas === null && p.min_replicas === null ? "none" : `${p.min_replicas ?? 1} to ${p.max_replicas ?? "no max"}`],
    ["Down held for", duration(p.scale_down_hold_seconds)], ["Settling", duration(p.settling_window_seconds)],
    p.max_cost_per_hour !== null ? ["Most an hour", money(p.max_cost_per_hour, currency())] : null,
  ])];
}

// Runs of equal decisions become one line; changes that are older come from the history.
function eventsOf(decisions, points) {
  const found = [];
  for (const decision of decisions) {
    const last = found.at(-1)?.decision;
    const same = last && ["verdict", "reason", "target"].every((key) => last[key] === decision[key]);
    if (same) found.at(-1).at = decision.at;
    else found.push({ at: decision.at, decision });
  }
  const oldest = decisions.at(-1)?.at ?? Infinity;
  const older = changesOf(points).filter((change) => change.at + 60 < oldest).map((change) => ({ at: change.at, change }));
  return [...found, ...older.reverse()].slice(0, 200);
}

function eventItem({ at, decision, change }) {
  const verdict = decision ? decision.verdict : change.after > change.before ? "up" : "down";
  const title = decision ? headline(decision) : `Target from ${change.before} to ${change.after}`;
  const act = () => (decision ? openDecision(decision, currency()) : openAt(state.id, [change], currency()));
  return h("li", null, h("button", { type: "button", "data-focus": String(at), onclick: act },
    h("time", null, clock(at)), chip(verdict), h("b", null, title),
    decision ? h("span", { class: "text" }, sentence(decision.because, 200)) : null));
}

function events() {
  const items = eventsOf(state.decisions, state.points);
  return [h("h2", null, "Decisions"), h("p", { class: "fine" }, "Newest first, times in UTC. Each opens its reasons and what other counts would bring."),
    items.length ? h("ol", { class: "events", tabindex: 0, "aria-label": "Decisions" }, items.map(eventItem)) : h("p", { class: "fine" }, "None recorded yet.")];
}

function charts() {
  const place = h("div", { id: "plots" });
  return [h("header", null, h("h2", null, "The story"),
    h("div", { class: "ranges", role: "group", "aria-label": "Time shown" }, RANGES.map(([seconds, text]) =>
      h("button", { type: "button", "data-focus": text, "aria-pressed": String(seconds === state.range), onclick: () => { state.range = seconds; render(); } }, text)))), place];
}

function draw() {
  const place = byId("plots");
  if (!place || !state.view) return;
  const to = Math.max(state.now, state.points.at(-1)?.at ?? 0);
  const slos = Object.fromEntries(state.view.slos.map((slo) => [slo.slo, slo.threshold_seconds]));
  const oldest = state.points[0]?.at ?? to;
  const from = Math.max(to - state.range, Math.min(oldest, to - LEAST_SECONDS)); // a young daemon fills the width
  drawStory(place, state.points, {
    from, to, width: Math.max(280, place.clientWidth), slos, currency: currency(),
    alerts: state.view.alerts.filter((alert) => alert.state === "firing"),
    open: (changes) => openAt(state.id, changes, currency()),
  });
}

function render() {
  const { view } = state;
  put("head", [view.deployment, view.status, view.ask, view.orders, view.policy.mode], () => head(view));
  put("order", [view.orders, Math.floor(state.now / 60)], () => orderNotice(view));
  put("now", [view.decision, view.policy.mode], () => now(view));
  put("alerts", view.alerts, () => alerts(view));
  put("slo", view.slos, () => [h("h2", null, "Error budget"), view.slos.length ? view.slos.map(budget) : h("p", { class: "fine" }, "Nothing counted yet.")]);
  put("cost", [view.cost, view.policy], () => cost(view));
  put("probe", view.probe, () => probe(view));
  put("uptime", view.uptime, () => uptime(view));
  put("policy", view.policy, () => policy(view));
  put("events", [state.decisions, state.points.length], events);
  put("charts", [state.range, state.points.at(-1)?.at, view.slos.map((x) => x.threshold_seconds), view.alerts.length], charts);
  draw();
}

async function load(id) {
  const path = `deployments/${encodeURIComponent(id)}`;
  const query = new URLSearchParams({ deployment: id, limit: 200 });
  const wantsHistory = Date.now() / 1000 - state.asked > HISTORY_SECONDS;
  const [status, view, history, found] = await Promise.all([
    read("status"), read(path), wantsHistory ? read(`${path}/history`) : null, wantsHistory ? read(`decisions?${query}`) : null,
  ]);
  if (state.id !== id) return;
  state.now = status.at;
  state.view = view;
  if (wantsHistory) {
    state.asked = Date.now() / 1000;
    state.points = history.points;
    state.decisions = found.decisions;
  } else if (view.decision && view.decision.at > (state.decisions[0]?.at ?? 0)) {
    state.decisions = [view.decision, ...state.decisions].slice(0, 200);
  }
  render();
}

/** Read again and show what changed. */
export async function refresh() {
  if (state.id !== null) await load(state.id);
}

export async function open(id) {
  Object.assign(state, { id, view: null, points: [], decisions: [], keys: {}, asked: 0 });
  skeleton();
  try {
    await load(id);
  } catch (fault) {
    byId("detail").replaceChildren(h("a", { class: "back", href: "#" }, "← All deployments"),
      h("h1", { id: "detail-title" }, "Not found"), h("p", { class: "empty" }, plain(fault.message)));
    return;
  }
  document.title = `${plain(state.view.deployment.name, 60)} · Neevscale`;
  byId("detail-title").focus({ preventScroll: true });
}

export function close() {
  state.id = null;
}

addEventListener("resize", () => draw());
