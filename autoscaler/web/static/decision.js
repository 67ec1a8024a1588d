// A decision in plain words: what it wants, each rule's word, and what other counts would bring.

import { ask, read } from "./api.js";
import { DASH, clock, h, latency, money, moment, plain, sentence } from "./dom.js";

const SIGNS = { up: "▲", down: "▼", hold: "●", blind: "◌" };

export const chip = (verdict) =>
  h("span", { class: `verdict ${verdict in SIGNS ? verdict : ""}` }, h("i", { "aria-hidden": "true" }, SIGNS[verdict] ?? "·"), plain(verdict, 12));

/** What a decision wants, as a headline. */
export function headline(decision) {
  const { verdict, current, target } = decision;
  if (verdict === "up") return `Scale up from ${current} to ${target}`;
  if (verdict === "down") return `Scale down from ${current} to ${target}`;
  if (verdict === "blind") return `Blind: it cannot see enough, so it stays at ${current}`;
  return target === current ? `Stay at ${current}` : `Stay at ${current}, though ${target} is wanted`;
}

const ruleName = (rule) => sentence(String(rule).replaceAll("_", " "), 60).replace(/\bslo\b/i, "SLO");

function stepItem(step) {
  const moved = step.before !== step.after;
  return h("li", { class: moved ? "moved" : step.reason ? "shaped" : null },
    h("span", { class: "rule" }, ruleName(step.rule), step.reason ? [" ", h("code", null, plain(step.reason, 60))] : null),
    h("span", { class: "counts" }, moved ? `${step.before} → ${step.after}` : `${step.after}`),
    h("p", null, sentence(step.because)));
}

// First the rules that had a say; the others are one press away, in the order in which all were asked.
function stepsOf(decision) {
  const steps = (decision.steps ?? []).slice(0, 40);
  const loud = steps.filter((step) => step.before !== step.after || step.reason);
  return [
    loud.length ? h("ol", { class: "steps", "aria-label": "Rules that had a say" }, loud.map(stepItem))
      : h("p", { class: "fine" }, "No rule wanted a change."),
    steps.length > loud.length ? h("details", { class: "more" },
      h("summary", null, `All ${steps.length} rules in their order`),
      h("ol", { class: "steps", "aria-label": "All rules" }, steps.map(stepItem))) : null,
  ];
}

function whatIf(decision, currency) {
  const rows = decision.counterfactuals ?? [];
  if (!rows.length) return null;
  const word = { true: ["good", "yes"], false: ["bad", "no"], null: ["", "unknown"] };
  return [
    h("h3", null, "What other counts would bring"),
    h("table", { class: "grid-table" },
      h("thead", null, h("tr", null, ["Replicas", "TTFT", "ITL", "Within the SLO", "An hour"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", null, rows.map((row) => {
        const [tone, text] = word[String(row.meets_slo)] ?? word.null;
        return h("tr", { class: row.replicas === decision.target ? "chosen" : null },
          h("td", null, String(row.replicas), row.replicas === decision.target ? " (chosen)" : ""),
          h("td", { class: "num" }, latency(row.ttft_seconds)), h("td", { class: "num" }, latency(row.itl_seconds)),
          h("td", null, h("span", { class: `chip ${tone}` }, text)),
          h("td", null, row.cost_per_hour === null ? DASH : money(row.cost_per_hour, currency)));
      }))),
  ];
}

/** The whole argument of a decision. */
export function argument(decision, currency) {
  const held = decision.held_until;
  return [
    h("p", { class: "lead" }, headline(decision)),
    h("p", { class: "because" }, sentence(decision.because)),
    h("p", { class: "fine" }, chip(decision.verdict), " ", h("code", null, plain(decision.reason, 60)), ` decided ${moment(decision.at)}`,
      held ? `; held until ${clock(held)} UTC` : ""),
    decision.estimate?.because ? h("p", { class: "fine" }, `Estimate: ${plain(decision.estimate.because)}`) : null,
    stepsOf(decision),
    whatIf(decision, currency),
  ];
}

/** Open one decision. */
export function openDecision(decision, currency) {
  return ask("Why", () => h("div", null, argument(decision, currency)));
}

/** Open the decision in force at an instant; several instants offer a choice first. */
export async function openAt(id, changes, currency) {
  let change = changes[0];
  if (changes.length > 1) {
    change = await ask("Which decision?", (close) => h("ul", { class: "events" }, changes.map((each) =>
      h("li", null, h("button", { type: "button", onclick: () => close(each) },
        h("time", null, `${clock(each.at)} UTC`), chip(each.after > each.before ? "up" : "down"), h("span", null, `${each.before} → ${each.after}`))))));
  }
  if (!change) return;
  const query = new URLSearchParams({ deployment: id, at: change.at + 60, limit: 20 });
  const { decisions } = await read(`decisions?${query}`);
  const near = decisions.find((each) => each.target === change.after && each.target !== each.current) ?? decisions[0];
  if (near) await openDecision(near, currency);
  else await ask("Why", () => h("p", { class: "form" }, "This decision is older than what is kept."));
}
