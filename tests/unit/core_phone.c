/* Telephone numbers: what is searched for of them, however they are written. */
#include "unit.h"

#include "core/search/phone.h"

static void digits_are(const char *written, const char *want)
{
    char digits[PHONE_MAX];
    assert_text(phone_digits(str_of(written), digits), want);
}

static void tokens_are(const char *text, const char *want)
{
    struct buf out = BUF_INIT(4096);
    phone_tokens(str_of(text), &out);
    assert_text(buf_str(&out), want);
    buf_free(&out);
}

static void one_number_in_many_ways(void **state)
{
    static const char *const mobile[] = {"13811112222",
                                         "138-1111-2222",
                                         "138 1111 2222",
                                         "+8613811112222",
                                         "+86 138 11112222",
                                         "008613811112222",
                                         "0086-138 1111 2222",
                                         "8613811112222",
                                         "(+86)13811112222",
                                         "138\xe2\x80\x93"
                                         "1111\xe2\x80\x93"
                                         "2222",
                                         " 138.1111.2222 "};
    (void)state;
    for (size_t i = 0; i < sizeof mobile / sizeof *mobile; i++)
        digits_are(mobile[i], "13811112222");
    digits_are("0574-87654321", "57487654321");
    digits_are("+86 (0)574 8765 4321", "57487654321");
    digits_are("(0574) 87654321-802", "57487654321");
    digits_are("0512-1234567 ext 22", "5121234567");
    digits_are("+44 (0)20 7946 0018", "442079460018");
    digits_are("0044 20 7946 0018", "442079460018");
    digits_are("860571", "860571"); /* too short to have a country in front */
    digits_are("110", "110");
    digits_are("000", "");
    digits_are("+", "");
    digits_are("", "");
    digits_are("123456789012345678901234567890", "123456789012345678901234");
}

static void tokens(void **state)
{
    (void)state;
    tokens_are("+86 138-1111-2222", "13811112222 11112222 2222 ");
    tokens_are("0512-1234567", "5121234567 21234567 1234567 4567 ");
    tokens_are("0574-87654321-802", "57487654321 87654321 4321 ");
    tokens_are("010 8765 4321-802", "1087654321 87654321 4321 ");
    tokens_are("0574-8765 4321-802", "57487654321 87654321 4321 ");
    tokens_are("0574-87654321/22", "57487654321 87654321 4321 ");
    tokens_are("13811112222/+8613911113333",
               "13811112222 11112222 2222 13911113333 11113333 3333 ");
    tokens_are("13811112222 13911113333", "13811112222 11112222 2222 13911113333 11113333 3333 ");
    tokens_are("95588", "95588 5588 ");
    tokens_are("110", "110 ");
    tokens_are("ask at the desk", "");
    tokens_are("+ + /", "");
    tokens_are("", "");
}

static void what_joins(void **state)
{
    (void)state;
    assert_true(phone_joins(STR("-")));
    assert_true(phone_joins(STR(") ")));
    assert_true(phone_joins(STR("\xe2\x80\x94")));
    assert_false(phone_joins(STR(", ")));
    assert_false(phone_joins(STR("/")));
    assert_false(phone_joins(STR("\xe3\x80\x81")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_number_in_many_ways),
                                       cmocka_unit_test(tokens), cmocka_unit_test(what_joins)};
    return cmocka_run_group_tests_name("core_phone", tests, NULL, NULL);
}
