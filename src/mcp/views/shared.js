"use strict";
// What all views share: talking with the host (MCP Apps, 2026-01-26), and building elements.
// Text of others only ever becomes text nodes.

/** An element with classes and attributes; whatever is no element becomes text. */
function el(tag, about, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(about || {})) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((it) => it !== undefined && it !== null && it !== "")
    .map((it) => (it instanceof Node ? it : document.createTextNode(it))));
  return made;
}

const at = (id) => document.getElementById(id);
const list = (it) => (Array.isArray(it) ? it : []);
const counted = (number, one, many) => `${number} ${number === 1 ? one : many}`;
const upper = (it) => it.charAt(0).toUpperCase() + it.slice(1);
/** `last_seen` as people write it. */
const words = (name) => upper(String(name).replace(/_/g, " ").replace(/([a-z])([A-Z])/g, "$1 $2"));
/** Any value as one text. */
const text = (value) => {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(text).join(", ");
  return typeof value === "object" ? JSON.stringify(value, null, 1) : String(value);
};
const title = (it) => { at("title").textContent = it; };
const status = (it) => { at("status").textContent = it; at("status").hidden = !it; };
const show = (...parts) => at("result").replaceChildren(...parts.flat().filter(Boolean));
const box = (kind, lead, ...rest) => el("div", { class: `box ${kind}` }, el("p", { class: "lead" }, lead), rest);
const badge = (kind, it) => el("span", { class: `badge ${kind}` }, it);
const bullets = (items) => el("ul", null, list(items).map((it) => el("li", null, text(it))));
const section = (name, items) => list(items).length ? [el("h2", null, name), bullets(items)] : [];

/** A table that becomes blocks where it is narrow, and stays a table for screen readers. */
function table(heads, rows) {
  const label = (head) => (typeof head === "string" ? head : head.label);
  const body = rows.map((cells) => el("tr", { role: "row" }, cells.map((cell, index) => {
    const parts = [cell].flat().filter((it) => it !== "" && it !== undefined && it !== null);
    const about = { role: "cell", "data-label": label(heads[index]), class: parts.length ? undefined : "none" };
    const inner = el("div", null, parts);
    if (inner.textContent.split(/\s/).every((word) => word.length < 24)) inner.className = "short";
    return el("td", about, inner);
  })));
  const head = heads.map((it) => el("th", { role: "columnheader", scope: "col", "aria-sort": it.sorted },
    it.sort ? el("button", { type: "button", "data-key": it.label, click: it.sort }, it.label,
      { ascending: " ↑", descending: " ↓" }[it.sorted]) : label(it)));
  return el("table", { role: "table" }, el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, head)),
    el("tbody", { role: "rowgroup" }, body));
}

const host = { can: {}, context: {}, tool: undefined, ended: false };
const waiting = new Map();
let lastId = 0;
const post = (message) => { if (!host.ended) parent.postMessage({ jsonrpc: "2.0", ...message }, "*"); };
const notify = (method, params) => post({ method, params });
const request = (method, params) => new Promise((resolve, reject) => {
  const id = ++lastId;
  waiting.set(id, { resolve, reject });
  post({ id, method, params });
});

/** Takes over what the host says of theme and space. */
function apply(context) {
  Object.assign(host.context, context);
  const root = document.documentElement;
  if (context.theme === "light" || context.theme === "dark") root.style.colorScheme = context.theme;
  const given = context.styles?.variables || {};
  // Half of a set of colours could not be read on ours.
  const paints = given["--color-background-primary"] && given["--color-text-primary"];
  for (const [name, value] of Object.entries(given)) {
    const fits = name.startsWith("--") && (paints || !name.startsWith("--color-"));
    if (fits && typeof value === "string") root.style.setProperty(name, value);
  }
  const insets = context.safeAreaInsets;
  if (insets) at("view").style.padding = ["top", "right", "bottom", "left"].map((it) => `${12 + (insets[it] || 0)}px`).join(" ");
}

let told = "";
function tellSize() {
  const height = Math.ceil(document.documentElement.getBoundingClientRect().height);
  const width = host.context.containerDimensions?.maxWidth || window.innerWidth;
  if (told === `${width} ${height}`) return;
  told = `${width} ${height}`;
  notify("ui/notifications/size-changed", { width, height });
}

/** What the tool answered: `data` if its text is JSON, and whether it failed. */
function answer(result) {
  const found = list(result?.content).find((it) => it.type === "text")?.text ?? "";
  let data;
  try { data = JSON.parse(found); } catch { /* It is shown as text. */ }
  return { text: found, data: data && typeof data === "object" ? data : undefined, failed: result?.isError === true };
}

/** Shows a failure, or what no view knows; whether it did. */
function shownPlainly(got) {
  if (got.failed) {
    const { message, remedy } = got.data || {};
    status("");
    show(box("bad", text(message) || got.text || "The call failed.", remedy && el("p", null, "What to do: ", text(remedy))));
  } else if (!got.data) {
    status("");
    show(el("pre", { tabindex: "0" }, got.text || "The result is empty."));
  } else return false;
  return true;
}

/** How often results were asked for, or came unasked. */
let latest = 0;
/** The arguments of the list that is shown, and the cursors of the pages before this one. */
const shown = { args: {}, cursors: [undefined] };

const heard = {
  "ui/notifications/tool-input": ({ arguments: args }) => {
    const { cursor, ...rest } = args || {};
    shown.args = rest;
    shown.cursors = [cursor];
    if (typeof controls === "function" && host.can.serverTools) at("controls").replaceChildren(...controls(rest));
  },
  "ui/notifications/tool-result": (result) => { latest++; draw(answer(result)); },
  "ui/notifications/tool-cancelled": ({ reason }) => { status(`The call was cancelled${reason ? `: ${reason}` : ""}.`); },
  "ui/notifications/host-context-changed": (context) => { apply(context); tellSize(); },
};

const sizes = new ResizeObserver(tellSize);

addEventListener("message", ({ source, data: message }) => {
  if (source !== parent || message?.jsonrpc !== "2.0" || host.ended) return;
  if (message.method === undefined) {
    const asked = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) asked?.reject(new Error(text(message.error.message) || "no reason given"));
    else asked?.resolve(message.result);
  } else if (message.id === undefined) heard[message.method]?.(message.params || {});
  else if (message.method === "ping") post({ id: message.id, result: {} });
  else if (message.method === "ui/resource-teardown") {
    post({ id: message.id, result: {} });
    sizes.disconnect();
    waiting.clear();
    host.ended = true;
  } else post({ id: message.id, error: { code: -32601, message: "A view does not know this method." } });
});

/** Begins the conversation with the host. `tool` is what this view calls again, if anything. */
async function begin(tool) {
  host.tool = tool;
  try {
    const answered = await request("ui/initialize", {
      appInfo: { name: `tailsteward ${document.title}`, version: "1" },
      appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
      protocolVersion: "2026-01-26",
    });
    host.can = tool ? answered.hostCapabilities || {} : {};
    apply(answered.hostContext || {});
  } catch (error) {
    return status(`The host refused this view: ${error.message}`);
  }
  notify("ui/notifications/initialized", {});
  sizes.observe(document.documentElement);
}
