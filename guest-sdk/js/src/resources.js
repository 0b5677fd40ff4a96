import * as host from "#host";
import { json, maybeText, text } from "./arguments.js";
import { called } from "./errors.js";

/** The resources of servers: what they have to read. Needs a grant `resource=SERVER:URI`. */
export const resources = {
  /** Reads a resource: MCP's ReadResourceResult. */
  read(server, uri) {
    return JSON.parse(called(() => host.readResource(text(server, "a server"), text(uri, "a URI"))));
  },
  /** The resources of all servers, as MCP has them, each with its `server`. */
  list: () => JSON.parse(host.listResources()),
  /** The templates of resources, as MCP has them, each with its `server`. */
  templates: () => JSON.parse(host.listTemplates()),
};

/** The prompts of servers: messages that they have ready. Needs a grant `prompt=SERVER:NAME`. */
export const prompts = {
  /** Gets a prompt, filled in with arguments (texts by name): MCP's GetPromptResult. */
  get(server, name, args = {}) {
    const given = json(args, "the arguments");
    return JSON.parse(called(() => host.getPrompt(text(server, "a server"), text(name, "a name"), given)));
  },
  /** The prompts of all servers, as MCP has them, each with its `server`. */
  list: () => JSON.parse(host.listPrompts()),
};

const maybeParsed = (json) => (json == null ? undefined : JSON.parse(json));

/** Which servers and tools there are. What this run was not granted is not there. */
export const servers = {
  /** The servers of which this run may use something, the best first. */
  list: () => host.listServers().map((server) => ({ ...server, error: server.error ?? undefined })),
  /** The tools that this run may call. Waits for servers that are connecting. */
  tools: () =>
    host.listTools().map(({ server, tool }) => ({
      server,
      name: tool.name,
      title: tool.title ?? undefined,
      description: tool.description,
      inputSchema: JSON.parse(tool.inputSchema),
      outputSchema: maybeParsed(tool.outputSchema),
      annotations: maybeParsed(tool.annotations),
    })),
  /** The resources of all servers, by server; with `domain`, those of the best server of it that answers. */
  gatherResources({ domain, failFast } = {}) {
    const given = [maybeText(domain, "a domain"), failFast == null ? undefined : Boolean(failFast)];
    return JSON.parse(called(() => host.gatherResources(...given)));
  },
};
