/* The audit as a table: a row for each field that an event changed, a row for an event without. */
#include "crm/export/internal.h"

#include "base/ids.h"
#include "base/money.h"

#include <stdlib.h>
#include <string.h>

enum { PORTION = 200 };

static struct str words(const struct exporting *x, const char *key, struct arena *a)
{
    return message_text(x->t->messages, x->ask.lang, key, NULL, 0, a);
}

/* A name of the page's: what has no text is shown as it is kept. */
static struct str words_or(const struct exporting *x, const char *stem, const char *name,
                           struct arena *a)
{
    const char *key = arena_printf(a, "%s%s", stem, name).p;
    return message_known(x->t->messages, key) ? words(x, key, a) : arena_str(a, str_of(name));
}

/* --- what is asked for --------------------------------------------------------------------- */

static void read_moment(const json_t *in, const char *name, struct arena *a, int64_t *ret,
                        struct err *e)
{
    const json_t *v = json_object_get(in, name);
    if (v && !json_is_null(v) && (!json_is_integer(v) || json_integer_value(v) < 0))
        (void)err_item(e, arena_printf(a, "/filter/%s", name), "number");
    else
        *ret = json_integer_value(v);
}

static void read_id(const json_t *in, const char *name, struct arena *a, int64_t *ret,
                    struct err *e)
{
    const json_t *v = json_object_get(in, name);
    if (v && !json_is_null(v) && (!json_is_string(v) || !id_parse(json_get_str(in, name), ret)))
        (void)err_item(e, arena_printf(a, "/filter/%s", name), "link-not-found");
}

int export_audit_read(const struct actor *who, const json_t *in, struct arena *a,
                      struct export_ask *ask, struct err *e)
{
    static const char *const known[] = {"who", "record", "entity", "kind", "from", "to"};
    const json_t *filter = json_object_get(in, "filter");
    const char *name;
    json_t *v;
    if (!who->is_admin)
        return err_set(e, ERR_FORBIDDEN, "the audit");
    json_object_foreach((json_t *)filter, name, v)
    {
        bool one = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            one |= strcmp(known[i], name) == 0;
        if (one)
            continue;
        struct err_item *item = err_item(e, arena_printf(a, "/filter/%s", name), "unknown-field");
        err_item_param(e, item, "field", str_of(name));
    }
    ask->events = (struct audit_query){.entity = json_get_str(filter, "entity"),
                                       .kind = json_get_str(filter, "kind"),
                                       .limit = PORTION};
    read_id(filter, "who", a, &ask->events.actor_id, e);
    read_id(filter, "record", a, &ask->events.record_id, e);
    read_moment(filter, "from", a, &ask->events.from, e);
    read_moment(filter, "to", a, &ask->events.to, e);
    return e->nitems ? err_set(e, ERR_VALIDATION, "export of the audit") : 0;
}

static size_t columns(const struct exporting *x, struct table_column *ret)
{
    static const struct {
        const char *title;
        enum table_look look;
    } all[EXPORT_AUDIT_COLUMNS] = {
        {"audit-at", LOOK_TIME},    {"audit-who", LOOK_TEXT},    {"audit-did", LOOK_TEXT},
        {"audit-kind", LOOK_TEXT},  {"audit-title", LOOK_TEXT},  {"audit-record", LOOK_TEXT},
        {"audit-field", LOOK_TEXT}, {"audit-before", LOOK_TEXT}, {"audit-after", LOOK_TEXT}};
    for (size_t i = 0; i < EXPORT_AUDIT_COLUMNS; i++)
        ret[i] = (struct table_column){words(x, all[i].title, x->a), all[i].look};
    return EXPORT_AUDIT_COLUMNS;
}

static int open(struct exporting *x, struct err *e)
{
    struct db_conn *c = NULL;
    int rc = db_reader(x->t->db, &c, e);
    if (rc == 0)
        rc = history_audit_count(c, &x->ask.events, x->a, &x->total, e);
    db_reader_done(c);
    return rc;
}

/* --- values as people read them ------------------------------------------------------------ */

/* What a record of `en` is called now; left alone when it is gone for good. */
static int name_of(struct exporting *x, struct db_conn *c, const struct entity *en, int64_t id,
                   struct str *ret, struct err *e)
{
    struct db_rows *rows = NULL;
    struct sql q = sql_new(x->portion);
    sql_addf(&q, "SELECT %s FROM %s WHERE id = ", en->fields[en->title_field].name, en->table);
    sql_arg(&q, DB_I64(id));
    const char *text = sql_text(&q);
    int rc = db_query(c, text, q.args, q.nargs, &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0 && !db_is_null(rows, 0))
        *ret = arena_str(x->portion, db_str(rows, 0));
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

static struct str as_json(struct exporting *x, const json_t *v)
{
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    struct str kept = arena_str(x->portion, str_of(text ? text : ""));
    free(text);
    return kept;
}

static struct str moment(struct exporting *x, int64_t ms)
{
    int64_t there = ms + (int64_t)tz_offset(x->tz, ms) * 1000, second = there / 1000 % 86400;
    char day[DATE_TEXT];
    date_format(tz_date(x->tz, ms), day);
    return arena_printf(x->portion, "%s %02lld:%02lld:%02lld", day, (long long)(second / 3600),
                        (long long)(second / 60 % 60), (long long)(second % 60));
}

static int text_of(struct exporting *x, struct db_conn *c, const struct field *f, const json_t *v,
                   struct str *ret, struct err *e)
{
    enum field_shape shape = f ? f->type->shape : SHAPE_TEXT;
    int64_t id = 0;
    *ret = STR_NULL;
    if (!v || json_is_null(v))
        return 0;
    *ret =
        json_is_string(v) ? str_from(json_string_value(v), json_string_length(v)) : as_json(x, v);
    if (json_is_boolean(v))
        *ret = json_is_true(v) ? x->yes : x->no;
    else if (shape == SHAPE_MONEY && json_is_object(v))
        *ret = arena_printf(x->portion, STR_FMT " " STR_FMT, STR_ARG(json_get_str(v, "amount")),
                            STR_ARG(json_get_str(v, "currency")));
    else if (shape == SHAPE_ENUM)
        *ret = export_option(f, *ret, x->ask.lang);
    else if (shape == SHAPE_TIME && json_is_integer(v))
        *ret = moment(x, json_integer_value(v));
    else if (shape == SHAPE_LINK && f->target >= 0 && id_parse(*ret, &id))
        return name_of(x, c, &x->t->registry->entities[f->target], id, ret, e);
    return 0;
}

/* --- rows ---------------------------------------------------------------------------------- */

/* An event, and what all of its rows say of it. */
struct telling {
    const struct history_event *ev;
    const struct entity *en; /* NULL: of the house */
    struct str who, did;
};

static struct str field_name(struct exporting *x, const struct telling *t, const char *name)
{
    const struct field *f = t->en ? entity_field(t->en, str_of(name)) : NULL;
    if (f)
        return f->label.in[x->ask.lang];
    if (strcmp(name, HISTORY_FILE) == 0)
        return words(x, "audit-file", x->portion);
    return strcmp(t->ev->entity, "company") == 0 ? words_or(x, "audit-setting-", name, x->portion)
                                                 : STR_NULL; /* what came along, and counts */
}

static int row(struct exporting *x, struct db_conn *c, const struct telling *t, const char *name,
               const json_t *pair, struct err *e)
{
    const struct history_event *ev = t->ev;
    const struct field *f = t->en && name ? entity_field(t->en, str_of(name)) : NULL;
    struct str before, after;
    int rc = text_of(x, c, f, json_array_get(pair, 0), &before, e);
    if (rc == 0)
        rc = text_of(x, c, f, json_array_get(pair, 1), &after, e);
    if (rc)
        return rc;
    table_time(x->table, ev->at + (int64_t)tz_offset(x->tz, ev->at) * 1000);
    table_text(x->table, t->who);
    table_text(x->table, t->did);
    table_text(x->table, t->en ? t->en->label.in[x->ask.lang] : STR_NULL);
    table_text(x->table, ev->title);
    table_text(x->table, ev->record_id ? arena_printf(x->portion, "%lld", (long long)ev->record_id)
                                       : STR_NULL);
    table_text(x->table, name ? field_name(x, t, name) : STR_NULL);
    table_text(x->table, before);
    table_text(x->table, after);
    table_row_end(x->table);
    x->rows++;
    return 0;
}

static int write_event(struct exporting *x, struct db_conn *c, const struct history_event *ev,
                       struct err *e)
{
    bool house = strcmp(ev->entity, "session") == 0 || strcmp(ev->entity, "company") == 0;
    const char *kind = house ? arena_printf(x->portion, "%s-%s", ev->entity, ev->kind).p : ev->kind;
    struct telling t = {.ev = ev,
                        .en = registry_entity(x->t->registry, str_of(ev->entity)),
                        .did = words_or(x, "audit-did-", kind, x->portion)};
    json_t *changes = NULL, *pair;
    const char *name;
    size_t told = 0;
    int rc = name_of(x, c, &x->t->registry->entities[ENTITY_USER], ev->actor_id, &t.who, e);
    if (!t.who.n)
        t.who = words(x, "audit-system", x->portion);
    if (rc == 0 && ev->changes.n)
        rc = json_read(x->portion, ev->changes, &changes, e);
    json_object_foreach(changes, name, pair)
    {
        if (rc || !field_name(x, &t, name).n)
            continue;
        rc = row(x, c, &t, name, pair, e);
        told++;
    }
    return rc || told ? rc : row(x, c, &t, NULL, NULL, e);
}

static int rows(struct exporting *x, struct err *e)
{
    int64_t done = 0;
    size_t n = PORTION;
    int rc = 0;
    while (rc == 0 && n >= PORTION) {
        struct db_conn *c = NULL;
        arena_reset(x->portion);
        struct history_event *events = arena_array(x->portion, struct history_event, PORTION + 1);
        rc = db_reader(x->t->db, &c, e);
        if (rc == 0)
            rc = history_audit_read(c, &x->ask.events, x->portion, events, NULL, &n, e);
        size_t whole = n < PORTION ? n : PORTION;
        for (size_t i = 0; rc == 0 && i < whole; i++)
            rc = write_event(x, c, &events[i], e);
        db_reader_done(c);
        if (whole)
            x->ask.events.before = events[whole - 1].id;
        done += (int64_t)whole;
        if (rc == 0 && table_failed(x->table))
            rc = err_file(e, table_failed(x->table), x->part.p);
        struct job_progress p = {"export", done, x->total > done ? x->total : done, 0};
        if (rc == 0)
            rc = job_tick(x->j, &p, e);
    }
    return rc;
}

const struct export_source export_audit = {EXPORT_AUDIT_COLUMNS, open, columns, rows};
