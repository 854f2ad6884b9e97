// What views share that call their tool again.

/** Calls the tool again with other arguments, and shows the result. */
async function call(args) {
  const mine = ++latest;
  at("view").setAttribute("aria-busy", "true");
  status("Loading…");
  const focused = document.activeElement?.getAttribute("data-key");
  let result;
  try {
    result = await request("tools/call", { name: host.tool, arguments: args });
  } catch (error) {
    result = { isError: true, content: [{ type: "text", text: `The host did not call the tool: ${error.message}` }] };
  }
  // A later click has overtaken it.
  if (mine !== latest) return;
  at("view").removeAttribute("aria-busy");
  draw(answer(result));
  const again = focused && [...document.querySelectorAll("[data-key]")].find((it) => it.getAttribute("data-key") === focused);
  if (again && document.activeElement !== again) again.focus();
}

function reload() {
  const { cursor, ...args } = shown.args;
  const from = shown.cursors.at(-1);
  return call(from ? { ...args, cursor: from } : args);
}
/** Starts the list again with these arguments; undefined removes one. */
function refine(changes) {
  Object.assign(shown.args, changes);
  for (const [name, value] of Object.entries(shown.args)) if (value === undefined) delete shown.args[name];
  shown.cursors = [undefined];
  return reload();
}
/** Buttons for the pages before and after this one. */
function pages(next) {
  const goes = host.can.serverTools && (next || shown.cursors.length > 1);
  if (!goes) return next ? el("p", { class: "dim" }, "There is more: ask for the next page.") : undefined;
  const button = (label, possible, click) => el("button", { type: "button", "data-key": label, disabled: !possible, click }, label);
  return el("div", { class: "pages" },
    button("Previous page", shown.cursors.length > 1, () => { shown.cursors.pop(); reload(); }),
    button("Next page", next, () => { shown.cursors.push(next); reload(); }),
    el("span", { class: "dim" }, `Page ${shown.cursors.length}`));
}

const field = (label, input) => el("label", null, label, input);
const select = (options, value, change) => {
  const made = el("select", { change: () => change(made.value) }, options.map(([it, label]) => el("option", { value: it }, label)));
  made.value = value;
  return made;
};
