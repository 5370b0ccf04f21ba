/* Filters become SQL: only known names, only bound values, within limits. */
#include "unit.h"

#include "base/clock.h"
#include "core/filter/filter.h"

#include <stdio.h>

struct world {
    struct registry *r;
    struct arena *a;
    struct filter_env env;
    struct err e;
    size_t nargs;
};

static int up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct err e = {0};
    if (registry_load(&w->r, &e) != 0)
        return -1;
    w->a = arena_new(0);
    w->env = (struct filter_env){.parse = {.arena = w->a, .base_currency = STR("CNY")},
                                 .today = date_from_ymd(2024, 2, 29),
                                 .midnight = INT64_C(1709136000000)};
    *state = w;
    return 0;
}

static int down(void **state)
{
    struct world *w = *state;
    arena_free(w->a);
    registry_free(w->r);
    free(w);
    return 0;
}

static const struct entity *customers(struct world *w)
{
    return &w->r->entities[ENTITY_CUSTOMER];
}

static int parse(struct world *w, const char *json, const struct filter **f)
{
    json_t *root = NULL;
    err_init(&w->e, w->a);
    int rc = json_read(w->a, str_of(json), &root, &w->e);
    return rc ? rc : filter_parse(customers(w), root, &w->env, f, &w->e);
}

static const char *sql_of(struct world *w, const struct filter *f)
{
    struct sql q = sql_new(w->a);
    filter_sql(f, "t.", &q);
    const char *text = sql_text(&q);
    w->nargs = q.nargs;
    assert_false(q.overflow);
    return text;
}

static const char *compile(struct world *w, const char *json)
{
    const struct filter *f = NULL;
    if (parse(w, json, &f) != 0)
        fail_msg("%s: %s", json, w->e.detail);
    return sql_of(w, f);
}

static void refused(struct world *w, const char *json, const char *pointer, const char *code)
{
    const struct filter *f = NULL;
    if (parse(w, json, &f) != ERR_VALIDATION || !w->e.items)
        fail_msg("%s was taken", json);
    assert_string_equal(code, w->e.items->code);
    assert_text(w->e.items->pointer, pointer);
}

static void every_operator(void **state)
{
    struct world *w = *state;
    assert_string_equal("(t.kind = $1)",
                        compile(w, "{\"field\":\"kind\",\"op\":\"eq\",\"value\":\"person\"}"));
    assert_string_equal("(t.kind IS NULL OR t.kind <> $1)",
                        compile(w, "{\"field\":\"kind\",\"op\":\"ne\",\"value\":\"person\"}"));
    assert_string_equal("(t.employees >= $1 AND t.employees <= $2)",
                        compile(w, "{\"field\":\"employees\",\"op\":\"between\",\"value\":[1,9]}"));
    assert_string_equal("(t.employees IN ($1, $2, $3))",
                        compile(w, "{\"field\":\"employees\",\"op\":\"in\",\"value\":[1,2,3]}"));
    assert_string_equal("(t.employees IS NULL OR t.employees NOT IN ($1))",
                        compile(w, "{\"field\":\"employees\",\"op\":\"nin\",\"value\":[1]}"));
    assert_string_equal("(t.city IS NULL)", compile(w, "{\"field\":\"city\",\"op\":\"null\"}"));
    assert_string_equal("(lower(t.name) LIKE $1 ESCAPE '\\')",
                        compile(w, "{\"field\":\"name\",\"op\":\"contains\",\"value\":\"A%\"}"));
    /* Money compares in base currency. */
    assert_string_equal("(t.credit_limit_base > $1)",
                        compile(w, "{\"field\":\"credit_limit\",\"op\":\"gt\",\"value\":\"5\"}"));
    assert_string_equal("(t.clv < $1)",
                        compile(w, "{\"field\":\"clv\",\"op\":\"lt\",\"value\":5.5}"));
    assert_string_equal("(t.birthday >= $1 AND t.birthday < $2)",
                        compile(w, "{\"field\":\"birthday\",\"op\":\"this_month\"}"));
}

static void days_as_number_or_text(void **state)
{
    struct world *w = *state;
    const char *want = "(t.birthday >= $1 AND t.birthday < $2)";
    assert_string_equal(want,
                        compile(w, "{\"field\":\"birthday\",\"op\":\"last_days\",\"value\":30}"));
    assert_string_equal(
        want, compile(w, "{\"field\":\"birthday\",\"op\":\"next_days\",\"value\":\"30\"}"));
}

static void trees(void **state)
{
    struct world *w = *state;
    assert_string_equal("((t.kind = $1) OR (CASE WHEN ((t.city IS NULL)) THEN 0 ELSE 1 END) = 1)",
                        compile(w,
                                "{\"or\":[{\"field\":\"kind\",\"op\":\"eq\",\"value\":\"person\"},"
                                "{\"not\":{\"field\":\"city\",\"op\":\"null\"}}]}"));
    refused(w, "{\"and\":[]}", "/filter/and", "filter-shape");
    refused(w, "{\"not\":[{\"field\":\"city\",\"op\":\"null\"}]}", "/filter", "filter-shape");
    refused(w, "{\"and\":[{\"field\":\"city\",\"op\":\"null\"}],\"or\":[]}", "/filter",
            "filter-shape");
    refused(w, "[]", "/filter", "filter-shape");
    refused(w, "5", "/filter", "filter-shape");
    refused(w, "{\"and\":[{\"field\":\"city\",\"op\":\"null\"},7]}", "/filter/and/1",
            "filter-shape");
}

static void what_is_unknown_or_wrong(void **state)
{
    struct world *w = *state;
    refused(w, "{\"field\":\"nothing\",\"op\":\"eq\",\"value\":1}", "/filter", "unknown-field");
    refused(w, "{\"field\":\"deleted_at\",\"op\":\"null\"}", "/filter", "unknown-field");
    refused(w, "{\"field\":\"name\",\"op\":\"like\",\"value\":\"x\"}", "/filter",
            "unknown-operator");
    refused(w, "{\"field\":\"name\",\"op\":\"gt\",\"value\":\"x\"}", "/filter", "unknown-operator");
    refused(w, "{\"field\":\"kind\",\"op\":\"eq\",\"value\":\"firm\"}", "/filter",
            "unknown-option");
    refused(w, "{\"field\":\"employees\",\"op\":\"eq\",\"value\":\"x\"}", "/filter", "integer");
    refused(w, "{\"field\":\"employees\",\"op\":\"eq\"}", "/filter", "value-count");
    refused(w, "{\"field\":\"employees\",\"op\":\"eq\",\"value\":[1,2]}", "/filter", "value-count");
    refused(w, "{\"field\":\"employees\",\"op\":\"between\",\"value\":[1]}", "/filter",
            "value-count");
    refused(w, "{\"field\":\"name\",\"op\":\"eq\",\"value\":5}", "/filter", "type-text");
    refused(w, "{\"field\":\"birthday\",\"op\":\"eq\",\"value\":\"2024-02-30\"}", "/filter",
            "date-no-such-day");
    refused(w, "{\"field\":\"birthday\",\"op\":\"last_days\",\"value\":-1}", "/filter",
            "out-of-range");
    refused(w, "{\"field\":\"birthday\",\"op\":\"last_days\",\"value\":\"x\"}", "/filter",
            "integer");
    refused(w, "{\"field\":\"birthday\",\"op\":\"last_days\"}", "/filter", "integer");
}

/* Nothing that comes from outside is ever part of the text. */
static void injections(void **state)
{
    struct world *w = *state;
    static const char *const attempts[] = {"' OR 1=1 --", "\\'; DROP TABLE customers; --", "$1",
                                           "%s%n", "x') OR ('1'='1"};
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        char json[256];
        const struct filter *f = NULL;
        json_t *leaf =
            json_pack("{s:s,s:s,s:s}", "field", "name", "op", "eq", "value", attempts[i]);
        err_init(&w->e, w->a);
        assert_int_equal(0, filter_parse(customers(w), leaf, &w->env, &f, &w->e));
        assert_string_equal("(t.name = $1)", sql_of(w, f));
        assert_int_equal(1, w->nargs);
        json_decref(leaf);
        leaf = json_pack("{s:s,s:s,s:s}", "field", attempts[i], "op", "eq", "value", "x");
        err_init(&w->e, w->a);
        assert_int_equal(ERR_VALIDATION, filter_parse(customers(w), leaf, &w->env, &f, &w->e));
        json_decref(leaf);
        leaf = json_pack("{s:s,s:s,s:s}", "field", "name", "op", attempts[i], "value", "x");
        err_init(&w->e, w->a);
        assert_int_equal(ERR_VALIDATION, filter_parse(customers(w), leaf, &w->env, &f, &w->e));
        json_decref(leaf);
        (void)json;
    }
}

static void limits(void **state)
{
    struct world *w = *state;
    const struct filter *f = NULL;
    const char leaf[] = "{\"field\":\"city\",\"op\":\"null\"}";
    for (int deep = 7; deep <= 10; deep++) {
        struct str json = str_of(leaf);
        for (int i = 0; i < deep; i++)
            json = arena_printf(w->a, "{\"not\":" STR_FMT "}", STR_ARG(json));
        assert_int_equal(deep <= 8 ? 0 : ERR_VALIDATION, parse(w, json.p, &f));
    }
    for (int n = 100; n <= 101; n++) {
        struct buf b = BUF_INIT(0);
        buf_add_cstr(&b, "{\"and\":[{\"or\":[");
        for (int i = 0; i < 50; i++)
            buf_printf(&b, "%s%s", i ? "," : "", leaf);
        buf_add_cstr(&b, "]},{\"or\":[");
        for (int i = 50; i < n; i++)
            buf_printf(&b, "%s%s", i > 50 ? "," : "", leaf);
        buf_add_cstr(&b, "]}]}");
        char *json = buf_take(&b, NULL);
        assert_int_equal(n == 100 ? 0 : ERR_VALIDATION, parse(w, json, &f));
        free(json);
    }
    for (int n = 500; n <= 501; n++) {
        struct buf b = BUF_INIT(0);
        buf_add_cstr(&b, "{\"field\":\"employees\",\"op\":\"in\",\"value\":[");
        for (int i = 0; i < n; i++)
            buf_printf(&b, "%s%d", i ? "," : "", i);
        buf_add_cstr(&b, "]}");
        char *json = buf_take(&b, NULL);
        assert_int_equal(n == 500 ? 0 : ERR_VALIDATION, parse(w, json, &f));
        free(json);
    }
}

static void short_form(void **state)
{
    struct world *w = *state;
    const struct filter *f = NULL;
    err_init(&w->e, w->a);
    assert_int_equal(
        0, filter_leaf(customers(w), STR("kind"), STR_NULL, STR("person"), &w->env, &f, &w->e));
    assert_string_equal("(t.kind = $1)", sql_of(w, f));
    assert_int_equal(
        0, filter_leaf(customers(w), STR("employees"), STR("in"), STR("1,2"), &w->env, &f, &w->e));
    assert_string_equal("(t.employees IN ($1, $2))", sql_of(w, f));
    assert_int_equal(0, filter_leaf(customers(w), STR("birthday"), STR("last_days"), STR("30"),
                                    &w->env, &f, &w->e));
    assert_int_equal(ERR_VALIDATION, filter_leaf(customers(w), STR("birthday"), STR("last_days"),
                                                 STR("x"), &w->env, &f, &w->e));
    assert_int_equal(ERR_VALIDATION, filter_leaf(customers(w), STR("employees"), STR("between"),
                                                 STR("1"), &w->env, &f, &w->e));
    assert_int_equal(ERR_VALIDATION,
                     filter_leaf(customers(w), STR("x"), STR_NULL, STR("1"), &w->env, &f, &w->e));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {CASE(every_operator), CASE(days_as_number_or_text),
                                       CASE(trees),          CASE(what_is_unknown_or_wrong),
                                       CASE(injections),     CASE(limits),
                                       CASE(short_form)};
    return cmocka_run_group_tests_name("core_filter", tests, NULL, NULL);
}
