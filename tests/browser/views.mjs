// The views in real Chromium, in a host of our own (`host.html`), with what a real server answers.
//
//     node views.mjs PROGRAM URL TOKEN SCREENSHOTS

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import {
  SCHEMES, SIZES, assertAccessible, assertFits, assertQuiet, assertValid, browser, shot, watched,
} from "./look.mjs";
import { connect, over, viewOf } from "./server.mjs";

const [program, url, token, screenshots] = process.argv.slice(2);
const HOST = "http://host.test/";
/** What a host must forbid a view whose resource names no domain; frames inherit it. */
const FORBIDS = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
  "img-src 'self' data:; media-src 'self' data:; connect-src 'none'";
/** The name that the server's devices were given before (`.ci/browser`). */
const HOSTILE = "<img src=x onerror=alert(1)>";

const VARIABLES = {
  "--color-background-primary": "light-dark(#fffdf7, #23211f)", "--color-background-secondary": "light-dark(#f3efe4, #312e2b)",
  "--color-text-primary": "light-dark(#221f1a, #f5f1e8)", "--color-text-secondary": "light-dark(#5c564b, #bdb6a8)",
  "--color-border-primary": "light-dark(#ddd6c6, #4a463f)", "--color-ring-primary": "light-dark(#8a4b1f, #e8a878)",
  "--font-sans": "'DejaVu Serif', serif",
};
const context = (theme, variables) => ({
  theme, ...(variables ? { styles: { variables: VARIABLES } } : {}), displayMode: "inline",
  containerDimensions: { maxHeight: 20000 }, platform: "web",
});

const page = await (async () => {
  const chromium = await browser();
  const made = await watched(await chromium.newContext(), HOST);
  await made.route(HOST, (route) => route.fulfill({
    body: readFileSync(new URL("host.html", import.meta.url), "utf8"),
    headers: { "content-type": "text/html", "content-security-policy": FORBIDS },
  }));
  return made;
})();

/** What views called, since a case began; and who answers. */
let called = [];
let server;
await page.exposeFunction("callTool", async (params) => {
  called.push(params);
  const { tools } = await server.listTools();
  const about = tools.find((it) => it.name === params.name)?._meta?.ui;
  assert((about?.visibility ?? ["app"]).includes("app"), `a view called ${params.name}`);
  return server.callTool(params);
});
await page.goto(HOST);

const json = (result) => JSON.parse(result.content[0].text);

/** Shows the result of a call in the tool's view. */
async function open(name, input, options = {}) {
  const { html } = await viewOf(server, name);
  const result = options.result ?? await server.callTool({ name, arguments: input });
  called = [];
  const { theme = "light", variables = false, capabilities = { serverTools: {} } } = options;
  await page.evaluate((it) => host.open(it), { html, input, result, capabilities, context: context(theme, variables) });
  const frame = await (await page.locator("iframe").elementHandle()).contentFrame();
  await frame.locator("#result > *").first().waitFor();
  return { frame, result, html };
}

const text = (frame) => frame.locator("main").innerText();
const heard = (method) => page.evaluate((it) => host.heard.filter((one) => one.method === it), method);
/** Does something, and waits until the view has shown the answer to its call. */
async function after(frame, act) {
  const before = called.length;
  await act();
  await frame.locator("main:not([aria-busy])").waitFor();
  assert.equal(called.length, before + 1, "one call");
  return called.at(-1).arguments;
}

/** All that a view has to be, whatever it shows; and its screenshots. */
async function looks(label, name, input, result) {
  for (const variables of [false, true]) {
    for (const theme of SCHEMES) {
      const { frame, html } = await open(name, input, { theme, variables, result });
      for (const [size, viewport] of Object.entries(SIZES)) {
        await page.setViewportSize(viewport);
        // The view has told its height, so that all of it is seen.
        await page.waitForFunction(() => {
          const told = host.sizes.at(-1);
          return told && Math.abs(host.frame.clientHeight - told.height) <= 2;
        });
        await frame.waitForFunction(() => document.documentElement.scrollHeight <= innerHeight + 2);
        const named = `${label}-${size}-${theme}${variables ? "-host-colours" : ""}`;
        await assertFits(frame, named);
        await assertAccessible(frame, named);
        if (!variables) await shot(page, screenshots, named);
      }
      if (!variables && theme === "light") {
        await assertValid(html, label);
        await assertValid(await frame.evaluate(() => `<!doctype html>\n${document.documentElement.outerHTML}\n`), `${label}, shown`);
      }
      const scheme = await frame.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
      assert.equal(scheme, theme, label);
      assert.equal(await page.evaluate(() => host.early), 0, "a message before it was initialized");
    }
  }
  assertQuiet(page, label);
}

/** Every text of a result replaced by one that wants to be markup: none of it becomes an element. */
async function staysText(name, input, result) {
  const hostile = (it) => {
    if (typeof it === "string") return `${HOSTILE}${it}</script><b id=forged>`;
    if (Array.isArray(it)) return it.map(hostile);
    if (it === null || typeof it !== "object") return it;
    return Object.fromEntries(Object.entries(it).map(([key, value]) => [key, hostile(value)]));
  };
  for (const isError of [false, true]) {
    const data = isError ? { message: HOSTILE, remedy: HOSTILE } : hostile(json(result));
    const changed = { ...result, isError, content: [{ type: "text", text: JSON.stringify(data) }] };
    const { frame } = await open(name, input, { result: changed });
    assert((await text(frame)).includes(HOSTILE), `${name} does not show it`);
    assert.equal(await frame.locator("img, b, #forged").count(), 0, name);
  }
  // What is no JSON is text, too.
  const { frame } = await open(name, input, { result: { content: [{ type: "text", text: HOSTILE }] } });
  assert((await text(frame)).includes(HOSTILE));
  assert.equal(await frame.locator("img").count(), 0, name);
  assertQuiet(page, name);
}

const cells = (frame, number) => frame.locator(`tbody tr td:nth-child(${number})`).allInnerTexts();

async function devices() {
  const input = { limit: 8 };
  await page.setViewportSize(SIZES.laptop);
  const { frame, result } = await open("list_devices", input);
  const rows = json(result).devices;
  assert.deepEqual(await cells(frame, 1), rows.map((it) => it.name));
  assert((await cells(frame, 1)).some((it) => it.includes(HOSTILE)), "the server's own hostile name");
  assert.equal(await frame.locator("img").count(), 0);

  // Pages, forward and back.
  const next = await after(frame, () => frame.getByRole("button", { name: "Next page" }).click());
  assert.deepEqual(next, { limit: 8, cursor: json(result).next });
  assert(!(await cells(frame, 1)).includes(rows[0].name));
  assert.deepEqual(await after(frame, () => frame.getByRole("button", { name: "Previous page" }).click()), input);
  assert.deepEqual(await cells(frame, 1), rows.map((it) => it.name));

  // Sorted from the keyboard; the focus stays where it was.
  await frame.getByRole("button", { name: "Seen" }).focus();
  assert.deepEqual(await after(frame, () => page.keyboard.press("Enter")), { limit: 8, sort: "last_seen" });
  assert.equal(await frame.evaluate(() => document.activeElement.getAttribute("data-key")), "Seen");
  assert.equal(await frame.getByRole("columnheader", { name: "Seen" }).getAttribute("aria-sort"), "ascending");
  const ascending = await cells(frame, 1);
  assert.deepEqual(await after(frame, () => page.keyboard.press("Enter")), { limit: 8, sort: "last_seen", descending: true });
  assert.notDeepEqual(await cells(frame, 1), ascending);

  // Filtered; a filter keeps the order.
  const state = frame.getByRole("combobox", { name: "State" });
  assert.equal((await after(frame, () => state.selectOption("false"))).online, false);
  assert(!(await text(frame)).includes("online\n"));
  const named = await after(frame, async () => {
    await frame.getByRole("searchbox", { name: "Name contains" }).fill("web");
    await page.keyboard.press("Enter");
  });
  assert.deepEqual(named, { limit: 8, sort: "last_seen", descending: true, online: false, name: "web" });
  const none = await after(frame, async () => {
    await frame.getByRole("searchbox", { name: "Name contains" }).fill("nobody-has-this-name");
    await page.keyboard.press("Enter");
  });
  assert.equal(none.name, "nobody-has-this-name");
  assert((await text(frame)).includes("No device matches."));

  // Without a host that calls tools, it shows what there is, and offers nothing that it cannot do.
  const alone = await open("list_devices", input, { capabilities: {} });
  assert.equal(await alone.frame.locator("button, input, select").count(), 0);
  assert((await text(alone.frame)).includes("ask for the next page"));
  await looks("devices", "list_devices", { limit: 8 });
  await looks("devices-columns", "list_devices", { limit: 4, fields: ["os", "addresses", "clientConnectivity"] });
  await staysText("list_devices", input, result);
}

async function reach() {
  const input = { from: "tag:web", to: "tag:db", port: "22" };
  await page.setViewportSize(SIZES.laptop);
  const { frame, result } = await open("test_acl_policy", input);
  assert.equal(json(result).allowed, false);
  assert((await text(frame)).includes("tag:web cannot reach tag:db on tcp:22"));
  assert((await text(frame)).includes("The smallest grant that would allow it"));
  await looks("reach-verdict", "test_acl_policy", input);
  await staysText("test_acl_policy", input, result);

  const yes = await open("test_acl_policy", input);
  const asked = await after(yes.frame, async () => {
    await yes.frame.getByRole("textbox", { name: "Port" }).fill("5432");
    await page.keyboard.press("Enter");
  });
  assert.deepEqual(asked, { from: "tag:web", to: "tag:db", port: "5432" });
  assert((await text(yes.frame)).includes("tag:web can reach tag:db on tcp:5432"));
  // The answer of the server about a name that does not exist.
  await after(yes.frame, async () => {
    await yes.frame.getByRole("textbox", { name: "From" }).fill("nobody-here");
    await yes.frame.getByRole("button", { name: "Check" }).click();
  });
  assert((await text(yes.frame)).includes("nobody-here"));

  const list = { to: "tag:db", limit: 2 };
  const who = await open("test_acl_policy", list);
  const page1 = json(who.result).reached_by;
  assert.equal(await who.frame.locator("tbody tr").count(), page1.shown.length);
  if (page1.next) {
    const next = await after(who.frame, () => who.frame.getByRole("button", { name: "Next page" }).click());
    assert.deepEqual(next, { ...list, cursor: page1.next });
  }
  await looks("reach-list", "test_acl_policy", list);
  await staysText("test_acl_policy", list, who.result);
  for (const other of [{}, { from: "tag:web" }, { from: "alice@example.com", ssh_user: "root" }, { to: "tag:db", by: "tailscale" }]) {
    const shown = await open("test_acl_policy", other);
    assert((await text(shown.frame)).length > 40);
  }
}

async function alerts() {
  await page.setViewportSize(SIZES.laptop);
  const { frame, result } = await open("get_active_alerts", {});
  const all = json(result);
  assert(all.alerts.length > 1, "the sandbox has alerts");
  const count = () => frame.getByRole("article").count();
  assert(all.alerts.length > 10, "more than are shown at first");
  assert.equal(await count(), 10);
  await frame.getByRole("button", { name: `Show the other ${all.alerts.length - 10}` }).click();
  assert.equal(await count(), all.alerts.length);
  assert((await text(frame)).includes(all.notes[0].slice(1)));
  const severity = frame.getByRole("combobox", { name: "Severity" });
  assert.deepEqual(await after(frame, () => severity.selectOption("critical")), { severity: "critical" });
  assert.equal(await count(), Math.min(10, all.counts.critical ?? 0));
  assert.deepEqual(await after(frame, () => severity.selectOption("")), {});
  const pending = frame.getByRole("checkbox", { name: "Pending, too" });
  assert.deepEqual(await after(frame, () => pending.check()), { pending: true });
  await looks("alerts", "get_active_alerts", {});
  await staysText("get_active_alerts", {}, result);
}

/** A report with all that a summary may have, where the server's has only some of it. */
const full = (it) => ({
  ...it,
  watched_percent: 93.334,
  more_needs: 6,
  changes: {
    since: "2026-11-22T08:00:00Z", count: 7, first: ["new device arrived", "tags db-1: tag:db → tag:prod"],
    policy: ["tag:web loses access to tag:db on tcp:5432."], score_was: 71,
  },
  least_uptime: [
    { name: "router-berlin", up_percent: 91.4, known_percent: 93.334, disconnects: 12, longest_outage: "1 day 2 hours" },
    { name: "db-1", up_percent: 99.98, known_percent: 60, disconnects: 1, longest_outage: "9 minutes" },
    { name: "new-server", up_percent: null, known_percent: 2.5 },
  ],
  routes_down: { count: 4, first: ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"] },
  traffic: {
    from: "2026-11-16T08:00:00Z", percent: 88.5, bytes: 123_456_789_012, relayed_percent: 3.25,
    most: [["backup", 61_299_999_999], ["nas", 9_000_000_000], ["laptop-of-mei", 999]],
  },
  unread: [{ what: "users", why: "the credential lacks the scope users:read" }],
});

async function reports() {
  await page.setViewportSize(SIZES.laptop);
  const input = { window: "7d" };
  const { frame, result } = await open("generate_network_report", input);
  const data = json(result);
  const seen = await text(frame);
  assert(data.needs.length > 1 && data.needs.every((it) => seen.includes(it.title) && seen.includes(it.first_step)), seen);
  assert(seen.includes(data.tailnet) && seen.includes(`${data.devices.online} of ${data.devices.total} connected`), seen);
  assert(seen.includes(data.score) && seen.includes(data.name), seen);
  // Nobody has watched, so no figure stands for it.
  assert(seen.includes("Nobody has watched") && seen.includes(`Not known: ${data.least_uptime.unknown}`), seen);
  assert(seen.includes(`Not known: ${data.changes.unknown}`), seen);
  // It only shows.
  assert.equal(await frame.locator("button, input, select, a, form").count(), 0);
  for (const key of ["Tab", "Enter", "Space"]) await page.keyboard.press(key);
  assert.deepEqual([called, await heard("tools/call")], [[], []]);
  await looks("report", "generate_network_report", input, result);
  await staysText("generate_network_report", input, result);

  const all = { content: [{ type: "text", text: JSON.stringify(full(data)) }] };
  const known = await open("generate_network_report", input, { result: all });
  const shown = await text(known.frame);
  for (const it of [
    "Somebody watched 93.334 % of it.", "7 differences since 2026-11-22 08:00 UTC. The score was 71.", "And 5 more.",
    "tag:web loses access", "10.3.0.0/16", "And 1 more.", "And 6 more.", "123.4 GB since 2026-11-16 08:00 UTC; 88.5 % of that time was read.",
    "3.25 % of the bytes were relayed.", "Users: the credential lacks",
  ]) assert(shown.includes(it), `${it}: ${shown}`);
  const rows = (number) => known.frame.getByRole("table").nth(number).locator("tbody tr").allInnerTexts();
  const [router, , unknown] = (await rows(0)).map((it) => it.replace(/\s+/g, " "));
  assert(router.includes("91.4 % 93.334 % of the window 12 1 day 2 hours"), router);
  assert(unknown.includes("Withheld: too little is known 2.5 % of the window Withheld"), unknown);
  assert.deepEqual((await rows(1)).map((it) => it.split(/\s*\t\s*/)[1].trim()), ["61.2 GB", "9.0 GB", "999 B"]);
  // Bars are as long as their figures: of the known part, and of the largest.
  const wide = (selector, at) => known.frame.locator(selector).nth(at).evaluate((it) => it.getBoundingClientRect().width);
  const near = (one, other) => assert(Math.abs(one - other) < 3, `${one} px, not ${other}`);
  const track = await wide(".bar", 0);
  near(await wide(".bar > .good", 0), track * 0.914 * 0.93334);
  near(await wide(".bar > .unknown", 0), track * 0.06666);
  assert.equal(await known.frame.locator("tr").filter({ hasText: "new-server" }).locator(".bar").count(), 0);
  near(await wide(".bar > .info", 1), await wide(".bar > .info", 0) * 9 / 61.3);
  await looks("report-full", "generate_network_report", input, all);
  await staysText("generate_network_report", input, all);
  const failed = await open("generate_network_report", { window: "90d" });
  assert((await text(failed.frame)).includes("89d"));
}

async function plans() {
  await page.setViewportSize(SIZES.laptop);
  const names = json(await server.callTool({ name: "list_devices", arguments: { os: "windows" } })).devices.map((it) => it.name);
  const removal = { device: names[0], how: "remove" };
  const { frame, result } = await open("revoke_device", removal);
  const pending = json(result);
  const shown = await text(frame);
  assert(pending.plan_id && pending.plan.applied === false);
  assert(shown.includes("Nothing is changed yet") && shown.includes("Cannot be undone"), shown);
  assert(shown.includes(pending.question.split("\n")[0]), shown);
  assert(!(await frame.evaluate(() => document.documentElement.outerHTML)).includes(pending.plan_id), "what confirms is not shown");
  // It only shows: there is nothing to press, and pressing keys calls nothing.
  assert.equal(await frame.locator("button, input, select, a, form").count(), 0);
  for (const key of ["Tab", "Enter", "Space", "y"]) await page.keyboard.press(key);
  assert.deepEqual([called, await heard("tools/call"), await heard("ui/message")], [[], [], []]);
  await looks("plan-pending", "revoke_device", removal, result);
  await staysText("revoke_device", removal, result);

  // What a view would call nevertheless, the host refuses: the tools are for the model only.
  const devices = await open("list_devices", {});
  await devices.frame.evaluate((it) => {
    host.tool = "revoke_device";
    return call(it);
  }, { ...removal, plan_id: pending.plan_id });
  assert((await text(devices.frame)).includes("a view called revoke_device"));
  const still = json(await server.callTool({ name: "list_devices", arguments: { os: "windows" } }));
  assert(still.devices.some((it) => it.name === names[0]), "it was removed");

  for (const [label, name, input] of [
    ["plan-preview", "update_device", { device: names[1], name: "renamed-by-plan", dry_run: true }],
    ["plan-batch", "add_tags", { os: "linux", tags: ["tag:prod"], dry_run: true }],
    ["plan-policy", "update_acl_policy", { edits: [
      { op: "add", section: "grants", value: '{"src":["tag:web"],"dst":["tag:db"],"ip":["tcp:8443"]}' },
      { op: "remove", section: "groups", name: "group:data", value: "mei.castro@example.com" },
    ], dry_run: true }],
  ]) {
    const preview = await server.callTool({ name, arguments: input });
    assert(!preview.isError, preview.content[0].text);
    const seen = await open(name, input, { result: preview });
    assert((await text(seen.frame)).includes("Preview: nothing is changed."), name);
    await looks(label, name, input, preview);
    await staysText(name, input, preview);
  }
  const done = await open("update_device", { device: names[1], name: "renamed-for-good" });
  assert((await text(done.frame)).includes("Applied, as change "));
  await looks("plan-done", "update_device", { device: names[1] }, done.result);
  const failed = await open("update_device", { device: "nobody-has-this-name", name: "x" });
  assert((await text(failed.frame)).includes("What to do"));
  await looks("plan-failed", "update_device", {}, failed.result);
}

/** What the host does meanwhile: theme, pings, questions, cancelling, and taking the view down. */
async function lifecycle() {
  await page.setViewportSize(SIZES.laptop);
  const { frame } = await open("list_devices", { limit: 3 });
  const background = () => frame.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.evaluate(() => host.notify("ui/notifications/host-context-changed", { theme: "dark" }));
  await frame.waitForFunction((it) => getComputedStyle(document.body).backgroundColor !== it, light);
  await page.evaluate((variables) => host.notify("ui/notifications/host-context-changed", { styles: { variables } }), VARIABLES);
  await frame.waitForFunction(() => getComputedStyle(document.body).backgroundColor === "rgb(35, 33, 31)");
  assert.deepEqual(await page.evaluate(() => host.ask("ping", {})), {});
  await assert.rejects(page.evaluate(() => host.ask("tools/list", {})), /does not know/);
  await page.evaluate(() => host.notify("ui/notifications/tool-cancelled", { reason: "by the user" }));
  await frame.getByText("The call was cancelled: by the user.").waitFor();
  const [first] = await heard("ui/initialize");
  assert.equal(first.params.protocolVersion, "2026-01-26");
  const sizes = await page.evaluate(() => host.sizes);
  assert(sizes.length >= 1 && sizes.every((it) => it.width > 0 && it.height > 0), JSON.stringify(sizes));
  // A page that only looks like the host is not heard.
  await frame.evaluate(() => window.postMessage({ jsonrpc: "2.0", method: "ui/notifications/tool-cancelled", params: { reason: "forged" } }, "*"));
  await frame.evaluate(() => new Promise((resolve) => { setTimeout(resolve, 50); }));
  assert(!(await text(frame)).includes("forged"));
  assert.deepEqual(await page.evaluate(() => host.ask("ui/resource-teardown", { reason: "closed" })), {});
  const quiet = await page.evaluate(() => host.heard.length);
  await frame.evaluate(() => { document.body.style.paddingBottom = "300px"; });
  await frame.evaluate(() => new Promise((resolve) => { setTimeout(resolve, 100); }));
  assert.equal(await page.evaluate(() => host.heard.length), quiet, "it talks after it was taken down");
  assertQuiet(page, "lifecycle");
}

// Each era, over stdio and HTTP: the lists, and a view that shows what the tool says.
const transports = { stdio: over.stdio(program), http: over.http(url, token) };
for (const [name, transport] of Object.entries(transports)) {
  for (const mode of ["legacy", { pin: "2026-07-28" }]) {
    server = await connect(transport, mode);
    const plain = await connect(transport, mode, false);
    const seen = await server.listTools();
    const bare = JSON.stringify((await plain.listTools()).tools);
    assert(!bare.includes("ui://"), "it was not asked for");
    assert.equal(JSON.stringify(seen.tools.map(({ _meta, ...it }) => it)), JSON.stringify(JSON.parse(bare).map(({ _meta, ...it }) => it)));
    const uris = (await server.listResources()).resources.filter((it) => it.uri.startsWith("ui://"));
    assert.equal(uris.length, 5);
    assert(!(await plain.listResources()).resources.some((it) => it.uri.startsWith("ui://")));
    const { frame } = await open("list_devices", { limit: 5 });
    assert.equal(await frame.locator("tbody tr").count(), 5);
    console.log(`views, ${name}, ${mode.pin ?? mode}: listed and shown`);
    await plain.close();
    await server.close();
  }
}

server = await connect(transports.http, { pin: "2026-07-28" });
for (const test of [lifecycle, devices, reach, alerts, reports, plans]) {
  await test();
  console.log(`views: ${test.name}: as it should be`);
}
await server.close();
await page.context().browser().close();
