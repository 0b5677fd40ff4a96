import assert from "node:assert/strict";
import { test } from "node:test";
import { callFailure, fakeHost, runPolicy } from "tollgate/testing";
import * as policy from "../src/policy.ts";

test("greets, and tells the customers", () => {
  const host = fakeHost({ "crm:search_customers": [{ name: "Ada Lovelace" }] });
  assert.deepEqual(runPolicy(policy, { name: "Ada" }), { greeting: "Hello, Ada!", customers: ["Ada Lovelace"] });
  assert.deepEqual(host.calls, [{ server: "crm", tool: "search_customers", args: { query: "Ada" } }]);
});

test("a failed call is the cause of the failure", () => {
  fakeHost({ "crm:search_customers": () => { throw callFailure("unavailable", "it is down"); } });
  assert.throws(() => runPolicy(policy, { name: "Ada" }), { code: "unavailable" });
});
