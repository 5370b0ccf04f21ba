/* The endpoints that all entities share. */
#include "api/internal.h"

#include "core/search/search.h"

#include <string.h>

/* --- list ---------------------------------------------------------------------------------- */

static int take_fields(struct api_call *c, struct str in, struct list_query *q)
{
    struct str name;
    q->fields = arena_array(c->a, const struct field *, q->en->nfields + 2);
    q->fields[q->nfields++] = &q->en->fields[FIELD_ID];
    q->fields[q->nfields++] = &q->en->fields[FIELD_VERSION];
    while (str_split(&in, ',', &name)) {
        const struct field *f = entity_field(q->en, str_trim(name));
        bool twice = false;
        for (size_t i = 0; f && i < q->nfields; i++)
            twice |= q->fields[i] == f;
        if (twice)
            continue;
        if (!f || access_level(c->who, q->en, f->id) == LEVEL_HIDE ||
            q->nfields == q->en->nfields + 2)
            return api_bad_param(c, "fields");
        q->fields[q->nfields++] = f;
    }
    return 0;
}

static int take_sort(struct api_call *c, struct str in, struct list_query *q)
{
    struct str name;
    while (str_split(&in, ',', &name)) {
        name = str_trim(name);
        bool desc = name.n && name.p[0] == '-';
        const struct field *f = entity_field(q->en, desc ? str_skip(name, 1) : name);
        if (!f || access_level(c->who, q->en, f->id) < LEVEL_READ || !f->type->sortable ||
            q->nsort == LIST_MAX_SORT)
            return api_bad_param(c, "sort");
        q->sort[q->nsort].field = f;
        q->sort[q->nsort++].desc = desc;
    }
    return 0;
}

struct short_filters {
    struct api_call *c;
    struct filter_env env;
    const struct filter *all;
    const struct entity *en;
    size_t n;
    int rc;
};

enum { MAX_SHORT_FILTERS = 50 };

static bool take_short(void *arg, struct str name, struct str value)
{
    static const char *const own[] = {"fields", "sort",  "filter",  "limit",  "cursor",
                                      "count",  "trash", "include", "entity", "at_customer"};
    struct short_filters *s = arg;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (str_is(name, own[i]))
            return true;
    if (++s->n > MAX_SHORT_FILTERS) {
        err_item(&s->c->err, STR("/filter"), "filter-too-large");
        s->rc = err_set(&s->c->err, ERR_VALIDATION, "too many short filters");
        return false;
    }
    size_t open = str_find(name, '[');
    struct str op = STR_NULL, field = str_from(name.p, open);
    if (open < name.n)
        op = str_from(name.p + open + 1, name.n - open - 1 - (name.p[name.n - 1] == ']'));
    /* The connection's memory goes with the request; so does the arena. */
    const struct filter *leaf = NULL;
    s->rc = filter_leaf(s->en, arena_str(s->c->a, field), arena_str(s->c->a, op),
                        arena_str(s->c->a, value), &s->env, &leaf, &s->c->err);
    if (s->rc == 0)
        s->all = filter_and(s->c->a, s->all, leaf);
    return s->rc == 0;
}

static int take_filter(struct api_call *c, struct list_query *q)
{
    struct short_filters s = {.c = c, .env = api_filter_env(c), .en = q->en};
    struct str text = http_param(c->req, "filter");
    json_t *root;
    if (text.n) {
        int rc = json_read(c->a, text, &root, &c->err);
        if (rc == 0)
            rc = filter_parse(q->en, root, &s.env, &s.all, &c->err);
        if (rc)
            return rc;
    }
    http_params(c->req, take_short, &s);
    q->filter = s.all;
    return s.rc;
}

static int take_count(struct api_call *c, struct list_query *q)
{
    static const char *const names[] = {"none", "capped", "exact"};
    struct str in = http_param(c->req, "count");
    for (int i = COUNT_NONE; i <= COUNT_EXACT; i++) {
        if (in.n == 0 || str_is(in, names[i])) {
            q->count = (enum count_mode)i;
            return 0;
        }
    }
    return api_bad_param(c, "count");
}

/* Only where records can be met elsewhere; for others it is as unknown as any name. */
static int take_meeting(struct api_call *c, struct list_query *q)
{
    q->through = record_met_through(c->t->registry, q->en);
    if (!q->through && http_param(c->req, "at_customer").p)
        return api_bad_param(c, "at_customer");
    return api_param_i64(c, "at_customer", 0, 1, INT64_MAX, &q->at_customer);
}

static int records_list(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    struct list_query q = {.en = c->en};
    struct str fields = http_param(c->req, "fields"), sort = http_param(c->req, "sort");
    int64_t limit = 50;
    int rc = fields.n ? take_fields(c, fields, &q) : 0;
    if (rc == 0 && sort.n)
        rc = take_sort(c, sort, &q);
    if (rc == 0)
        rc = take_filter(c, &q);
    if (rc == 0)
        rc = take_count(c, &q);
    if (rc == 0)
        rc = take_meeting(c, &q);
    if (rc == 0)
        rc = api_param_i64(c, "limit", 50, 1, LIST_MAX, &limit);
    if (rc)
        return rc;
    q.limit = (unsigned)limit;
    q.cursor = http_param(c->req, "cursor");
    q.trash = str_is(http_param(c->req, "trash"), "1");
    q.titles = str_is(http_param(c->req, "include"), "titles");
    return record_list(conn, c->t, c->who, &q, c->a, w, &c->err);
}

/* --- one record ---------------------------------------------------------------------------- */

static int record_read(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    bool titles = str_is(http_param(c->req, "include"), "titles");
    return record_get_json(conn, c->t, c->who, c->en, c->id, titles, c->a, w, &c->etag, &c->err);
}

static void answer_record(struct api_call *c, const struct record *r, struct jw *w)
{
    c->etag = r->v[FIELD_VERSION].i;
    record_to_json(c->t, c->who, r, w);
}

static int record_post(struct api_call *c, struct write *wr, struct jw *w)
{
    struct record r;
    int rc = record_create(wr, c->en, c->body, &r, &c->err);
    if (rc)
        return rc;
    c->status = 201;
    c->location = arena_printf(c->a, "/api/v1/%s/%lld", c->en->path, (long long)r.v[FIELD_ID].i);
    answer_record(c, &r, w);
    return 0;
}

static int record_patch(struct api_call *c, struct write *wr, struct jw *w)
{
    struct record r;
    int rc = record_update(wr, c->en, c->id, c->body, c->if_match, &r, &c->err);
    if (rc == 0)
        answer_record(c, &r, w);
    return rc;
}

static int record_remove(struct api_call *c, struct write *wr, struct jw *w)
{
    (void)w;
    c->status = 204;
    c->no_body = true;
    return record_delete(wr, c->en, c->id, c->if_match, &c->err);
}

static int record_put_back(struct api_call *c, struct write *wr, struct jw *w)
{
    struct record r;
    int rc = record_restore(wr, c->en, c->id, &r, &c->err);
    if (rc == 0)
        answer_record(c, &r, w);
    return rc;
}

/* --- several at once ----------------------------------------------------------------------- */

static void batch_problem(struct api_call *c, int code, struct err *e, struct jw *w)
{
    const struct err_def *def = err_def(code);
    jw_ki64(w, "status", def->status);
    jw_key(w, "problem");
    jw_obj(w);
    jw_kcstr(w, "code", def->id);
    jw_kstr(w, "title", message_text(c->t->messages, c->lang, def->id, e->params, 4, c->a));
    jw_key(w, "errors");
    jw_arr(w);
    for (const struct err_item *i = e->items; i; i = i->next) {
        jw_obj(w);
        jw_kstr(w, "pointer", i->pointer);
        jw_kcstr(w, "code", i->code);
        jw_kstr(w, "message", message_text(c->t->messages, c->lang, i->code, i->params, 3, c->a));
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
}

/* Each item stands for itself: one that fails takes nothing with it. */
static int batch_post(struct api_call *c, struct write *wr, struct jw *w)
{
    const json_t *items = json_object_get(c->body, "items");
    size_t n = json_array_size(items);
    if (n == 0 || n > 500) {
        err_item(&c->err, STR("/items"), "value-count");
        return err_set(&c->err, ERR_VALIDATION, "items");
    }
    jw_obj(w);
    jw_key(w, "results");
    jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        struct record r;
        struct err e;
        err_init(&e, c->a);
        int rc = db_exec(wr->c, "SAVEPOINT item", DB_NOARGS, NULL, &c->err);
        if (rc)
            return rc;
        int made = record_create(wr, c->en, json_array_get(items, i), &r, &e);
        bool broken = made == ERR_RETRY || made == ERR_DATABASE_UNAVAILABLE ||
                      made == ERR_STORAGE_FULL || made == ERR_CORRUPT;
        if (broken) {
            c->err = e;
            return made;
        }
        if (made)
            rc = db_exec(wr->c, "ROLLBACK TO SAVEPOINT item", DB_NOARGS, NULL, &c->err);
        if (rc == 0)
            rc = db_exec(wr->c, "RELEASE SAVEPOINT item", DB_NOARGS, NULL, &c->err);
        if (rc)
            return rc;
        jw_obj(w);
        if (made) {
            batch_problem(c, made, &e, w);
        } else {
            jw_ki64(w, "status", 201);
            jw_kid(w, "id", r.v[FIELD_ID].i);
        }
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
    return 0;
}

/* --- history ------------------------------------------------------------------------------- */

static int history_of(struct api_call *c, struct db_conn *conn, struct history_query *q,
                      const struct entity *en, struct jw *w)
{
    struct record seen;
    int64_t limit = 50, before = 0;
    int rc = api_param_i64(c, "limit", 50, 1, 200, &limit);
    if (rc == 0)
        rc = api_param_i64(c, "cursor", 0, 0, INT64_MAX, &before);
    if (rc)
        return rc;
    q->limit = (unsigned)limit;
    q->before = before;
    rc = record_get(conn, c->who, en, c->id, false, c->a, &seen, &c->err);
    if (rc == ERR_NOT_FOUND)
        rc = record_get(conn, c->who, en, c->id, true, c->a, &seen, &c->err);
    if (rc)
        return rc;
    q->import_id = seen.v[FIELD_IMPORT_ID].null ? 0 : seen.v[FIELD_IMPORT_ID].i;
    return history_list(conn, c->t, c->who, q, c->a, w, &c->err);
}

static int record_history(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    struct history_query q = {.record_id = c->id};
    return history_of(c, conn, &q, c->en, w);
}

static int customer_timeline(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    struct history_query q = {.customer_id = c->id};
    return history_of(c, conn, &q, &c->t->registry->entities[ENTITY_CUSTOMER], w);
}

static int history_undo(struct api_call *c, struct write *wr, struct jw *w)
{
    struct record r;
    int rc = record_undo(wr, c->id, &r, &c->err);
    if (rc == 0)
        answer_record(c, &r, w);
    return rc;
}

/* --- search -------------------------------------------------------------------------------- */

static int search_get(struct api_call *c, struct db_conn *conn, struct jw *w)
{
    struct str name = http_param(c->req, "entity");
    const struct entity *en = name.n ? registry_entity(c->t->registry, name) : NULL;
    int64_t limit = 10;
    if (name.n && !en)
        return api_bad_param(c, "entity");
    int rc = api_param_i64(c, "limit", 10, 1, 50, &limit);
    if (rc)
        return rc;
    return search_query(conn, c->t, c->who, http_param(c->req, "q"), en, (unsigned)limit, c->a, w,
                        &c->err);
}

const struct endpoint api_record_endpoints[] = {
    {HTTP_GET, "/api/v1/search", API_READ, API_SIGNED_IN, API_NO_BODY, .read = search_get,
     .doc = "Search all that one may see", .params = "q entity limit", .response = "search"},
    {HTTP_POST, "/api/v1/history/{id}/undo", API_WRITE, API_SIGNED_IN, API_NO_BODY,
     .write = history_undo, .doc = "Take one event back", .response = "record"},
    {HTTP_GET, "/api/v1/customers/{id}/timeline", API_READ, API_SIGNED_IN, API_NO_BODY,
     .read = customer_timeline, .doc = "All that happened with a customer, newest first",
     .params = "cursor limit", .response = "history"},
    {HTTP_GET, "/api/v1/{entity}/{id}", API_READ, API_SIGNED_IN, API_NO_BODY, .read = record_read,
     .doc = "One record", .params = "include", .response = "record"},
    {HTTP_GET, "/api/v1/{entity}", API_READ, API_SIGNED_IN, API_NO_BODY, .read = records_list,
     .doc = "A page of records", .params = "fields sort filter limit cursor count include trash",
     .response = "list"},
    {HTTP_POST, "/api/v1/{entity}", API_WRITE, API_SIGNED_IN, API_JSON, .write = record_post,
     .doc = "Create a record", .request = "record", .response = "record"},
    {HTTP_PATCH, "/api/v1/{entity}/{id}", API_WRITE, API_SIGNED_IN, API_JSON, .write = record_patch,
     .doc = "Change the fields sent", .request = "record", .response = "record"},
    {HTTP_DELETE, "/api/v1/{entity}/{id}", API_WRITE, API_SIGNED_IN, API_NO_BODY,
     .write = record_remove, .doc = "Move to the trash"},
    {HTTP_POST, "/api/v1/{entity}/{id}/restore", API_WRITE, API_SIGNED_IN, API_NO_BODY,
     .write = record_put_back, .doc = "Take out of the trash", .response = "record"},
    {HTTP_POST, "/api/v1/{entity}/batch", API_WRITE, API_SIGNED_IN, API_JSON, .write = batch_post,
     .doc = "Create up to 500 records, each for itself", .request = "batch",
     .response = "batch-result"},
    {HTTP_GET, "/api/v1/{entity}/{id}/history", API_READ, API_SIGNED_IN, API_NO_BODY,
     .read = record_history, .doc = "What was done to a record, newest first",
     .params = "cursor limit", .response = "history"},
    {.path = NULL},
};
