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

/** What a component keeps from one run to the next: JSON by key. Needs a grant `state`, or `state=PREFIX*`. */
export const state: {
  /** What a key has, if it is there. @throws {StateError} As all functions here. */
  get<T = any>(key: string): { value: T; version: number } | null;
  /**
   * Sets a key and tells its new version: whatever it has, or only if it has this version, or only if it is not there
   * (else a `conflict`). The value is on the host's disk when this returns.
   */
  set(key: string, value: Json | object, options?: { version?: number; absent?: boolean }): number;
  /**
   * Changes a key by a function of what it has (undefined where it is not there), and tells what it has then. Where
   * another run changes the key meanwhile, the function is called again with what is there by then, up to 100 times.
   */
  update<T = any>(key: string, change: (value: T | undefined) => T): T;
  /** Deletes a key, with a version only if it has that one. Tells whether it was there. */
  delete(key: string, options?: { version?: number }): boolean;
  /** The keys that begin with a prefix (all, unless given), 1,000 at most. `next` is what to give as `after` for more. */
  list(prefix?: string, options?: { after?: string; limit?: number }): StatePage;
};

/** A part of the list of keys, in the order of their bytes. */
export interface StatePage {
  keys: { key: string; version: number; /** Bytes of the value, as JSON. */ size: number }[];
  next: string | null;
}

/** The resources of servers: what they have to read. Needs a grant `resource=SERVER:URI`, with stars where you like. */
export const resources: {
  /** Reads a resource: MCP's ReadResourceResult, whose `contents` hold texts or base64. @throws {CallError} */
  read(server: string, uri: string): ReadResourceResult;
  /** The resources of all servers that are granted: MCP's Resources, each with its `server`. */
  list(): { server: string; uri: string; name?: string; [member: string]: unknown }[];
  /** The templates of resources that are granted: MCP's ResourceTemplates, each with its `server`. */
  templates(): { server: string; uriTemplate: string; name?: string; [member: string]: unknown }[];
};

/** MCP's ReadResourceResult. */
export interface ReadResourceResult {
  contents: { uri: string; mimeType?: string; text?: string; blob?: string; [member: string]: unknown }[];
  [member: string]: unknown;
}

/** The prompts of servers: messages that they have ready. Needs a grant `prompt=SERVER:NAME`, with stars where you like. */
export const prompts: {
  /** Gets a prompt, filled in with arguments: MCP's GetPromptResult. @throws {CallError} */
  get(server: string, name: string, args?: { [name: string]: string }): GetPromptResult;
  /** The prompts of all servers that are granted: MCP's Prompts, each with its `server`. */
  list(): { server: string; name: string; [member: string]: unknown }[];
};

/** MCP's GetPromptResult. */
export interface GetPromptResult {
  description?: string;
  messages: { role: string; content: any }[];
  [member: string]: unknown;
}

/** Which servers there are, and what they have together. What this run was not granted is not there. */
export const servers: {
  /** The servers of which this run may call or read something, the lowest priority number first. Waits for none. */
  list(): Server[];
  /** The tools that this run may call. Waits for servers that are connecting. */
  tools(): ServerTool[];
  /**
   * The resources of all servers at once: by server, each with `priority`, `domains`, `capabilities`, and `resources`
   * (by name) or `error`. With a domain, those of the best server of it that answers, and only those.
   * @throws {CallError} With `failFast`, at the first error (unless given: as the host is configured).
   */
  gatherResources(options?: { domain?: string; failFast?: boolean }): { [server: string]: any };
};

export interface Server {
  name: string;
  health: "ready" | "connecting" | "idle" | "failed" | "broken" | "stopped";
  /** Which is asked first where several could answer: the lowest number, from 1 to 999. */
  priority: number;
  /** The topics that it answers for. A call may name one in place of a server, as `domain:products`. */
  domains: string[];
  /** Routing labels of what it can do. */
  capabilities: string[];
  /** Why it is not there, where it is not. */
  error?: string;
}

/** A tool, and its server. The texts are the server's own: not to be trusted more than the server. */
export interface ServerTool {
  server: string;
  name: string;
  title?: string;
  description: string;
  inputSchema: Schema;
  outputSchema?: Schema;
  /** MCP's tool annotations. */
  annotations?: { [hint: string]: unknown };
}

/** Asking a language model. The host chooses who answers. Needs a grant `model`, or `model=NAME` for models of that name. */
export const model: {
  /**
   * Asks the model and waits for its whole answer. A text is a question of the user's. With `schema`, the answer's JSON
   * is `value`; it is not there while the model wants to use tools first.
   * @throws {ModelError}
   */
  complete<const S extends Schema>(
    request: ModelRequest & { schema: S; tools?: undefined },
  ): Completion & { value: Infer<S> };
  complete<const S extends Schema>(request: ModelRequest & { schema: S }): Completion & { value?: Infer<S> };
  complete(request: string | ModelRequest): Completion;
  /** Asks one question, and gives the text of the answer. @throws {ModelError} Also `refused`, and where it is cut. */
  askText(request: string | ModelRequest): string;
};

/** What is asked of a model. What is left out is the configuration's or the provider's default. */
export interface ModelRequest {
  messages?: readonly ModelMessage[];
  /** What who wrote the program says, before the messages. */
  system?: string;
  /** The tools that it may use. */
  tools?: readonly { name: string; description?: string; inputSchema?: Schema }[];
  /** Whether it must use a tool; `auto` unless given. */
  toolChoice?: "auto" | "none" | "required" | { tool: string };
  model?: string;
  /** The most tokens of the answer. */
  maxTokens?: number;
  temperature?: number;
  /** Texts at which the answer ends. */
  stop?: string | readonly string[];
  /** JSON Schema that the answer must follow. */
  schema?: Schema;
}

export interface ModelMessage {
  role: "system" | "user" | "assistant" | "tool";
  content?: string;
  /** For the assistant's: the tools that it wants to use. */
  toolUses?: readonly ToolUse[];
  /** For a tool's: the use that it answers. */
  toolUseId?: string;
  /** For a tool's: whether the tool failed. */
  isError?: boolean;
}

/** A tool that the model wants to use. */
export interface ToolUse {
  id: string;
  name: string;
  /** As the model wrote them: an object, or the text where it is no JSON. */
  arguments: any;
}

/** What a model answered. */
export interface Completion {
  text: string;
  toolUses: ToolUse[];
  finish: "stop" | "tool-use" | "length" | "refusal";
  /** Which model answered. */
  model: string;
  usage: { inputTokens: number; outputTokens: number };
}

/** Asking the person behind the run. Needs a grant `ask`; the host limits the number of questions. */
export const ask: {
  /**
   * Asks for an object that follows a schema of plain members (strings, numbers, booleans, choices). The host has held
   * the answer against it. Without a schema, for a plain yes or no.
   * @throws {AskError} Also where there is nobody to ask.
   */
  ask<const S extends Schema>(question: string, schema: S): Reply<Infer<S>>;
  ask(question: string): Reply<object>;
  /** Asks for a plain yes. A question that is declined or closed is a no; nobody to ask is an error. */
  confirm(question: string): boolean;
};

/** What a person answered: yes, with this; no; or the question was closed. */
export type Reply<T> = { action: "accept"; content: T } | { action: "decline" | "cancel"; content: null };

/**
 * Requests to the outside. Needs `http = true` in tollgate-project.toml, and a grant `http=URL`. The host holds the
 * credentials and adds them: a component sends none. Redirects are not followed.
 */
export const http: {
  /** Sends a request and waits for its whole answer; one with an error's status is an answer too. @throws {HttpError} */
  request(method: string, url: string, options?: HttpOptions): HttpResponse;
  get(url: string, options?: HttpOptions): HttpResponse;
  post(url: string, options?: HttpOptions): HttpResponse;
};

export interface HttpOptions {
  headers?: { readonly [name: string]: string };
  body?: string | Uint8Array;
  /** In place of `body`: what is sent as JSON, with its `Content-Type`. */
  json?: Json | object;
  /** How long to wait for the connection, for the answer's first byte, and between two pieces of it: each this long. */
  timeoutMs?: number;
  /** The most bytes of the answer's body: 8 MiB unless given. */
  maxBytes?: number;
}

export interface HttpResponse {
  readonly url: string;
  readonly status: number;
  /** Whether the status is one of success: 200 to 299. */
  readonly ok: boolean;
  /** By their names in small letters; those that come more than once are joined by commas. */
  readonly headers: { readonly [name: string]: string };
  readonly body: Uint8Array;
  /** The body as a text. @throws {HttpError} Where it is no UTF-8. */
  text(): string;
  /** The body, read as JSON. @throws {HttpError} Where it is none. */
  json<T = any>(): T;
}

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

/** Why nothing of what is kept was read or changed. */
export class StateError extends Error {
  private constructor();
  readonly kind:
    | "denied"
    | "invalid-key"
    | "invalid-value"
    | "too-large"
    | "over-quota"
    | "conflict"
    | "overloaded"
    | "unavailable";
  /** What the host says beside the kind. */
  readonly detail: unknown;
  /** Of a `conflict`: the key's version now, where it is there. */
  readonly version: number | undefined;
}

/** Why a model gave no answer. Uncaught, it ends the run with the code `model`. */
export class ModelError extends Error {
  private constructor();
  readonly kind:
    | "denied"
    | "invalid-request"
    | "unavailable"
    | "rate-limited"
    | "timed-out"
    | "rejected"
    | "invalid-response"
    | "budget-exhausted"
    | "cancelled"
    | "refused";
  readonly detail: unknown;
  /** How many milliseconds the provider asked to wait, where it said so. */
  readonly retryAfterMs: number | undefined;
}

/** Why nobody answered a question. Uncaught, it ends the run with the code `ask`. */
export class AskError extends Error {
  private constructor();
  readonly kind: "denied" | "invalid-question" | "unavailable" | "budget-exhausted" | "cancelled";
  readonly detail: unknown;
}

/** Why a request to the outside was not answered, or its answer not read. */
export class HttpError extends Error {
  private constructor();
  readonly kind: "invalid" | "denied" | "unreachable" | "timed-out" | "too-large" | "unexpected" | "broken";
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
