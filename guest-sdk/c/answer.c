// Results of calls and of the run.
#include <string.h>

#include "internal.h"

tg_answer tg_ok(const char *format, ...) {
    va_list parts;
    va_start(parts, format);
    char *json = tg_vformat(format, parts);
    va_end(parts);
    return (tg_answer){.ok = true, .json = json};
}

tg_answer tg_fail(const char *code, const char *format, ...) {
    va_list parts;
    va_start(parts, format);
    char *message = tg_vformat(format, parts);
    va_end(parts);
    return (tg_answer){.message = message, .code = code};
}

tg_answer tg_failed(tg_result result) {
    if (!result.failure) return tg_fail("no-failure", "tg_failed was given a call that did not fail");
    return (tg_answer){.message = result.failure->message, .code = result.failure->kind, .cause = result.failure};
}

// All text content, a line break between two pieces.
static char *text_of(tg_json whole) {
    tg_json content = tg_get(whole, "content");
    char *text = NULL;
    for (size_t i = 0, count = tg_count(content); i < count; i++) {
        tg_json piece = tg_get(tg_at(content, i), "text");
        if (piece.at) text = text ? tg_format("%s\n%s", text, tg_text(piece)) : tg_text(piece);
    }
    return text;
}

tg_result tg_result_of(const char *json, size_t len) {
    tg_json whole = {tg_copy(json, len), len};
    tg_json value = tg_get(whole, "structuredContent");
    if (value.at && value.at[0] == '{') {
        // MCP wants an object; by convention other values are its only member `result`.
        tg_json wrapped = tg_get(value, "result");
        if (wrapped.at && tg_count(value) == 1) value = wrapped;
    } else {
        char *text = text_of(whole);
        value = tg_json_of(text && tg_is_json(text) ? text : tg_format("%q", text));
    }
    return (tg_result){.value = value, .whole = whole};
}

static const char *words(const char *kind, const char *detail) {
    static const struct {
        const char *kind, *words;
    } all[] = {
        {"denied", "denied: %s"},
        {"unknown-tool", "no such tool; did you mean %s?"},
        {"invalid-arguments", "the arguments do not fit the tool's input schema: %s"},
        {"failed", "the tool failed: %s"},
        {"rejected", "the server refused the call: %s"},
        {"invalid-response", "the server's answer is not MCP: %s; the call may have had an effect"},
        {"auth-required", "the server wants authorisation: %s; the host's operator must give it"},
        {"unavailable", "the server is not available: %s; nothing was sent, a later retry is safe"},
        {"overloaded", "the host is full now; try again in a moment"},
        {"too-large", "too large: %s"},
        {"timed-out", "timed out: %s; the call may have had an effect, check before repeating it"},
        {"rate-limited", "the server asks to wait %s ms"},
        {"budget-exhausted", "%s"},
        {"cancelled", "cancelled"},
        {"outcome-unknown", "the call may have had its effect, its answer is lost: %s; check before repeating it"},
    };
    bool said = detail && *detail;
    if (!said && strcmp(kind, "unknown-tool") == 0) return "no such tool; `tollgate tools` lists what there is";
    if (!said && strcmp(kind, "rate-limited") == 0) return "the server asks to slow down";
    if (!said && strcmp(kind, "failed") == 0) return "the tool failed and gave no reason";
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(all[i].kind, kind) == 0) return tg_format(all[i].words, said ? detail : "");
    }
    return kind;
}

tg_result tg_failure_of(const char *kind, const char *server, const char *tool, uint32_t attempts, uint64_t elapsed_ms,
                        const char *detail, const void *raw) {
    tg_failure *failure = tg_alloc(sizeof *failure);
    char *tries = attempts > 1 ? tg_format(" (%d attempts in %lld ms)", (int)attempts, (long long)elapsed_ms) : "";
    bool is_failed = strcmp(kind, "failed") == 0;
    const char *text = is_failed && detail && *detail == '{' ? text_of(tg_json_of(detail)) : detail;
    *failure = (tg_failure){
        .kind = kind,
        .message = tg_format("%s:%s: %s%s", server, tool, words(kind, text), tries),
        .server = server,
        .tool = tool,
        .attempts = attempts,
        .elapsed_ms = elapsed_ms,
        .retryable = !strcmp(kind, "unavailable") || !strcmp(kind, "overloaded") || !strcmp(kind, "rate-limited"),
        .raw = raw,
    };
    return (tg_result){.failure = failure};
}

tg_kept tg_kept_not(const char *kind, const char *detail, uint64_t version) {
    const char *message = detail ? detail : "the host's state store is busy; try again after a pause";
    if (strcmp(kind, "denied") == 0) message = tg_format("denied: %s", message);
    if (strcmp(kind, "conflict") == 0) {
        message = version ? tg_format("the key was changed meanwhile: its version is %lld now", (long long)version)
                          : "the key is not as expected: it is not there";
    }
    return (tg_kept){.kind = kind, .message = message, .version = version};
}
