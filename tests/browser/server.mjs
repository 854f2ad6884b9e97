// The server, as a host with views sees it: a real client that announces the extension.

import assert from "node:assert/strict";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

export const MIME = "text/html;profile=mcp-app";
const EXTENSION = "io.modelcontextprotocol/ui";

export const over = {
  stdio: (program) => () => new StdioClientTransport({ command: program, args: [], env: process.env }),
  http: (url, token) => () => {
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    return new StreamableHTTPClientTransport(new URL(url), { requestInit });
  },
};

/** A connected client; `views` is whether it announces that it shows views. */
export async function connect(transport, mode, views = true) {
  const capabilities = views ? { extensions: { [EXTENSION]: { mimeTypes: [MIME] } } } : {};
  const client = new Client({ name: "host", version: "1" }, { capabilities, versionNegotiation: { mode } });
  await client.connect(transport());
  return client;
}

/** The text of the view of a tool, with all that the specification wants of it. */
export async function viewOf(client, name) {
  const { tools } = await client.listTools();
  const tool = tools.find((it) => it.name === name);
  const uri = tool?._meta?.ui?.resourceUri;
  assert(uri?.startsWith("ui://"), `${name} has no view`);
  assert.equal(tool._meta["ui/resourceUri"], uri);
  const { contents } = await client.readResource({ uri });
  assert.equal(contents.length, 1);
  assert.equal(contents[0].uri, uri);
  assert.equal(contents[0].mimeType, MIME);
  assert.equal(contents[0]._meta.ui.csp, undefined);
  assert(Buffer.byteLength(contents[0].text) <= 20_000, `${uri} is too large`);
  return { tool, uri, html: contents[0].text };
}
