// The page on which plans are approved, in real Chromium: a code from a terminal, the plan with hostile names, a
// decision, and pages of others that try to decide.
//
//     node approve.mjs PROGRAM ORIGIN TOKEN SCREENSHOTS
//
// PROGRAM sees the store of the server at ORIGIN, which serves a tailnet with a device that is called like markup.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { resolve } from "node:path";
import { assertAccessible, assertFits, assertValid, browser, SCHEMES, shot, SIZES, watched } from "./look.mjs";
import { connect, over } from "./server.mjs";

const [program, origin, token, shots] = [resolve(process.argv[2]), process.argv[3], process.argv[4], resolve(process.argv[5])];
const chromium = await browser();
const client = await connect(over.http(`${origin}/mcp`, token), "auto", false);

const call = async (name, args) => JSON.parse((await client.callTool({ name, arguments: args })).content[0].text);

/** A plan that waits, and the page for it. */
const plan = async (args) => {
  const shown = await call("revoke_device", args);
  assert.equal(shown.state, "waiting", JSON.stringify(shown));
  assert.equal(shown.link, `${origin}/approve/${shown.plan_id}`);
  return shown;
};

/** The code that the program prints in a terminal of its own. */
const code = (id) => {
  const out = execFileSync("script", ["-qec", `${program} approve ${id} --code`, "/dev/null"], { encoding: "utf8" });
  return out.trim().split(/\s+/).at(-1);
};

const devices = await call("list_devices", { limit: 100, fields: ["nodeId", "name", "os"] });
const hostile = devices.devices.find((it) => JSON.stringify(it).includes("<img"));
assert(hostile, "no device has a hostile name");
const others = devices.devices.filter((it) => it !== hostile).map((it) => it.nodeId ?? it.id);

const open = async (link, options = {}) => {
  const context = await chromium.newContext(options);
  const page = await watched(context, link);
  await page.goto(link);
  return [context, page];
};

const logIn = async (page, id) => {
  await page.getByLabel("Code").fill(code(id));
  await page.getByRole("button", { name: "Show the plan" }).click();
  await page.getByRole("button", { name: "Approve this plan" }).waitFor();
};

const tests = {
  async "a person approves with a code, without any script, and the plan is applied once"() {
    const args = { device: hostile.nodeId ?? hostile.id, how: "remove" };
    const shown = await plan(args);
    const [context, page] = await open(shown.link, { javaScriptEnabled: false });
    assert.equal(await page.getByText("Remove device").count(), 0, "nothing is shown before");
    await page.getByLabel("Code").fill("wrong-wrong");
    await page.getByRole("button", { name: "Show the plan" }).click();
    await page.getByRole("alert").waitFor();
    await logIn(page, shown.plan_id);
    const question = await page.locator("pre.question").textContent();
    assert.equal(question, shown.question, "it is the complete question");
    assert(question.includes("<img src=x onerror=alert(1)>"));
    assert.equal(await page.locator("img, script").count(), 0);
    await page.getByRole("button", { name: "Approve this plan" }).click();
    await page.getByRole("heading", { name: "is approved" }).waitFor();
    const done = await call("revoke_device", { ...args, plan_id: shown.plan_id });
    assert.equal(done.applied, true, JSON.stringify(done));
    assert(done.confirmed.startsWith("approved by "), done.confirmed);
    await page.reload();
    await page.getByRole("heading", { name: "applied" }).waitFor();
    await context.close();
  },

  async "it looks right at each size, light and dark, and has no fault that axe knows"() {
    const shown = await plan({ device: others[0], how: "remove" });
    for (const [size, viewport] of Object.entries(SIZES)) {
      for (const colorScheme of SCHEMES) {
        const [context, page] = await open(shown.link, { viewport, colorScheme });
        for (const name of ["code", "plan"]) {
          if (name === "plan") await logIn(page, shown.plan_id);
          await assertFits(page, `${name} ${size}`);
          await assertAccessible(page, `${name} ${size} ${colorScheme}`);
          await assertValid(await page.content(), name);
          await shot(page, shots, `approve-${name}-${size}-${colorScheme}`);
        }
        assert.deepEqual(page.faults, []);
        await context.close();
      }
    }
  },

  async "a page of another origin cannot decide, even in the browser in which the person is known"() {
    const shown = await plan({ device: others[1], how: "remove" });
    const [context, page] = await open(shown.link);
    await logIn(page, shown.plan_id);
    const form = await page.locator("input[name=token]").getAttribute("value");
    const evil = createServer((_, response) => {
      response.setHeader("content-type", "text/html");
      response.end(`<iframe src="${shown.link}"></iframe><form method="post" action="${shown.link}">
        <input name="token" value="${form}"><button name="decision" value="approve">Win</button></form>`);
    });
    await new Promise((done) => evil.listen(0, "127.0.0.1", done));
    const other = await context.newPage();
    // The same machine under another port, which is the same site for cookies.
    await other.goto(`http://127.0.0.1:${evil.address().port}/`);
    assert.equal(await other.frames().at(-1).getByText("Remove device").count(), 0, "it is in no frame");
    const [answer] = await Promise.all([other.waitForResponse(shown.link), other.getByText("Win").click()]);
    assert.equal(answer.status(), 403);
    evil.close();
    const waiting = await call("list_pending_plans", {});
    assert.equal(waiting.plans.find((it) => it.plan_id === shown.plan_id).state, "waiting");
    // From the page itself the same browser may.
    await page.getByRole("button", { name: "Refuse" }).click();
    await page.getByRole("heading", { name: "is refused" }).waitFor();
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
await client.close();
process.exit(failed ? 1 : 0);
