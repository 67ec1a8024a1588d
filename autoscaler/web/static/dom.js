// Building elements without ever parsing text as markup, and texts as people read them.

const SVG = "http://www.w3.org/2000/svg";
export const DASH = "–";

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An HTML element; children are texts or elements. */
export const h = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);

/** An SVG element. */
export const s = (tag, properties, ...children) => fill(document.createElementNS(SVG, tag), properties, children);

export const byId = (id) => document.getElementById(id);

const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\u2028\u2029]/gu;

/** Foreign text, cut and with its invisible characters made visible. */
export function plain(text, limit = 400) {
  const cut = String(text ?? "").slice(0, limit).replace(/[\n\t]/g, " ").replace(HIDDEN, "\ufffd");
  return String(text ?? "").length > limit ? `${cut}…` : cut;
}

/** A sentence with a capital at its front: reasons are written to follow a colon. */
export function sentence(text, limit) {
  const shown = plain(text, limit);
  return shown.charAt(0).toUpperCase() + shown.slice(1);
}

export function latency(seconds) {
  if (seconds === null || seconds === undefined) return DASH;
  if (seconds < 0.00995) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 0.9995) return `${(seconds * 1000).toFixed(0)} ms`;
  return seconds < 100 ? `${seconds.toFixed(2)} s` : `${seconds.toFixed(0)} s`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return DASH;
  if (seconds < 90) return `${Math.max(0, seconds).toFixed(0)} s`;
  if (seconds < 5400) return `${(seconds / 60).toFixed(0)} min`;
  if (seconds < 129600) return `${(seconds / 3600).toFixed(0)} h`;
  return `${(seconds / 86400).toFixed(0)} d`;
}

const SYMBOLS = { USD: "$", EUR: "€", GBP: "£", INR: "₹" };

export function money(amount, currency) {
  if (amount === null || amount === undefined) return DASH;
  const value = Number(amount);
  const digits = Math.abs(value).toLocaleString("en-US", {
    minimumFractionDigits: Math.abs(value) < 1000 ? 2 : 0, maximumFractionDigits: Math.abs(value) < 1000 ? 2 : 0,
  });
  return `${value < 0 ? "−" : ""}${SYMBOLS[currency] ?? `${plain(currency, 8)} `}${digits}`;
}

export const percent = (ratio, digits = 0) =>
  ratio === null || ratio === undefined ? DASH : `${(ratio * 100).toFixed(digits)} %`.replace("-", "−");

export const clock = (at) => new Date(at * 1000).toISOString().slice(11, 16);
export const moment = (at) => `${new Date(at * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** Tell people who hear the page what happened. */
export function say(text) {
  byId("say").textContent = text;
}

/** Show a short confirmation that goes by itself. */
export function toast(text) {
  document.querySelector(".toast")?.remove();
  const box = h("p", { class: "toast" }, text);
  (byId("dialog").open ? byId("dialog") : document.body).append(box);
  say(text);
  setTimeout(() => box.remove(), 5000);
}
