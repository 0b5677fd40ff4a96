// A server whose tools have schemas that MCP does not allow, beside one that is sound.

import { createInterface } from "node:readline";

const tools = [
  { name: "sound", inputSchema: { type: "object" } },
  { name: "untyped", inputSchema: {} },
  { name: "list", inputSchema: { type: "array" } },
  { name: "lists", inputSchema: { type: "object" }, outputSchema: { type: "array" } },
];

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue;
  const results = {
    initialize: {
      protocolVersion: params?.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: "odd", version: "1" },
    },
    "tools/list": { tools },
    "tools/call": { content: [{ type: "text", text: "sound as a bell" }] },
  };
  const result = results[method];
  const answer = result === undefined ? { error: { code: -32601, message: "no such method" } } : { result };
  console.log(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
}
