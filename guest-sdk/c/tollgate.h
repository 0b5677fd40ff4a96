// Write Tollgate policies in C.
//
// A policy is a constant that says what it is, and a function that does the work:
//
//     #include <tollgate.h>
//
//     const tg_policy tg_this_policy = {.name = "hello", .description = "Greets somebody.",
//                                       .input_schema = "{\"type\":\"object\"}"};
//
//     tg_answer tg_run(tg_json input) { return tg_ok("{\"greeting\":%q}", tg_text(tg_get(input, "name"))); }
//
// Nothing needs to be freed: a run has an instance of its own, whose memory goes when it ends. Where memory runs out,
// the run ends.
#ifndef TOLLGATE_H
#define TOLLGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A JSON value: a part of a text, checked by the host. No value at all where `at` is null; every function takes that.
typedef struct {
    const char *at;
    size_t len;
} tg_json;

// What a policy says of itself. Members that are left out are left out for the host too.
typedef struct {
    const char *name;           // A short identifier, as `customer-360`.
    const char *title;          // A name for people.
    const char *description;    // What it does, for the model or person that chooses it.
    const char *input_schema;   // JSON Schema of the input: an object schema. Any object, where it is left out.
    const char *output_schema;  // JSON Schema of the output.
    const char *const *grants;  // What it asks for, as `tool=crm:*`, ended by NULL. Asking grants nothing.
} tg_policy;

// The policy that the component is. Yours to define.
extern const tg_policy tg_this_policy;

// A call that gave no result.
typedef struct {
    const char *kind;     // The case's name in the host's interface, as `denied` or `timed-out`.
    const char *message;  // What happened, where, and what to do next.
    const char *server;
    const char *tool;
    uint32_t attempts;  // How many times the request was sent to the server; 0 when it never left the host.
    uint64_t elapsed_ms;
    bool retryable;     // Whether the same call, made again after a pause, may succeed and cannot repeat an effect.
    const void *raw;    // The host's own words, for tg_failed.
} tg_failure;

// What a call gave: a result where `failure` is null.
typedef struct {
    tg_json value;  // Structured content, else the text read as JSON where it is, else the text as a JSON string.
    tg_json whole;  // The whole MCP CallToolResult.
    const tg_failure *failure;
} tg_result;

// What a run ends with. Made by tg_ok, tg_fail and tg_failed.
typedef struct {
    bool ok;
    const char *json;     // The output.
    const char *message;  // Else: what went wrong,
    const char *code;     // a stable word for programs, or null,
    const tg_failure *cause;  // and the failed call that led here, or null.
} tg_answer;

// Does the work. Yours to define.
tg_answer tg_run(tg_json input);

// Ends with an output, written as by tg_format.
tg_answer tg_ok(const char *format, ...);
// Fails with a code (or null) and a message, written as by tg_format.
tg_answer tg_fail(const char *code, const char *format, ...);
// Fails because a call failed; the run's status follows it.
tg_answer tg_failed(tg_result result);

// Calls a tool and waits for its answer. `args` is a JSON object.
tg_result tg_call(const char *server, const char *tool, const char *args);

typedef struct {
    const char *server, *tool, *args;
} tg_request;

// Makes all calls at once and waits for all. Returns `count` results, in the order of the calls.
tg_result *tg_call_many(const tg_request *requests, size_t count);

// What came of a request for what is kept: JSON by key, the component's own, from one run to the next. It needs a grant
// `state`, or `state=PREFIX*`.
typedef struct {
    const char *kind;     // Why nothing was done: the case's name in the host's interface, as `conflict`. Null if it was.
    const char *message;  // The same in words.
    tg_json value;        // What the key has; no value where it is not there. Of tg_state_delete and tg_state_list: see there.
    uint64_t version;     // The key's version: after a change the new one; of a conflict what it is now; 0 without the key.
} tg_kept;

// What a key has.
tg_kept tg_state_get(const char *key);
// Sets a key to a JSON value, whatever it has. The value is on the host's disk then.
tg_kept tg_state_set(const char *key, const char *json);
// Sets a key if it has this version, or if version is 0 and it is not there; else the kind is `conflict`.
tg_kept tg_state_set_if(const char *key, const char *json, uint64_t version);
// Deletes a key, whatever it has. The value is whether it was there: `true` or `false`.
tg_kept tg_state_delete(const char *key);
// The keys that begin with a prefix and come after a key ("" or null for all), 1,000 at most: an object with `keys`, each
// with `key`, `version` and `size`, and `next`, which is to be given as `after` to get more, or null.
tg_kept tg_state_list(const char *prefix, const char *after);

typedef enum { TG_TRACE, TG_DEBUG, TG_INFO, TG_WARN, TG_ERROR } tg_level;

// Writes one line to the run's log, written as by tg_format.
void tg_log(tg_level level, const char *format, ...);
// How far the run is: `done` of `total` (negative: not known), and what it does now (or null).
void tg_progress(double done, double total, const char *message);
// Waits on the host's timer.
void tg_sleep_ms(uint64_t ms);

// Writes a text: %s a string, %q a string as JSON (a null one as `null`), %j a tg_json, %d an int, %ld a long,
// %lld a long long, %zu a size_t, %f a double as JSON (what JSON cannot say as `null`), %b a bool, %% a percent sign.
char *tg_format(const char *format, ...);

// A member of an object; of two equal keys the last.
tg_json tg_get(tg_json object, const char *key);
// An element of an array.
tg_json tg_at(tg_json array, size_t index);
// How many elements an array has, or members an object; else 0.
size_t tg_count(tg_json value);
// A JSON string as text; any other value as its JSON; null where there is none.
char *tg_text(tg_json value);
// A number, or `otherwise` where it is none.
double tg_number(tg_json value, double otherwise);
// Whether it is `true`.
bool tg_is_true(tg_json value);
// A text as a JSON value; not checked.
tg_json tg_json_of(const char *text);

#endif
