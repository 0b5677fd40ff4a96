// A client of the official TypeScript SDK that does what a plan says and tells what came of it: see README.md.

import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const UNTIL_MS = 30_000;

const plan = JSON.parse(await text(process.stdin));

// What was asked during the step that runs now; its answer stands in that step.
let step = {};
let asked = [];

const client = new Client({ name: "typescript-client", version: "1" }, { capabilities: { elicitation: {} } });
client.setRequestHandler(ElicitRequestSchema, (request) => {
  asked.push(request.params);
  return step.answer === undefined ? { action: "decline" } : { action: "accept", content: step.answer };
});

let protocol;

function transport() {
  if (plan.url !== undefined) return new StreamableHTTPClientTransport(new URL(plan.url));
  const [command, ...args] = plan.command;
  return new StdioClientTransport({ command, args, cwd: plan.cwd, env: process.env, stderr: "inherit" });
}

// The SDK tells the agreed version to the transport alone.
function listening(transport) {
  const tell = transport.setProtocolVersion?.bind(transport);
  transport.setProtocolVersion = (version) => {
    protocol = version;
    tell?.(version);
  };
  return transport;
}

async function all(list, key) {
  const found = [];
  let cursor;
  do {
    const page = await list({ cursor });
    found.push(...page[key]);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

function call(step, progress) {
  const options = {};
  if (step.progress) options.onprogress = (told) => progress.push(told);
  if (step.cancel_after_ms !== undefined) options.signal = AbortSignal.timeout(step.cancel_after_ms);
  return client.callTool({ name: step.tool, arguments: step.arguments ?? {} }, undefined, options);
}

function result(step, progress) {
  switch (step.do) {
    case "tools":
      return all((page) => client.listTools(page), "tools");
    case "resources":
      return all((page) => client.listResources(page), "resources");
    case "prompts":
      return all((page) => client.listPrompts(page), "prompts");
    case "call":
      return call(step, progress);
    case "read":
      return client.readResource({ uri: step.uri });
    case "prompt":
      return client.getPrompt({ name: step.name, arguments: step.arguments ?? {} });
    default:
      throw new Error(`no such step: ${step.do}`);
  }
}

// A list grows while servers start.
async function settled(step, progress) {
  const end = performance.now() + UNTIL_MS;
  for (;;) {
    const found = await result(step, progress);
    const said = JSON.stringify(found);
    if ((step.until ?? []).every((part) => said.includes(part)) || performance.now() > end) return found;
    await sleep(200);
  }
}

const steps = [];
await client.connect(listening(transport()));
for (step of plan.steps) {
  asked = [];
  const progress = [];
  const begun = performance.now();
  const told = {};
  try {
    told.result = await settled(step, progress);
  } catch (error) {
    told.error = String(error);
  }
  steps.push({ ...told, progress, asked, elapsed_ms: Math.round(performance.now() - begun) });
}
const report = {
  protocol,
  server: client.getServerVersion(),
  instructions: client.getInstructions(),
  steps,
};
if (plan.url !== undefined) await client.transport.terminateSession();
await client.close();
// A cancelled request leaves a timer behind in the SDK that would hold the process for seconds.
process.stdout.write(JSON.stringify(report), () => process.exit(0));
