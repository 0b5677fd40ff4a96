/** Write Tollgate policies and adapters in JavaScript and TypeScript. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** A JSON Schema (2020-12). */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: { readonly [name: string]: Schema };
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly Json[];
  readonly const?: Json;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly additionalProperties?: boolean | Schema;
  readonly default?: Json;
  readonly [keyword: string]: unknown;
}

type Required_<S extends Schema> = S["required"] extends readonly (infer K)[] ? K : never;
type Flat<T> = { [K in keyof T]: T[K] };
type ObjectOf<S extends Schema> = S["properties"] extends infer P extends { readonly [name: string]: Schema }
  ? Flat<
      { -readonly [K in keyof P as K extends Required_<S> ? K : never]: Infer<P[K]> } & {
        -readonly [K in keyof P as K extends Required_<S> ? never : K]?: Infer<P[K]>;
      }
    >
  : { [name: string]: any };
interface Types<S extends Schema> {
  string: string;
  number: number;
  integer: number;
  boolean: boolean;
  null: null;
  array: S["items"] extends Schema ? Infer<S["items"]>[] : any[];
  object: ObjectOf<S>;
}

/** The TypeScript type of what fits a JSON Schema, as far as its types, properties, items, enums and unions say. */
export type Infer<S extends Schema> = S extends { readonly const: infer C }
  ? C
  : S extends { readonly enum: readonly (infer E)[] }
    ? E
    : S extends { readonly anyOf: readonly (infer A extends Schema)[] }
      ? Infer<A>
      : S extends { readonly oneOf: readonly (infer O extends Schema)[] }
        ? Infer<O>
        : S["type"] extends keyof Types<S>
          ? Types<S>[S["type"]]
          : S["type"] extends readonly (infer T)[]
            ? T extends keyof Types<S>
              ? Types<S>[T]
              : never
            : any;

export interface PolicySpec<I extends Schema, O extends Schema, Out> {
  /** A short identifier, as `customer-360`. */
  name: string;
  /** A name for people. */
  title?: string;
  /** What it does, for the model or person that chooses it. */
  description: string;
  /** JSON Schema of the input: an object schema. Any object, where it is left out. */
  input?: I;
  /** JSON Schema of the output. */
  output?: O;
  /** Grants that it asks for, as `tool=crm:*`. Asking grants nothing. */
  grants?: readonly string[];
  /** Does the work. Calls of tools wait by themselves: not `async`. */
  run(input: Infer<I>): Out;
}

/** Makes the policy that the module is: `export const { describe, run } = policy({ … })`. */
export function policy<
  const I extends Schema = { type: "object" },
  const O extends Schema = {},
  Out extends Infer<O> = Infer<O>,
>(spec: PolicySpec<I, O, Out>): {
  describe(): unknown;
  run(input: string): string;
};

export interface ToolSpec<I extends Schema, O extends Schema> {
  title?: string;
  /** What it does, for the model or person that chooses it. */
  description: string;
  /** JSON Schema of the arguments: an object schema. Any object, where it is left out. */
  input?: I;
  /** JSON Schema of the result. One that is no object becomes the member `result` of one. */
  output?: O;
  /** MCP's hints. One that is not given is not sent, and MCP's default holds. */
  readOnly?: boolean;
  destructive?: boolean;
  idempotent?: boolean;
  openWorld?: boolean;
  /** Answers one call. Each runs in a fresh instance: nothing is kept between calls. */
  run(args: Infer<I>): Infer<O> | ToolResult;
}

/** Declares a tool, so that the types of its arguments and result follow from its schemas. */
export function tool<const I extends Schema = { type: "object" }, const O extends Schema = {}>(
  spec: ToolSpec<I, O>,
): ToolSpec<I, O>;

/** Makes the adapter that the module is: `export const { listTools, callTool } = adapter({ name: tool({ … }) })`. */
export function adapter(tools: { [name: string]: ToolSpec<any, any> }): {
  listTools(): unknown;
  callTool(name: string, args: string): { json: string };
};

/** A tool's whole answer (an MCP CallToolResult), for a tool that sets its content itself. */
export class ToolResult {
  constructor(result: CallToolResult);
}

/** MCP's CallToolResult. */
export interface CallToolResult {
  content: { type: string; text?: string; [member: string]: unknown }[];
  structuredContent?: { [name: string]: any };
  isError?: boolean;
  [member: string]: unknown;
}

/** Calling the tools of servers. Each call waits for its answer. */
export const tools: {
  /**
   * Calls a tool and returns its value: structured content, else its text read as JSON, else the text.
   * @throws {CallError} Where there is no result.
   */
  call<T = any>(server: string, tool: string, args?: { [name: string]: any }): T;
  /** Calls a tool and returns the whole MCP CallToolResult. */
  callRaw(server: string, tool: string, args?: { [name: string]: any }): CallToolResult;
  /** Makes all calls at once. The outcomes stand in the order of the calls; one that fails does not disturb the others. */
  callMany<T = any>(
    calls: readonly { server: string; tool: string; args?: { [name: string]: any } }[],
  ): ({ status: "fulfilled"; value: T } | { status: "rejected"; reason: CallError })[];
};

export type Write = (...parts: unknown[]) => void;

/** Writes one line to the run's log. What is over the limit `log_bytes` is dropped. */
export const log: { trace: Write; debug: Write; info: Write; warn: Write; error: Write };

/** Says how far the run is: `done` of `total`, in a unit of your own, and what it does now. */
export function progress(done: number, total?: number, message?: string): void;

/** Waits on the host's timer. It costs no fuel; the run's wall-time limit holds meanwhile. */
export function sleep(ms: number): void;

/** All text content of a result, a line break between two pieces. */
export function textOf(result: CallToolResult): string;

export type CallErrorKind =
  | "denied"
  | "unknown-tool"
  | "invalid-arguments"
  | "failed"
  | "rejected"
  | "invalid-response"
  | "auth-required"
  | "unavailable"
  | "overloaded"
  | "too-large"
  | "timed-out"
  | "rate-limited"
  | "budget-exhausted"
  | "cancelled"
  | "outcome-unknown";

/** A call that gave no result. None ends the run: catch it and go on. */
export class CallError extends Error {
  private constructor();
  readonly kind: CallErrorKind;
  readonly server: string;
  readonly tool: string;
  /** How many times the request was sent to the server; 0 when it never left the host. */
  readonly attempts: number;
  readonly elapsedMs: number;
  /** What the host says beside the kind; see `tollgate/wit/deps/types/types.wit`. */
  readonly detail: unknown;
  /** Whether the same call, made again after a pause, may succeed and cannot repeat an effect. */
  readonly retryable: boolean;
  /** How many milliseconds the server asked to wait, where it said so. */
  readonly retryAfterMs: number | undefined;
}

/** How a policy or a tool fails by itself: a message for people and, where it helps, a code and data for programs. */
export class PolicyError extends Error {
  constructor(message: string, options?: { code?: string; data?: Json; cause?: unknown });
  readonly code?: string;
  readonly data?: Json;
}

declare global {
  /** Writes to the run's log. */
  interface Console {
    trace: Write;
    debug: Write;
    log: Write;
    info: Write;
    warn: Write;
    error: Write;
  }
  var console: Console;
}
