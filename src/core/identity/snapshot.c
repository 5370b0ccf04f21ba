/* All users as actors, read at once: with roles resolved and departments below collected. */
#include "core/identity/internal.h"

#include <stdlib.h>
#include <string.h>

struct role_row {
    int64_t id;
    struct entity_access on[ENTITY_COUNT];
};

struct tree_row {
    int64_t ancestor, descendant;
};

struct loading {
    struct tenant *t;
    struct db_conn *c;
    struct snapshot *s;
    struct role_row *roles;
    size_t nroles;
    struct tree_row *tree;
    size_t ntree;
};

static int read_roles(struct loading *l, struct err *e)
{
    struct db_rows *rows = NULL;
    size_t cap = 0;
    int rc = db_query(l->c, "SELECT id, permissions FROM roles WHERE deleted_at IS NULL", DB_NOARGS,
                      &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        if (l->nroles == cap) {
            struct role_row *grown = arena_array(l->s->arena, struct role_row, cap * 2 + 8);
            if (l->nroles)
                memcpy(grown, l->roles, l->nroles * sizeof *grown);
            l->roles = grown;
            cap = cap * 2 + 8;
        }
        struct role_row *role = &l->roles[l->nroles++];
        json_t *permissions = NULL;
        struct err broken = {0};
        role->id = db_i64(rows, 0);
        /* A role that cannot be read gives nothing, never everything. */
        if (json_read(l->s->arena, db_str(rows, 1), &permissions, &broken) != 0 ||
            access_from_json(l->t->registry, permissions, l->s->arena, role->on, &broken) != 0)
            rc = access_from_json(l->t->registry, NULL, l->s->arena, role->on, e);
        else
            rc = 0;
    }
    db_rows_done(rows);
    return rc;
}

static int read_tree(struct loading *l, struct err *e)
{
    struct db_rows *rows = NULL;
    int64_t n = 0;
    int rc = db_one_i64(l->c, "SELECT count(*) FROM department_tree", DB_NOARGS, 0, &n, e);
    if (rc)
        return rc;
    l->tree = arena_array(l->s->arena, struct tree_row, (size_t)n + 1);
    rc = db_query(l->c, "SELECT ancestor_id, descendant_id FROM department_tree", DB_NOARGS, &rows,
                  e);
    while (rc == 0 && l->ntree < (size_t)n && (rc = db_step(rows, e)) > 0) {
        l->tree[l->ntree++] = (struct tree_row){db_i64(rows, 0), db_i64(rows, 1)};
        rc = 0;
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

static void set_rights(struct loading *l, struct actor *who, int64_t role_id)
{
    struct err ignored = {0};
    if (who->is_admin) {
        access_all(who->on);
        return;
    }
    if (access_from_json(l->t->registry, NULL, l->s->arena, who->on, &ignored) != 0)
        return;
    for (size_t i = 0; i < l->nroles; i++)
        if (l->roles[i].id == role_id)
            memcpy(who->on, l->roles[i].on, sizeof who->on);
}

static void set_below(struct loading *l, struct actor *who)
{
    int64_t *below = arena_array(l->s->arena, int64_t, l->ntree + 1);
    if (who->department_id)
        below[who->nbelow++] = who->department_id;
    for (size_t i = 0; i < l->ntree; i++)
        if (l->tree[i].ancestor == who->department_id &&
            l->tree[i].descendant != who->department_id)
            below[who->nbelow++] = l->tree[i].descendant;
    who->below = below;
}

static void drop_tz(void *z)
{
    tz_free(z);
}

static int read_users(struct loading *l, struct err *e)
{
    struct arena *a = l->s->arena;
    struct db_rows *rows = NULL;
    int64_t n = 0;
    int rc = db_one_i64(l->c, "SELECT count(*) FROM users", DB_NOARGS, 0, &n, e);
    if (rc)
        return rc;
    l->s->actors = arena_array(a, struct actor, (size_t)n + 1);
    rc = db_query(l->c,
                  "SELECT id, name, login, department_id, role_id, is_admin, language, time_zone "
                  "FROM users WHERE deleted_at IS NULL AND active = 1 ORDER BY id",
                  DB_NOARGS, &rows, e);
    while (rc == 0 && l->s->n < (size_t)n && (rc = db_step(rows, e)) > 0) {
        struct actor *who = &l->s->actors[l->s->n++];
        who->user_id = db_i64(rows, 0);
        who->name = arena_str(a, db_str(rows, 1));
        who->login = arena_str(a, db_str(rows, 2));
        who->department_id = db_i64(rows, 3);
        who->role_id = db_i64(rows, 4);
        who->is_admin = db_i64(rows, 5) != 0;
        who->lang = str_is(db_str(rows, 6), "en") ? LANG_EN : LANG_ZH;
        who->kind = "user";
        struct tz *zone = db_is_null(rows, 7) ? NULL : tz_open(arena_cstr(a, db_str(rows, 7)));
        if (zone)
            arena_defer(a, drop_tz, zone);
        who->tz = zone;
        set_rights(l, who, db_i64(rows, 4));
        set_below(l, who);
        rc = 0;
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

int snapshot_load(struct tenant *t, struct snapshot **ret_snapshot, struct err *e)
{
    struct snapshot *s = calloc(1, sizeof *s);
    if (!s || !(s->arena = arena_new(0))) {
        free(s);
        return err_set(e, ERR_NOMEM, "users");
    }
    atomic_init(&s->refs, 1);
    struct loading l = {.t = t, .s = s};
    int rc = db_reader(t->db, &l.c, e);
    if (rc == 0)
        rc = db_read_begin(l.c, e);
    if (rc == 0)
        rc = read_roles(&l, e);
    if (rc == 0)
        rc = read_tree(&l, e);
    if (rc == 0)
        rc = read_users(&l, e);
    db_reader_done(l.c);
    if (rc) {
        snapshot_drop(s);
        return rc;
    }
    *ret_snapshot = s;
    return 0;
}

void snapshot_drop(struct snapshot *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    arena_free(s->arena);
    free(s);
}

const struct actor *snapshot_find(const struct snapshot *s, int64_t user_id)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->actors[mid].user_id < user_id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < s->n && s->actors[lo].user_id == user_id ? &s->actors[lo] : NULL;
}

/* --- hooks: what changes who may do what --------------------------------------------------- */

const struct actor *identity_everybody(const struct pass *p, size_t *ret_n)
{
    *ret_n = p->held ? p->held->n : 0;
    return p->held ? p->held->actors : NULL;
}

static void changed(void *arg)
{
    identity_changed(arg);
}

/* Without an administrator nobody could ever put anything right. */
static int one_administrator(struct write *w, const struct record *before,
                             const struct record *after, struct err *e)
{
    int64_t left = 0;
    if (!before || !before->v[USER_IS_ADMIN].i)
        return 0;
    int rc = db_one_i64(w->c,
                        "SELECT 1 FROM users WHERE is_admin = 1 AND active = 1 AND "
                        "deleted_at IS NULL LIMIT 1",
                        DB_NOARGS, 0, &left, e);
    if (rc || left)
        return rc;
    err_item(e, after->v[USER_IS_ADMIN].i ? STR("/active") : STR("/is_admin"),
             "last-administrator");
    return err_set(e, ERR_VALIDATION, "the last administrator");
}

static bool may_sign_in(const struct record *user)
{
    return user->v[USER_ACTIVE].i && user->v[FIELD_DELETED_AT].null;
}

static int on_people(struct write *w, const struct record *before, struct record *after,
                     struct err *e)
{
    (void)before;
    (void)after;
    (void)e;
    db_after_commit(w->c, changed, w->t);
    return 0;
}

static int on_user(struct write *w, const struct record *before, struct record *after,
                   struct err *e)
{
    int rc = one_administrator(w, before, after, e);
    /* Whoever comes back later does not come back by an old session. */
    if (rc == 0 && before && may_sign_in(before) && !may_sign_in(after))
        rc = identity_lock_out(w->c, w->t, after->v[FIELD_ID].i, e);
    return rc ? rc : on_people(w, before, after, e);
}

/* A role or department that people still have is not thrown away under them. */
static int unused(struct write *w, const struct record *after, const char *sql, struct err *e)
{
    int64_t users = 0;
    if (after->v[FIELD_DELETED_AT].null)
        return 0;
    int rc = db_one_i64(w->c, sql, DB_ARGS(DB_I64(after->v[FIELD_ID].i)), 0, &users, e);
    return rc || !users ? rc : err_set(e, ERR_IN_USE, "%s is in use", after->en->name);
}

static int on_role(struct write *w, const struct record *before, struct record *after,
                   struct err *e)
{
    int rc = unused(w, after,
                    "SELECT 1 FROM users WHERE role_id = $1 AND deleted_at IS NULL LIMIT 1", e);
    return rc ? rc : on_people(w, before, after, e);
}

/* The closure of the tree, made anew: departments are few and seldom change. */
static int on_department(struct write *w, const struct record *before, struct record *after,
                         struct err *e)
{
    int rc = unused(w, after,
                    "SELECT 1 FROM users WHERE department_id = $1 AND deleted_at IS NULL UNION ALL "
                    "SELECT 1 FROM departments WHERE parent_id = $1 AND deleted_at IS NULL LIMIT 1",
                    e);
    if (rc == 0)
        rc = db_exec(w->c, "DELETE FROM department_tree", DB_NOARGS, NULL, e);
    if (rc == 0)
        rc = db_exec(w->c,
                     "WITH RECURSIVE up(ancestor, descendant, depth) AS ("
                     "SELECT id, id, 0 FROM departments WHERE deleted_at IS NULL UNION ALL "
                     "SELECT d.parent_id, u.descendant, u.depth + 1 FROM up u "
                     "JOIN departments d ON d.id = u.ancestor "
                     "WHERE d.parent_id IS NOT NULL AND u.depth < 30) "
                     "INSERT INTO department_tree (ancestor_id, descendant_id) "
                     "SELECT DISTINCT ancestor, descendant FROM up WHERE 1 = 1",
                     DB_NOARGS, NULL, e);
    return rc ? rc : on_people(w, before, after, e);
}

/* A department may not end up above itself. */
static int no_circle(struct write *w, const struct record *before, struct record *after,
                     struct err *e)
{
    int64_t parent = after->v[DEPARTMENT_PARENT_ID].i, found = 0;
    if (!before || after->v[DEPARTMENT_PARENT_ID].null)
        return 0;
    int rc = db_one_i64(w->c,
                        "SELECT 1 FROM department_tree WHERE ancestor_id = $1 AND "
                        "descendant_id = $2",
                        DB_ARGS(DB_I64(after->v[FIELD_ID].i), DB_I64(parent)), 0, &found, e);
    if (rc || !found)
        return rc;
    err_item(e, STR("/parent_id"), "department-circle");
    return err_set(e, ERR_VALIDATION, "department circle");
}

static int check_role(struct write *w, const struct record *before, struct record *after,
                      struct err *e)
{
    struct entity_access on[ENTITY_COUNT];
    json_t *permissions;
    (void)before;
    if (after->v[ROLE_PERMISSIONS].null)
        return 0;
    int rc = json_read(w->a, after->v[ROLE_PERMISSIONS].s, &permissions, e);
    return rc ? rc : access_from_json(w->t->registry, permissions, w->a, on, e);
}

const struct record_hook identity_hooks[] = {
    {ENTITY_DEPARTMENT, HOOK_DERIVE, 0, no_circle},
    {ENTITY_ROLE, HOOK_DERIVE, 0, check_role},
    {ENTITY_USER, HOOK_WRITTEN, 0, on_user},
    {ENTITY_ROLE, HOOK_WRITTEN, 0, on_role},
    {ENTITY_DEPARTMENT, HOOK_WRITTEN, 0, on_department},
    {-1, HOOK_DERIVE, 0, NULL},
};

/* --- asking -------------------------------------------------------------------------------- */

struct filter_env identity_filter_env(const struct tenant *t, const struct actor *who,
                                      struct arena *a)
{
    const struct tz *tz = who && who->tz ? who->tz : tenant_company(t)->tz;
    int32_t today = tz_date(tz, clock_now_ms());
    int64_t midnight = (int64_t)today * 86400000;
    midnight -= (int64_t)tz_offset(tz, midnight) * 1000;
    return (struct filter_env){.parse = tenant_parse_env(t, a),
                               .levels = who ? access_all_levels(who, a) : NULL,
                               .today = today,
                               .fiscal_month = tenant_company(t)->fiscal_month,
                               .midnight = midnight};
}
