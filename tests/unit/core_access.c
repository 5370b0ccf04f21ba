/* Who may see what: scopes as branches and predicates that never disagree. */
#include "unit.h"

#include "core/access/access.h"

static struct registry *r;

static int up(void **state)
{
    struct err e = {0};
    (void)state;
    return registry_load(&r, &e);
}

static int down(void **state)
{
    (void)state;
    registry_free(r);
    return 0;
}

static struct actor person(enum scope s)
{
    static const int64_t below[] = {10, 11, 12};
    struct actor a = {
        .user_id = 1, .department_id = 10, .kind = "user", .below = below, .nbelow = 3};
    for (int i = 0; i < ENTITY_COUNT; i++)
        for (int k = 0; k < ACCESS_ACTIONS; k++)
            a.on[i].scope[k] = s;
    return a;
}

/* One record against one branch, as the SQL would decide. */
static bool in_branch(const struct actor *who, const struct access_branch *b, int64_t owner,
                      int64_t department)
{
    if (b->kind == BRANCH_ALL)
        return true;
    if (b->kind == BRANCH_OWNER)
        return owner && owner == b->id;
    return department && department == b->id && !(b->not_owner && owner && owner == who->user_id);
}

static void branches_agree_with_may(void **state)
{
    (void)state;
    const struct entity *en = &r->entities[ENTITY_CUSTOMER];
    static const int64_t owners[] = {0, 1, 2}, departments[] = {0, 10, 11, 99};
    for (int s = SCOPE_NONE; s <= SCOPE_ALL; s++) {
        struct actor who = person((enum scope)s);
        struct access_branch b[ACCESS_MAX_BRANCHES];
        bool in_list;
        size_t n = access_branches(&who, en, ACCESS_READ, b, &in_list);
        assert_false(in_list);
        for (size_t o = 0; o < 3; o++) {
            for (size_t d = 0; d < 4; d++) {
                unsigned hits = 0;
                for (size_t i = 0; i < n; i++)
                    hits += in_branch(&who, &b[i], owners[o], departments[d]);
                bool may = access_may(&who, en, ACCESS_READ, owners[o], departments[d]);
                assert_int_equal(may, hits); /* in one branch or in none, never in two */
            }
        }
    }
}

static void nobody_without_department_sees_those_without(void **state)
{
    (void)state;
    const struct entity *en = &r->entities[ENTITY_ORDER];
    struct actor who = person(SCOPE_DEPARTMENT);
    who.department_id = 0;
    struct access_branch b[ACCESS_MAX_BRANCHES];
    bool in_list;
    assert_int_equal(1, access_branches(&who, en, ACCESS_READ, b, &in_list));
    assert_int_equal(BRANCH_OWNER, b[0].kind);
    assert_false(access_may(&who, en, ACCESS_READ, 2, 0));
    assert_true(access_may(&who, en, ACCESS_READ, 1, 0));
}

static void many_departments_become_a_list(void **state)
{
    (void)state;
    int64_t below[100];
    for (int i = 0; i < 100; i++)
        below[i] = i + 1;
    struct actor who = person(SCOPE_BELOW);
    who.below = below;
    who.nbelow = 100;
    struct access_branch b[ACCESS_MAX_BRANCHES];
    bool in_list;
    assert_int_equal(
        1, access_branches(&who, &r->entities[ENTITY_CUSTOMER], ACCESS_READ, b, &in_list));
    assert_true(in_list);
    struct arena *a = arena_new(0);
    struct sql q = sql_new(a);
    access_predicate(&who, &r->entities[ENTITY_CUSTOMER], ACCESS_READ, "", &q);
    const char *text = sql_text(&q);
    assert_non_null(strstr(text, "department_id IN ($2, $3"));
    assert_int_equal(101, q.nargs);
    arena_free(a);
}

static void predicates(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    static const char *const want[] = {
        [SCOPE_NONE] = " AND 1 = 0",
        [SCOPE_OWN] = " AND (t.owner_id = $1)",
        [SCOPE_DEPARTMENT] = " AND (t.owner_id = $1 OR t.department_id IN ($2))",
        [SCOPE_BELOW] = " AND (t.owner_id = $1 OR t.department_id IN ($2, $3, $4))",
        [SCOPE_ALL] = ""};
    for (int s = SCOPE_NONE; s <= SCOPE_ALL; s++) {
        struct actor who = person((enum scope)s);
        struct sql q = sql_new(a);
        access_predicate(&who, &r->entities[ENTITY_NOTE], ACCESS_READ, "t.", &q);
        assert_string_equal(want[s], sql_text(&q));
    }
    arena_free(a);
}

static void roles_from_json(void **state)
{
    (void)state;
    struct entity_access on[ENTITY_COUNT];
    struct arena *a = arena_new(0);
    struct err e;
    err_init(&e, a);
    json_t *in = json_loads("{\"customer\":{\"read\":\"below\",\"write\":\"own\",\"create\":true}}",
                            0, NULL);
    assert_int_equal(0, access_from_json(r, in, a, on, &e));
    json_decref(in);
    assert_int_equal(SCOPE_BELOW, on[ENTITY_CUSTOMER].scope[ACCESS_READ]);
    assert_int_equal(SCOPE_OWN, on[ENTITY_CUSTOMER].scope[ACCESS_WRITE]);
    assert_int_equal(SCOPE_NONE, on[ENTITY_CUSTOMER].scope[ACCESS_DELETE]);
    assert_true(on[ENTITY_CUSTOMER].create);
    assert_int_equal(SCOPE_NONE, on[ENTITY_ORDER].scope[ACCESS_READ]);
    assert_int_equal(SCOPE_ALL, on[ENTITY_USER].scope[ACCESS_READ]);
    static const char *const wrong[] = {"{\"nothing\":{}}", "{\"customer\":5}",
                                        "{\"customer\":{\"read\":\"everything\"}}",
                                        "{\"customer\":{\"read\":true}}"};
    for (size_t i = 0; i < 4; i++) {
        err_init(&e, a);
        in = json_loads(wrong[i], 0, NULL);
        assert_int_equal(ERR_VALIDATION, access_from_json(r, in, a, on, &e));
        json_decref(in);
    }
    arena_free(a);
}

static void levels_from_json(void **state)
{
    (void)state;
    struct entity_access on[ENTITY_COUNT];
    struct arena *a = arena_new(0);
    struct actor who = {.kind = "user"};
    const struct entity *en = &r->entities[ENTITY_CUSTOMER];
    struct err e;
    err_init(&e, a);
    json_t *in = json_loads("{\"customer\":{\"read\":\"all\",\"fields\":{\"phone\":\"mask\","
                            "\"city\":\"edit\"}},\"order\":{\"fields\":{\"number\":\"edit\"}}}",
                            0, NULL);
    assert_int_equal(0, access_from_json(r, in, a, on, &e));
    json_decref(in);
    memcpy(who.on, on, sizeof on);
    assert_int_equal(LEVEL_MASK, access_level(&who, en, CUSTOMER_PHONE));
    assert_int_equal(LEVEL_EDIT, access_level(&who, en, CUSTOMER_CITY));
    assert_int_equal(LEVEL_HIDE, access_level(&who, en, FIELD_DELETED_AT));
    assert_null(on[ENTITY_ORDER].level); /* nothing is held back: nothing is asked */
    who.is_admin = true;
    assert_int_equal(LEVEL_EDIT, access_level(&who, en, CUSTOMER_PHONE));
    arena_free(a);
}

static void masks(void **state)
{
    (void)state;
    static const struct {
        int entity, field;
        const char *in, *want;
    } cases[] = {{ENTITY_CUSTOMER, CUSTOMER_PHONE, "13811110000", "\"138****0000\""},
                 {ENTITY_CUSTOMER, CUSTOMER_PHONE, "+8613811110000", "\"+86138****0000\""},
                 {ENTITY_CUSTOMER, CUSTOMER_PHONE, "5551234", "\"****34\""},
                 {ENTITY_CUSTOMER, CUSTOMER_PHONE, "110", "\"****\""},
                 {ENTITY_CUSTOMER, CUSTOMER_EMAIL, "zhao@example.com", "\"z***@example.com\""},
                 {ENTITY_CUSTOMER, CUSTOMER_NAME, "赵倩", "\"赵***\""},
                 {ENTITY_CUSTOMER, CUSTOMER_NAME, "", "\"***\""},
                 {ENTITY_CUSTOMER, CUSTOMER_CREDIT_LIMIT, "", "\"***\""},
                 {ENTITY_CUSTOMER, CUSTOMER_NAME, NULL, "null"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out = BUF_INIT(200);
        struct jw w = jw_new(&out);
        struct value v = {.null = !cases[i].in, .s = str_of(cases[i].in)};
        value_mask_json(&r->entities[cases[i].entity].fields[cases[i].field], &v, &w);
        assert_text(buf_str(&out), cases[i].want);
        buf_free(&out);
    }
}

static void only_administrators_write_people(void **state)
{
    (void)state;
    struct actor who = person(SCOPE_ALL);
    assert_false(access_may(&who, &r->entities[ENTITY_USER], ACCESS_WRITE, 0, 0));
    assert_true(access_may(&who, &r->entities[ENTITY_USER], ACCESS_READ, 0, 0));
    who.is_admin = true;
    assert_true(access_may(&who, &r->entities[ENTITY_USER], ACCESS_WRITE, 0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(branches_agree_with_may),
        cmocka_unit_test(nobody_without_department_sees_those_without),
        cmocka_unit_test(many_departments_become_a_list),
        cmocka_unit_test(predicates),
        cmocka_unit_test(roles_from_json),
        cmocka_unit_test(levels_from_json),
        cmocka_unit_test(masks),
        cmocka_unit_test(only_administrators_write_people)};
    return cmocka_run_group_tests_name("core_access", tests, up, down);
}
