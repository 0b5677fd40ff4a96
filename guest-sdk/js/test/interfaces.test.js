import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AskError, CallError, HttpError, ModelError, StateError, ask, http, model, policy, prompts, resources, servers, state,
} from "../src/index.js";
import { httpError } from "../src/http-errors.js";
import { callFailure, fakeHost, runPolicy } from "../src/testing.js";

const thrown = (run, Class) => {
  try {
    run();
  } catch (error) {
    assert(error instanceof Class, error.stack);
    return error;
  }
  assert.fail("nothing was thrown");
};

test("keys are kept, changed, listed and deleted", () => {
  const host = fakeHost({}, { kept: { n: 1 } });
  assert.deepEqual(state.get("n"), { value: 1, version: 1 });
  assert.equal(state.get("m"), null);
  assert.equal(state.update("n", (n) => (n ?? 0) + 1), 2);
  assert.equal(state.update("m/1", (m) => m ?? "new"), "new");
  const conflict = thrown(() => state.set("n", 0, { absent: true }), StateError);
  assert.equal(conflict.kind, "conflict");
  assert.equal(conflict.version, 2);
  assert.match(conflict.message, /its version is 2 now/);
  assert.equal(state.set("n", 5, { version: 2 }), 4);
  assert.equal(thrown(() => state.delete("n", { version: 1 }), StateError).version, 4);
  assert.deepEqual(state.list("m/").keys, [{ key: "m/1", version: 3, size: 5 }]);
  assert.equal(state.list("", { limit: 1 }).next, "m/1");
  assert.deepEqual(state.list("", { after: "m/1" }).keys.map(({ key }) => key), ["n"]);
  assert.equal(state.delete("m/1"), true);
  assert.equal(state.delete("m/1"), false);
  assert.deepEqual(host.state, { n: 5 });
  host.fillState();
  assert.equal(thrown(() => state.set("x", 1), StateError).kind, "over-quota");
});

test("a change by another run meanwhile is not lost", () => {
  fakeHost({}, { kept: { n: 1 } });
  let others = 2;
  const changed = state.update("n", (n) => {
    if (others > 0) state.set("n", n + 10);
    others -= 1;
    return n + 1;
  });
  assert.equal(changed, 22);
});

test("what is no text, number or JSON never reaches the host", () => {
  fakeHost();
  for (const wrong of [
    () => state.get(3),
    () => state.set("x", undefined),
    () => state.set("x", 1, { version: 1, absent: true }),
    () => state.set("x", 1, { version: 1.5 }),
    () => state.list("", { limit: -1 }),
    () => resources.read("a"),
    () => ask.ask({ question: "?" }),
    () => model.complete({ messages: [{ role: "robot" }] }),
    () => model.complete({ messages: [], temperature: "hot" }),
    () => model.complete({ messages: [], toolChoice: "some" }),
    () => http.get("https://x.test", { headers: { a: 1 } }),
  ]) {
    thrown(wrong, TypeError);
  }
});

test("servers, their tools and what they have to read are listed", () => {
  const answer = { contents: [{ uri: "docs://a", text: "hello" }] };
  fakeHost(
    {},
    {
      servers: [{ name: "shop", priority: 5, domains: ["products"] }],
      tools: [{ server: "crm", name: "search", annotations: { readOnlyHint: true } }],
      resources: { "docs:docs://a": answer, "docs:docs://b": callFailure("denied", "no grant") },
      prompts: { "docs:greet": ({ name }) => ({ messages: [{ role: "user", content: { type: "text", text: name } }] }) },
      gathered: { shop: { resources: {} } },
    },
  );
  assert.deepEqual(servers.list().map(({ name, health }) => [name, health]), [["shop", "ready"], ["crm", "ready"]]);
  const [search] = servers.tools();
  assert.deepEqual([search.server, search.name, search.inputSchema], ["crm", "search", { type: "object" }]);
  assert.deepEqual(search.annotations, { readOnlyHint: true });
  assert.deepEqual(servers.gatherResources({ domain: "products" }), { shop: { resources: {} } });
  assert.deepEqual(resources.read("docs", "docs://a"), answer);
  assert.deepEqual(resources.list()[0], { server: "docs", uri: "docs://a" });
  assert.deepEqual(resources.templates(), []);
  assert.equal(prompts.get("docs", "greet", { name: "Ada" }).messages[0].content.text, "Ada");
  assert.deepEqual(prompts.list(), [{ server: "docs", name: "greet" }]);
  assert.equal(thrown(() => resources.read("docs", "docs://b"), CallError).kind, "denied");
  assert.equal(thrown(() => prompts.get("docs", "no"), CallError).tool, "prompts/get no");
  fakeHost();
  assert.equal(thrown(() => servers.gatherResources(), CallError).kind, "unavailable");
});

test("a model is asked, answers in a form, and uses tools", () => {
  const mood = { type: "object", properties: { angry: { type: "boolean" } } };
  const used = { id: "1", name: "look", arguments: { at: "it" } };
  const host = fakeHost({}, { model: ["hello", '```json\n{"angry":true}\n```', 'so [1] {"result":3}', { toolUses: [used] }] });
  assert.equal(model.askText("hi"), "hello");
  assert.deepEqual(model.complete({ system: "Be brief.", messages: [], schema: mood }).value, { angry: true });
  assert.equal(model.complete({ messages: [], schema: { type: "integer" } }).value, 3);
  assert.deepEqual(host.requests[2].outputSchema.required, ["result"]);
  const answer = model.complete({ messages: [{ role: "user", content: "?" }], tools: [{ name: "look" }], schema: mood });
  assert.deepEqual([answer.finish, answer.toolUses, answer.value], ["tool-use", [used], undefined]);
  assert.equal(host.requests[1].messages[0].content, "Be brief.");
  assert.deepEqual(host.requests[3].tools[0].inputSchema, { type: "object" });
  assert.equal(thrown(() => model.askText("?"), ModelError).kind, "unavailable");
});

test("an answer that is refused, cut or no JSON is an error", () => {
  const schema = { type: "object" };
  for (const [answer, kind] of [
    [{ text: "no", finish: "refusal" }, "refused"],
    [{ text: "{", finish: "length" }, "invalid-response"],
    ["words", "invalid-response"],
    [callFailure("rate-limited", 5), "rate-limited"],
  ]) {
    fakeHost({}, { model: answer });
    const error = thrown(() => model.complete({ messages: [], schema }), ModelError);
    assert.equal(error.kind, kind);
    assert.equal(error.retryAfterMs, kind === "rate-limited" ? 5 : undefined);
  }
  fakeHost({}, { model: { text: "no", finish: "refusal" } });
  assert.equal(model.complete("?").finish, "refusal");
});

test("a person answers, says no, or is not there", () => {
  const host = fakeHost({}, { replies: [{ city: "Paris" }, "decline", {}, "cancel"] });
  const schema = { type: "object", properties: { city: { type: "string" } } };
  assert.deepEqual(ask.ask("Where?", schema), { action: "accept", content: { city: "Paris" } });
  assert.deepEqual(ask.ask("Where?", schema), { action: "decline", content: null });
  assert.equal(ask.confirm("Really?"), true);
  assert.equal(ask.confirm("Really?"), false);
  assert.equal(thrown(() => ask.confirm("Well?"), AskError).kind, "unavailable");
  assert.equal(host.questions.length, 5);
});

test("a request goes out as it was written, and its answer is read", () => {
  const host = fakeHost({}, { http: { status: 201, headers: { "X-A": "ü" }, json: { name: "Zoë 100%" } } });
  const answer = http.post("https://x.test?q=1#part", { json: { a: "€" }, headers: { accept: "*/*" } });
  assert.deepEqual([answer.status, answer.ok, answer.json()], [201, true, { name: "Zoë 100%" }]);
  assert.equal(answer.headers["x-a"], "\xc3\xbc");
  const headers = { accept: "*/*", "content-type": "application/json", "content-length": "11" };
  assert.deepEqual(host.sent, [{ method: "POST", url: "https://x.test/?q=1", headers, body: '{"a":"€"}' }]);
  assert.equal(thrown(() => http.get("https://x.test", { maxBytes: 3 }), HttpError).kind, "too-large");
});

test("what is no answer is an error that says why", () => {
  fakeHost({}, { http: ({ url }) => (url.includes("down") ? callFailure("unreachable", "nobody") : { body: new Uint8Array([0xff]) }) });
  assert.equal(thrown(() => http.get("http://down.test/"), HttpError).message, "nobody");
  assert.equal(thrown(() => http.get("http://x.test/").text(), HttpError).kind, "unexpected");
  assert.equal(thrown(() => http.get("http://x.test/").json(), HttpError).kind, "unexpected");
  for (const url of ["/a", "ftp://x.test", "http://"]) assert.equal(thrown(() => http.get(url), HttpError).kind, "invalid");
  assert.match(thrown(() => http.get("https://a:b@x.test"), HttpError).message, /host adds credentials/);
  fakeHost();
  assert.equal(thrown(() => http.get("https://x.test"), HttpError).kind, "denied");
  for (const [code, kind] of [
    [{ tag: "internal-error", val: "denied: GET x is not granted" }, "denied"],
    [{ tag: "internal-error", val: "TLS failed" }, "broken"],
    [{ tag: "internal-error", val: null }, "broken"],
    [{ tag: "DNS-error", val: { rcode: "no such name" } }, "unreachable"],
    [{ tag: "HTTP-response-timeout" }, "timed-out"],
    [{ tag: "loop-detected" }, "broken"],
  ]) {
    assert.equal(httpError(code).kind, kind);
  }
});

test("what another interface refuses ends the run with the interface's name as the code", () => {
  const run = (run, more) => {
    fakeHost({}, more);
    return thrown(() => runPolicy(policy({ name: "p", description: "P.", run })), Error);
  };
  assert.equal(run(() => model.askText("?")).code, "model");
  assert.equal(run(() => ask.confirm("?")).code, "ask");
  assert.equal(run(() => http.get("https://x.test")).code, "http");
  const error = run(() => state.set("n", 1, { absent: true }), { kept: { n: 1 } });
  assert.deepEqual([error.code, error.data, error.causedBy], ["state", undefined, undefined]);
  assert.match(error.message, /^the key was changed/);
});
