/* The registry: every shipped entity loads, is labelled in both languages and hangs together. */
#include "unit.h"

#include "core/registry/registry.h"

static struct registry *load(void)
{
    struct registry *r = NULL;
    struct err e = {0};
    if (registry_load(&r, &e) != 0)
        fail_msg("registry: %s", e.detail);
    return r;
}

static void labelled(const char *what, const struct text2 *t)
{
    for (int lang = 0; lang < LANGS; lang++)
        if (t->in[lang].n == 0)
            fail_msg("%s has no label in language %d", what, lang);
}

static void everything_is_labelled(void **state)
{
    (void)state;
    struct registry *r = load();
    for (int i = 0; i < ENTITY_COUNT; i++) {
        const struct entity *en = &r->entities[i];
        labelled(en->name, &en->label);
        labelled(en->name, &en->label_plural);
        for (size_t k = 0; k < en->nfields; k++) {
            labelled(en->fields[k].name, &en->fields[k].label);
            for (size_t o = 0; o < en->fields[k].noptions; o++)
                labelled(en->fields[k].name, &en->fields[k].options[o].label);
        }
    }
    registry_free(r);
}

static void look_ups(void **state)
{
    (void)state;
    struct registry *r = load();
    for (int i = 0; i < ENTITY_COUNT; i++) {
        const struct entity *en = &r->entities[i];
        assert_int_equal(i, en->id);
        assert_ptr_equal(en, registry_entity(r, str_of(en->name)));
        assert_ptr_equal(en, registry_by_path(r, str_of(en->path)));
        unsigned columns = 0;
        for (size_t k = 0; k < en->nfields; k++) {
            const struct field *f = &en->fields[k];
            assert_int_equal(k, f->id);
            assert_ptr_equal(f, entity_field(en, str_of(f->name)));
            assert_int_equal(columns, f->column);
            assert_string_equal(f->name, en->columns[f->column]);
            columns += f->ncolumns;
            if (f->type->shape == SHAPE_LINK && !f->system)
                assert_true(f->target >= 0);
            if (f->type->shape == SHAPE_ENUM)
                assert_true(f->noptions > 0);
        }
        assert_int_equal(columns, en->ncolumns);
        assert_true(en->title_field >= 0);
    }
    assert_null(registry_entity(r, STR("nobody")));
    assert_null(registry_by_path(r, STR("customer")));
    assert_null(entity_field(&r->entities[ENTITY_CUSTOMER], STR("id; DROP TABLE x")));
    assert_true(r->version.n > 8);
    registry_free(r);
}

static void constants_are_the_fields(void **state)
{
    (void)state;
    struct registry *r = load();
    const struct entity *c = &r->entities[ENTITY_CUSTOMER], *o = &r->entities[ENTITY_ORDER];
    assert_string_equal("name", c->fields[CUSTOMER_NAME].name);
    assert_string_equal("ext_id", c->fields[CUSTOMER_EXT_ID].name);
    assert_string_equal("clv", c->fields[CUSTOMER_CLV].name);
    assert_string_equal("amount", o->fields[ORDER_AMOUNT].name);
    assert_string_equal("owner_id", o->fields[FIELD_OWNER_ID].name);
    assert_int_equal(3, o->fields[ORDER_AMOUNT].ncolumns);
    assert_int_equal(1, c->fields[CUSTOMER_CLV].ncolumns);
    assert_int_equal(ENTITY_CUSTOMER, o->fields[ORDER_CUSTOMER_ID].target);
    registry_free(r);
}

/* Every type: texts in, and what is wrong with them. */
static void values_of_every_type(void **state)
{
    (void)state;
    struct registry *r = load();
    struct arena *a = arena_new(0);
    const struct entity *c = &r->entities[ENTITY_CUSTOMER];
    struct parse_env env = {.arena = a, .base_currency = STR("CNY")};
    static const struct {
        const char *field, *text, *code;
    } cases[] = {{"name", "  公司 ", NULL},
                 {"name", "a\x01", "control-character"},
                 {"name", "\xff", "bad-utf8"},
                 {"rfm", "5555", "too-long"},
                 {"email", "a@b.cn", NULL},
                 {"email", "a@b", "email"},
                 {"email", "@b.cn", "email"},
                 {"email", "a@@b.cn", "email"},
                 {"email", "a b@c.cn", "email"},
                 {"phone", "+86 (10) 1234-5678", NULL},
                 {"phone", "12", "phone"},
                 {"phone", "call me", "phone"},
                 {"website", "example.com", NULL},
                 {"website", "https://example.com/x", NULL},
                 {"website", "javascript:alert(1)", "url"},
                 {"website", "https://a\"onclick", "url"},
                 {"website", "word", "url"},
                 {"employees", "12", NULL},
                 {"employees", "-1", "out-of-range"},
                 {"employees", "1.5", "integer"},
                 {"p_alive", "0.5", NULL},
                 {"p_alive", "nan", "number"},
                 {"kinship", "是", NULL},
                 {"kinship", "maybe", "boolean"},
                 {"birthday", "2024-02-29", NULL},
                 {"birthday", "2024-02-30", "date-no-such-day"},
                 {"birthday", "tomorrow", "date"},
                 {"kind", "company", NULL},
                 {"kind", "公司", NULL},
                 {"kind", "firm", "unknown-option"},
                 {"parent_id", "12", NULL},
                 {"parent_id", "x", "id"},
                 {"credit_limit", "1234.50", NULL},
                 {"credit_limit", "1234.50 CNY", NULL},
                 {"credit_limit", "1234.505", "too-many-decimals"},
                 {"credit_limit", "1,234.50", "number"},
                 {"credit_limit", "5 USD", "no-rate"},
                 {"credit_limit", "5 ABC", "unknown-currency"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct field *f = entity_field(c, str_of(cases[i].field));
        struct value v = {.i = 77};
        const char *code = f->type->from_text(f, str_of(cases[i].text), &env, &v);
        if (cases[i].code ? !code || strcmp(code, cases[i].code) != 0 : code != NULL)
            fail_msg("%s \"%s\": %s", cases[i].field, cases[i].text, code ? code : "accepted");
        if (code)
            assert_int_equal(77, v.i); /* untouched */
        struct value empty = {0};
        assert_null(f->type->from_text(f, STR(""), &env, &empty));
        assert_true(empty.null);
    }
    arena_free(a);
    registry_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_labelled), cmocka_unit_test(look_ups),
        cmocka_unit_test(constants_are_the_fields), cmocka_unit_test(values_of_every_type)};
    return cmocka_run_group_tests_name("core_registry", tests, NULL, NULL);
}
