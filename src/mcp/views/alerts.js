// Alerts that fire now, filtered by calling the tool again.

const KINDS = { critical: "bad", warning: "warn", info: "info" };
const ORDER = Object.keys(KINDS);

function controls(args) {
  const all = [["", "All"], ["info", "Info and above"], ["warning", "Warning and above"], ["critical", "Critical"]];
  const pending = el("input", { type: "checkbox", change: () => refine({ pending: pending.checked || undefined }) });
  pending.checked = args.pending === true;
  return [field("Severity", select(all, text(args.severity), (it) => refine({ severity: it || undefined }))),
    el("label", { class: "tick" }, pending, "Pending, too"),
    el("button", { type: "button", "data-key": "Refresh", click: () => reload() }, "Refresh")];
}

/** How many are shown before somebody asks for all: a page of them is long. */
const FEW = 10;

function alert(it) {
  const facts = [
    ["Unknown since", it.unknown_since], ["Acknowledged", it.acknowledged], ["Muted", it.muted],
    ["Explained by", it.explained_by],
  ].filter(([, value]) => value);
  return el("article", { class: `box ${KINDS[it.severity] || "info"}` },
    el("h2", null, badge(KINDS[it.severity] || "info", text(it.severity)), it.state ? badge("info", text(it.state)) : "", text(it.subject)),
    el("p", null, upper(text(it.summary))),
    it.first_step ? el("p", null, el("strong", null, "First step: "), text(it.first_step)) : "",
    facts.map(([name, value]) => el("p", { class: "dim" }, `${name}: ${text(value)}`)),
    el("p", { class: "dim" }, `Rule ${text(it.rule)}, since ${text(it.since)}`));
}

/** All of them, the later ones after a click. */
function alerts(rows) {
  const made = rows.map(alert);
  const rest = made.slice(FEW);
  if (!rest.length) return made;
  const more = el("button", { type: "button", click: () => {
    more.replaceWith(...rest);
    rest[0].setAttribute("tabindex", "-1");
    rest[0].focus();
  } }, `Show the other ${rest.length}`);
  return [...made.slice(0, FEW), more];
}

function draw(got) {
  title("Alerts");
  if (shownPlainly(got)) return;
  const { data } = got;
  const rows = list(data.alerts);
  const counts = Object.entries(data.counts || {}).sort(([a], [b]) => ORDER.indexOf(a) - ORDER.indexOf(b)).map(([severity, number]) => badge(KINDS[severity] || "info", `${number} ${severity}`));
  status(`${rows.length} shown, of ${counted(data.total, "alert", "alerts")}.`);
  show(counts.length ? el("p", null, counts) : undefined,
    list(data.notes).length ? box("info", "Notes", bullets(data.notes.map((it) => upper(text(it))))) : undefined,
    list(data.undelivered).length ? box("bad", "Not delivered", bullets(data.undelivered)) : undefined,
    rows.length ? alerts(rows) : el("p", null, "No alert is active."), pages(data.next));
}

begin("get_active_alerts");
