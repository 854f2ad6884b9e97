// The TypeScript SDK, version 2, in both eras.
//
//     node typescript-2.mjs PROGRAM URL TOKEN

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { scenario } from "./scenario.mjs";

const [program, url, token] = process.argv.slice(2);
const requestInit = { headers: { authorization: `Bearer ${token}` } };
const transports = {
  stdio: () => new StdioClientTransport({ command: program, args: [], env: process.env }),
  http: () => new StreamableHTTPClientTransport(new URL(url), { requestInit }),
};

for (const [name, transport] of Object.entries(transports)) {
  for (const mode of ["legacy", "auto", { pin: "2026-07-28" }]) {
    const era = mode.pin ?? mode;
    await scenario(`TypeScript SDK 2, ${name}, ${era}`, async (answer) => {
      const capabilities = answer ? { elicitation: { form: {} } } : {};
      const options = { capabilities, versionNegotiation: { mode } };
      const client = new Client({ name: "test", version: "1" }, options);
      if (answer) client.setRequestHandler("elicitation/create", async (it) => answer(it.params));
      await client.connect(transport());
      return {
        tools: async () => (await client.listTools()).tools.map((it) => it.name),
        call: (name, args, signal) => client.callTool({ name, arguments: args }, { signal }),
        close: () => client.close(),
      };
    });
  }
}
