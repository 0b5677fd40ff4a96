/** What a tool answers that declares no type: look at it before you use it. */
type Untyped = unknown;
/** A result as MCP has it. */
interface ToolResult {
  content: { type: string; [key: string]: any }[];
  structuredContent?: { [key: string]: any };
  isError?: boolean;
  _meta?: { [key: string]: any };
}
/** A call that failed. */
declare class ToolError extends Error {
  readonly server: string;
  readonly tool: string;
  readonly kind:
    | "denied" | "unknown-tool" | "invalid-arguments" | "failed" | "rejected" | "invalid-response" | "auth-required"
    | "unavailable" | "overloaded" | "too-large" | "timed-out" | "rate-limited" | "budget-exhausted" | "cancelled"
    | "outcome-unknown";
  /** How many times the call was sent. */
  readonly attempts: number;
  readonly elapsedMs: number;
  readonly details: unknown;
  /** The tool's own result, where `kind` is `failed`. */
  readonly result?: ToolResult;
}
/** What the caller gave to the script. */
declare const input: any;
/** Kept between the runs of a session: JSON values only. */
declare const session: { [key: string]: any };
declare function print(...values: unknown[]): void;
/** Writes a line to the host's log. */
declare function log(message: string, level?: "trace" | "debug" | "info" | "warn" | "error"): void;
declare function progress(done: number, total?: number | null, message?: string | null): void;
/** Waits for milliseconds. */
declare function sleep(ms: number): Promise<void>;
