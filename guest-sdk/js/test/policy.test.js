import assert from "node:assert/strict";
import { test } from "node:test";
import { CallError, PolicyError, ToolResult, adapter, log, policy, progress, sleep, tool, tools } from "../src/index.js";
import { callAdapter, callFailure, fakeHost, runPolicy } from "../src/testing.js";

const echo = (run) => policy({ name: "echo", description: "Echoes.", run });
const thrown = (run) => {
  try {
    run();
  } catch (error) {
    return error;
  }
  assert.fail("nothing was thrown");
};

test("a value is structured content, else the text as JSON, else the text", () => {
  const text = (text) => ({ content: [{ type: "text", text }] });
  for (const [answer, value] of [
    [{ content: [], structuredContent: { a: 1 } }, { a: 1 }],
    [{ content: [], structuredContent: { result: [1, 2] } }, [1, 2]],
    [{ content: [], structuredContent: { result: 1, more: 2 } }, { result: 1, more: 2 }],
    [text('{"a":1}'), { a: 1 }],
    [text("all is well"), "all is well"],
    [{ content: [] }, ""],
  ]) {
    fakeHost({ "a:b": answer });
    assert.deepEqual(tools.call("a", "b"), value);
    assert.deepEqual(tools.callRaw("a", "b"), answer);
  }
});

test("many calls are made at once, and one that fails does not disturb the others", () => {
  const host = fakeHost({ "a:b": ({ x }) => x, "a:c": () => { throw callFailure("timed-out", "30 s"); } });
  const [first, second, third] = tools.callMany([
    { server: "a", tool: "b", args: { x: 7 } },
    { server: "a", tool: "c" },
    { server: "a", tool: "d" },
  ]);
  assert.deepEqual(first, { status: "fulfilled", value: 7 });
  assert.equal(second.reason.kind, "timed-out");
  assert.equal(third.reason.kind, "unknown-tool");
  assert.equal(host.calls.length, 3);
});

test("every failure is an error that names the call and says what to do", () => {
  const limit = { name: "calls", value: 1n, message: "raise --calls" };
  for (const [kind, detail, words] of [
    ["denied", "no grant", "a:b: denied: no grant"],
    ["unknown-tool", ["a:c"], "a:b: no such tool; did you mean a:c?"],
    ["invalid-arguments", [{ path: "/id", message: "not a UUID" }], "schema: /id: not a UUID"],
    ["failed", "no such customer", "a:b: the tool failed: no such customer"],
    ["rejected", { code: -32000n, message: "busy" }, "refused the call: busy (JSON-RPC -32000)"],
    ["unavailable", "down", "a later retry is safe"],
    ["overloaded", undefined, "the host is full now"],
    ["rate-limited", 1500, "asks to wait 1500 ms"],
    ["budget-exhausted", limit, "raise --calls"],
    ["cancelled", undefined, "a:b: cancelled"],
    ["outcome-unknown", "reset", "check before repeating it"],
  ]) {
    fakeHost({ "a:b": () => { throw callFailure(kind, detail); } });
    const error = thrown(() => tools.call("a", "b"));
    assert(error instanceof CallError && error.kind === kind, kind);
    assert(error.message.includes(words), error.message);
    assert.equal(error.retryable, ["unavailable", "overloaded", "rate-limited"].includes(kind));
  }
});

test("a failed call is the cause, also behind another error", () => {
  fakeHost();
  const wrapped = echo(() => {
    try {
      return tools.call("a", "b");
    } catch (cause) {
      throw new PolicyError("cannot bill", { code: "billing", data: { id: 1 }, cause });
    }
  });
  const error = thrown(() => runPolicy(wrapped));
  assert.equal(error.message, "cannot bill");
  assert.equal(error.code, "billing");
  assert.equal(error.data, '{"id":1}');
  assert.equal(error.causedBy.error.tag, "unknown-tool");
  assert.equal(thrown(() => runPolicy(echo(() => tools.call("a", "b")))).code, "unknown-tool");
});

test("a mistake in the policy is told with its place", () => {
  const error = thrown(() => runPolicy(echo((input) => input.no.such)));
  assert.equal(error.code, "exception");
  assert.match(error.message, /^TypeError: /);
  assert.match(error.data, /policy.test.js/);
});

test("a promise is refused, because nothing would fulfil it", () => {
  assert.match(thrown(() => runPolicy(echo(async () => 1))).message, /without async/);
});

test("an empty input is an empty object, and no output is null", () => {
  assert.equal(echo((input) => void input.x).run(""), "null");
});

test("what is declared is what the host is told", () => {
  const input = { type: "object", properties: { x: { type: "number" } } };
  const it = policy({ name: "p", description: "D.", input, output: { type: "string" }, grants: ["tool=a:*"], run: String });
  assert.deepEqual(it.describe(), {
    name: "p",
    title: undefined,
    description: "D.",
    inputSchema: JSON.stringify(input),
    outputSchema: '{"type":"string"}',
    grants: ["tool=a:*"],
  });
});

test("tools have schemas and hints, and their results are structured", () => {
  fakeHost();
  const it = adapter({
    list: tool({ description: "Lists.", readOnly: true, destructive: false, output: { type: "array" }, run: () => [1] }),
    raw: tool({ description: "Raw.", run: () => new ToolResult({ content: [], isError: true }) }),
    fails: tool({ description: "Fails.", run: () => { throw new Error("no"); } }),
    passes: tool({ description: "Passes on.", run: () => tools.call("a", "b") }),
  });
  const [list, raw] = it.listTools();
  assert.equal(list.annotations, '{"readOnlyHint":true,"destructiveHint":false}');
  assert.deepEqual(JSON.parse(list.outputSchema).required, ["result"]);
  assert.equal(raw.annotations, undefined);
  assert.deepEqual(callAdapter(it, "list"), { content: [{ type: "text", text: "[1]" }], structuredContent: { result: [1] } });
  assert.deepEqual(callAdapter(it, "raw"), { content: [], isError: true });
  assert.deepEqual(thrown(() => it.callTool("fails", "{}")), { tag: "failed", val: "no" });
  assert.equal(thrown(() => it.callTool("passes", "{}")).tag, "call-failed");
  assert.deepEqual(thrown(() => it.callTool("nope", "{}")), { tag: "unknown-tool", val: "nope" });
  assert.deepEqual(thrown(() => it.callTool("toString", "{}")), { tag: "unknown-tool", val: "toString" });
});

test("logs, progress and waits reach the host", () => {
  const host = fakeHost();
  log.warn("found", 3, { a: 1 }, new Error("x"));
  progress(1, 2, "half");
  sleep(1.2);
  assert.deepEqual(host.logs, [{ level: "warn", message: 'found 3 {"a":1} Error: x' }]);
  assert.deepEqual(host.progress, [{ done: 1, total: 2, message: "half" }]);
  assert.equal(host.sleptMs, 2);
});
