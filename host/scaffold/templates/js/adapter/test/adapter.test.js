import assert from "node:assert/strict";
import { test } from "node:test";
import { callAdapter } from "tollgate/testing";
import * as adapter from "../src/adapter.js";

test("counts words and characters", () => {
  const { structuredContent } = callAdapter(adapter, "count_words", { text: "to be or not" });
  assert.deepEqual(structuredContent, { words: 4, characters: 12 });
});

test("a text without words is refused", () => {
  assert.throws(() => callAdapter(adapter, "count_words", { text: "  " }), /no words/);
});
