/** What a tool answers that declares no type: look at it before you use it. */
type Untyped = unknown;
/** A result as MCP has it. */
interface ToolResult {
  content: { type: string; [key: string]: any }[];
  structuredContent?: { [key: string]: any };
  isError?: boolean;
  _meta?: { [key: string]: any };
}
/** A call that failed: of a tool, or of a function of `tollgate`, which has no server. */
declare class ToolError extends Error {
  readonly server: string | null;
  readonly tool: string;
  readonly kind:
    | "denied" | "unknown-tool" | "invalid-arguments" | "failed" | "rejected" | "invalid-response" | "auth-required"
    | "unavailable" | "overloaded" | "too-large" | "timed-out" | "rate-limited" | "budget-exhausted" | "cancelled"
    | "outcome-unknown" | "invalid-request" | "refused" | "invalid-question" | "invalid-key" | "invalid-value" | "over-quota"
    | "conflict";
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
/** The host's other interfaces. Each needs a grant, as `model` or `state=cursor/*`. */
declare namespace tollgate {
  interface ToolUse {
    id: string;
    name: string;
    /** JSON where the model wrote some, else its text. */
    arguments: any;
  }
  interface Message {
    role: "system" | "user" | "assistant" | "tool";
    content?: string;
    toolUses?: ToolUse[];
    /** Of a tool's answer: the use that it answers. */
    toolUseId?: string;
    isError?: boolean;
  }
  interface Request {
    messages?: Message[];
    system?: string;
    tools?: { name: string; description?: string; inputSchema?: object; [key: string]: unknown }[];
    model?: string;
    maxTokens?: number;
    temperature?: number;
    stop?: string | string[];
    toolChoice?: "auto" | "none" | "required" | { tool: string };
    /** JSON Schema of the answer, which is read into `value`. */
    schema?: object;
  }
  interface Completion {
    text: string;
    toolUses: ToolUse[];
    finish: "stop" | "tool-use" | "length" | "refusal";
    model: string;
    usage: { inputTokens: number; outputTokens: number };
    value?: any;
  }
  interface Server {
    name: string;
    health: "ready" | "connecting" | "idle" | "failed" | "broken" | "stopped";
    priority: number;
    domains: string[];
    capabilities: string[];
    error: string | null;
  }
  interface Gathered {
    [server: string]: {
      priority: number;
      domains: string[];
      capabilities: string[];
      resources?: { [name: string]: any };
      error?: any;
    };
  }
  /** Asks the model. */
  function complete(request: string | Request): Promise<Completion>;
  /** Asks the person behind the run: for a yes, or for an object of plain members. */
  function ask(message: string, schema?: object): Promise<{ action: "accept" | "decline" | "cancel"; content: any }>;
  /** The servers of which this run may use something, the best first. */
  function servers(): Promise<Server[]>;
  function serversByDomain(domain: string): Promise<Server[]>;
  function serversByCapability(capability: string): Promise<Server[]>;
  function gatherAllResources(options?: { failFast?: boolean }): Promise<Gathered>;
  /** Those of the best server of the domain that answers. */
  function resourcesForDomain(domain: string): Promise<Gathered>;
  /** JSON values that are kept from run to run. */
  const state: {
    get(key: string): Promise<{ value: any; version: number } | null>;
    /** Gives the new version. With `version` it sets only a key of that version, with `absent` only a new one. */
    set(key: string, value: unknown, options?: { version?: number; absent?: boolean }): Promise<number>;
    /** Tells whether it was there. */
    delete(key: string, options?: { version?: number }): Promise<boolean>;
    list(
      prefix?: string,
      options?: { after?: string | null; limit?: number },
    ): Promise<{ keys: { key: string; version: number; size: number }[]; next: string | null }>;
  };
  const resources: {
    list(): Promise<{ server: string; uri: string; name: string; [key: string]: any }[]>;
    read(server: string, uri: string): Promise<{ contents: { uri: string; [key: string]: any }[]; [key: string]: any }>;
  };
  const prompts: {
    list(): Promise<{ server: string; name: string; [key: string]: any }[]>;
    get(server: string, name: string, args?: { [name: string]: string }): Promise<{ messages: any[]; [key: string]: any }>;
  };
}
