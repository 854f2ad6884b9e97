// The device table: sorted, filtered and paged by calling the tool again.

/** Columns, in order; others come after them. `sort` is what the tool calls it. */
const COLUMNS = [
  ["name", "Name", "name"], ["ip", "Address"], ["os", "OS", "os"], ["user", "User", "user"], ["tags", "Tags"],
  ["seen", "Seen", "last_seen"], ["version", "Version", "version"], ["joined", "Joined", "created"],
  ["key_expires", "Key expires", "key_expiry"], ["notes", "Notes"],
];
const ORDERS = [["name", "Name"], ["last_seen", "Longest silence"], ["created", "Date joined"], ["key_expiry", "Key expiry"],
  ["os", "OS"], ["user", "User"], ["version", "Version"]];

function sortBy(order) {
  const same = (shown.args.sort || "name") === order;
  at("order").value = order;
  refine({ sort: order, descending: same && !shown.args.descending ? true : undefined });
}

function controls(args) {
  const name = el("input", { type: "search", maxlength: "200", change: () => refine({ name: name.value.trim() || undefined }) });
  name.value = text(args.name);
  const is = { "": undefined, true: true, false: false };
  const online = select([["", "All"], ["true", "Online"], ["false", "Offline"]], text(args.online), (it) => refine({ online: is[it] }));
  const order = select(ORDERS, args.sort || "name", (it) => refine({ sort: it, descending: undefined }));
  order.id = "order";
  return [field("Name contains", name), field("State", online), field("Sort by", order),
    el("button", { type: "button", "data-key": "Reverse", click: () => refine({ descending: shown.args.descending ? undefined : true }) }, "Reverse")];
}

const MARKS = { "needs approval": "warn", "key expired": "bad", online: "good" };
function cell(field, value) {
  if (field === "notes") return list(value).map((it) => badge(MARKS[it] || "info", it));
  if (field === "seen" && value === "online") return badge("good", value);
  if (field === "ip") return value && el("span", { class: "mono" }, text(value));
  if (value !== null && typeof value === "object" && !Array.isArray(value)) return el("span", { class: "mono" }, text(value));
  return text(value);
}

function draw(got) {
  title("Devices");
  if (shownPlainly(got)) return;
  const { total, matching, shared_in: sharedIn, next } = got.data;
  const rows = list(got.data.devices);
  const here = new Set(rows.flatMap(Object.keys));
  const columns = COLUMNS.filter(([it]) => here.has(it));
  for (const it of here) if (!COLUMNS.some(([known]) => known === it)) columns.push([it, words(it)]);
  const sorted = shown.args.sort || "name";
  const heads = columns.map(([, label, order]) => ({
    label,
    sort: order && host.can.serverTools ? () => sortBy(order) : undefined,
    sorted: order === sorted ? (shown.args.descending ? "descending" : "ascending") : undefined,
  }));
  const found = matching === undefined || matching === total + (sharedIn || 0) ? "" : `${matching} match, `;
  const shared = sharedIn ? `, and ${sharedIn} shared in` : "";
  status(`${found}${rows.length} shown, of ${counted(total, "device", "devices")}${shared}.`);
  show(rows.length ? table(heads, rows.map((row) => columns.map(([it]) => cell(it, row[it]))))
    : el("p", null, "No device matches."), pages(next));
}

begin("list_devices");
