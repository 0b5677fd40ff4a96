import { fake } from "./host-fake.js";

/**
 * Stands in for the host until the next call: `answers` has a value or a function of the arguments for each tool,
 * named `server:tool`. A function may throw `callFailure(…)`; a tool that is not there is `unknown-tool`.
 */
export function fakeHost(answers = {}) {
  const host = { calls: [], logs: [], progress: [], sleptMs: 0 };
  fake.host = {
    callTool(server, tool, args) {
      const name = `${server}:${tool}`;
      const given = JSON.parse(args);
      host.calls.push({ server, tool, args: given });
      if (!Object.hasOwn(answers, name)) throw carrying(failure(server, tool, "unknown-tool", []));
      try {
        const answer = answers[name];
        return { json: JSON.stringify(whole(typeof answer === "function" ? answer(given) : answer)) };
      } catch (error) {
        if (!(error instanceof FakeFailure)) throw error;
        throw carrying(failure(server, tool, error.kind, error.detail));
      }
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
  };
  return host;
}

/** What a fake tool throws to fail: a kind of CallError and its detail. */
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

class FakeFailure {
  constructor(kind, detail) {
    this.kind = kind;
    this.detail = detail;
  }
}

const DETAILS = {
  "unknown-tool": [],
  "invalid-arguments": [],
  failed: { json: '{"content":[],"isError":true}' },
  rejected: { code: -32000, message: "refused" },
  overloaded: undefined,
  "rate-limited": undefined,
  "budget-exhausted": { name: "calls", value: 0, message: "the run has no calls left" },
  cancelled: undefined,
};

function failure(server, tool, kind, detail) {
  const val = detail ?? (kind in DETAILS ? DETAILS[kind] : "as the test says");
  const failed = kind === "failed" && typeof val === "string";
  const content = [{ type: "text", text: val }];
  const error = { tag: kind, val: failed ? { json: JSON.stringify({ content, isError: true }) } : val };
  return { server, tool, attempts: 1, elapsedMs: 0, error };
}

// As the component's engine throws it.
const carrying = (payload) => Object.assign(new Error("a call failed"), { payload });

const whole = (value) =>
  Array.isArray(value?.content)
    ? value
    : { content: [], structuredContent: typeof value === "object" && value && !Array.isArray(value) ? value : { result: value } };

function asError(error) {
  if (error instanceof Error) return error;
  const message = error?.message ?? error?.val ?? JSON.stringify(error);
  return Object.assign(new Error(typeof message === "string" ? message : JSON.stringify(message)), error);
}
