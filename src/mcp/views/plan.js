// A plan, or what became of it. This view only shows: it calls no tool, and has no button.

const scalar = (it) => it === null || typeof it !== "object";

/** A value; of lists, what is only in this one is marked. */
function value(it, other, mark) {
  if (it === null || it === undefined || it === "") return el("span", { class: "dim" }, it === "" ? "empty" : "none");
  if (Array.isArray(it) && it.every(scalar)) {
    if (!it.length) return el("span", { class: "dim" }, "none");
    const others = list(other);
    return it.flatMap((one, index) => [index ? ", " : "", others.includes(one) ? text(one) : el(mark, null, text(one))]);
  }
  if (scalar(it) && !text(it).includes("\n")) return text(it);
  return el("pre", { tabindex: "0" }, scalar(it) ? text(it) : JSON.stringify(it, null, 2));
}

function changes(report) {
  const rows = list(report.changes);
  if (!rows.length) return [];
  const several = rows.some((it) => list(it.on).length);
  const heads = ["Field", "Before", "After", ...(several ? ["On"] : [])];
  return [table(heads, rows.map((it) => [words(it.field), value(it.before, it.after, "del"), value(it.after, it.before, "ins"),
    ...(several ? [text(it.on)] : [])]))];
}

/** What was checked and what follows, with the lines of a text that change as a block. */
function effects(notes) {
  const isLine = (it) => /^[+-] /.test(it);
  const all = list(notes).map(text);
  const lines = all.filter(isLine);
  return [...section("Checks and effects", all.filter((it) => !isLine(it)).map(upper)),
    ...(lines.length ? [el("h2", null, "Lines"), el("pre", { tabindex: "0" }, lines.join("\n"))] : [])];
}

const PROBLEMS = [["failed", "Failed"], ["unknown", "Outcome unknown"]];
const NAMES = [["rolled_back", "Rolled back"], ["not_tried", "Not tried"], ["unchanged_resources", "Needed no change"]];

/** What state the plan is in: how it is marked, and in words. */
function state(report, pending) {
  const problems = list(report.failed).length + list(report.unknown).length;
  if (pending) return ["warn", "Nothing is changed yet. It waits for your answer in the conversation; this view cannot confirm it."];
  if (report.unchanged) return ["info", "Nothing has to change."];
  if (!report.applied) return problems ? ["bad", "Nothing was changed."] : ["info", "Preview: nothing is changed."];
  if (problems || list(report.rolled_back).length || list(report.not_tried).length) return ["bad", "Applied in part: see below."];
  return ["good", report.change ? `Applied, as change ${report.change}.` : "Applied."];
}

function draw(got) {
  title("Plan");
  if (shownPlainly(got)) return;
  const pending = got.data.plan && typeof got.data.plan === "object";
  const report = pending ? got.data.plan : got.data;
  if (!Array.isArray(report.changes)) {
    status("");
    return show(el("pre", { tabindex: "0" }, JSON.stringify(got.data, null, 2)));
  }
  const total = report.total === undefined ? "" : counted(report.total, "resource", "resources");
  title(upper(text(report.resource)) || total || "Plan");
  status([report.details, report.tailnet && `Tailnet ${report.tailnet}`].filter(Boolean).join(". "));
  const [kind, lead] = state(report, pending);
  const once = Object.keys(report.shown_once || {});
  show(
    box(kind, lead, report.cannot_be_undone ? el("p", null, badge("bad", "Cannot be undone")) : ""),
    list(report.warnings).map((it) => box("warn", upper(text(it)))),
    changes(report),
    effects(report.notes),
    PROBLEMS.flatMap(([name, label]) => section(label, list(report[name]).map((it) => (it.resource ? `${it.resource}: ${it.why}` : it)))),
    NAMES.flatMap(([name, label]) => list(report[name]).length ? [el("h2", null, label), el("p", null, text(report[name]))] : []),
    once.length ? box("warn", `A secret is in the text of this result, this once: ${once.map(words).join(", ")}.`) : undefined,
    pending && got.data.question ? [el("h2", null, "The question"), el("pre", { tabindex: "0" }, text(got.data.question))] : undefined,
    report.answer ? el("details", null, el("summary", null, "Tailscale's answer"), el("pre", { tabindex: "0" }, JSON.stringify(report.answer, null, 2))) : undefined,
  );
}

begin();
