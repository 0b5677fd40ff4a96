// What `testing.h` says: the host's functions, without a host.
#include "testing.h"

#include <stdio.h>
#include <string.h>

#include "internal.h"

#define FAKES_MAX 256

static struct {
    const char *server, *tool, *json, *kind;
} fakes[FAKES_MAX];
static size_t fakes_count;
static const char *calls = "[]";

static void add(const char *server, const char *tool, const char *json, const char *kind) {
    if (fakes_count == FAKES_MAX) return;
    fakes[fakes_count].server = server;
    fakes[fakes_count].tool = tool;
    fakes[fakes_count].json = json;
    fakes[fakes_count++].kind = kind;
}

void tg_fake(const char *server, const char *tool, const char *json) { add(server, tool, json, NULL); }

void tg_fake_failure(const char *server, const char *tool, const char *kind, const char *detail) {
    add(server, tool, detail, kind);
}

const char *tg_fake_calls(void) { return calls; }

tg_answer tg_fake_run(const char *input) { return tg_run(tg_json_of(input)); }

tg_result tg_call(const char *server, const char *tool, const char *args) {
    char *call = tg_format("{\"server\":%q,\"tool\":%q,\"args\":%s}", server, tool, args && *args ? args : "{}");
    size_t len = strlen(calls) - 1;
    calls = tg_format("%s%s%s]", tg_copy(calls, len), len > 1 ? "," : "", call);
    // The latest word holds.
    for (size_t i = fakes_count; i-- > 0;) {
        if (strcmp(fakes[i].server, server) || strcmp(fakes[i].tool, tool)) continue;
        if (fakes[i].kind) return tg_failure_of(fakes[i].kind, server, tool, 1, 0, fakes[i].json, NULL);
        char *whole = tg_format("{\"content\":[],\"structuredContent\":{\"result\":%s}}", fakes[i].json);
        return tg_result_of(whole, strlen(whole));
    }
    return tg_failure_of("unknown-tool", server, tool, 0, 0, NULL, NULL);
}

tg_result *tg_call_many(const tg_request *requests, size_t count) {
    tg_result *results = tg_alloc(count * sizeof *results);
    for (size_t i = 0; i < count; i++) results[i] = tg_call(requests[i].server, requests[i].tool, requests[i].args);
    return results;
}

static struct {
    const char *key, *json;
    uint64_t version;
} kept[FAKES_MAX];
static size_t kept_count;
static uint64_t last_version;

// The place of a key, or the first free one.
static size_t place_of(const char *key) {
    size_t i = 0;
    while (i < kept_count && strcmp(kept[i].key, key)) i++;
    return i;
}

static uint64_t version_of(const char *key) {
    size_t i = place_of(key);
    return i < kept_count && kept[i].json ? kept[i].version : 0;
}

tg_kept tg_state_get(const char *key) {
    uint64_t version = version_of(key);
    return (tg_kept){.value = tg_json_of(version ? kept[place_of(key)].json : NULL), .version = version};
}

tg_kept tg_state_set(const char *key, const char *json) {
    size_t i = place_of(key);
    if (i == FAKES_MAX) return tg_kept_not("over-quota", "the fake host keeps nothing more", 0);
    if (i == kept_count) kept_count++;
    kept[i].key = tg_copy(key, strlen(key));
    kept[i].json = tg_copy(json, strlen(json));
    kept[i].version = ++last_version;
    return (tg_kept){.version = last_version};
}

tg_kept tg_state_set_if(const char *key, const char *json, uint64_t version) {
    uint64_t now = version_of(key);
    return now == version ? tg_state_set(key, json) : tg_kept_not("conflict", NULL, now);
}

tg_kept tg_state_delete(const char *key) {
    bool was_there = version_of(key) > 0;
    if (was_there) kept[place_of(key)].json = NULL;
    return (tg_kept){.value = tg_json_of(was_there ? "true" : "false")};
}

tg_kept tg_state_list(const char *prefix, const char *after) {
    const char *keys = "", *last = after ? after : "";
    for (;;) {
        // The next in the order of bytes.
        size_t next = kept_count;
        for (size_t i = 0; i < kept_count; i++) {
            bool fits = kept[i].json && !strncmp(kept[i].key, prefix ? prefix : "", prefix ? strlen(prefix) : 0);
            if (fits && strcmp(kept[i].key, last) > 0 && (next == kept_count || strcmp(kept[i].key, kept[next].key) < 0)) {
                next = i;
            }
        }
        if (next == kept_count) break;
        last = kept[next].key;
        keys = tg_format("%s%s{\"key\":%q,\"version\":%lld,\"size\":%zu}", keys, *keys ? "," : "", last,
                         (long long)kept[next].version, strlen(kept[next].json));
    }
    return (tg_kept){.value = tg_json_of(tg_format("{\"keys\":[%s],\"next\":null}", keys))};
}

void tg_log(tg_level level, const char *format, ...) {
    (void)level;
    va_list parts;
    va_start(parts, format);
    fprintf(stderr, "%s\n", tg_vformat(format, parts));
    va_end(parts);
}

void tg_progress(double done, double total, const char *message) {
    (void)done, (void)total, (void)message;
}

void tg_sleep_ms(uint64_t ms) { (void)ms; }
