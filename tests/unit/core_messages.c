/* Texts: every error code has one in both languages (tools/messages_check.py looks after the codes
   of fields and cells). */
#include "unit.h"

#include "core/messages/messages.h"

static struct messages *load(void)
{
    struct messages *m = NULL;
    struct err e = {0};
    if (messages_load(&m, &e) != 0)
        fail_msg("%s", e.detail);
    return m;
}

static void every_error_has_a_text(void **state)
{
    (void)state;
    struct messages *m = load();
    for (int code = ERR_FIRST_ + 1; code < ERR_LAST_; code++)
        if (!message_known(m, err_def(code)->id))
            fail_msg("%s has no text", err_def(code)->id);
    messages_free(m);
}

static void parameters(void **state)
{
    (void)state;
    struct messages *m = load();
    struct arena *a = arena_new(0);
    struct err_param p[] = {{"left", STR("3")}, {NULL, STR_NULL}};
    assert_text(message_text(m, LANG_EN, "sign-in-failed", p, 2, a),
                "Wrong login or password; 3 tries left");
    assert_text(message_text(m, LANG_ZH, "sign-in-failed", p, 2, a),
                "账号或密码不对，还可以试 3 次");
    assert_text(message_text(m, LANG_EN, "not-signed-in", NULL, 0, a), "You are not signed in");
    /* Unknown codes and parameters are seen and not hidden. */
    assert_text(message_text(m, LANG_EN, "no-such-code", NULL, 0, a), "no-such-code");
    assert_text(message_text(m, LANG_EN, "sign-in-failed", NULL, 0, a),
                "Wrong login or password; … tries left");
    assert_false(message_known(m, "no-such-code"));
    arena_free(a);
    messages_free(m);
}

/* What a person typed into a parameter is not a template. */
static void braces_in_parameters(void **state)
{
    (void)state;
    struct messages *m = load();
    struct arena *a = arena_new(0);
    struct err_param p[] = {{"header", STR("{header}")}};
    assert_text(message_text(m, LANG_EN, "import-duplicate-header", p, 1, a),
                "Two columns are called {header}. Rename one of them in the file");
    arena_free(a);
    messages_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_error_has_a_text),
                                       cmocka_unit_test(parameters),
                                       cmocka_unit_test(braces_in_parameters)};
    return cmocka_run_group_tests_name("core_messages", tests, NULL, NULL);
}
