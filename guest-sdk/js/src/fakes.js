// What a fake host does beside calls. `given` is what the test gave, `host` what it looks at.

/** What a fake throws to fail. */
export class FakeFailure {
  constructor(kind, detail) {
    this.kind = kind;
    this.detail = detail;
  }
}

/** As the component's engine throws it. */
export const carrying = (payload) => Object.assign(new Error("the host refused"), { payload });

/** What comes of an answer: a value, or a function of what was asked that may fail. */
export function answered(answer, asked, refused) {
  try {
    const value = typeof answer === "function" ? answer(asked) : answer;
    if (!(value instanceof FakeFailure)) return value;
    throw value;
  } catch (error) {
    if (!(error instanceof FakeFailure)) throw error;
    throw carrying(refused(error));
  }
}

/** A call that failed, as the host tells it. */
export function failure(server, tool, kind, detail) {
  const val = detailOf(kind, detail);
  const failed = kind === "failed" && typeof val === "string";
  const content = [{ type: "text", text: val }];
  const error = { tag: kind, val: failed ? { json: JSON.stringify({ content, isError: true }) } : val };
  return { server, tool, attempts: 1, elapsedMs: 0, error };
}

const DETAILS = {
  "unknown-tool": [],
  "invalid-arguments": [],
  failed: { json: '{"content":[],"isError":true}' },
  rejected: { code: -32000, message: "refused" },
  overloaded: undefined,
  "rate-limited": undefined,
  "budget-exhausted": { name: "calls", value: 0, message: "the run has no calls left" },
  cancelled: undefined,
  conflict: undefined,
};

const detailOf = (kind, detail) => detail ?? (kind in DETAILS ? DETAILS[kind] : "as the test says");
const refusal = ({ kind, detail }) => ({ tag: kind, val: detailOf(kind, detail) });
const refuse = (tag, val) => {
  throw carrying({ tag, val });
};

/** The next of a list, the same again of anything else. */
function following(answers, none) {
  if (!Array.isArray(answers)) return () => answers ?? none;
  const left = [...answers];
  return () => (left.length > 0 ? left.shift() : none);
}

/** What is kept. Every key is granted. */
export function keptBy(host, kept = {}) {
  const keys = new Map();
  let last = 0;
  const put = (key, value) => {
    last += 1;
    keys.set(key, { value, version: last });
    return last;
  };
  for (const [key, value] of Object.entries(kept)) put(key, JSON.stringify(value));
  let full = false;
  host.fillState = () => (full = true);
  const state = () => Object.fromEntries([...keys].map(([key, { value }]) => [key, JSON.parse(value)]));
  Object.defineProperty(host, "state", { get: state, enumerable: true });
  const now = (key) => keys.get(key)?.version;
  return {
    getState: (key) => keys.get(key) ?? null,
    setState(key, value, expected) {
      if (full) refuse("over-quota", "the fake host keeps nothing more");
      const fits = expected.tag === "any" || now(key) === (expected.tag === "version" ? expected.val : undefined);
      return fits ? put(key, value) : refuse("conflict", now(key));
    },
    deleteState(key, version) {
      if (version !== undefined && version !== now(key)) refuse("conflict", now(key));
      return keys.delete(key);
    },
    listKeys(prefix, after, limit) {
      const found = [...keys.keys()].filter((key) => key.startsWith(prefix) && (after === undefined || key > after)).sort();
      const page = found.slice(0, Math.min(limit ?? 1000, 1000));
      const size = (key) => keys.get(key).value.length;
      const told = page.map((key) => ({ key, version: now(key), size: size(key) }));
      return { keys: told, next: page.length < found.length ? page.at(-1) : null };
    },
  };
}

/** The servers, and what they have beside tools to call. */
export function serversBy({ servers = [], tools = [], gathered, resources = {}, prompts = {} }) {
  const listed = servers.map((server) => ({ health: "ready", priority: 100, domains: [], capabilities: [], ...server }));
  for (const { server: name } of tools) {
    if (!listed.some((server) => server.name === name)) {
      listed.push({ name, health: "ready", priority: 100, domains: [], capabilities: [] });
    }
  }
  listed.sort((one, other) => one.priority - other.priority);
  const maybe = (value) => (value === undefined ? undefined : JSON.stringify(value));
  const of = (all, method) => (server, name, args) => {
    const called = `${method} ${name}`;
    const known = Object.hasOwn(all, `${server}:${name}`);
    if (!known) throw carrying(failure(server, called, "unknown-tool", []));
    const refused = ({ kind, detail }) => failure(server, called, kind, detail);
    return JSON.stringify(answered(all[`${server}:${name}`], args === undefined ? undefined : JSON.parse(args), refused));
  };
  const names = (all, key) => () =>
    JSON.stringify(
      Object.keys(all).map((name) => ({ server: name.split(":")[0], [key]: name.slice(name.indexOf(":") + 1) })),
    );
  return {
    listServers: () => listed,
    listTools: () =>
      tools.map(({ server, inputSchema = { type: "object" }, outputSchema, annotations, description = "", ...tool }) => ({
        server,
        tool: {
          ...tool,
          description,
          inputSchema: JSON.stringify(inputSchema),
          outputSchema: maybe(outputSchema),
          annotations: maybe(annotations),
        },
      })),
    gatherResources(domain) {
      const refused = ({ kind, detail }) => failure(domain ?? "*", "resources/list", kind, detail);
      const none = new FakeFailure("unavailable", "the fake host has no resources");
      return JSON.stringify(answered(gathered ?? none, domain, refused));
    },
    readResource: of(resources, "resources/read"),
    listResources: names(resources, "uri"),
    listTemplates: () => "[]",
    getPrompt: of(prompts, "prompts/get"),
    listPrompts: names(prompts, "name"),
  };
}

/** A model and a person. */
export function othersBy(host, { model, replies }) {
  Object.assign(host, { requests: [], questions: [] });
  const nothing = (whose) => new FakeFailure("unavailable", `the fake host has no further answer of ${whose}`);
  const completions = following(model, nothing("a model"));
  const reactions = following(replies, nothing("a person"));
  return {
    complete(messages, tools, options) {
      const request = {
        ...options,
        messages,
        tools: tools.map((tool) => ({ ...tool, inputSchema: JSON.parse(tool.inputSchema) })),
        outputSchema: options.outputSchema && JSON.parse(options.outputSchema),
      };
      host.requests.push(request);
      const answer = answered(completions(), request, refusal);
      const { text = "", toolUses = [], finish, usage } = typeof answer === "string" ? { text: answer } : answer;
      const uses = toolUses.map((use) => ({ ...use, arguments: JSON.stringify(use.arguments ?? {}) }));
      return {
        message: { role: "assistant", content: text, toolUses: uses },
        finish: finish ?? (uses.length > 0 ? "tool-use" : "stop"),
        model: "fake",
        usage: usage ?? { inputTokens: 0, outputTokens: 0 },
      };
    },
    ask(question, schema) {
      host.questions.push(question);
      const reply = answered(reactions(), { question, schema: schema && JSON.parse(schema) }, refusal);
      const plain = { decline: "declined", cancel: "dismissed" }[reply];
      return plain ? { tag: plain } : { tag: "accepted", val: JSON.stringify(reply) };
    },
  };
}
