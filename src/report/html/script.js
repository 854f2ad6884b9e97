"use strict";
for (const table of document.querySelectorAll("table[data-sort]")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.onclick = () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((it) => it.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[at].dataset.v ?? row.cells[at].textContent.trim();
      const order = (a, b) => value(a).localeCompare(value(b), "en", { numeric: true });
      const rows = [...body.rows].sort(order);
      body.append(...(down ? rows.reverse() : rows));
    };
  });
  if (body.rows.length < 8) continue;
  const find = document.createElement("p"), label = document.createElement("label");
  const input = document.createElement("input"), count = document.createElement("span");
  find.className = "find";
  input.type = "search";
  label.append("Filter ", input);
  count.setAttribute("role", "status");
  find.append(label, count);
  table.parentElement.before(find);
  input.oninput = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((it) => text.includes(it));
      shown += !row.hidden;
    }
    count.textContent = words.length ? shown + " of " + body.rows.length + " rows" : "";
  };
}
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  closed.forEach((it) => (it.open = true));
});
addEventListener("afterprint", () => closed.forEach((it) => (it.open = false)));
