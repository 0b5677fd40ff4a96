import { fake } from "./host-fake.js";
import { exchange } from "./http-fake.js";
import { FakeFailure, answered, carrying, failure, keptBy, othersBy, serversBy } from "./fakes.js";

/**
 * Stands in for the host until the next call: `answers` has a value or a function of the arguments for each tool,
 * named `server:tool`. A function may throw `callFailure(…)`; a tool that is not there is `unknown-tool`. `more` is
 * what there is beside tools.
 */
export function fakeHost(answers = {}, more = {}) {
  const host = { calls: [], logs: [], progress: [], sleptMs: 0 };
  fake.host = {
    callTool(server, tool, args) {
      const name = `${server}:${tool}`;
      const given = JSON.parse(args);
      host.calls.push({ server, tool, args: given });
      if (!Object.hasOwn(answers, name)) throw carrying(failure(server, tool, "unknown-tool", []));
      const refused = ({ kind, detail }) => failure(server, tool, kind, detail);
      return { json: JSON.stringify(whole(answered(answers[name], given, refused))) };
    },
    callTools(calls) {
      return calls.map(({ server, tool, args }) => {
        try {
          return { tag: "ok", val: fake.host.callTool(server, tool, args) };
        } catch (error) {
          if (error.payload === undefined) throw error;
          return { tag: "err", val: error.payload };
        }
      });
    },
    log: (level, message) => host.logs.push({ level, message }),
    progress: (done, total, message) => host.progress.push({ done, total, message }),
    sleep: (ms) => (host.sleptMs += ms),
    ...keptBy(host, more.kept),
    ...serversBy(more),
    ...othersBy(host, more),
    send: exchange(host, more.http),
  };
  return host;
}

/** What a fake throws to fail: the kind of the error, and its detail. */
export function callFailure(kind, detail) {
  return new FakeFailure(kind, detail);
}

/** Runs a policy's module. What it throws is what the host would be told. */
export function runPolicy(module, input = {}) {
  try {
    return JSON.parse(module.run(JSON.stringify(input)));
  } catch (error) {
    throw asError(error);
  }
}

/** Calls a tool of an adapter's module: the whole MCP CallToolResult. */
export function callAdapter(module, name, args = {}) {
  try {
    return JSON.parse(module.callTool(name, JSON.stringify(args)).json);
  } catch (error) {
    throw asError(error);
  }
}

const whole = (value) =>
  Array.isArray(value?.content)
    ? value
    : { content: [], structuredContent: typeof value === "object" && value && !Array.isArray(value) ? value : { result: value } };

function asError(error) {
  if (error instanceof Error) return error;
  const message = error?.message ?? error?.val ?? JSON.stringify(error);
  return Object.assign(new Error(typeof message === "string" ? message : JSON.stringify(message)), error);
}
