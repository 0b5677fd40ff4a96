// The host's functions, and what the component exports: the world `policy-blocking`.
#include <string.h>

#include "generated/policy_blocking.h"
#include "internal.h"

typedef policy_blocking_string_t string;
typedef tollgate_types_types_call_failure_t raw_failure;

static string borrowed(const char *text) {
    string s;
    policy_blocking_string_set(&s, text ? text : "");
    return s;
}

// What is handed out is freed by the bindings.
static string owned(const char *text) {
    string s;
    policy_blocking_string_dup(&s, text ? text : "");
    return s;
}

static char *text_of(string s) { return tg_copy((const char *)s.ptr, s.len); }

static policy_blocking_option_string_t optional(const char *text) {
    return (policy_blocking_option_string_t){.is_some = text != NULL, .val = owned(text)};
}

static tollgate_types_types_option_json_t optional_json(const char *text) {
    return (tollgate_types_types_option_json_t){.is_some = text != NULL, .val = owned(text)};
}

static char *joined(char *before, const char *separator, char *more) {
    return before ? tg_format("%s%s%s", before, separator, more) : more;
}

static tg_result failed(const raw_failure *raw) {
    // The order is that of the WIT.
    static const char *const KINDS[] = {
        "denied",      "unknown-tool", "invalid-arguments", "failed",    "rejected",
        "invalid-response", "auth-required", "unavailable", "overloaded", "too-large",
        "timed-out",   "rate-limited", "budget-exhausted",  "cancelled", "outcome-unknown",
    };
    const tollgate_types_types_call_error_t *error = &raw->error;
    char *detail = NULL;
    switch (error->tag) {
    case TOLLGATE_TYPES_TYPES_CALL_ERROR_UNKNOWN_TOOL:
        for (size_t i = 0; i < error->val.unknown_tool.len; i++) {
            detail = joined(detail, ", ", text_of(error->val.unknown_tool.ptr[i]));
        }
        break;
    case TOLLGATE_TYPES_TYPES_CALL_ERROR_INVALID_ARGUMENTS:
        for (size_t i = 0; i < error->val.invalid_arguments.len; i++) {
            const tollgate_types_types_violation_t *v = &error->val.invalid_arguments.ptr[i];
            char *path = v->path.len ? text_of(v->path) : "(whole)";
            detail = joined(detail, "; ", tg_format("%s: %s", path, text_of(v->message)));
        }
        break;
    case TOLLGATE_TYPES_TYPES_CALL_ERROR_FAILED: detail = text_of(error->val.failed.json); break;
    case TOLLGATE_TYPES_TYPES_CALL_ERROR_REJECTED:
        detail = tg_format("%s (JSON-RPC %lld)", text_of(error->val.rejected.message), (long long)error->val.rejected.code);
        break;
    case TOLLGATE_TYPES_TYPES_CALL_ERROR_RATE_LIMITED:
        if (error->val.rate_limited.is_some) detail = tg_format("%lld", (long long)error->val.rate_limited.val);
        break;
    case TOLLGATE_TYPES_TYPES_CALL_ERROR_BUDGET_EXHAUSTED: detail = text_of(error->val.budget_exhausted.message); break;
    case TOLLGATE_TYPES_TYPES_CALL_ERROR_OVERLOADED:
    case TOLLGATE_TYPES_TYPES_CALL_ERROR_CANCELLED: break;
    default: detail = text_of(error->val.denied);
    }
    const char *kind = error->tag < sizeof KINDS / sizeof *KINDS ? KINDS[error->tag] : "unknown";
    raw_failure *kept = tg_alloc(sizeof *kept);
    *kept = *raw;
    return tg_failure_of(kind, text_of(raw->server), text_of(raw->tool), raw->attempts, raw->elapsed_ms, detail, kept);
}

tg_result tg_call(const char *server, const char *tool, const char *args) {
    string server_ = borrowed(server), tool_ = borrowed(tool), args_ = borrowed(args);
    tollgate_types_types_tool_result_t result;
    raw_failure failure;
    bool ok = tollgate_tools_tools_blocking_call_tool(&server_, &tool_, &args_, &result, &failure);
    return ok ? tg_result_of((const char *)result.json.ptr, result.json.len) : failed(&failure);
}

tg_result *tg_call_many(const tg_request *requests, size_t count) {
    tollgate_types_types_call_t *calls = tg_alloc(count * sizeof *calls);
    for (size_t i = 0; i < count; i++) {
        calls[i].server = borrowed(requests[i].server);
        calls[i].tool = borrowed(requests[i].tool);
        calls[i].args = borrowed(requests[i].args);
    }
    tollgate_tools_tools_blocking_list_call_t list = {calls, count};
    tollgate_tools_tools_blocking_list_result_tool_result_call_failure_t answers;
    tollgate_tools_tools_blocking_call_tools(&list, &answers);
    tg_result *results = tg_alloc(count * sizeof *results);
    for (size_t i = 0; i < count && i < answers.len; i++) {
        const tollgate_tools_tools_blocking_result_tool_result_call_failure_t *answer = &answers.ptr[i];
        results[i] = answer->is_err ? failed(&answer->val.err)
                                    : tg_result_of((const char *)answer->val.ok.json.ptr, answer->val.ok.json.len);
    }
    return results;
}

typedef tollgate_state_state_types_state_error_t raw_refusal;

static tg_kept refused(const raw_refusal *raw) {
    // The order is that of the WIT.
    static const char *const KINDS[] = {
        "denied", "invalid-key", "invalid-value", "too-large", "over-quota", "conflict", "overloaded", "unavailable",
    };
    const char *kind = raw->tag < sizeof KINDS / sizeof *KINDS ? KINDS[raw->tag] : "unknown";
    switch (raw->tag) {
    case TOLLGATE_STATE_STATE_TYPES_STATE_ERROR_CONFLICT:
        return tg_kept_not(kind, NULL, raw->val.conflict.is_some ? raw->val.conflict.val : 0);
    case TOLLGATE_STATE_STATE_TYPES_STATE_ERROR_OVERLOADED: return tg_kept_not(kind, NULL, 0);
    default: return tg_kept_not(kind, text_of(raw->val.denied), 0);
    }
}

tg_kept tg_state_get(const char *key) {
    string key_ = borrowed(key);
    tollgate_state_state_blocking_option_entry_t entry;
    raw_refusal refusal;
    if (!tollgate_state_state_blocking_get(&key_, &entry, &refusal)) return refused(&refusal);
    if (!entry.is_some) return (tg_kept){0};
    return (tg_kept){.value = {(const char *)entry.val.value.ptr, entry.val.value.len}, .version = entry.val.version};
}

static tg_kept set(const char *key, const char *json, tollgate_state_state_types_expected_t expected) {
    string key_ = borrowed(key), json_ = borrowed(json);
    tg_kept kept = {0};
    raw_refusal refusal;
    bool ok = tollgate_state_state_blocking_set(&key_, &json_, &expected, &kept.version, &refusal);
    return ok ? kept : refused(&refusal);
}

tg_kept tg_state_set(const char *key, const char *json) {
    return set(key, json, (tollgate_state_state_types_expected_t){.tag = TOLLGATE_STATE_STATE_TYPES_EXPECTED_ANY});
}

tg_kept tg_state_set_if(const char *key, const char *json, uint64_t version) {
    tollgate_state_state_types_expected_t expected = {.tag = TOLLGATE_STATE_STATE_TYPES_EXPECTED_ABSENT};
    if (version) {
        expected.tag = TOLLGATE_STATE_STATE_TYPES_EXPECTED_VERSION;
        expected.val.version = version;
    }
    return set(key, json, expected);
}

tg_kept tg_state_delete(const char *key) {
    string key_ = borrowed(key);
    bool was_there;
    raw_refusal refusal;
    bool ok = tollgate_state_state_blocking_delete(&key_, NULL, &was_there, &refusal);
    return ok ? (tg_kept){.value = tg_json_of(was_there ? "true" : "false")} : refused(&refusal);
}

tg_kept tg_state_list(const char *prefix, const char *after) {
    string prefix_ = borrowed(prefix), after_ = borrowed(after);
    tollgate_state_state_blocking_page_t page;
    raw_refusal refusal;
    bool ok = tollgate_state_state_blocking_list_keys(&prefix_, after && *after ? &after_ : NULL, NULL, &page, &refusal);
    if (!ok) return refused(&refusal);
    char *keys = NULL;
    for (size_t i = 0; i < page.keys.len; i++) {
        const tollgate_state_state_types_key_info_t *info = &page.keys.ptr[i];
        char *told = tg_format("{\"key\":%q,\"version\":%lld,\"size\":%lld}", text_of(info->key), (long long)info->version,
                               (long long)info->size);
        keys = joined(keys, ",", told);
    }
    const char *next = page.next.is_some ? text_of(page.next.val) : NULL;
    return (tg_kept){.value = tg_json_of(tg_format("{\"keys\":[%s],\"next\":%q}", keys ? keys : "", next))};
}

void tg_log(tg_level level, const char *format, ...) {
    va_list parts;
    va_start(parts, format);
    string message = borrowed(tg_vformat(format, parts));
    va_end(parts);
    tollgate_log_log_log((tollgate_log_log_level_t)level, &message);
}

void tg_progress(double done, double total, const char *message) {
    string text = borrowed(message);
    tollgate_log_progress_progress(done, total < 0 ? NULL : &total, message ? &text : NULL);
}

void tg_sleep_ms(uint64_t ms) { tollgate_timer_timer_blocking_sleep(ms); }

void exports_policy_blocking_describe(policy_blocking_descriptor_t *ret) {
    const tg_policy *policy = &tg_this_policy;
    size_t count = 0;
    while (policy->grants && policy->grants[count]) count++;
    string *grants = tg_alloc(count * sizeof *grants);
    for (size_t i = 0; i < count; i++) grants[i] = owned(policy->grants[i]);
    *ret = (policy_blocking_descriptor_t){
        .name = owned(policy->name),
        .title = optional(policy->title),
        .description = owned(policy->description),
        .input_schema = owned(policy->input_schema ? policy->input_schema : "{\"type\":\"object\"}"),
        .output_schema = optional_json(policy->output_schema),
        .grants = {grants, count},
    };
}

bool exports_policy_blocking_run(policy_blocking_json_t *input, policy_blocking_json_t *ret,
                                 policy_blocking_policy_error_t *err) {
    tg_answer answer = tg_run((tg_json){(const char *)input->ptr, input->len});
    if (answer.ok) {
        *ret = owned(answer.json);
        return true;
    }
    *err = (policy_blocking_policy_error_t){.message = owned(answer.message), .code = optional(answer.code)};
    if (answer.cause && answer.cause->raw) {
        err->caused_by.is_some = true;
        memcpy(&err->caused_by.val, answer.cause->raw, sizeof err->caused_by.val);
    }
    return false;
}
