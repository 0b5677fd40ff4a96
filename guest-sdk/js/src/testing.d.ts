import type { CallErrorKind, CallToolResult } from "./index.js";

export interface FakeHost {
  /** The calls that were made, in their order. */
  readonly calls: { server: string; tool: string; args: any }[];
  readonly logs: { level: string; message: string }[];
  readonly progress: { done: number; total?: number; message?: string }[];
  /** How long was waited in all. Nothing waits in truth. */
  readonly sleptMs: number;
}

/**
 * Stands in for the host until the next call: `answers` has a value or a function of the arguments for each tool,
 * named `server:tool`. A tool that is not there is `unknown-tool`.
 */
export function fakeHost(answers?: { [tool: string]: unknown | ((args: any) => unknown) }): FakeHost;

/** What a fake tool throws to fail. `detail` is as in the WIT; a text does for most kinds. */
export function callFailure(kind: CallErrorKind, detail?: unknown): unknown;

/** Runs a policy's module. What it throws is what the host would be told. */
export function runPolicy<T = any>(module: { run(input: string): string }, input?: object): T;

/** Calls a tool of an adapter's module: the whole MCP CallToolResult. */
export function callAdapter(
  module: { callTool(name: string, args: string): { json: string } },
  name: string,
  args?: object,
): CallToolResult;
