import { PolicyError, adapter, tool } from "tollgate";

export const { listTools, callTool } = adapter({
  count_words: tool({
    description: "Counts the words and characters of a text.",
    readOnly: true,
    openWorld: false,
    input: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
    output: {
      type: "object",
      properties: { words: { type: "integer" }, characters: { type: "integer" } },
      required: ["words", "characters"],
    },
    run({ text }) {
      const words = text.match(/\S+/g) ?? [];
      if (words.length === 0) throw new PolicyError("the text has no words");
      return { words: words.length, characters: [...text].length };
    },
  }),
});
