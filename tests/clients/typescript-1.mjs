// The TypeScript SDK, version 1: the era of sessions.
//
//     node typescript-1.mjs PROGRAM URL TOKEN

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { scenario } from "./scenario.mjs";

const [program, url, token] = process.argv.slice(2);
const requestInit = { headers: { authorization: `Bearer ${token}` } };
const transports = {
  stdio: () => new StdioClientTransport({ command: program, args: [], env: process.env }),
  http: () => new StreamableHTTPClientTransport(new URL(url), { requestInit }),
};

for (const [name, transport] of Object.entries(transports)) {
  await scenario(`TypeScript SDK 1, ${name}`, async (answer) => {
    const capabilities = answer ? { elicitation: {} } : {};
    const client = new Client({ name: "test", version: "1" }, { capabilities });
    if (answer) client.setRequestHandler(ElicitRequestSchema, async (it) => answer(it.params));
    await client.connect(transport());
    return {
      tools: async () => (await client.listTools()).tools.map((it) => it.name),
      call: (name, args, signal) => client.callTool({ name, arguments: args }, undefined, { signal }),
      close: () => client.close(),
    };
  });
}
