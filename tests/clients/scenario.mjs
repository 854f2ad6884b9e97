// What every TypeScript client does: lists, calls, confirms, declines, cancels the question, plans
// where nobody can be asked, and cancels a call that runs.
//
// `connect(answer)` gives a connected client whose user answers questions with `answer(params)`; none
// is asked where there is no `answer`.

import assert from "node:assert/strict";

const text = (result) => result.content[0].text;

export async function scenario(name, connect) {
  const call = (client, name, args, options) => client.call(name, args, options);
  const accept = () => ({ action: "accept", content: { confirm: true } });

  let asked;
  const user = await connect((params) => {
    asked = params.message;
    return accept();
  });
  const tools = await user.tools();
  assert(tools.includes("list_devices") && tools.includes("revoke_device"), `${tools}`);
  const page = JSON.parse(text(await call(user, "list_devices", { os: "windows", limit: 2 })));
  assert.equal(page.shown, 2);
  const devices = await names(user);
  // The server over HTTP may still hold a list with what was removed over stdio, so each takes from
  // another end.
  if (name.includes("http")) devices.reverse();

  const removed = await call(user, "revoke_device", { device: devices[0], how: "remove" });
  assert(!removed.isError, text(removed));
  assert(asked.includes(devices[0]), asked);
  assert(!(await names(user)).includes(devices[0]), "it is still there");

  const controller = new AbortController();
  const running = call(user, "get_device_attributes", { device: devices[1] }, controller.signal);
  setTimeout(() => controller.abort(), 500);
  const began = Date.now();
  await assert.rejects(running);
  assert(Date.now() - began < 6000, "the call was not cancelled");
  assert((await names(user)).includes(devices[1]));
  await user.close();

  for (const action of ["decline", "cancel"]) {
    const other = await connect(() => ({ action }));
    const kept = await call(other, "revoke_device", { device: devices[1], how: "remove" });
    assert(kept.isError && JSON.parse(text(kept)).kind === "refused", text(kept));
    assert((await names(other)).includes(devices[1]));
    await other.close();
  }

  const alone = await connect();
  const args = { device: devices[1], how: "remove" };
  const plan = JSON.parse(text(await call(alone, "revoke_device", args)));
  assert(plan.plan_id && plan.plan.applied === false, JSON.stringify(plan));
  assert((await names(alone)).includes(devices[1]));
  const done = await call(alone, "revoke_device", { ...args, plan_id: plan.plan_id });
  assert(!done.isError, text(done));
  assert(!(await names(alone)).includes(devices[1]));
  await alone.close();
  console.log(`${name}: lists, calls, confirms, declines, cancels, plans`);
}

/** Desktops: nothing depends on them. */
async function names(client) {
  const result = await client.call("list_devices", { os: "windows", limit: 100 });
  return JSON.parse(text(result)).devices.map((it) => it.name);
}
