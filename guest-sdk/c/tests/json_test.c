// Tests of the helper package: reading and writing JSON. Built by the test of tollgate-scaffold that builds templates.
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../internal.h"
#include "../testing.h"

const tg_policy tg_this_policy = {.name = "test"};

tg_answer tg_run(tg_json input) {
    tg_result result = tg_call("a", "b", "{}");
    return result.failure ? tg_failed(result) : tg_ok("[%j,%j]", result.value, input);
}

static bool same(const char *a, const char *b) {
    if (a && b && !strcmp(a, b)) return true;
    fprintf(stderr, "%s\nis not\n%s\n", a ? a : "(null)", b ? b : "(null)");
    return false;
}

static void reads(void) {
    tg_json json = tg_json_of(" {\"a\" : [1, {\"b\":\"}\\\"]\"}, -2.5e1 ,true,null], \"c\\u0064\":\"\\ud83d\\ude00\\n\",\"a2\":{},\"a2\":7} ");
    assert(tg_count(json) == 4);
    tg_json a = tg_get(json, "a");
    assert(tg_count(a) == 5 && tg_number(tg_at(a, 0), 0) == 1 && tg_number(tg_at(a, 2), 0) == -25);
    assert(tg_is_true(tg_at(a, 3)) && !tg_is_true(tg_at(a, 4)) && !tg_at(a, 5).at);
    assert(same(tg_text(tg_get(tg_at(a, 1), "b")), "}\"]"));
    assert(same(tg_text(tg_get(json, "cd")), "\xF0\x9F\x98\x80\n"));
    assert(tg_number(tg_get(json, "a2"), 0) == 7);
    assert(!tg_get(json, "no").at && !tg_get(a, "b").at && !tg_at(json, 0).at && !tg_text(tg_get(json, "no")));
    assert(tg_count(tg_json_of("[]")) == 0 && tg_count(tg_json_of("{ }")) == 0 && tg_count(tg_json_of("7")) == 0);
    assert(same(tg_text(tg_json_of("\"\\ud800x\\u0000\"")), "\xEF\xBF\xBDx\xEF\xBF\xBD"));
}

static void writes(void) {
    assert(same(tg_format("%s|%q|%q|%j|%d|%ld|%lld|%zu|%f|%f|%b%%", "a", "\"\\\n\x01", (char *)NULL, tg_json_of("[1]"), -1,
                          2L, 3LL, (size_t)4, 0.5, NAN, true),
                "a|\"\\\"\\\\\\u000a\\u0001\"|null|[1]|-1|2|3|4|0.5|null|true%"));
}

static void checks(void) {
    const char *good[] = {"1", "-0.5e+3", " [ ] ", "{}", "[1,[2,{\"a\":null}],\"\\u00e9\"]", "\"\"", "true"};
    const char *bad[] = {"", "not found", "true story", "[1,]", "{\"a\"}", "{a:1}", "01", "1.", "-", "\"", "\"\\x\"", "\"\\u12\"",
                         "[1] 2", "[}", "\"\n\"", "nul", "{\"a\":1,}", "[", "+1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert(tg_is_json(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert(!tg_is_json(bad[i]));
    char deep[259];
    memset(deep, '[', 129), memset(deep + 129, ']', 129), deep[258] = 0;
    assert(!tg_is_json(deep));
    deep[257] = 0;
    assert(tg_is_json(deep + 1));
}

// Nothing reads beyond the end, whatever it is given.
static void survives(void) {
    const char alphabet[] = "{}[]\",:\\u0d8 1truefalsn-";
    srand(7);
    for (int round = 0; round < 200000; round++) {
        size_t len = (size_t)(rand() % 24);
        // On the heap, so that a sanitizer sees what is beyond it.
        char *text = malloc(len + 1);
        for (size_t i = 0; i < len; i++) text[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        text[len] = 0;
        tg_json json = {text, len};
        tg_get(json, "a"), tg_at(json, 1), tg_count(json), free(tg_text(json)), tg_number(json, 0), tg_is_json(text);
        free(text);
    }
}

static void answers(void) {
    assert(same(tg_fake_run("{}").code, "unknown-tool"));
    tg_fake("a", "b", "{\"x\":1}");
    assert(same(tg_fake_run("{}").json, "[{\"x\":1},{}]"));
    const char *text = "{\"content\":[{\"type\":\"text\",\"text\":\"not found\"},{\"type\":\"text\",\"text\":\"here\"}]}";
    assert(same(tg_text(tg_result_of(text, strlen(text)).value), "not found\nhere"));
    tg_fake_failure("a", "b", "timed-out", "30 s");
    assert(same(tg_fake_run("{}").message, "a:b: timed out: 30 s; the call may have had an effect, check before repeating it"));
}

static void keeps(void) {
    assert(!tg_state_get("n").version && !tg_state_get("n").value.at);
    assert(tg_state_set_if("n", "1", 0).version == 1);
    assert(same(tg_state_set_if("n", "2", 0).message, "the key was changed meanwhile: its version is 1 now"));
    assert(tg_state_set_if("n", "2", 1).version == 2 && tg_state_set("m/1", "{}").version == 3);
    assert(tg_number(tg_state_get("n").value, 0) == 2);
    tg_json keys = tg_get(tg_state_list("", NULL).value, "keys");
    assert(tg_count(keys) == 2 && same(tg_text(tg_get(tg_at(keys, 0), "key")), "m/1"));
    assert(tg_count(tg_get(tg_state_list("m/", "m/1").value, "keys")) == 0);
    assert(tg_is_true(tg_state_delete("n").value) && !tg_is_true(tg_state_delete("n").value));
    assert(same(tg_state_set_if("n", "3", 2).message, "the key is not as expected: it is not there"));
    assert(tg_state_set("n", "3").version == 4);
}

int main(void) {
    reads(), writes(), checks(), survives(), answers(), keeps();
    return 0;
}
