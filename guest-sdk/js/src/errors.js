/**
 * A call that gave no result. `kind` is the case's name as in the host's interface: `denied`, `unknown-tool`,
 * `invalid-arguments`, `failed`, `rejected`, `invalid-response`, `auth-required`, `unavailable`, `overloaded`,
 * `too-large`, `timed-out`, `rate-limited`, `budget-exhausted`, `cancelled`, `outcome-unknown`.
 */
export class CallError extends Error {
  constructor(failure) {
    super(messageOf(failure));
    this.name = "CallError";
    this.kind = failure.error.tag;
    this.server = failure.server;
    this.tool = failure.tool;
    this.attempts = failure.attempts;
    this.elapsedMs = Number(failure.elapsedMs);
    this.detail = failure.error.val;
    // What goes back to the host as the cause. Not listed, so that it is not printed twice.
    Object.defineProperty(this, "failure", { value: failure });
  }

  /** Whether the same call, made again after a pause, may succeed and cannot repeat an effect. */
  get retryable() {
    return ["unavailable", "overloaded", "rate-limited"].includes(this.kind);
  }

  /** How many milliseconds the server asked to wait, where it said so. */
  get retryAfterMs() {
    return this.kind === "rate-limited" && this.detail != null ? Number(this.detail) : undefined;
  }
}

/** How a policy or a tool fails by itself: a message for people and, where it helps, a code and data for programs. */
export class PolicyError extends Error {
  constructor(message, { code, data, cause } = {}) {
    super(message);
    this.name = "PolicyError";
    this.code = code;
    this.data = data;
    if (cause !== undefined) this.cause = cause;
  }
}

/** The failed call behind an error: itself, or one of its causes. */
export function failureOf(error) {
  for (let depth = 0; error instanceof Error && depth < 16; depth += 1) {
    if (error instanceof CallError) return error.failure;
    error = error.cause;
  }
  return undefined;
}

/** Calls the host. A failed call is thrown as a CallError. */
export function called(call) {
  try {
    return call();
  } catch (error) {
    // The engine throws an error that carries the failure; anything else is no failed call.
    const failure = error?.payload ?? error;
    throw typeof failure?.error?.tag === "string" ? new CallError(failure) : error;
  }
}

/** All text content of a result, a line break between two pieces. */
export function textOf(result) {
  const content = Array.isArray(result?.content) ? result.content : [];
  return content.filter((block) => typeof block?.text === "string").map((block) => block.text).join("\n");
}

// In the host's own words, so that it recognises them in a policy's message and does not repeat them.
const MESSAGES = {
  denied: (why) => `denied: ${why}`,
  "unknown-tool": (near) =>
    near.length > 0
      ? `no such tool; did you mean ${near.join(", ")}?`
      : "no such tool; `tollgate tools` lists what there is",
  "invalid-arguments": (all) =>
    `the arguments do not fit the tool's input schema: ${all.map((v) => `${v.path || "(whole)"}: ${v.message}`).join("; ")}`,
  failed: (result) => {
    const text = textOf(parsed(result.json));
    return text === "" ? "the tool failed and gave no reason" : `the tool failed: ${text}`;
  },
  rejected: (error) => `the server refused the call: ${error.message} (JSON-RPC ${error.code})`,
  "invalid-response": (what) => `the server's answer is not MCP: ${what}; the call may have had an effect`,
  "auth-required": (what) => `the server wants authorisation: ${what}; the host's operator must give it`,
  unavailable: (why) => `the server is not available: ${why}; nothing was sent, a later retry is safe`,
  overloaded: () => "the host is full now; try again in a moment",
  "too-large": (what) => `too large: ${what}`,
  "timed-out": (what) => `timed out: ${what}; the call may have had an effect, check before repeating it`,
  "rate-limited": (ms) => (ms == null ? "the server asks to slow down" : `the server asks to wait ${ms} ms`),
  "budget-exhausted": (limit) => limit.message,
  cancelled: () => "cancelled",
  "outcome-unknown": (what) =>
    `the call may have had its effect, its answer is lost: ${what}; check before repeating it`,
};

function messageOf({ server, tool, attempts, elapsedMs, error }) {
  const words = MESSAGES[error.tag]?.(error.val) ?? error.tag;
  const tries = attempts > 1 ? ` (${attempts} attempts in ${elapsedMs} ms)` : "";
  return `${server}:${tool}: ${words}${tries}`;
}

/** JSON that may be none. */
export function parsed(json) {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
