// Whether a text is JSON (RFC 8259).
#include <string.h>

#include "internal.h"

#define DEPTH_MAX 128

static const char *past_space(const char *at) { return at + strspn(at, " \t\n\r"); }

static bool digit(char c) { return c >= '0' && c <= '9'; }

static const char *past_digits(const char *at) {
    if (!digit(*at)) return NULL;
    while (digit(*at)) at++;
    return at;
}

// Each returns where its value ends, or null.
static const char *past_string(const char *at) {
    for (at++; *at != '"'; at++) {
        if ((unsigned char)*at < 0x20) return NULL;
        if (*at != '\\') continue;
        at++;
        if (*at == 'u') {
            if (strspn(at + 1, "0123456789abcdefABCDEF") < 4) return NULL;
            at += 4;
        } else if (!*at || !strchr("\"\\/bfnrt", *at)) {
            return NULL;
        }
    }
    return at + 1;
}

static const char *past_number(const char *at) {
    if (*at == '-') at++;
    at = *at == '0' ? at + 1 : past_digits(at);
    if (at && *at == '.') at = past_digits(at + 1);
    if (at && (*at == 'e' || *at == 'E')) {
        at++;
        at = past_digits(*at == '+' || *at == '-' ? at + 1 : at);
    }
    return at;
}

static const char *past_word(const char *at) {
    static const char *const WORDS[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (strncmp(at, WORDS[i], strlen(WORDS[i])) == 0) return at + strlen(WORDS[i]);
    }
    return NULL;
}

// A member's name and its colon.
static const char *past_name(const char *at) {
    at = *at == '"' ? past_string(at) : NULL;
    if (!at) return NULL;
    at = past_space(at);
    return *at == ':' ? past_space(at + 1) : NULL;
}

bool tg_is_json(const char *text) {
    char open[DEPTH_MAX];
    size_t depth = 0;
    const char *at = past_space(text);
    for (;;) {
        // At the beginning of a value.
        if (*at == '{' || *at == '[') {
            if (depth == DEPTH_MAX) return false;
            char bracket = *at;
            at = past_space(at + 1);
            if (*at == (bracket == '{' ? '}' : ']')) {
                at++;
            } else {
                open[depth++] = bracket;
                if (bracket == '{') at = past_name(at);
                if (!at) return false;
                continue;
            }
        } else {
            at = *at == '"' ? past_string(at) : *at == '-' || digit(*at) ? past_number(at) : past_word(at);
        }
        if (!at) return false;
        // Behind a value: what it stood in may end too.
        for (at = past_space(at); depth > 0 && *at == (open[depth - 1] == '{' ? '}' : ']'); depth--) at = past_space(at + 1);
        if (depth == 0) return *at == 0;
        if (*at != ',') return false;
        at = past_space(at + 1);
        if (open[depth - 1] == '{') at = past_name(at);
        if (!at) return false;
    }
}
