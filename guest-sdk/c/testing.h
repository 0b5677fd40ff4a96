// A host without Wasm, for tests of policies. Link `testing.c` instead of `host.c`.
#ifndef TOLLGATE_TESTING_H
#define TOLLGATE_TESTING_H

#include "tollgate.h"

// From now on the tool answers with this JSON value. A tool that is not there is `unknown-tool`.
void tg_fake(const char *server, const char *tool, const char *json);
// From now on the tool fails: a kind as in tg_failure, and what it carries (or null).
void tg_fake_failure(const char *server, const char *tool, const char *kind, const char *detail);
// The calls so far, as a JSON array of {"server", "tool", "args"}.
const char *tg_fake_calls(void);
// Runs the policy on an input.
tg_answer tg_fake_run(const char *input);

#endif
