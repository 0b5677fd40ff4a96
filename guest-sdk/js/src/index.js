import * as host from "#host";
import { CallError, PolicyError, called, failureOf, parsed, textOf } from "./errors.js";
import { AskError, HttpError, ModelError, StateError, interfaceOf } from "./interface-errors.js";

export { ask } from "./ask.js";
export { http } from "./http.js";
export { model } from "./model.js";
export { prompts, resources, servers } from "./resources.js";
export { state } from "./state.js";
export { AskError, CallError, HttpError, ModelError, PolicyError, StateError, textOf };

/** Calling the tools of servers. Each call waits for its answer. */
export const tools = {
  /** Calls a tool and returns its value: structured content, else its text read as JSON, else the text. */
  call(server, tool, args = {}) {
    return valueOf(tools.callRaw(server, tool, args));
  },
  /** Calls a tool and returns the whole MCP CallToolResult. */
  callRaw(server, tool, args = {}) {
    return JSON.parse(called(() => host.callTool(server, tool, JSON.stringify(args))).json);
  },
  /** Makes all calls at once. The outcomes stand in the order of the calls, as those of Promise.allSettled. */
  callMany(calls) {
    const batch = calls.map(({ server, tool, args = {} }) => ({ server, tool, args: JSON.stringify(args) }));
    return host.callTools(batch).map(({ tag, val }) =>
      tag === "ok"
        ? { status: "fulfilled", value: valueOf(JSON.parse(val.json)) }
        : { status: "rejected", reason: new CallError(val) },
    );
  },
};

/** Writes one line to the run's log. */
export const log = Object.fromEntries(
  ["trace", "debug", "info", "warn", "error"].map((level) => [level, (...parts) => host.log(level, line(parts))]),
);

/** Says how far the run is: `done` of `total`, in a unit of your own, and what it does now. */
export function progress(done, total, message) {
  host.progress(done, total, message);
}

/** Waits on the host's timer. A part of a millisecond counts as a whole. */
export function sleep(ms) {
  host.sleep(Math.max(0, Math.ceil(ms)));
}

/** Makes the policy that the module is: `export const { describe, run } = policy({ … })`. */
export function policy(spec) {
  const descriptor = {
    name: spec.name,
    title: spec.title,
    description: spec.description,
    inputSchema: JSON.stringify(spec.input ?? { type: "object" }),
    outputSchema: spec.output && JSON.stringify(spec.output),
    grants: [...(spec.grants ?? [])],
  };
  return {
    describe: () => descriptor,
    run(input) {
      try {
        return JSON.stringify(finished(spec.run(JSON.parse(input || "{}")), "run") ?? null);
      } catch (error) {
        throw policyError(error);
      }
    },
  };
}

/** Declares a tool. For TypeScript: the types of its arguments and result follow from its schemas. */
export const tool = (spec) => spec;

/** Makes the adapter that the module is: `export const { listTools, callTool } = adapter({ name: tool({ … }) })`. */
export function adapter(spec) {
  const offered = new Map(Object.entries(spec));
  return {
    listTools: () => [...offered].map(([name, tool]) => declared(name, tool)),
    callTool(name, args) {
      const tool = offered.get(name);
      if (tool === undefined) throw { tag: "unknown-tool", val: name };
      try {
        return { json: JSON.stringify(resultOf(finished(tool.run(JSON.parse(args || "{}")), name), tool.output)) };
      } catch (error) {
        throw toolError(error);
      }
    },
  };
}

/** A tool's whole answer, for a tool that sets its content itself. */
export class ToolResult {
  constructor(result) {
    this.result = result;
  }
}

const HINTS = {
  readOnly: "readOnlyHint",
  destructive: "destructiveHint",
  idempotent: "idempotentHint",
  openWorld: "openWorldHint",
};

function declared(name, tool) {
  const hints = Object.entries(HINTS).filter(([key]) => tool[key] !== undefined);
  const annotations = Object.fromEntries(hints.map(([key, hint]) => [hint, tool[key]]));
  return {
    name,
    title: tool.title,
    description: tool.description,
    inputSchema: JSON.stringify(tool.input ?? { type: "object" }),
    outputSchema: tool.output && JSON.stringify(isObject(tool.output) ? tool.output : wrapped(tool.output)),
    annotations: hints.length > 0 ? JSON.stringify(annotations) : undefined,
  };
}

// MCP wants an object as structured content; by convention, other values become its member `result`.
const isObject = (schema) => schema.type === "object";
const wrapped = (schema) => ({ title: "Output", type: "object", properties: { result: schema }, required: ["result"] });

function resultOf(value, schema) {
  if (value instanceof ToolResult) return value.result;
  const object = schema ? isObject(schema) : typeof value === "object" && value !== null && !Array.isArray(value);
  const text = typeof value === "string" ? value : JSON.stringify(value ?? null);
  const structuredContent = object ? value : { result: value ?? null };
  return { content: [{ type: "text", text }], structuredContent };
}

function valueOf(result) {
  const structured = result.structuredContent;
  if (structured !== undefined && structured !== null) {
    const keys = Object.keys(structured);
    // Where the text is that object, it is the tool's own.
    const own = () => JSON.stringify(parsed(textOf(result))) === JSON.stringify(structured);
    return keys.length === 1 && keys[0] === "result" && !own() ? structured.result : structured;
  }
  const text = textOf(result);
  const value = parsed(text);
  return value === undefined ? text : value;
}

// Nothing here waits, so a promise would never be fulfilled.
function finished(value, what) {
  if (typeof value?.then !== "function") return value;
  throw new PolicyError(`${what} gave a promise; calls of tools wait by themselves, so write it without async`);
}

function policyError(error) {
  const failure = failureOf(error);
  const own = error instanceof PolicyError;
  // A failed call by its kind, what another interface refused by the interface's name.
  const code = failure?.error.tag ?? interfaceOf(error);
  const bug = { type: error?.name ?? typeof error, stack: error?.stack };
  const data = own ? error.data : code === undefined ? bug : undefined;
  return {
    message: messageOf(error),
    code: (own ? error.code : undefined) ?? code ?? (own ? undefined : "exception"),
    data: data === undefined ? undefined : JSON.stringify(data),
    causedBy: failure,
  };
}

function toolError(error) {
  const failure = failureOf(error);
  return failure ? { tag: "call-failed", val: failure } : { tag: "failed", val: messageOf(error) };
}

// Errors whose message says it all.
const OWN = [PolicyError, CallError, StateError, ModelError, AskError, HttpError];

function messageOf(error) {
  if (!(error instanceof Error)) return line([error]);
  return OWN.some((Class) => error instanceof Class) || error.name === "Error"
    ? error.message
    : `${error.name}: ${error.message}`;
}

function line(parts) {
  return parts.map((part) => (typeof part === "string" ? part : shown(part))).join(" ");
}

function shown(value) {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

// The component's engine has no console.
globalThis.console ??= { ...log, log: log.info };
