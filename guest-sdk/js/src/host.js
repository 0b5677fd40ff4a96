// The host's functions, as a component imports them. Where there is no host (tests), `host-fake.js` stands in: the
// build chooses by the condition `tollgate`.
export { ask } from "tollgate:ask/ask-blocking@0.1.0";
export { log } from "tollgate:log/log@0.1.0";
export { progress } from "tollgate:log/progress@0.1.0";
export { complete } from "tollgate:model/model-blocking@0.1.0";
export { get as getPrompt, listPrompts } from "tollgate:prompts/prompts-blocking@0.1.0";
export { listResources, listTemplates, read as readResource } from "tollgate:resources/resources-blocking@0.1.0";
export { gatherResources, listServers, listTools } from "tollgate:servers/servers-blocking@0.1.0";
export { delete as deleteState, get as getState, listKeys, set as setState } from "tollgate:state/state-blocking@0.1.0";
export { callTool, callTools } from "tollgate:tools/tools-blocking@0.1.0";
export { sleep } from "tollgate:timer/timer-blocking@0.1.0";
