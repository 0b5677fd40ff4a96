import { CallError, HttpError, StateError, ask, http, model, policy, prompts, resources, servers, state } from "tollgate";

/** The kind of the error that a function throws. */
function kindOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return (error as CallError | HttpError | StateError).kind;
  }
  return undefined;
}

export const { describe, run } = policy({
  name: "interfaces",
  description: "Uses what there is beside tools.",
  input: {
    type: "object",
    properties: { url: { type: "string" }, away: { type: "string" } },
    required: ["url", "away"],
  },
  run({ url, away }) {
    const count = state.update<number>("count", (n = 0) => n + 1);
    const sent = { name: "Zoë", long: "x".repeat(100_000) };
    const echo = http.post(`${url}/echo?q=1`, { json: sent, headers: { "X-Own": "mine" }, timeoutMs: 10_000 });
    const seen = echo.json();
    return {
      count,
      keys: state.list().keys.map(({ key }) => key),
      servers: servers.list().map(({ name, health }) => `${name} ${health}`),
      tools: servers.tools().map(({ server, name, inputSchema }) => `${server}:${name} ${inputSchema.type}`),
      status: echo.status,
      headers: [echo.headers["content-type"], seen.headers["x-own"], seen.headers["content-type"]],
      method: `${seen.method} ${seen.target}`,
      body: JSON.stringify(JSON.parse(seen.body)) === JSON.stringify(sent),
      gone: http.get(`${url}/gone`).json().message,
      kinds: {
        state: kindOf(() => state.set("count", 0, { absent: true })),
        deleted: kindOf(() => state.delete("count", { version: 1_000_000 })),
        model: kindOf(() => model.complete({ system: "Be brief.", messages: [], tools: [{ name: "x" }], stop: "." })),
        ask: kindOf(() => ask.confirm("Really?")),
        resources: kindOf(() => resources.read("crm", "crm://a")),
        prompts: kindOf(() => prompts.get("crm", "greet", { name: "Ada" })),
        gathered: kindOf(() => servers.gatherResources({ domain: "nothing", failFast: true })),
        granted: kindOf(() => http.get(away)),
        large: kindOf(() => http.get(`${url}/echo`, { maxBytes: 10 })),
        method: kindOf(() => http.request("NO METHOD", url)),
        header: kindOf(() => http.get(url, { headers: { "a b": "c" } })),
      },
      lists: [resources.list().length, resources.templates().length, prompts.list().length],
    };
  },
});
