#include "core/tags/tags.h"

#include "base/ids.h"
#include "core/identity/identity.h"

#include <stdlib.h>
#include <string.h>

const struct field *tags_field(const struct entity *en)
{
    for (size_t i = 0; i < en->nfields; i++)
        if (en->fields[i].type->shape == SHAPE_SET)
            return &en->fields[i];
    return NULL;
}

static bool next_id(struct str *rest, int64_t *ret_id)
{
    struct str one;
    while (str_split(rest, ',', &one))
        if (id_parse(one, ret_id))
            return true;
    return false;
}

static bool holds(const struct value *v, int64_t id)
{
    struct str rest = v->null ? STR_NULL : v->s;
    for (int64_t other = 0; next_id(&rest, &other);)
        if (other == id)
            return true;
    return false;
}

/* --- hooks -------------------------------------------------------------------------------------
 */

static int tag_is_there(struct write *w, struct str pointer, int64_t id, struct err *e)
{
    int64_t found = 0;
    int rc = db_one_i64(w->c, "SELECT 1 FROM tags WHERE id = $1 AND deleted_at IS NULL",
                        DB_ARGS(DB_I64(id)), 0, &found, e);
    if (rc || found)
        return rc;
    (void)err_item(e, pointer, "link-not-found");
    return err_set(e, ERR_VALIDATION, "no such tag");
}

static int check_tags(struct write *w, const struct record *before, struct record *after,
                      struct err *e)
{
    const struct field *f = tags_field(after->en);
    if (!f || after->v[f->id].null)
        return 0;
    struct str rest = after->v[f->id].s;
    int rc = 0;
    for (int64_t id = 0; rc == 0 && next_id(&rest, &id);)
        if (!before || !holds(&before->v[f->id], id))
            rc = tag_is_there(w, record_pointer(w, f->name), id, e);
    return rc;
}

static int use(struct write *w, const struct value *these, const struct value *but, int64_t record,
               const char *sql, struct err *e)
{
    struct str rest = these->null ? STR_NULL : these->s;
    int rc = 0;
    for (int64_t id = 0; rc == 0 && next_id(&rest, &id);)
        if (!but || !holds(but, id))
            rc = db_exec(w->c, sql, DB_ARGS(DB_I64(id), DB_I64(record)), NULL, e);
    return rc;
}

static int index_tags(struct write *w, const struct record *before, struct record *after,
                      struct err *e)
{
    const struct field *f = tags_field(after->en);
    const struct value *was = f && before ? &before->v[f->id] : NULL;
    if (!f || (!was && after->v[f->id].null) || (was && value_equal(f, was, &after->v[f->id])))
        return 0;
    int64_t record = after->v[FIELD_ID].i;
    int rc = was ? use(w, was, &after->v[f->id], record,
                       "DELETE FROM tag_use WHERE tag_id = $1 AND record_id = $2", e)
                 : 0;
    return rc ? rc
              : use(w, &after->v[f->id], was, record,
                    "INSERT INTO tag_use (tag_id, record_id) VALUES ($1, $2) ON CONFLICT DO "
                    "NOTHING",
                    e);
}

const struct record_hook tags_hooks[] = {
    {HOOK_EVERY, HOOK_DERIVE, 0, check_tags},
    {HOOK_EVERY, HOOK_WRITTEN, 0, index_tags},
    {-1, HOOK_DERIVE, 0, NULL},
};

/* --- changing ----------------------------------------------------------------------------------
 */

static int read_ids(const json_t *in, struct str pointer, int64_t *ids, size_t most, size_t *ret_n,
                    struct err *e)
{
    size_t n = in ? json_array_size(in) : 0;
    bool ok = !in || (json_is_array(in) && n <= most);
    for (size_t i = 0; ok && i < n; i++) {
        const json_t *one = json_array_get(in, i);
        ok = id_parse(str_from(json_string_value(one), json_string_length(one)), &ids[i]);
    }
    *ret_n = n;
    if (ok)
        return 0;
    (void)err_item(e, pointer, "id");
    return err_set(e, ERR_VALIDATION, "tags at " STR_FMT, STR_ARG(pointer));
}

static bool among(const int64_t *ids, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static int push(json_t *list, int64_t id)
{
    char text[24];
    struct buf b = {.p = text, .cap = sizeof text, .max = sizeof text};
    buf_add_i64(&b, id);
    return json_array_append_new(list, json_stringn(text, b.n));
}

static void give_back(void *body)
{
    json_decref(body);
}

/* {"tags":[…]} of what is there, plus and minus; the set itself leaves out what stands twice. */
static json_t *new_set(struct write *w, const struct field *f, const struct value *now,
                       const int64_t *add, size_t nadd, const int64_t *gone, size_t ngone)
{
    json_t *list = json_array(), *body = json_object();
    struct str rest = now->null ? STR_NULL : now->s;
    bool ok = list && body && json_object_set_new(body, f->name, list) == 0;
    for (int64_t id = 0; ok && next_id(&rest, &id);)
        ok = among(gone, ngone, id) || push(list, id) == 0;
    for (size_t i = 0; ok && i < nadd; i++)
        ok = push(list, add[i]) == 0;
    if (body)
        arena_defer(w->a, give_back, body);
    return ok ? body : NULL;
}

enum { MOST = 50 }; /* at once */

int tags_check(struct write *w, const struct entity *en, const json_t *add, const json_t *remove,
               struct err *e)
{
    const struct field *f = tags_field(en);
    enum field_level level = f ? access_level(w->who, en, f->id) : LEVEL_HIDE;
    int64_t plus[MOST] = {0}, minus[MOST] = {0};
    size_t nplus = 0, nminus = 0;
    const char *wrong = level == LEVEL_HIDE  ? "unknown-field"
                        : level < LEVEL_EDIT ? "field-not-yours"
                                             : NULL;
    if (wrong) {
        struct err_item *item = err_item(e, str_of(w->at), wrong);
        err_item_param(e, item, "field", STR("tags"));
        return err_set(e, ERR_VALIDATION, "tags of %s", en->name);
    }
    int rc = read_ids(add, record_pointer(w, "add"), plus, MOST, &nplus, e);
    if (rc == 0)
        rc = read_ids(remove, record_pointer(w, "remove"), minus, MOST, &nminus, e);
    if (rc == 0 && nplus + nminus == 0) {
        (void)err_item(e, str_of(w->at), "required");
        rc = err_set(e, ERR_VALIDATION, "no tags");
    }
    for (size_t i = 0; rc == 0 && i < nplus; i++)
        rc = tag_is_there(w, record_pointer(w, "add"), plus[i], e);
    return rc;
}

int tags_change(struct write *w, const struct entity *en, int64_t id, const json_t *add,
                const json_t *remove, struct record *ret_record, struct err *e)
{
    const struct field *f = tags_field(en);
    int64_t plus[MOST] = {0}, minus[MOST] = {0};
    size_t nplus = 0, nminus = 0;
    struct record now;
    if (!f)
        return err_set(e, ERR_NOT_FOUND, "%s has no tags", en->name);
    int rc = read_ids(add, STR("/add"), plus, MOST, &nplus, e);
    if (rc == 0)
        rc = read_ids(remove, STR("/remove"), minus, MOST, &nminus, e);
    if (rc == 0)
        rc = record_get(w->c, w->who, en, id, false, w->a, &now, e);
    if (rc)
        return rc;
    json_t *body = new_set(w, f, &now.v[f->id], plus, nplus, minus, nminus);
    return body ? record_update(w, en, id, body, -1, ret_record, e) : err_set(e, ERR_NOMEM, "tags");
}

/* --- the tags themselves -----------------------------------------------------------------------
 */

static bool may_label(const struct write *w)
{
    for (int i = 0; i < ENTITY_COUNT; i++) {
        const struct entity *en = &w->t->registry->entities[i];
        const struct field *f = tags_field(en);
        if (f && (w->who->is_admin || (w->who->on[i].scope[ACCESS_WRITE] != SCOPE_NONE &&
                                       access_level(w->who, en, f->id) == LEVEL_EDIT)))
            return true;
    }
    return false;
}

int tags_find(struct write *w, struct str name, struct record *ret_tag, struct err *e)
{
    const struct entity *en = &w->t->registry->entities[ENTITY_TAG];
    int64_t id = 0;
    if (!may_label(w))
        return err_set(e, ERR_FORBIDDEN, "make a tag");
    int rc = db_one_i64(w->c, "SELECT id FROM tags WHERE name = $1 AND deleted_at IS NULL",
                        DB_ARGS(DB_STR(str_trim(name))), 0, &id, e);
    if (rc || id)
        return rc ? rc : record_get(w->c, identity_system(), en, id, false, w->a, ret_tag, e);
    /* Renaming and throwing away is for administrators; a new word is everybody's. */
    struct actor maker = *w->who;
    maker.is_admin = true;
    const struct actor *me = w->who;
    json_t *body = json_pack("{s:s%}", "name", name.p ? name.p : "", name.n);
    if (!body)
        return err_set(e, ERR_NOMEM, "tag");
    arena_defer(w->a, give_back, body); /* the record borrows its texts */
    w->who = &maker;
    rc = record_create(w, en, body, ret_tag, e);
    w->who = me;
    return rc;
}

/* One statement each: the field of every entity, then the index. */
static int replace_everywhere(struct write *w, int64_t from, int64_t into, struct err *e)
{
    struct str was = arena_printf(w->a, ",%lld,", (long long)from);
    struct str is = arena_printf(w->a, ",%lld,", (long long)into);
    int rc = 0;
    for (int i = 0; rc == 0 && i < ENTITY_COUNT; i++) {
        const struct entity *en = &w->t->registry->entities[i];
        const struct field *f = tags_field(en);
        struct sql q = sql_new(w->a);
        if (!f)
            continue;
        sql_addf(
            &q,
            "UPDATE %s SET %s = replace(%s, $1, CASE WHEN id IN (SELECT record_id FROM tag_use "
            "WHERE tag_id = $2) THEN ',' ELSE $3 END) WHERE id IN (SELECT record_id FROM "
            "tag_use WHERE tag_id = $4)",
            en->table, f->name, f->name);
        const char *text = sql_text(&q);
        rc = db_exec(w->c, text, DB_ARGS(DB_STR(was), DB_I64(into), DB_STR(is), DB_I64(from)), NULL,
                     e);
    }
    if (rc == 0)
        rc = db_exec(w->c,
                     "INSERT INTO tag_use (tag_id, record_id) SELECT $1, record_id FROM tag_use "
                     "WHERE tag_id = $2 ON CONFLICT DO NOTHING",
                     DB_ARGS(DB_I64(into), DB_I64(from)), NULL, e);
    return rc ? rc
              : db_exec(w->c, "DELETE FROM tag_use WHERE tag_id = $1", DB_ARGS(DB_I64(from)), NULL,
                        e);
}

int tags_merge(struct write *w, int64_t from, int64_t into, struct err *e)
{
    const struct entity *en = &w->t->registry->entities[ENTITY_TAG];
    struct record r;
    int rc = record_get(w->c, w->who, en, from, false, w->a, &r, e);
    if (rc)
        return rc;
    if (from == into || record_get(w->c, w->who, en, into, false, w->a, &r, e) == ERR_NOT_FOUND) {
        err_clear(e);
        (void)err_item(e, STR("/into"), from == into ? "link-to-itself" : "link-not-found");
        return err_set(e, ERR_VALIDATION, "merge into what");
    }
    if (e->code)
        return e->code;
    rc = replace_everywhere(w, from, into, e);
    return rc ? rc : record_delete(w, en, from, -1, e);
}
