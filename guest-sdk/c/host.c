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
