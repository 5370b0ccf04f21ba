#include "core/access/access.h"

#include <sodium.h>
#include <string.h>

static const char *const scope_names[] = {"none", "own", "department", "below", "all"};
static const char *const action_names[ACCESS_ACTIONS] = {"read", "write", "delete"};

static const char *const level_names[FIELD_LEVELS] = {"hide", "mask", "read", "edit"};

const char *level_name(enum field_level l)
{
    return level_names[l];
}

bool level_from(struct str name, enum field_level *ret_level)
{
    for (size_t i = 0; i < FIELD_LEVELS; i++) {
        if (str_is(name, level_names[i])) {
            *ret_level = (enum field_level)i;
            return true;
        }
    }
    return false;
}

const char *scope_name(enum scope s)
{
    return scope_names[s];
}

bool scope_from(struct str name, enum scope *ret_scope)
{
    for (size_t i = 0; i < sizeof scope_names / sizeof scope_names[0]; i++) {
        if (str_is(name, scope_names[i])) {
            *ret_scope = (enum scope)i;
            return true;
        }
    }
    return false;
}

void access_all(struct entity_access *on)
{
    for (int i = 0; i < ENTITY_COUNT; i++)
        on[i] = (struct entity_access){{SCOPE_ALL, SCOPE_ALL, SCOPE_ALL}, true, NULL};
}

const unsigned char *const *access_all_levels(const struct actor *who, struct arena *a)
{
    const unsigned char **all = arena_array(a, const unsigned char *, ENTITY_COUNT);
    for (int i = 0; i < ENTITY_COUNT; i++)
        all[i] = who->is_admin ? NULL : who->on[i].level;
    return all;
}

bool access_level_allowed(const struct entity *en, const struct field *f, enum field_level l)
{
    if (f->hidden || l == LEVEL_EDIT)
        return !f->hidden;
    if (f->id == FIELD_OWNER_ID && en->owned)
        return l == LEVEL_READ;
    if (f->system)
        return false;
    return en->owned || f->id != en->title_field || l == LEVEL_READ;
}

static int bad_level(const struct entity *en, const char *field, const char *code, struct err *e)
{
    struct err_item *item = err_item(e, STR("/permissions"), code);
    err_item_param(e, item, "field", str_of(field));
    err_item_param(e, item, "value", str_of(en->name));
    return err_set(e, ERR_VALIDATION, "level of %s.%s", en->name, field);
}

static unsigned char *all_edit(const struct entity *en, struct arena *a)
{
    unsigned char *level = arena_array(a, unsigned char, en->nfields);
    memset(level, LEVEL_EDIT, en->nfields);
    return level;
}

/* Levels of single fields. What somebody who creates must fill in cannot be held back. */
static int field_levels(const struct entity *en, const json_t *in, struct arena *a,
                        struct entity_access *on, struct err *e)
{
    const char *name;
    json_t *v;
    unsigned char *level = NULL;
    json_object_foreach((json_t *)in, name, v)
    {
        const struct field *f = entity_field(en, str_of(name));
        enum field_level l = LEVEL_EDIT;
        if (!f || f->hidden)
            return bad_level(en, name, "unknown-field", e);
        if (!json_is_string(v) || !level_from(str_of(json_string_value(v)), &l))
            return bad_level(en, name, "unknown-option", e);
        if (!access_level_allowed(en, f, l))
            return bad_level(en, name, "level-fixed", e);
        if (on->create && l < LEVEL_EDIT && f->required && f->initial.null)
            return bad_level(en, name, "level-needed", e);
        if (l == LEVEL_EDIT)
            continue;
        if (!level)
            level = all_edit(en, a);
        level[f->id] = (unsigned char)l;
    }
    on->level = level;
    return 0;
}

static int one_entity(const struct entity *en, const json_t *in, struct arena *a,
                      struct entity_access *on, struct err *e)
{
    struct str pointer = str_of("/permissions");
    for (int k = 0; k < ACCESS_ACTIONS; k++) {
        const json_t *v = json_object_get(in, action_names[k]);
        if (!v)
            continue;
        if (!json_is_string(v) || !scope_from(str_of(json_string_value(v)), &on->scope[k])) {
            struct err_item *item = err_item(e, pointer, "unknown-option");
            err_item_param(e, item, "value", str_of(en->name));
            return err_set(e, ERR_VALIDATION, "scope of %s", en->name);
        }
    }
    on->create = json_is_true(json_object_get(in, "create"));
    const json_t *fields = json_object_get(in, "fields");
    if (fields && !json_is_object(fields))
        return bad_level(en, "fields", "type-object", e);
    return field_levels(en, fields, a, on, e);
}

/* How much a role sees of a field wherever it may stand. What another record says may be told only
   to who sees all such records: whose the copy was taken from is not asked again at each reading.
   A part and its whole are seen together, unless the role says otherwise of the part. */
static enum field_level sight_of(const struct registry *r, const struct entity_access *on,
                                 const struct entity *from, struct field_ref of)
{
    const struct entity *en = &r->entities[of.entity];
    bool together =
        en == from || ((en->part_of == from->id || from->part_of == en->id) &&
                       on[en->id].scope[ACCESS_READ] == on[from->id].scope[ACCESS_READ]);
    if (!together && on[en->id].scope[ACCESS_READ] != SCOPE_ALL)
        return LEVEL_HIDE;
    return field_level(&en->fields[of.field], on[en->id].level);
}

/* Who may not see a value may not see what it can be told from. Sight alone follows: who only reads
   what a product costs may still write what one line of an order cost. */
static bool follow_field(const struct registry *r, struct entity_access *on,
                         const struct entity *en, const struct field *f, struct arena *a)
{
    enum field_level least = field_level(f, on[en->id].level), was = least;
    for (size_t k = 0; k < sizeof f->level_of / sizeof f->level_of[0]; k++) {
        if (f->level_of[k].entity < 0)
            break;
        enum field_level of = sight_of(r, on, en, f->level_of[k]);
        if (of < LEVEL_READ && of < least)
            least = of;
    }
    if (least == was)
        return false;
    if (!on[en->id].level)
        on[en->id].level = all_edit(en, a);
    ((unsigned char *)on[en->id].level)[f->id] = (unsigned char)least;
    return true;
}

/* Until nothing changes: a field may tell of one that tells of another, and two of each other. */
static void follow_levels(const struct registry *r, struct entity_access *on, struct arena *a)
{
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < ENTITY_COUNT; i++)
            for (size_t k = 0; k < r->entities[i].nfields; k++)
                again |= follow_field(r, on, &r->entities[i], &r->entities[i].fields[k], a);
    }
}

int access_from_json(const struct registry *r, const json_t *permissions, struct arena *a,
                     struct entity_access *on, struct err *e)
{
    bool named[ENTITY_COUNT] = {false};
    memset(on, 0, sizeof *on * ENTITY_COUNT);
    on[ENTITY_PRODUCT].scope[ACCESS_READ] = SCOPE_ALL;
    on[ENTITY_USER].scope[ACCESS_READ] = SCOPE_ALL;
    on[ENTITY_DEPARTMENT].scope[ACCESS_READ] = SCOPE_ALL;
    on[ENTITY_TAG].scope[ACCESS_READ] = SCOPE_ALL;
    const char *name;
    json_t *in;
    json_object_foreach((json_t *)permissions, name, in)
    {
        const struct entity *en = registry_entity(r, str_of(name));
        if (!en || !json_is_object(in)) {
            struct err_item *item = err_item(e, str_of("/permissions"), "unknown-field");
            err_item_param(e, item, "field", str_of(name));
            return err_set(e, ERR_VALIDATION, "no entity %s", name);
        }
        int rc = one_entity(en, in, a, &on[en->id], e);
        if (rc)
            return rc;
        for (int k = 0; k < ACCESS_ACTIONS; k++)
            named[en->id] |= json_object_get(in, action_names[k]) != NULL;
        named[en->id] |= json_object_get(in, "create") != NULL;
    }
    /* A role made before this entity was there says what it means by what it is kin to. */
    for (int i = 0; i < ENTITY_COUNT; i++) {
        int kin = r->entities[i].rights_of;
        if (named[i] || kin < 0)
            continue;
        memcpy(on[i].scope, on[kin].scope, sizeof on[i].scope); /* levels are of its own fields */
        on[i].create = on[kin].create;
    }
    follow_levels(r, on, a);
    return 0;
}

static bool is_below(const struct actor *who, int64_t department_id)
{
    for (size_t i = 0; i < who->nbelow; i++)
        if (who->below[i] == department_id)
            return true;
    return false;
}

bool access_may(const struct actor *who, const struct entity *en, enum access_action action,
                int64_t owner_id, int64_t department_id)
{
    if (who->is_admin)
        return true;
    if (action != ACCESS_READ && en->admin_writes)
        return false;
    enum scope s = who->on[en->id].scope[action];
    if (s == SCOPE_ALL || s == SCOPE_NONE || !en->owned)
        return s == SCOPE_ALL;
    if (owner_id && owner_id == who->user_id)
        return true;
    if (s == SCOPE_DEPARTMENT)
        return department_id && department_id == who->department_id;
    return s == SCOPE_BELOW && department_id && is_below(who, department_id);
}

static void print_entity(crypto_generichash_state *h, const struct actor *who,
                         const struct entity *en)
{
    unsigned char scope =
        (unsigned char)(who->is_admin ? SCOPE_ALL : who->on[en->id].scope[ACCESS_READ]);
    crypto_generichash_update(h, &scope, 1);
    for (size_t i = 0; i < en->nfields; i++) {
        enum field_level l = access_level(who, en, (int)i);
        unsigned char sight = (unsigned char)(l < LEVEL_READ ? l : LEVEL_READ);
        crypto_generichash_update(h, &sight, 1);
    }
}

void access_print(const struct actor *who, const struct registry *r, const struct entity *en,
                  char out[ACCESS_PRINT])
{
    unsigned char digest[(ACCESS_PRINT - 1) / 2];
    const int64_t of[] = {who->user_id, who->department_id};
    crypto_generichash_state h;
    crypto_generichash_init(&h, NULL, 0, sizeof digest);
    print_entity(&h, who, en);
    for (size_t i = 0; i < en->nfields; i++)
        if (en->fields[i].target >= 0)
            print_entity(&h, who, &r->entities[en->fields[i].target]);
    for (int i = 0; i < ENTITY_COUNT; i++) /* by which they may be met */
        if (r->entities[i].rights_of == en->id)
            print_entity(&h, who, &r->entities[i]);
    crypto_generichash_update(&h, (const unsigned char *)of, sizeof of);
    crypto_generichash_update(&h, (const unsigned char *)who->below,
                              who->nbelow * sizeof *who->below);
    crypto_generichash_final(&h, digest, sizeof digest);
    sodium_bin2hex(out, ACCESS_PRINT, digest, sizeof digest);
}

size_t access_branches(const struct actor *who, const struct entity *en, enum access_action action,
                       struct access_branch out[ACCESS_MAX_BRANCHES], bool *ret_in_list)
{
    enum scope s = who->is_admin ? SCOPE_ALL : who->on[en->id].scope[action];
    *ret_in_list = false;
    if (s == SCOPE_NONE || (!en->owned && s != SCOPE_ALL))
        return 0;
    if (s == SCOPE_ALL) {
        out[0] = (struct access_branch){.kind = BRANCH_ALL};
        return 1;
    }
    size_t n = 0;
    out[n++] = (struct access_branch){.kind = BRANCH_OWNER, .id = who->user_id};
    if (s == SCOPE_DEPARTMENT && who->department_id)
        out[n++] = (struct access_branch){BRANCH_DEPARTMENT, who->department_id, true};
    if (s == SCOPE_BELOW && who->nbelow > ACCESS_MAX_BRANCHES - 2) {
        *ret_in_list = true;
        out[0] = (struct access_branch){.kind = BRANCH_ALL};
        return 1;
    }
    for (size_t i = 0; s == SCOPE_BELOW && i < who->nbelow; i++)
        out[n++] = (struct access_branch){BRANCH_DEPARTMENT, who->below[i], true};
    return n;
}

void access_branch_sql(const struct actor *who, const struct access_branch *b, const char *alias,
                       struct sql *q)
{
    if (b->kind == BRANCH_ALL)
        return;
    sql_addf(q, " AND %s%s = ", alias, b->kind == BRANCH_OWNER ? "owner_id" : "department_id");
    sql_arg(q, DB_I64(b->id));
    if (b->not_owner) {
        sql_addf(q, " AND (%sowner_id IS NULL OR %sowner_id <> ", alias, alias);
        sql_arg(q, DB_I64(who->user_id));
        sql_add(q, ")");
    }
}

void access_predicate(const struct actor *who, const struct entity *en, enum access_action action,
                      const char *alias, struct sql *q)
{
    enum scope s = who->is_admin ? SCOPE_ALL : who->on[en->id].scope[action];
    if (s == SCOPE_ALL)
        return;
    if (s == SCOPE_NONE || !en->owned) {
        sql_add(q, " AND 1 = 0");
        return;
    }
    sql_addf(q, " AND (%sowner_id = ", alias);
    sql_arg(q, DB_I64(who->user_id));
    size_t n = s == SCOPE_DEPARTMENT && who->department_id ? 1 : s == SCOPE_BELOW ? who->nbelow : 0;
    const int64_t *ids = s == SCOPE_DEPARTMENT ? &who->department_id : who->below;
    for (size_t i = 0; i < n; i++) {
        if (i == 0)
            sql_addf(q, " OR %sdepartment_id IN (", alias);
        else
            sql_add(q, ", ");
        sql_arg(q, DB_I64(ids[i]));
    }
    sql_add(q, n ? "))" : ")");
}

void access_any_predicate(const struct actor *who, const struct registry *r, const char *alias,
                          struct sql *q)
{
    if (who->is_admin)
        return;
    sql_addf(q, " AND (%sentity IS NULL", alias);
    for (int i = 0; i < ENTITY_COUNT; i++) {
        const struct entity *en = &r->entities[i];
        enum scope s = who->on[i].scope[ACCESS_READ];
        if (s == SCOPE_NONE)
            continue;
        sql_addf(q, " OR (%sentity = '%s'", alias, en->name);
        if (s != SCOPE_ALL) {
            sql_addf(q, " AND EXISTS (SELECT 1 FROM %s seen WHERE seen.id = %srecord_id", en->table,
                     alias);
            access_predicate(who, en, ACCESS_READ, "seen.", q);
            sql_add(q, ")");
        }
        sql_add(q, ")");
    }
    sql_add(q, ")");
}

void access_standing(const struct entity *en, const char *of, struct sql *q)
{
    if (en->with_customer)
        sql_addf(q,
                 " AND NOT EXISTS (SELECT 1 FROM customers gone WHERE gone.id = %s%s AND "
                 "gone.deleted_at IS NOT NULL)",
                 of, en->fields[en->customer_field].name);
}

void access_any_standing(const struct registry *r, const char *alias, struct sql *q)
{
    for (int i = 0; i < ENTITY_COUNT; i++) {
        const struct entity *en = &r->entities[i];
        if (!en->with_customer)
            continue;
        sql_addf(q, " AND (%sentity IS NULL OR %sentity <> '%s' OR EXISTS (SELECT 1 FROM %s", alias,
                 alias, en->name, en->table);
        sql_addf(q, " stands WHERE stands.id = %srecord_id", alias);
        access_standing(en, "stands.", q);
        sql_add(q, "))");
    }
}
