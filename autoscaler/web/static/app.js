// The page's entry: which view is shown, the clock of live data, the theme.

import { config } from "./api.js";
import { byId } from "./dom.js";
import * as detail from "./detail.js";
import * as fleet from "./fleet.js";

const THEME = "neevscale-theme";
let fleetScroll = 0;

function route() {
  const id = new URLSearchParams(location.hash.slice(1)).get("deployment");
  const wasFleet = !byId("fleet").hidden;
  if (id !== null && wasFleet) fleetScroll = scrollY;
  byId("fleet").hidden = id !== null;
  byId("detail").hidden = id === null;
  if (id === null) {
    detail.close();
    document.title = "Neevscale";
    scrollTo(0, fleetScroll);
  } else {
    scrollTo(0, 0);
    detail.open(id);
  }
}

function contact(good, text) {
  byId("live").dataset.state = good ? "on" : "off";
  if (text) byId("live-text").textContent = text;
  byId("lost").hidden = good;
  if (!good && !byId("lost").textContent) {
    byId("lost").textContent = "The daemon does not answer. The last picture stays; this page goes on trying.";
  }
  if (good) byId("lost").textContent = "";
}

async function beat() {
  try {
    const clock = await fleet.refresh();
    if (!byId("detail").hidden) await detail.refresh();
    contact(true, clock ?? "starting");
  } catch (fault) {
    if (fault.status !== 404) contact(false, "no contact");
  }
  setTimeout(beat, config.poll_seconds * 1000 * (document.hidden ? 6 : 1));
}

function isDark() {
  const set = document.documentElement.dataset.theme;
  return set === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : set === "dark";
}

byId("theme").addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem(THEME, theme);
});
document.documentElement.dataset.theme = localStorage.getItem(THEME) ?? "auto";

// Alerts link to `?deployment=NAME`.
const linked = new URLSearchParams(location.search).get("deployment");
if (linked !== null) history.replaceState(null, "", `${location.pathname}#${new URLSearchParams({ deployment: linked })}`);

addEventListener("hashchange", route);
fleet.start();
route();
performance.mark("interactive");
document.documentElement.dataset.ready = "yes";
beat();
