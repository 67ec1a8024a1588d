// The fleet's table: kept live by asking for the same rendering again, sorted and filtered here.

import { config } from "./api.js";
import { byId, say } from "./dom.js";

const state = { key: "", down: false, etag: "", text: new Map() };
const FIRST_DOWN = new Set(["replicas", "need", "ttft", "itl", "cost", "decision", "alerts"]);

const rows = () => [...document.querySelectorAll("#rows > tr")];
const columnOf = (key) => [...document.querySelectorAll(".fleet th")].findIndex((th) => th.dataset.key === key);

function order() {
  if (!state.key) return;
  const index = columnOf(state.key);
  const numeric = FIRST_DOWN.has(state.key);
  const value = (row) => (numeric ? Number(row.children[index].dataset.sort) : row.children[index].dataset.sort);
  const found = rows().map((row) => [value(row), row]);
  found.sort(([a], [b]) => (numeric ? a - b : a.localeCompare(b, "en", { numeric: true })));
  if (state.down) found.reverse();
  byId("rows").append(...found.map(([, row]) => row));
}

function mark() {
  for (const th of document.querySelectorAll(".fleet th")) {
    if (th.dataset.key === state.key) th.setAttribute("aria-sort", state.down ? "descending" : "ascending");
    else th.removeAttribute("aria-sort");
  }
}

function filter() {
  const wanted = byId("find").value.trim().toLowerCase();
  const attention = byId("attention").checked;
  let shown = 0;
  for (const row of rows()) {
    const fits = (!wanted || `${row.children[0].textContent} ${row.children[1].textContent}`.toLowerCase().includes(wanted))
      && (!attention || "attention" in row.dataset);
    row.hidden = !fits;
    shown += fits ? 1 : 0;
  }
  const all = rows().length;
  byId("count").textContent = shown === all ? `${all} deployments` : `${shown} of ${all} deployments`;
}

function onSort(event) {
  const th = event.target.closest("th");
  if (!th) return;
  const key = th.dataset.key;
  state.down = state.key === key ? !state.down : FIRST_DOWN.has(key);
  state.key = key;
  order();
  mark();
  say(`Sorted by ${th.textContent.trim()}, ${state.down ? "descending" : "ascending"}`);
}

function wire() {
  if (!byId("tools")) return;
  byId("tools").hidden = false;
  byId("find").addEventListener("input", filter);
  byId("attention").addEventListener("change", filter);
  document.querySelector(".fleet thead").addEventListener("click", onSort);
  for (const row of rows()) state.text.set(row.dataset.id, row.innerHTML);
  filter();
}

function takeRows(fresh) {
  const old = new Map(rows().map((row) => [row.dataset.id, row]));
  for (const row of fresh.querySelectorAll("#rows > tr")) {
    const had = old.get(row.dataset.id);
    old.delete(row.dataset.id);
    const text = row.innerHTML;
    if (had && state.text.get(row.dataset.id) === text) continue;
    state.text.set(row.dataset.id, text);
    if (had) replace(had, row);
    else byId("rows").append(row);
  }
  for (const [id, row] of old) {
    state.text.delete(id);
    row.remove();
  }
}

function replace(had, row) {
  const focused = had.contains(document.activeElement);
  const moved = had.children[2].textContent !== row.children[2].textContent;
  had.replaceWith(row);
  if (moved) row.classList.add("changed");
  if (focused) row.querySelector("a")?.focus();
}

function take(markup) {
  const fresh = new DOMParser().parseFromString(markup, "text/html");
  if (!byId("rows")) {
    document.querySelector("#fleet > .empty")?.remove();
    byId("live-part").replaceChildren(...fresh.body.children);
    wire();
    return;
  }
  for (const id of ["notices", "summary"]) {
    const part = fresh.getElementById(id);
    if (byId(id).outerHTML !== part.outerHTML) byId(id).replaceWith(part);
  }
  takeRows(fresh);
  order();
  filter();
}

/** Ask for the present picture; returns its clock, or null before the daemon's first. */
export async function refresh() {
  const headers = state.etag ? { "If-None-Match": state.etag } : {};
  const response = await fetch(`${config.base}/page/fleet`, { headers, cache: "no-store" });
  if (response.status === 503) return null;
  if (response.status !== 304) {
    if (!response.ok) throw new Error(`the daemon answered ${response.status}`);
    state.etag = response.headers.get("ETag") ?? "";
    take(await response.text());
  }
  return byId("summary")?.dataset.clock ?? null;
}

export const start = wire;
