import * as host from "#host";
import { U32_MAX, json, maybeCount, maybeText, text } from "./arguments.js";
import { parsed } from "./errors.js";
import { ModelError, asked } from "./interface-errors.js";

const ROLES = ["system", "user", "assistant", "tool"];

/** Asking a language model. The host chooses who answers. Needs a grant `model`, or `model=NAME`. */
export const model = {
  /** Asks the model and waits for its whole answer. With `schema`, the answer's JSON is `value`. */
  complete(request) {
    const given = typeof request === "string" ? { messages: [{ role: "user", content: request }] } : request;
    const { messages = [], system, tools = [], schema } = given;
    const form = schema === undefined ? undefined : formOf(schema);
    const options = {
      model: maybeText(given.model, "the model's name"),
      maxTokens: maybeCount(given.maxTokens, "`maxTokens`", U32_MAX),
      temperature: maybeNumber(given.temperature),
      stop: [given.stop ?? []].flat().map((each) => text(each, "`stop`")),
      toolChoice: choiceOf(given.toolChoice ?? "auto"),
      outputSchema: form && json(form.schema, "the schema"),
    };
    const all = system === undefined ? messages : [{ role: "system", content: system }, ...messages];
    const asking = [all.map(messageOf), tools.map(toolOf), options];
    return told(asked(ModelError, () => host.complete(...asking)), form);
  },
  /** Asks one question, and gives the text of the answer. */
  askText(request) {
    const answer = model.complete(request);
    whole(answer);
    return answer.text;
  },
};

function messageOf({ role, content, toolUses = [], toolUseId, isError = false }) {
  if (!ROLES.includes(role)) throw new TypeError(`the role of a message is one of ${ROLES.join(", ")}, not ${role}`);
  return {
    role,
    content: text(content ?? "", "the content of a message"),
    toolUses: toolUses.map(({ id, name, arguments: args }) => ({
      id: text(id, "the id of a tool use"),
      name: text(name, "the name of a tool"),
      // A text is what the model wrote and nobody could read.
      arguments: typeof args === "string" ? text(args) : json(args ?? {}, "the arguments"),
    })),
    toolUseId: maybeText(toolUseId, "`toolUseId`"),
    isError: Boolean(isError),
  };
}

function toolOf({ name, description = "", inputSchema = { type: "object" } }) {
  return {
    name: text(name, "the name of a tool"),
    description: text(description, "the description of a tool"),
    inputSchema: json(inputSchema, "the schema of a tool"),
  };
}

function choiceOf(choice) {
  if (["auto", "none", "required"].includes(choice)) return { tag: choice };
  return { tag: "tool", val: text(choice?.tool, "`toolChoice` is auto, none, required or { tool: its name }; the name") };
}

function maybeNumber(value) {
  if (value == null || Number.isFinite(value)) return value ?? undefined;
  throw new TypeError(`the temperature is a number, not ${value}`);
}

// Providers want an object, so other answers are asked for as the member `result` of one.
function formOf(schema) {
  if (schema.type === "object") return { schema, wrapped: false };
  const properties = { result: schema };
  return { schema: { type: "object", properties, required: ["result"], additionalProperties: false }, wrapped: true };
}

function told({ message, finish, model: name, usage }, form) {
  const answer = {
    text: message.content,
    toolUses: message.toolUses.map(({ id, name, arguments: args }) => ({ id, name, arguments: argumentsOf(args) })),
    finish,
    model: name,
    usage: { inputTokens: Number(usage.inputTokens), outputTokens: Number(usage.outputTokens) },
  };
  // One that wants to use tools has no value yet.
  if (form && finish !== "tool-use") {
    whole(answer);
    answer.value = valueOf(answer.text, form);
  }
  return answer;
}

// What the model wrote, as JSON; where it is none, its text. No text at all is the empty object.
const argumentsOf = (written) => (written.trim() === "" ? {} : (parsed(written) ?? written));

function whole({ finish, text }) {
  if (finish === "refusal") throw new ModelError("refused", text);
  if (finish === "length") {
    const more = "allow more of them with `maxTokens`, or ask for less";
    throw new ModelError("invalid-response", `it ran into the limit of tokens; ${more}`);
  }
}

function valueOf(answer, { wrapped }) {
  const found = jsonOf(answer);
  if (found === undefined) throw new ModelError("invalid-response", "it is not JSON");
  const isObject = typeof found === "object" && found !== null && !Array.isArray(found);
  return wrapped && isObject && Object.hasOwn(found, "result") ? found.result : found;
}

/** The JSON in a model's answer: the whole text, the code block in it, or what stands between its outermost braces. */
function jsonOf(answer) {
  for (const place of [/([^]*)/, /```.*\n([^]*)```/, /```.*\n([^]*)/, /(\{[^]*\})/, /(\[[^]*\])/]) {
    const found = place.exec(answer);
    const value = found ? parsed(found[1].trim()) : undefined;
    if (value !== undefined) return value;
  }
  return undefined;
}
