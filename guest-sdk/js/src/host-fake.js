// The host's functions where there is no host: `fakeHost` of `testing.js` says what they do.

/** What the functions do now; null outside of a test. */
export const fake = { host: null };

const asked = (name) => (...args) => {
  if (fake.host === null) {
    throw new Error("there is no host here: in a test, call fakeHost() of `tollgate/testing` first");
  }
  return fake.host[name](...args);
};

export const ask = asked("ask");
export const callTool = asked("callTool");
export const callTools = asked("callTools");
export const complete = asked("complete");
export const deleteState = asked("deleteState");
export const gatherResources = asked("gatherResources");
export const getPrompt = asked("getPrompt");
export const getState = asked("getState");
export const listKeys = asked("listKeys");
export const listPrompts = asked("listPrompts");
export const listResources = asked("listResources");
export const listServers = asked("listServers");
export const listTemplates = asked("listTemplates");
export const listTools = asked("listTools");
export const log = asked("log");
export const progress = asked("progress");
export const readResource = asked("readResource");
export const send = asked("send");
export const setState = asked("setState");
export const sleep = asked("sleep");
