// What is asked of every page that people look at: how it looks on a phone and a laptop, in light and dark
// and, if it is printed, on A4; that it has no fault that axe knows, is valid HTML, and requests nothing.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { HtmlValidate } from "html-validate";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const SIZES = { phone: { width: 390, height: 844 }, laptop: { width: 1280, height: 800 } };
export const SCHEMES = ["light", "dark"];

/** The system's Chromium, which may run as root in a container. */
export const browser = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

/** A page that fails when it requests anything but `address`, or when a script of it fails. */
export async function watched(context, address) {
  const page = await context.newPage();
  page.requests = [];
  page.faults = [];
  page.on("request", (request) => { if (request.url() !== address) page.requests.push(request.url()); });
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("console", (message) => { if (message.type() === "error") page.faults.push(message.text()); });
  page.on("dialog", (dialog) => { page.faults.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  return page;
}

/** That it has requested nothing, and that nothing in it has failed. */
export function assertQuiet(page, name) {
  assert.deepEqual(page.requests, [], `${name} requested something`);
  assert.deepEqual(page.faults, [], `${name} failed`);
}

/** That axe finds nothing in the page or frame, of all its rules. */
export async function assertAccessible(frame, name) {
  await frame.evaluate(axe);
  const { violations, passes } = await frame.evaluate(() => window.axe.run(document));
  const found = violations.map((it) => `${it.id}: ${it.nodes.map((node) => `${node.html} ${node.failureSummary}`).join("\n")}`);
  assert.deepEqual(found, [], `axe, ${name}`);
  assert(passes.length > 10, `axe judged little of ${name}`);
}

/** That the text is valid HTML. Style is ours to choose. */
export async function assertValid(html, name) {
  const validator = new HtmlValidate({ extends: ["html-validate:standard"] });
  const report = await validator.validateString(html, name);
  const found = report.results.flatMap((it) => it.messages).map((it) => `${it.line}: ${it.ruleId}: ${it.message}`);
  assert.deepEqual(found, [], `HTML of ${name}`);
}

/** That nothing is wider than the window, so that nobody scrolls sideways. */
export async function assertFits(frame, name) {
  const [wide, room] = await frame.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert(wide <= room, `${name} is ${wide} px wide, of ${room}`);
}

/** Takes a screenshot of all of the page into `folder`. Frames are painted only in the window, so it grows. */
export async function shot(page, folder, name) {
  mkdirSync(folder, { recursive: true });
  const before = page.viewportSize();
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ ...before, height: Math.max(before.height, Math.min(height, 16_000)) });
  // What has come into the window is painted with the frames that follow.
  for (const frame of page.frames()) {
    await frame.evaluate(() => new Promise((resolve) => {
      requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 50)));
    }));
  }
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await page.setViewportSize(before);
}

/** All of it for a file on its own: screenshots at each size and scheme and as A4, axe, validity, no request. */
export async function lookAt(context, file, name, folder) {
  await assertValid(readFileSync(file, "utf8"), name);
  const address = `file://${file}`;
  const page = await watched(context, address);
  for (const scheme of SCHEMES) {
    await page.emulateMedia({ colorScheme: scheme, media: "screen" });
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewportSize(viewport);
      await page.goto(address);
      const named = `${name}-${size}-${scheme}`;
      await shot(page, folder, named);
      await assertFits(page, named);
      await assertAccessible(page, named);
    }
  }
  await page.emulateMedia({ media: "print", colorScheme: "light" });
  await page.setViewportSize({ width: 794, height: 1123 });
  await page.goto(address);
  await shot(page, folder, `${name}-print`);
  await page.pdf({ path: join(folder, `${name}.pdf`), format: "A4" });
  assertQuiet(page, name);
  await page.close();
}
