/* What can be done with very many at once, and the reading of what is asked. */
#include "crm/bulk/internal.h"

#include "core/tags/tags.h"

#include <string.h>

/* --- kinds -------------------------------------------------------------------------------------
 */

static int check_set(struct write *w, const struct entity *en, const json_t *in, struct err *e)
{
    const char *name;
    json_t *value;
    if (json_is_object(in) && json_object_size(in) == 0) {
        (void)err_item(e, str_of(w->at), "required");
        return err_set(e, ERR_VALIDATION, "nothing to set");
    }
    int rc = record_check(w, en, in, e);
    if (rc && rc != ERR_VALIDATION)
        return rc;
    json_object_foreach((json_t *)in, name, value)
    {
        const struct field *f = entity_field(en, str_of(name));
        if (f && f->unique && !json_is_null(value) && access_level(w->who, en, f->id) == LEVEL_EDIT)
            (void)err_item(e, record_pointer(w, name), "unique-for-many");
    }
    return e->nitems ? err_set(e, ERR_VALIDATION, "set of %s", en->name) : 0;
}

static int apply_set(struct write *w, const struct entity *en, int64_t id, const json_t *in,
                     struct err *e)
{
    struct record r;
    return record_update(w, en, id, in, -1, &r, e);
}

static int check_tags(struct write *w, const struct entity *en, const json_t *in, struct err *e)
{
    return tags_check(w, en, json_object_get(in, "add"), json_object_get(in, "remove"), e);
}

static int apply_tags(struct write *w, const struct entity *en, int64_t id, const json_t *in,
                      struct err *e)
{
    struct record r;
    return tags_change(w, en, id, json_object_get(in, "add"), json_object_get(in, "remove"), &r, e);
}

static int check_yes(struct write *w, const struct entity *en, const json_t *in, struct err *e)
{
    if (json_is_true(in))
        return 0;
    (void)err_item(e, str_of(w->at), "unknown-option");
    return err_set(e, ERR_VALIDATION, "of %s: not true", en->name);
}

static int apply_delete(struct write *w, const struct entity *en, int64_t id, const json_t *in,
                        struct err *e)
{
    (void)in;
    return record_delete(w, en, id, -1, e);
}

static int apply_restore(struct write *w, const struct entity *en, int64_t id, const json_t *in,
                         struct err *e)
{
    struct record r;
    (void)in;
    return record_restore(w, en, id, &r, e);
}

/* The ids are those of events. What somebody took back already is as it should be. */
static int apply_undo(struct write *w, const struct entity *en, int64_t id, const json_t *in,
                      struct err *e)
{
    struct history_event ev;
    struct record r;
    int64_t undone_by = 0;
    (void)en;
    (void)in;
    int rc = history_get(w->c, w->t->registry, id, w->a, &ev, &undone_by, e);
    return rc || undone_by ? rc : record_undo(w, id, &r, e);
}

static const struct bulk_kind kinds[] = {
    {"set", ACCESS_WRITE, false, check_set, apply_set},
    {"tags", ACCESS_WRITE, false, check_tags, apply_tags},
    {"delete", ACCESS_DELETE, false, check_yes, apply_delete},
    {"restore", ACCESS_DELETE, true, check_yes, apply_restore},
    {"undo", ACCESS_WRITE, false, NULL, apply_undo},
};

static const struct bulk_kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static void wrong(struct err *e, struct str pointer, const char *code, const char *field)
{
    struct err_item *item = err_item(e, pointer, code);
    err_item_param(e, item, "field", str_of(field));
}

/* A member that is not understood might have been what was to leave most records alone. */
static void check_members(const json_t *body, struct arena *a, struct err *e)
{
    static const char *const members[] = {"filter", "at_customer", "trash", "change", "expected"};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)body, name, value)
    {
        bool known = false;
        for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
            known |= strcmp(name, members[i]) == 0;
        if (!known)
            wrong(e, arena_printf(a, "/%s", name), "unknown-field", name);
    }
}

static void read_change(const json_t *body, struct arena *a, struct bulk_ask *ask, struct err *e)
{
    const json_t *change = json_object_get(body, "change");
    const char *name = json_object_iter_key(json_object_iter((json_t *)change));
    if (json_object_size(change) != 1 || !name) {
        (void)err_item(e, STR("/change"), change ? "one-change" : "required");
        return;
    }
    ask->kind = find_kind(name);
    ask->in = json_object_get(change, name);
    if (!ask->kind || !ask->kind->check)
        wrong(e, arena_printf(a, "/change/%s", name), "unknown-option", name);
    else if (json_is_true(json_object_get(body, "trash")) != ask->kind->trash)
        (void)err_item(e, STR("/trash"), ask->kind->trash ? "bulk-only-trash" : "bulk-not-trash");
}

static void read_expected(const json_t *body, struct bulk_ask *ask, struct err *e)
{
    const json_t *in = json_object_get(body, "expected");
    ask->expected = json_integer_value(in);
    if (!in || json_is_null(in))
        (void)err_item(e, STR("/expected"), "required");
    else if (!json_is_integer(in) || ask->expected < 0)
        (void)err_item(e, STR("/expected"), "number");
}

int bulk_read(struct db_conn *c, struct tenant *t, const struct actor *who, const json_t *body,
              struct arena *a, struct bulk_ask *ask, struct err *e)
{
    if (ask->en->part_of >= 0)
        return err_set(e, ERR_PART_OF_WHOLE, "%s by itself", ask->en->name);
    if (!json_is_object(body)) {
        (void)err_item(e, STR(""), "type-object");
        return err_set(e, ERR_VALIDATION, "the body is not an object");
    }
    check_members(body, a, e);
    read_change(body, a, ask, e);
    read_expected(body, ask, e);
    ask->q = (struct list_query){.en = ask->en, .sort = {{&ask->en->fields[FIELD_ID], false}}};
    ask->q.nsort = 1;
    int rc = api_list_read(t, who, body, a, &ask->q, e);
    if (rc)
        return rc;
    const struct bulk_kind *kind = ask->kind;
    if (!who->is_admin &&
        (ask->en->admin_writes || who->on[ask->en->id].scope[kind->action] == SCOPE_NONE))
        return err_set(e, ERR_FORBIDDEN, "%s %s", kind->name, ask->en->name);
    struct write w = {.t = t, .c = c, .who = who, .a = a, .now = clock_now_ms()};
    w.at = arena_printf(a, "/change/%s", kind->name).p;
    return kind->check(&w, ask->en, ask->in, e);
}

int bulk_asked(const struct tenant *t, const json_t *params, struct bulk_ask *ret_ask,
               struct err *e)
{
    const json_t *change = json_object_get(params, "change");
    const char *name = json_object_iter_key(json_object_iter((json_t *)change));
    *ret_ask = (struct bulk_ask){.en = registry_entity(t->registry, json_get_str(params, "entity")),
                                 .kind = name ? find_kind(name) : NULL,
                                 .in = name ? json_object_get(change, name) : NULL};
    if (!ret_ask->en || !ret_ask->kind)
        return err_set(e, ERR_INTERNAL, "job without a change");
    return 0;
}

struct str bulk_title(const struct bulk_ask *ask, enum lang lang, struct arena *a)
{
    struct str title = ask->en->label_plural.in[lang];
    const char *name, *before = lang == LANG_ZH ? "：" : ": ";
    json_t *value;
    if (!json_is_object(ask->in) || strcmp(ask->kind->name, "set") != 0)
        return title;
    json_object_foreach((json_t *)ask->in, name, value)
    {
        const struct field *f = entity_field(ask->en, str_of(name));
        if (!f)
            continue;
        title = arena_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(title), before,
                             STR_ARG(f->label.in[lang]));
        before = lang == LANG_ZH ? "、" : ", ";
    }
    return title;
}
