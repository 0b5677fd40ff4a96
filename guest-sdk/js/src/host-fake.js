// The host's functions where there is no host: `fakeHost` of `testing.js` says what they do.

/** What the functions do now; null outside of a test. */
export const fake = { host: null };

function host() {
  if (fake.host === null) {
    throw new Error("there is no host here: in a test, call fakeHost() of `tollgate/testing` first");
  }
  return fake.host;
}

export const callTool = (server, tool, args) => host().callTool(server, tool, args);
export const callTools = (calls) => host().callTools(calls);
export const log = (level, message) => host().log(level, message);
export const progress = (done, total, message) => host().progress(done, total, message);
export const sleep = (ms) => host().sleep(ms);
