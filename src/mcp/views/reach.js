// Who can reach what: the answer of the policy engine, with its rules, and a form to ask again.

function controls(args) {
  const input = (name) => {
    const made = el("input", { name, maxlength: "200", autocomplete: "off", spellcheck: "false" });
    made.value = text(args[name]);
    return made;
  };
  const [from, to, port, user] = ["from", "to", "port", "ssh_user"].map(input);
  const value = (it) => it.value.trim() || undefined;
  const ask = () => refine({ from: value(from), to: value(to), port: value(port), ssh_user: value(user), tests: undefined });
  for (const it of [from, to, port, user]) it.addEventListener("keydown", ({ key }) => { if (key === "Enter") ask(); });
  return [field("From", from), field("To", to), field("Port", port), field("SSH user", user),
    el("button", { type: "button", "data-key": "Check", click: ask }, "Check")];
}

const place = (at) => (at && typeof at === "object" ? `line ${at.line}` : text(at));
const rule = (it) => [el("div", null, text(it.rule), it.at ? el("span", { class: "dim" }, ` (${place(it.at)})`) : ""),
  el("div", { class: "mono" }, text(it.text))];

/** Whether one reaches the other, and why. */
function verdict(data) {
  const asks = data.ssh ? "log in to" : "reach";
  const lead = `${text(data.from)} ${data.allowed ? "can" : "cannot"} ${asks} ${text(data.to)} on ${text(data.port)}`;
  const ssh = data.ssh && [["SSH rule", data.ssh.ssh_rule], ["Network rule for tcp:22", data.ssh.network_rule]];
  return [
    box(data.allowed ? "good" : "bad", lead, list(data.because).length ? bullets(data.because) : "",
      ssh ? el("p", null, ssh.map(([name, holds]) => badge(holds ? "good" : "bad", `${name}: ${holds ? "yes" : "no"}`))) : ""),
    list(data.by).length ? [el("h2", null, "Allowed by"), el("ul", null, data.by.map((it) => el("li", null, rule(it))))] : [],
    data.smallest_grant ? [el("h2", null, "The smallest grant that would allow it"),
      el("pre", { tabindex: "0" }, JSON.stringify(data.smallest_grant))] : [],
    section("Notes", data.notes),
  ].flat();
}

/** Each list of the tool: its heading, what to call the other end, and whether it is about SSH. */
const LISTS = {
  reaches: ["reaches", "Destination"], reached_by: ["is reached by", "Source"],
  logs_in_to: ["logs in to", "Destination"], logged_in_by: ["is logged in to by", "Source"],
};

function entries(name, page) {
  const [verb, end] = LISTS[name];
  const rows = list(page.shown);
  title(`${text(shown.args.from ?? shown.args.to) || "It"} ${verb}`);
  status(`${rows.length} shown, of ${counted(page.total, "rule", "rules")}.`);
  const ssh = name.startsWith("log");
  const middle = ssh ? ["Check mode"] : ["Ports", "Posture"];
  const cells = (it) => {
    const devices = it.without_network ? `${it.devices}, and ${it.without_network} without tcp:22` : text(it.devices);
    const own = ssh ? [it.check_mode ? "yes" : "no"] : [text(it.ports), text(it.if_posture)];
    return [text(it.who), devices, ...own, rule(it)];
  };
  show(rows.length ? table([end, "Devices", ...middle, "Rule"], rows.map(cells)) : el("p", null, "Nothing."), pages(page.next));
}

function draw(got) {
  title("Who can reach what");
  if (shownPlainly(got)) return;
  const { data } = got;
  const name = Object.keys(LISTS).find((it) => data[it]);
  const by = data.judged_by ? `Judged by ${data.judged_by === "offline" ? "the engine of this server" : words(data.judged_by)}.` : "";
  if (name) return entries(name, data[name]);
  status(by);
  if (typeof data.allowed === "boolean") return show(verdict(data));
  if (Array.isArray(data.failed)) {
    const failed = data.failed.map((it) => [text(it.test), text(it.src), bullets(it.errors)]);
    return show(box(failed.length ? "bad" : "good", `${counted(data.passed, "test", "tests")} passed, ${failed.length} failed`),
      failed.length ? table(["Test", "Source", "Why"], failed) : undefined);
  }
  show(el("pre", { tabindex: "0" }, JSON.stringify(data, null, 2)));
}

begin("test_acl_policy");
