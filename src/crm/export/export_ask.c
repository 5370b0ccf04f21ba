/* What an export is asked to hold, read and checked. */
#include "crm/export/internal.h"

#include <stdio.h>
#include <string.h>

static void wrong(struct err *e, struct str pointer, const char *code, const json_t *value)
{
    struct err_item *item = err_item(e, pointer, code);
    if (json_is_string(value))
        err_item_param(e, item, "field", str_of(json_string_value(value)));
}

static const struct field *visible_field(const struct list_query *q, const struct actor *who,
                                         struct str name, enum field_level least)
{
    const struct field *f = entity_field(q->en, name);
    return f && access_level(who, q->en, f->id) >= least ? f : NULL;
}

static bool has_field(const struct list_query *q, const struct field *f)
{
    for (size_t i = 0; i < q->nfields; i++)
        if (q->fields[i] == f)
            return true;
    return false;
}

static void read_fields(struct list_query *q, const struct actor *who, const json_t *in,
                        bool lenient, struct arena *a, struct err *e)
{
    size_t n = json_array_size(in);
    if (n == 0 || n > TABLE_MAX_COLUMNS / 2) {
        wrong(e, STR("/fields"), n ? "out-of-range" : "required", NULL);
        return;
    }
    q->fields = arena_array(a, const struct field *, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *name = json_array_get(in, i);
        const struct field *f =
            json_is_string(name)
                ? visible_field(q, who, str_of(json_string_value(name)), LEVEL_MASK)
                : NULL;
        if (!f && !lenient)
            wrong(e, arena_printf(a, "/fields/%zu", i), "unknown-field", name);
        if (f && !has_field(q, f))
            q->fields[q->nfields++] = f;
    }
    if (q->nfields == 0 && e->nitems == 0)
        wrong(e, STR("/fields"), "required", NULL);
}

static void read_sort(struct list_query *q, const struct actor *who, struct str in, struct err *e)
{
    struct str name;
    while (in.n && str_split(&in, ',', &name)) {
        name = str_trim(name);
        bool desc = name.n && name.p[0] == '-';
        const struct field *f = visible_field(q, who, desc ? str_skip(name, 1) : name, LEVEL_READ);
        if (!f || !f->type->sortable || q->nsort == LIST_MAX_SORT) {
            struct err_item *item = err_item(e, STR("/sort"), "unknown-field");
            err_item_param(e, item, "field", name);
            return;
        }
        q->sort[q->nsort].field = f;
        q->sort[q->nsort++].desc = desc;
    }
}

const char *export_name(const struct export_ask *ask)
{
    return ask->q.en ? ask->q.en->name : EXPORT_AUDIT;
}

struct str export_label(const struct tenant *t, const struct export_ask *ask, enum lang lang,
                        struct arena *a)
{
    return ask->q.en ? ask->q.en->label_plural.in[lang]
                     : message_text(t->messages, lang, "audit-log", NULL, 0, a);
}

void export_rights(const struct tenant *t, const struct actor *who, const struct entity *en,
                   char out[ACCESS_PRINT])
{
    if (en)
        access_print(who, t->registry, en, out);
    else
        snprintf(out, ACCESS_PRINT, "%s", who->is_admin ? "admin" : "none");
}

struct str export_option(const struct field *f, struct str value, enum lang lang)
{
    for (size_t i = 0; i < f->noptions; i++)
        if (str_eq(f->options[i].value, value))
            return f->options[i].label.in[lang];
    return value;
}

int export_read(const struct tenant *t, const struct actor *who, const json_t *in, bool lenient,
                struct arena *a, struct export_ask *ret_ask, struct err *e)
{
    struct list_query *q = &ret_ask->q;
    *ret_ask = (struct export_ask){.lang = who->lang};
    struct str lang = json_get_str(in, "language");
    struct str format = json_get_str(in, "format");
    if (str_is(lang, "zh") || str_is(lang, "en"))
        ret_ask->lang = str_is(lang, "zh") ? LANG_ZH : LANG_EN;
    else if (lang.n)
        wrong(e, STR("/language"), "unknown-option", NULL);
    int found = table_format_find(format);
    if (found < 0)
        wrong(e, STR("/format"), format.n ? "unknown-option" : "required", NULL);
    else
        ret_ask->format = (enum table_format)found;
    ret_ask->from = &export_list;
    if (str_is(json_get_str(in, "entity"), EXPORT_AUDIT)) {
        ret_ask->from = &export_audit;
        return export_audit_read(who, in, a, ret_ask, e);
    }
    q->en = registry_entity(t->registry, json_get_str(in, "entity"));
    if (!q->en) {
        wrong(e, STR("/entity"), "unknown-option", NULL);
        return err_set(e, ERR_VALIDATION, "export");
    }
    read_fields(q, who, json_object_get(in, "fields"), lenient, a, e);
    read_sort(q, who, json_get_str(in, "sort"), e);
    return api_list_read(t, who, in, a, q, e);
}
