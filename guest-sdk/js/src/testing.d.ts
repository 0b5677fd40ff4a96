import type {
  AskError,
  CallErrorKind,
  CallToolResult,
  Completion,
  HttpError,
  ModelError,
  ModelMessage,
  ReadResourceResult,
  Schema,
  Server,
  ServerTool,
  StateError,
} from "./index.js";

export interface FakeHost {
  /** The calls that were made, in their order. */
  readonly calls: { server: string; tool: string; args: any }[];
  readonly logs: { level: string; message: string }[];
  readonly progress: { done: number; total?: number; message?: string }[];
  /** How long was waited in all. Nothing waits in truth. */
  readonly sleptMs: number;
  /** What is kept now. */
  readonly state: { [key: string]: any };
  /** From now on nothing more can be kept: every change is over the quota. */
  fillState(): void;
  /** What the model was asked. */
  readonly requests: FakeModelRequest[];
  /** What the person was asked. */
  readonly questions: string[];
  /** The requests that were sent to the outside. */
  readonly sent: FakeHttpRequest[];
}

export interface FakeModelRequest {
  messages: ModelMessage[];
  tools: { name: string; description: string; inputSchema: Schema }[];
  outputSchema?: Schema;
  model?: string;
  [option: string]: unknown;
}

export interface FakeHttpRequest {
  method: string;
  url: string;
  /** By their names in small letters. */
  headers: { [name: string]: string };
  body: string | undefined;
}

/** A value, or a function of what was asked, which may throw `callFailure(…)`. */
export type Fake<Asked, Answer> = Answer | ((asked: Asked) => Answer) | CallFailure;

/** What there is beside tools. */
export interface FakeInterfaces {
  /** Keys that are there from the beginning. */
  kept?: { [key: string]: unknown };
  /** The servers that are listed; those of `tools` are there already. */
  servers?: (Partial<Server> & { name: string })[];
  /** The tools that are listed. Calls are answered by `answers`. */
  tools?: (Partial<ServerTool> & { server: string; name: string })[];
  /** What `servers.gatherResources` gives, as a function of the domain. */
  gathered?: Fake<string | undefined, { [server: string]: any }>;
  /** What is read, by `server:uri`. */
  resources?: { [resource: string]: Fake<undefined, ReadResourceResult> };
  /** By `server:name`; as functions of the arguments. */
  prompts?: { [prompt: string]: Fake<any, object> };
  /** What the model answers: always this, or in turn what a list has. */
  model?: FakeAnswer | FakeAnswer[];
  /** What the person answers, in turn: an object that is accepted, `decline` or `cancel`. */
  replies?: Fake<{ question: string; schema?: Schema }, object | "decline" | "cancel">[];
  /** What the outside answers. Without this, every request is denied. */
  http?: Fake<FakeHttpRequest, FakeHttpResponse>;
}

export type FakeAnswer = Fake<FakeModelRequest, string | Partial<Completion>>;

export interface FakeHttpResponse {
  /** 200, unless given. */
  status?: number;
  headers?: { [name: string]: string };
  body?: string | Uint8Array;
  /** In place of `body`. */
  json?: unknown;
}

/**
 * Stands in for the host until the next call: `answers` has a value or a function of the arguments for each tool,
 * named `server:tool`. A tool that is not there is `unknown-tool`.
 */
export function fakeHost(
  answers?: { [tool: string]: unknown | ((args: any) => unknown) },
  more?: FakeInterfaces,
): FakeHost;

export interface CallFailure {
  readonly kind: string;
  readonly detail: unknown;
}

/**
 * What a fake throws, or is, to fail: a kind of the interface's error. `detail` is as in the WIT; a text does for most
 * kinds.
 */
export function callFailure(
  kind: CallErrorKind | StateError["kind"] | ModelError["kind"] | AskError["kind"] | HttpError["kind"],
  detail?: unknown,
): CallFailure;

/** Runs a policy's module. What it throws is what the host would be told. */
export function runPolicy<T = any>(module: { run(input: string): string }, input?: object): T;

/** Calls a tool of an adapter's module: the whole MCP CallToolResult. */
export function callAdapter(
  module: { callTool(name: string, args: string): { json: string } },
  name: string,
  args?: object,
): CallToolResult;
