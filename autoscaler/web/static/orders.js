// What a person may order: pause, resume, hold a count, probe now. Each order says when it ends.

import { ask, change, form } from "./api.js";
import { DASH, h, latency, money, plain, toast } from "./dom.js";

const BY = "neevscale-by";

const by = () => h("label", null, "Your name, for the record",
  h("input", { type: "text", name: "by", maxlength: 80, value: sessionStorage.getItem(BY) ?? "", autocomplete: "off" }));
const reason = () => h("label", null, "Why", h("input", { type: "text", name: "reason", maxlength: 200, autocomplete: "off" }));
const span = (choices, chosen) => h("label", null, "For how long",
  h("select", { name: "seconds" }, choices.map(([value, text]) => h("option", { value, selected: value === chosen }, text))));

function words(data) {
  const name = String(data.get("by")).trim();
  sessionStorage.setItem(BY, name);
  return { by: name, reason: String(data.get("reason") ?? "").trim() };
}

const path = (view, verb) => `deployments/${encodeURIComponent(view.deployment.id)}/${verb}`;

/** Ask for the token first, so that a form is not lost behind another dialog. */
async function order(title, text, build, done) {
  const sent = await ask(title, (close) => h("div", null, h("p", { class: "fine" }, text), build(close)));
  if (!sent) return false;
  try {
    if ((await change(sent.path, sent.body)) === null) return false;
  } catch (refused) {
    toast(refused.message);
    return false;
  }
  toast(done);
  return true;
}

export const pause = (view) => order(`Pause ${plain(view.deployment.name, 80)}`,
  "It goes on being watched, probed and advised for; its count is left alone.",
  (close) => form([span([[3600, "1 hour"], [14400, "4 hours"], [86400, "1 day"], ["", "until resumed"]], 3600), reason(), by()], "Pause",
    async (data) => {
      const seconds = data.get("seconds");
      return { path: path(view, "pause"), body: { ...words(data), seconds: seconds ? Number(seconds) : null } };
    }, close),
  "Paused. It counts from the next decision on.");

export async function resume(view) {
  try {
    if ((await change(path(view, "resume"), { by: sessionStorage.getItem(BY) ?? "" })) === null) return false;
  } catch (refused) {
    toast(refused.message);
    return false;
  }
  toast("The order has ended. The rules decide again.");
  return true;
}

function price(view, count) {
  if (!view.cost) return "";
  const hour = Number(view.cost.price_per_gpu_hour) * view.deployment.gpu_count;
  const more = hour * (count - view.deployment.replicas);
  return `${money(hour * count, view.cost.currency)} an hour, ${more === 0 ? "as now" : `${money(Math.abs(more), view.cost.currency)} ${more > 0 ? "more" : "less"} than now`}`;
}

export function override(view) {
  const count = h("input", { type: "number", name: "replicas", min: 1, max: 10000, step: 1, required: true, value: view.deployment.replicas });
  const note = h("p", { class: "fine", "aria-live": "polite" }, price(view, view.deployment.replicas));
  count.addEventListener("input", () => { note.textContent = count.value ? price(view, Number(count.value)) : ""; });
  return order(`Hold a count for ${plain(view.deployment.name, 80)}`,
    "The count is held whatever the load, until the time is over; then the rules decide again.",
    (close) => form([h("label", null, "Replicas", count), note,
      span([[1800, "30 minutes"], [7200, "2 hours"], [28800, "8 hours"], [86400, "1 day"]], 7200), reason(), by()], "Hold it",
    async (data) => ({
      path: path(view, "override"),
      body: { ...words(data), replicas: Number(data.get("replicas")), seconds: Number(data.get("seconds")) },
    }), close),
    "The count is held. It counts from the next decision on.");
}

const flat = (value) => (value === null || value === undefined ? DASH : typeof value === "object" ? JSON.stringify(value) : String(value));

/** Probe once and show the whole story of that probe. */
export async function probe(view) {
  let result;
  try {
    result = await change(path(view, "probe"), { debug: true });
  } catch (refused) {
    toast(refused.message);
    return;
  }
  if (result === null) return;
  const shown = Object.entries(result).map(([key, value]) => {
    const text = key.endsWith("_seconds") && typeof value === "number" ? latency(value) : flat(value);
    return [h("dt", null, plain(key.replaceAll("_", " "), 60)), h("dd", null, plain(text, 600))];
  });
  await ask(`Probe of ${plain(view.deployment.name, 80)}`, () => h("dl", { class: "pairs" }, shown));
}
