/* JSON out and in: escapes, numbers, limits. */
#include "unit.h"

#include "base/json.h"

#include <math.h>

static void writes(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    struct jw w = jw_new(&b);
    jw_obj(&w);
    jw_kcstr(&w, "text", "a\"\\\n\x01\x7f公");
    jw_key(&w, "list");
    jw_arr(&w);
    jw_i64(&w, INT64_MIN);
    jw_id(&w, 0);
    jw_id(&w, INT64_MAX);
    jw_f64(&w, 0.1);
    jw_f64(&w, (double)NAN);
    jw_f64(&w, (double)INFINITY);
    jw_bool(&w, true);
    jw_null(&w);
    jw_cstr(&w, NULL);
    jw_obj(&w);
    jw_obj_end(&w);
    jw_raw(&w, STR("{}"));
    jw_arr_end(&w);
    jw_ki64(&w, "n", 1);
    jw_obj_end(&w);
    assert_text(buf_str(&b),
                "{\"text\":\"a\\\"\\\\\\n\\u0001\\u007f公\",\"list\":[-9223372036854775808,"
                "null,\"9223372036854775807\",0.1,null,null,true,null,null,{},{}],"
                "\"n\":1}");
    buf_free(&b);
}

static void broken_text_is_replaced(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(0);
    struct jw w = jw_new(&b);
    jw_str(&w, STR("a\xff\xe5\x85z"));
    assert_text(buf_str(&b), "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"");
    buf_free(&b);
}

static void reals_read_back(void **state)
{
    (void)state;
    static const double values[] = {0, 1, -1.5, 1.0 / 3, 1e300, 5e-324, 123456789.123, 0.1 + 0.2};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct buf b = BUF_INIT(0);
        struct jw w = jw_new(&b);
        jw_f64(&w, values[i]);
        char *text = buf_take(&b, NULL);
        assert_true(strtod(text, NULL) == values[i]);
        free(text);
    }
}

static int read_text(struct str text, struct err *e)
{
    struct arena *a = arena_new(0);
    json_t *root = NULL;
    err_init(e, a);
    int rc = json_read(a, text, &root, e);
    if (rc == 0)
        assert_non_null(root);
    e->arena = NULL;
    /* What the parameters hold goes with the arena. */
    int64_t offset = -1;
    if (rc)
        str_to_i64(e->params[0].value, &offset);
    e->nitems = (size_t)offset;
    arena_free(a);
    return rc;
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        long offset;
    } cases[] = {{"{\"a\":1}", 0, 0},
                 {"5", 0, 0},
                 {"{\"a\":1,}", ERR_MALFORMED_JSON, 8},
                 {"{\"a\":1", ERR_MALFORMED_JSON, 6},
                 {"{\"a\":1,\"a\":2}", ERR_MALFORMED_JSON, -1},
                 {"", ERR_MALFORMED_JSON, -1},
                 {"{'a':1}", ERR_MALFORMED_JSON, -1},
                 {"[1e999]", ERR_MALFORMED_JSON, -1},
                 {"[99999999999999999999]", ERR_MALFORMED_JSON, -1},
                 {"\"\\u0000\"", ERR_MALFORMED_JSON, -1},
                 {"\"\\ud800\"", ERR_MALFORMED_JSON, -1},
                 {"{\"a\":\"\xff\"}", ERR_BAD_UTF8, 6}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e;
        int rc = read_text(str_of(cases[i].text), &e);
        if (rc != cases[i].code)
            fail_msg("%s: %d, not %d", cases[i].text, rc, cases[i].code);
        if (rc && cases[i].offset >= 0)
            assert_int_equal(cases[i].offset, (long)e.nitems);
    }
}

static void limits(void **state)
{
    (void)state;
    struct err e;
    struct buf b = BUF_INIT(0);
    for (int deep = 64; deep <= 65; deep++) {
        buf_clear(&b);
        for (int i = 0; i < deep; i++)
            buf_add_char(&b, '[');
        for (int i = 0; i < deep; i++)
            buf_add_char(&b, ']');
        assert_int_equal(deep == 64 ? 0 : ERR_MALFORMED_JSON, read_text(buf_str(&b), &e));
    }
    for (int n = 10000; n <= 10001; n++) {
        buf_clear(&b);
        buf_add_char(&b, '[');
        for (int i = 0; i < n; i++)
            buf_add_cstr(&b, i ? ",1" : "1");
        buf_add_char(&b, ']');
        assert_int_equal(n == 10000 ? 0 : ERR_MALFORMED_JSON, read_text(buf_str(&b), &e));
    }
    /* Brackets and commas inside texts do not count. */
    buf_clear(&b);
    buf_add_cstr(&b, "[\"\\\"");
    for (int i = 0; i < 20000; i++)
        buf_add_cstr(&b, "[,");
    buf_add_cstr(&b, "\"]");
    assert_int_equal(0, read_text(buf_str(&b), &e));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes), cmocka_unit_test(broken_text_is_replaced),
        cmocka_unit_test(reals_read_back), cmocka_unit_test(refuses), cmocka_unit_test(limits)};
    return cmocka_run_group_tests_name("base_json", tests, NULL, NULL);
}
