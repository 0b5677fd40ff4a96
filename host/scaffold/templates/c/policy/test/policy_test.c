#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <testing.h>

int main(void) {
    tg_fake("crm", "search_customers", "[{\"name\":\"Ada Lovelace\"}]");
    tg_answer answer = tg_fake_run("{\"name\":\"Ada \\\"L\\\"\"}");
    assert(answer.ok);
    assert(!strcmp(answer.json, "{\"greeting\":\"Hello, Ada \\\"L\\\"!\",\"customers\":[{\"name\":\"Ada Lovelace\"}]}"));
    tg_json call = tg_at(tg_json_of(tg_fake_calls()), 0);
    assert(!strcmp(tg_text(tg_get(tg_get(call, "args"), "query")), "Ada \"L\""));

    tg_fake_failure("crm", "search_customers", "unavailable", "it is down");
    answer = tg_fake_run("{\"name\":\"Ada\"}");
    assert(!answer.ok && !strcmp(answer.code, "unavailable"));
    puts("ok");
    return 0;
}
