// The most important of a network report. It calls nothing: each call would make another report.

const KINDS = { critical: "bad", high: "bad", warning: "warn" };
const percent = (it) => `${Number(Number(it).toFixed(3))} %`;
const minute = (it) => text(it).slice(0, 16).replace("T", " ");
/** How many more there are than are named. */
const others = (number) => (number > 0 ? el("p", { class: "dim" }, `And ${number} more.`) : "");

/** A number of bytes, as the page of the report writes it. */
function bytes(count) {
  let [unit, size] = [0, 1];
  while (count / size >= 1000 && unit < 5) { unit++; size *= 1000; }
  return unit ? `${(Math.floor(count * 10 / size) / 10).toFixed(1)} ${["kB", "MB", "GB", "TB", "PB"][unit - 1]}` : `${count} B`;
}

/** A part of the report, or why it is not known. */
function known(part, draw) {
  if (part && part.unknown === undefined) return draw(part);
  return el("p", { class: "dim" }, "Not known", part ? `: ${text(part.unknown)}` : ".");
}

/** A bar of pieces, each with its share in percent. The figures stand beside it. */
const bar = (...pieces) => el("div", { class: "bar", "aria-hidden": "true" }, pieces.filter(([, share]) => share > 0)
  .map(([kind, share]) => el("span", { class: kind, style: `flex-grow:${Number(share)}` })));

function need(it) {
  const kind = KINDS[it.severity] || "info";
  return box(kind, [badge(kind, text(it.severity)), text(it.title)],
    it.with ? el("p", null, text(it.with), it.more ? `, and ${it.more} more` : "") : "",
    it.first_step ? el("p", null, el("strong", null, "First step: "), text(it.first_step)) : "");
}

const changes = (it) => [
  el("p", null, `${counted(it.count, "difference", "differences")} since ${minute(it.since)} UTC.`,
    it.score_was === undefined ? "" : ` The score was ${it.score_was}.`),
  list(it.first).length ? bullets(it.first) : "", others(it.count - list(it.first).length),
  list(it.policy).length ? el("p", null, "Policy file:") : "", list(it.policy).length ? bullets(it.policy) : ""];

const devices = (it) => [el("p", null, `${it.online} of ${it.total} connected`),
  it.vulnerable ? el("p", { class: "bad" }, `${it.vulnerable} with a version that lacks a security fix`) : ""];

const expiry = (it) => [
  el("p", null, `${counted(it.expired, "device key has", "device keys have")} expired; ${it.within_30_days} of what is listed expires within 30 days.`),
  list(it.next).length ? bullets(it.next) : ""];

const routes = (it) => (it.count ? [el("p", null, badge("warn", `${it.count}`)), bullets(it.first),
  others(it.count - list(it.first).length)] : "None.");

/** Connected, not connected, and not known, of the window. */
function uptime(rows) {
  if (!list(rows).length) return el("p", null, "No server was seen.");
  return [table(["Server", "Connected", "Known", "Disconnects", "Longest outage"], rows.map((it) => {
    const [up, share] = [it.up_percent, it.known_percent];
    const withheld = up === undefined || up === null;
    return [text(it.name),
      withheld ? el("span", { class: "dim" }, "Withheld: too little is known") : [
        percent(up), bar(["good", share * up / 100], ["bad", share * (100 - up) / 100], ["unknown", 100 - share])],
      `${percent(share)} of the window`, text(it.disconnects ?? "Withheld"), text(it.longest_outage ?? "None known")];
  })), el("p", { class: "dim" }, "Percent of the known time. In a bar: connected, not connected, and hatched what is not known.")];
}

function traffic(it) {
  const rows = list(it.most);
  const most = Math.max(1, ...rows.map(([, count]) => count));
  return [el("p", null, `${bytes(it.bytes)} since ${minute(it.from)} UTC; ${percent(it.percent)} of that time was read. `,
    it.relayed_percent === undefined ? "How much was relayed is not reported." : `${percent(it.relayed_percent)} of the bytes were relayed.`),
  rows.length ? table(["Moved the most", "Bytes"], rows.map(([name, count]) => [
    text(name), [bytes(count), bar(["info", count], ["rest", most - count])]])) : ""];
}

const part = (name, ...rest) => el("section", null, el("h2", null, name), rest.flat());

function draw(got) {
  title("Network report");
  if (shownPlainly(got)) return;
  const { data } = got;
  title(`Network report: ${text(data.tailnet)}`);
  status(`${minute(data.from)} to ${minute(data.to)} UTC. ${data.watched_percent === undefined
    ? "Nobody has watched, so nothing is known of the past." : `Somebody watched ${percent(data.watched_percent)} of it.`}`);
  const needs = list(data.needs);
  const unread = list(data.unread).map((it) => `${upper(text(it.what))}: ${text(it.why)}`);
  const facts = [["Devices", devices, data.devices], ["Score of the audit", text, data.score],
    ["Expiry", expiry, data.expiry], ["Routes without a router", routes, data.routes_down]];
  show(
    part("Needs attention", needs.length ? needs.map(need) : el("p", null, "Nothing, as far as it was looked at."), others(data.more_needs)),
    part("Since the last report", known(data.changes, changes)),
    part("Now", el("dl", null, facts.flatMap(([name, drawn, it]) => [el("dt", null, name), el("dd", null, known(it, drawn))]))),
    part("Least uptime", known(data.least_uptime, uptime)),
    part("Traffic", known(data.traffic, traffic)),
    unread.length ? part("Could not be read", bullets(unread)) : "",
    list(data.notes).map((it) => el("p", { class: "dim" }, text(it))),
    data.name ? el("p", { class: "dim" }, `All of it is in the page that the result links to: ${text(data.name)} (${bytes(data.bytes)}).`) : "");
}

begin();
