// Reports in real Chromium: how they look, with a keyboard, sorted, filtered, printed, and without any script.
//
//     node reports.mjs FOLDER SCREENSHOTS
//
// FOLDER has the pages that the tests of reports have made.

import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { assertQuiet, browser, lookAt, watched } from "./look.mjs";

const [folder, shots] = process.argv.slice(2).map((it) => resolve(it));
const file = (name) => join(folder, `${name}.html`);
const chromium = await browser();

/** The texts of a column of a table, of the rows that are shown. */
const column = (table, at) => table.locator("tbody tr:visible").evaluateAll(
  (rows, cell) => rows.map((row) => row.cells[cell].dataset.v ?? row.cells[cell].textContent.trim()), at);

const tests = {
  async "each tailnet looks right at each size, light, dark and printed"() {
    for (const name of ["small", "large", "empty", "broken"]) {
      assert(statSync(file(name)).size <= 1_000_000, name);
      const context = await chromium.newContext();
      await lookAt(context, file(name), name, shots);
      await context.close();
    }
  },

  async "a table is sorted by a click or a key, and says how"() {
    const context = await chromium.newContext();
    const page = await watched(context, `file://${file("large")}`);
    await page.goto(`file://${file("large")}`);
    const table = page.getByRole("table", { name: "Devices, the worst first" });
    const button = table.getByRole("button", { name: "Device" });
    await button.click();
    const up = await column(table, 0);
    assert.deepEqual(up, [...up].sort(new Intl.Collator("en", { numeric: true }).compare));
    assert.equal(await table.locator("th").first().getAttribute("aria-sort"), "ascending");
    await button.focus();
    await page.keyboard.press("Enter");
    assert.deepEqual(await column(table, 0), [...up].reverse());
    assert.equal(await table.locator("th").first().getAttribute("aria-sort"), "descending");
    await table.getByRole("button", { name: "Severity" }).click();
    const worst = (await column(table, 5)).map(Number);
    assert.deepEqual(worst, [...worst].sort((a, b) => a - b));
    assertQuiet(page, "sorting");
    await context.close();
  },

  async "figures are sorted as figures"() {
    const context = await chromium.newContext();
    const page = await watched(context, `file://${file("small")}`);
    await page.goto(`file://${file("small")}`);
    const table = page.getByRole("table", { name: "Devices that moved the most" });
    await table.getByRole("button", { name: "Sent" }).click();
    const sent = (await column(table, 2)).map(Number);
    assert(sent.length > 5 && sent.some((it) => it > 1_000_000));
    assert.deepEqual(sent, [...sent].sort((a, b) => a - b));
    await context.close();
  },

  async "a filter shows what has all words, and says how many"() {
    const context = await chromium.newContext();
    const page = await watched(context, `file://${file("large")}`);
    await page.goto(`file://${file("large")}`);
    const table = page.getByRole("table", { name: "Devices, the worst first" });
    const section = page.locator("#fleet");
    const all = await table.locator("tbody tr").count();
    await section.getByRole("searchbox").fill("linux web");
    const shown = await table.locator("tbody tr:visible").count();
    assert(shown > 0 && shown < all, `${shown} of ${all}`);
    assert.equal(await section.getByRole("status").textContent(), `${shown} of ${all} rows`);
    for (const row of await table.locator("tbody tr:visible").allTextContents()) {
      assert(row.includes("linux") && row.includes("web"), row);
    }
    await section.getByRole("searchbox").fill("");
    assert.equal(await table.locator("tbody tr:visible").count(), all);
    assertQuiet(page, "filtering");
    await context.close();
  },

  async "the keyboard reaches everything, the first key skips to the report"() {
    const context = await chromium.newContext();
    const page = await watched(context, `file://${file("small")}`);
    await page.goto(`file://${file("small")}`);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the report");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => location.hash), "#needs");
    const seen = new Set();
    for (let at = 0; at < 60; at += 1) {
      await page.keyboard.press("Tab");
      const [what, outline] = await page.evaluate(() => {
        const it = document.activeElement;
        return [`${it.tagName} ${it.textContent.slice(0, 30)}`, getComputedStyle(it).outlineStyle];
      });
      if (what.startsWith("BODY")) break;
      assert.notEqual(outline, "none", `nothing shows that ${what} has the focus`);
      seen.add(what.split(" ")[0]);
    }
    for (const kind of ["BUTTON", "DIV", "INPUT"]) assert(seen.has(kind), `${kind}: ${[...seen]}`);
    await context.close();
  },

  async "without script, and on paper, everything is there"() {
    for (const javaScriptEnabled of [false, true]) {
      const context = await chromium.newContext({ javaScriptEnabled });
      const page = await watched(context, `file://${file("small")}`);
      await page.goto(`file://${file("small")}`);
      assert.equal(await page.locator("main section").count(), 13);
      if (!javaScriptEnabled) assert.equal(await page.locator("th button").count(), 0);
      const rows = await page.locator("tbody tr").count();
      await page.emulateMedia({ media: "print" });
      if (javaScriptEnabled) await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
      // What is folded on the screen is open on paper.
      const hidden = await page.locator("tbody tr").evaluateAll(
        (all) => all.filter((row) => !row.checkVisibility({ contentVisibilityAuto: false })).length);
      assert.equal(hidden, 0, `${hidden} of ${rows} rows are not printed`);
      assert.equal(await page.locator("nav").isVisible(), false);
      if (javaScriptEnabled) {
        await page.evaluate(() => dispatchEvent(new Event("afterprint")));
        assert(await page.locator("details:not([open])").count() > 0);
      }
      await context.close();
    }
  },

  async "what others wrote stays text"() {
    const context = await chromium.newContext();
    const page = await watched(context, `file://${file("small")}`);
    await page.goto(`file://${file("small")}`);
    assert(readFileSync(file("small"), "utf8").includes("&lt;img src=x"));
    assert.equal(await page.locator("img").count(), 0);
    assert.equal(await page.locator("script").count(), 1);
    assertQuiet(page, "hostile text");
    await context.close();
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok: ${name}`);
  } catch (error) {
    failed += 1;
    console.error(`FAILED: ${name}\n${error.stack}`);
  }
}
await chromium.close();
process.exit(failed ? 1 : 0);
