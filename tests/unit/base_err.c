/* Errors: the table, parameters, items and their bounds. */
#include "unit.h"

#include "base/err.h"

static void the_table(void **state)
{
    (void)state;
    for (int code = ERR_FIRST_ + 1; code < ERR_LAST_; code++) {
        const struct err_def *d = err_def(code);
        assert_int_equal(code, d->code);
        assert_true(code < 0);
        assert_true(d->status >= 400 && d->status < 600);
        for (int other = ERR_FIRST_ + 1; other < code; other++)
            assert_string_not_equal(err_def(other)->id, d->id);
    }
    assert_int_equal(ERR_INTERNAL, err_def(0)->code);
    assert_int_equal(ERR_INTERNAL, err_def(-1000)->code);
    assert_int_equal(ERR_INTERNAL, err_def(5)->code);
}

static void parameters(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    struct err e;
    err_init(&e, a);
    char text[] = "old";
    err_param(&e, "x", str_of(text));
    memcpy(text, "new", 3);
    assert_text(e.params[0].value, "old"); /* copied */
    err_param_i64(&e, "x", -5);
    assert_text(e.params[0].value, "-5"); /* replaced */
    assert_null(e.params[1].key);
    for (int i = 0; i < 10; i++)
        err_param(&e, i % 2 ? "a" : "b", STR("1"));
    err_clear(&e);
    assert_null(e.params[0].key);
    assert_ptr_equal(a, e.arena);
    arena_free(a);
}

static void items(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    struct err e;
    err_init(&e, a);
    for (int i = 0; i < 300; i++) {
        struct err_item *item = err_item(&e, arena_printf(a, "/%d", i), "required");
        err_item_param(&e, item, "n", STR("1"));
    }
    assert_int_equal(ERR_VALIDATION, e.code);
    assert_int_equal(200, e.nitems);
    size_t n = 0;
    for (struct err_item *i = e.items; i; i = i->next)
        assert_text(i->pointer, arena_printf(a, "/%zu", n++).p);
    assert_int_equal(200, n);
    arena_free(a);
}

static void nowhere_to_write(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(ERR_IO, err_set(NULL, ERR_IO, "x"));
    err_param(NULL, "x", STR("y"));
    err_clear(NULL);
    assert_null(err_item(NULL, STR("/x"), "required"));
    err_param(&e, "x", STR("y"));
    assert_null(e.params[0].key);
    assert_null(err_item(&e, STR("/x"), "required"));
    assert_int_equal(ERR_VALIDATION, e.code);
    err_item_param(&e, NULL, "x", STR("y"));
    char text[400];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    err_set(&e, ERR_IO, "%s", text);
    assert_int_equal(sizeof e.detail - 1, strlen(e.detail));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_table), cmocka_unit_test(parameters),
                                       cmocka_unit_test(items), cmocka_unit_test(nowhere_to_write)};
    return cmocka_run_group_tests_name("base_err", tests, NULL, NULL);
}
