/* Search tokens: words, pairs of Chinese characters, mixtures, bounds. */
#include "unit.h"

#include "core/search/tokens.h"

static void cut(const char *text, const char *want)
{
    struct buf b = BUF_INIT(1 << 20);
    tokens_of(str_of(text), &b);
    assert_text(buf_str(&b), want);
    buf_free(&b);
}

static void words(void **state)
{
    (void)state;
    cut("Acme Trading Co.", "acme trading co ");
    cut("A-1/B", "a 1 b ");
    cut("", "");
    cut(" ,.; ", "");
    cut("Müller GmbH", "müller gmbh ");
    cut("ＡＢＣ１２３", "abc123 "); /* full width */
    cut("STRASSE Straße", "strasse strasse ");
}

static void chinese(void **state)
{
    (void)state;
    cut("公司", "公司 司 ");
    cut("上海贸易", "上海 海贸 贸易 易 ");
    cut("公", "公 ");
    cut("北京ABC公司", "北京 京 abc 公司 司 ");
    cut("公司，上海", "公司 司 上海 海 ");
}

static void bounds(void **state)
{
    (void)state;
    struct buf text = BUF_INIT(0), out = BUF_INIT(1 << 20);
    for (int i = 0; i < 30000; i++)
        buf_add_cstr(&text, "字");
    tokens_of(buf_str(&text), &out);
    size_t spaces = 0;
    for (size_t i = 0; i < out.n; i++)
        spaces += out.p[i] == ' ';
    assert_true(spaces > 0 && spaces <= 2001);
    buf_clear(&text);
    buf_clear(&out);
    for (int i = 0; i < 200; i++)
        buf_add_char(&text, 'x');
    tokens_of(buf_str(&text), &out);
    assert_int_equal(41, out.n);
    buf_free(&text);
    buf_free(&out);
}

static void broken_text_is_left_out(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(1 << 20);
    tokens_of(STR("\xff\xfe"), &out);
    assert_int_equal(0, out.n);
    tokens_fold(STR("\xe5"), &out);
    assert_int_equal(0, out.n);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(words), cmocka_unit_test(chinese),
                                       cmocka_unit_test(bounds),
                                       cmocka_unit_test(broken_text_is_left_out)};
    return cmocka_run_group_tests_name("core_tokens", tests, NULL, NULL);
}
