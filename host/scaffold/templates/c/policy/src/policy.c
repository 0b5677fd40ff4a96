#include <tollgate.h>

const tg_policy tg_this_policy = {
    .name = "{{name}}",
    .description = "Greets somebody, and tells which customers have such a name.",
    .input_schema = "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"}},\"required\":[\"name\"]}",
    .grants = (const char *const[]){"tool=crm:search_customers", NULL},
};

tg_answer tg_run(tg_json input) {
    char *name = tg_text(tg_get(input, "name"));
    tg_result found = tg_call("crm", "search_customers", tg_format("{\"query\":%q}", name));
    if (found.failure) return tg_failed(found);
    return tg_ok("{\"greeting\":%q,\"customers\":%j}", tg_format("Hello, %s!", name), found.value);
}
