// Talking to the daemon. Changes carry the admin token, asked for once and kept for this tab only.

import { byId, h, plain } from "./dom.js";

export const config = JSON.parse(byId("config").textContent);
const KEY = "neevscale-admin";

export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function refusal(response) {
  let message = `The daemon answered ${response.status}.`;
  try {
    message = (await response.json()).error.message;
  } catch {
    // not ours: the status says it
  }
  return new Refusal(response.status, plain(message));
}

/** Read JSON of the API. */
export async function read(path) {
  const response = await fetch(`${config.base}/api/v1/${path}`, { headers: { Accept: "application/json" } });
  if (!response.ok) throw await refusal(response);
  return response.json();
}

async function send(path, body) {
  const token = sessionStorage.getItem(KEY);
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(`${config.base}/api/v1/${path}`, {
    method: "POST", headers, body: JSON.stringify(body),
  });
  if (!response.ok) throw await refusal(response);
  return response.json();
}

/** Change something; asks for the token where the daemon wants one. Null = the person gave up. */
export async function change(path, body) {
  if (!config.changes) {
    await explainOff();
    return null;
  }
  let fault = "";
  for (;;) {
    if (!sessionStorage.getItem(KEY)) {
      const token = await askToken(fault);
      if (token === null) return null;
      sessionStorage.setItem(KEY, token);
    }
    try {
      return await send(path, body);
    } catch (refused) {
      if (refused.status !== 401) throw refused;
      sessionStorage.removeItem(KEY);
      fault = "The daemon does not know this token.";
    }
  }
}

/** Open the one dialog and resolve with what `close` is given, or null when it is dismissed. */
export function ask(title, build) {
  const dialog = byId("dialog");
  return new Promise((resolve) => {
    let answer = null;
    const close = (value) => {
      answer = value;
      dialog.close();
    };
    dialog.replaceChildren(
      h("div", { class: "inside" },
        h("div", { class: "bar-top" },
          h("h2", { id: "dialog-title" }, title),
          h("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => dialog.close() }, "✕")),
        build(close)));
    dialog.addEventListener("close", () => resolve(answer), { once: true });
    if (!dialog.open) dialog.showModal();
  });
}

/** A form of the dialog: fields, a fault shown above the buttons, one button that sends it. */
export function form(fields, label, submit, close) {
  const fault = h("p", { class: "fault", role: "alert" });
  const button = h("button", { class: "primary" }, label);
  return h("form", {
    onsubmit: async (event) => {
      event.preventDefault();
      button.disabled = true;
      fault.textContent = "";
      try {
        close(await submit(new FormData(event.target)));
      } catch (refused) {
        fault.textContent = refused.message;
        button.disabled = false;
      }
    },
  }, fields, fault, h("div", { class: "buttons" },
    h("button", { type: "button", onclick: () => close(null) }, "Cancel"), button));
}

function askToken(fault) {
  return ask("Admin token", (close) => h("div", null,
    h("p", { class: "fine" }, "Changes need the token that web.admin_token_file holds. It is kept until this tab closes."),
    fault ? h("p", { class: "fault" }, fault) : null,
    form([h("label", null, "Token", h("input", { type: "password", name: "token", required: true, autocomplete: "off", autofocus: true }))],
      "Use it", async (data) => String(data.get("token")).trim(), close)));
}

function explainOff() {
  return ask("Changes are off", () => h("div", { class: "form" },
    h("p", null, "This daemon takes no changes over HTTP, because no admin token is set."),
    h("p", null, "Put a long random token into a file, name the file in ", h("code", null, "web.admin_token_file"),
      " or ", h("code", null, "NEEVSCALE_WEB__ADMIN_TOKEN_FILE"), ", and restart.")));
}
