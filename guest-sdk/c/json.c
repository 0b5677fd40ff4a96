// Reading JSON where it stands, and writing it. What is read was checked by the host: it is JSON, at most 128 deep.
// Text that is none makes no value, or not the one that was meant; nothing is read beyond its end, and nothing recurses.
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static const tg_json NONE = {0};

void *tg_alloc(size_t size) {
    void *memory = malloc(size ? size : 1);
    if (!memory) abort();
    return memory;
}

char *tg_copy(const char *text, size_t len) {
    char *copy = tg_alloc(len + 1);
    memcpy(copy, text, len);
    copy[len] = 0;
    return copy;
}

tg_json tg_json_of(const char *text) {
    return text ? (tg_json){text, strlen(text)} : NONE;
}

typedef struct {
    const char *at, *end;
} cursor;

static bool space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static void skip_space(cursor *c) {
    while (c->at < c->end && space(*c->at)) c->at++;
}

static bool take(cursor *c, char wanted) {
    skip_space(c);
    if (c->at == c->end || *c->at != wanted) return false;
    c->at++;
    return true;
}

// The value at the cursor, which moves past it.
static tg_json value(cursor *c) {
    skip_space(c);
    const char *start = c->at;
    size_t depth = 0;
    bool quoted = false;
    for (; c->at < c->end; c->at++) {
        char now = *c->at;
        if (quoted) {
            if (now == '\\' && c->at + 1 < c->end) c->at++;
            else if (now == '"') quoted = false;
            else continue;
            if (!quoted && depth == 0) {
                c->at++;
                break;
            }
        } else if (now == '"') {
            quoted = true;
        } else if (now == '{' || now == '[') {
            depth++;
        } else if (now == '}' || now == ']') {
            if (depth == 0) break;
            if (--depth == 0) {
                c->at++;
                break;
            }
        } else if (depth == 0 && (now == ',' || now == ':' || space(now))) {
            break;
        }
    }
    return c->at == start ? NONE : (tg_json){start, (size_t)(c->at - start)};
}

static bool open(tg_json value, char bracket, cursor *c) {
    if (!value.at) return false;
    *c = (cursor){value.at, value.at + value.len};
    return take(c, bracket);
}

tg_json tg_get(tg_json object, const char *key) {
    cursor c;
    tg_json found = NONE;
    if (!open(object, '{', &c)) return NONE;
    for (;;) {
        tg_json name = value(&c);
        if (!name.at || !take(&c, ':')) return found;
        tg_json member = value(&c);
        char *text = tg_text(name);
        if (strcmp(text, key) == 0) found = member;
        free(text);
        if (!take(&c, ',')) return found;
    }
}

tg_json tg_at(tg_json array, size_t index) {
    cursor c;
    if (!open(array, '[', &c)) return NONE;
    for (size_t i = 0;; i++) {
        tg_json element = value(&c);
        if (!element.at || i == index) return element;
        if (!take(&c, ',')) return NONE;
    }
}

size_t tg_count(tg_json json) {
    cursor c;
    bool object = open(json, '{', &c);
    if (!object && !open(json, '[', &c)) return 0;
    for (size_t count = 0;; count++) {
        if (!value(&c).at) return count;
        if (object && (!take(&c, ':') || !value(&c).at)) return count;
        if (!take(&c, ',')) return count + 1;
    }
}

double tg_number(tg_json json, double otherwise) {
    if (!json.at || json.len > 63) return otherwise;
    char text[64], *end;
    memcpy(text, json.at, json.len);
    text[json.len] = 0;
    if (text[0] != '-' && (text[0] < '0' || text[0] > '9')) return otherwise;
    double number = strtod(text, &end);
    return *end ? otherwise : number;
}

bool tg_is_true(tg_json json) { return json.len == 4 && memcmp(json.at, "true", 4) == 0; }

static unsigned hex4(const char *at) {
    char digits[5] = {at[0], at[1], at[2], at[3], 0};
    return (unsigned)strtoul(digits, NULL, 16);
}

static char *put_utf8(char *to, unsigned code) {
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xC0 | code >> 6);
        *to++ = (char)(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *to++ = (char)(0xE0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 63));
        *to++ = (char)(0x80 | (code & 63));
    } else {
        *to++ = (char)(0xF0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 63));
        *to++ = (char)(0x80 | (code >> 6 & 63));
        *to++ = (char)(0x80 | (code & 63));
    }
    return to;
}

char *tg_text(tg_json json) {
    if (!json.at) return NULL;
    if (json.len < 2 || json.at[0] != '"') return tg_copy(json.at, json.len);
    // Never longer than what it is written as.
    char *text = tg_alloc(json.len), *to = text;
    const char *at = json.at + 1, *end = json.at + json.len - 1;
    while (at < end) {
        if (*at != '\\' || at + 1 >= end) {
            *to++ = *at++;
            continue;
        }
        char escaped = at[1];
        at += 2;
        switch (escaped) {
        case 'n': *to++ = '\n'; break;
        case 't': *to++ = '\t'; break;
        case 'r': *to++ = '\r'; break;
        case 'b': *to++ = '\b'; break;
        case 'f': *to++ = '\f'; break;
        case 'u': {
            if (end - at < 4) break;
            unsigned code = hex4(at);
            at += 4;
            bool high = code >= 0xD800 && code < 0xDC00;
            if (high && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
                unsigned low = hex4(at + 2);
                if (low >= 0xDC00 && low < 0xE000) {
                    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                    at += 6;
                }
            }
            // A half of a pair is no character, and a null byte would end the text.
            if (code == 0 || (code >= 0xD800 && code < 0xE000)) code = 0xFFFD;
            to = put_utf8(to, code);
            break;
        }
        default: *to++ = escaped;
        }
    }
    *to = 0;
    return text;
}

typedef struct {
    char *text;
    size_t len, room;
} buffer;

static void put(buffer *b, const char *text, size_t len) {
    if (b->len + len + 1 > b->room) {
        b->room = (b->len + len + 1) * 2;
        b->text = realloc(b->text, b->room);
        if (!b->text) abort();
    }
    memcpy(b->text + b->len, text, len);
    b->len += len;
    b->text[b->len] = 0;
}

static void put_quoted(buffer *b, const char *text) {
    if (!text) {
        put(b, "null", 4);
        return;
    }
    put(b, "\"", 1);
    for (const char *at = text; *at; at++) {
        unsigned char c = (unsigned char)*at;
        char escape[8];
        if (c == '"' || c == '\\') put(b, (char[]){'\\', *at}, 2);
        else if (c < 0x20) put(b, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", c));
        else put(b, at, 1);
    }
    put(b, "\"", 1);
}

static void put_number(buffer *b, double number) {
    char text[32];
    if (isfinite(number)) put(b, text, (size_t)snprintf(text, sizeof text, "%.17g", number));
    else put(b, "null", 4);
}

static void put_integer(buffer *b, long long number) {
    char text[24];
    put(b, text, (size_t)snprintf(text, sizeof text, "%lld", number));
}

char *tg_vformat(const char *format, va_list parts) {
    buffer b = {0};
    put(&b, "", 0);
    for (const char *at = format; *at; at++) {
        if (*at != '%') {
            put(&b, at, 1);
            continue;
        }
        at++;
        if (strncmp(at, "lld", 3) == 0) {
            put_integer(&b, va_arg(parts, long long));
            at += 2;
        } else if (strncmp(at, "ld", 2) == 0) {
            put_integer(&b, va_arg(parts, long));
            at++;
        } else if (strncmp(at, "zu", 2) == 0) {
            put_integer(&b, (long long)va_arg(parts, size_t));
            at++;
        } else if (*at == 's') {
            const char *text = va_arg(parts, const char *);
            if (text) put(&b, text, strlen(text));
        } else if (*at == 'q') {
            put_quoted(&b, va_arg(parts, const char *));
        } else if (*at == 'j') {
            tg_json json = va_arg(parts, tg_json);
            if (json.at) put(&b, json.at, json.len);
            else put(&b, "null", 4);
        } else if (*at == 'd') {
            put_integer(&b, va_arg(parts, int));
        } else if (*at == 'f') {
            put_number(&b, va_arg(parts, double));
        } else if (*at == 'b') {
            bool is = va_arg(parts, int);
            put(&b, is ? "true" : "false", is ? 4 : 5);
        } else if (*at == '%') {
            put(&b, "%", 1);
        } else {
            // A mistake of the author; anything else would read an argument as what it is not.
            fprintf(stderr, "tg_format: there is no %%%c in \"%s\"\n", *at, format);
            abort();
        }
    }
    return b.text;
}

char *tg_format(const char *format, ...) {
    va_list parts;
    va_start(parts, format);
    char *text = tg_vformat(format, parts);
    va_end(parts);
    return text;
}
