// The host's functions, as a component imports them. Where there is no host (tests), `host-fake.js` stands in: the
// build chooses by the condition `tollgate`.
export { log } from "tollgate:log/log@0.1.0";
export { progress } from "tollgate:log/progress@0.1.0";
export { callTool, callTools } from "tollgate:tools/tools-blocking@0.1.0";
export { sleep } from "tollgate:timer/timer-blocking@0.1.0";
