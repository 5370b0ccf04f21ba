/* Lists: keyset pages in any order, one index-served branch per scope, capped counts.

   A page is the union of branches: one per scope of the actor × one per null-side of the cursor,
   each with its own LIMIT, merged by the sort. An empty field sorts as the smallest value, on both
   databases alike. What has to be sorted is keys and ids alone; only the rows of the page are then
   fetched whole. */
#include "core/record/internal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct sort_key {
    const struct field *f;
    bool desc;
};

/* Where the page before ended. */
struct position {
    bool set;
    struct value v[LIST_MAX_SORT];
    int64_t id;
};

struct lister {
    const struct list_query *q;
    const struct actor *who;
    struct arena *a;
    struct sort_key keys[LIST_MAX_SORT];
    size_t nkeys;
    bool id_desc;
    struct position at;
    struct access_branch branches[ACCESS_MAX_BRANCHES];
    size_t nbranches;
    bool in_list;
    const unsigned char *levels;
};

static struct db_value key_value(const struct field *f, const struct value *v)
{
    struct db_value out[3];
    if (v->null)
        return DB_NIL;
    if (f->type->shape == SHAPE_MONEY)
        return DB_I64(v->base);
    value_bind(f, v, out);
    return out[0];
}

static const char *key_column(const struct field *f, struct arena *a)
{
    bool base = f->type->shape == SHAPE_MONEY && !f->base_money;
    return base ? arena_printf(a, "%s_base", f->name).p : f->name;
}

/* --- cursor: base64url of a JSON array [key, …, id] ---------------------------------------- */

static struct str cursor_text(struct lister *l, const struct db_rows *rows, unsigned first_key)
{
    struct buf json = BUF_INIT(4096);
    struct jw w = jw_new(&json);
    jw_arr(&w);
    for (size_t i = 0; i < l->nkeys; i++) {
        unsigned at = first_key + (unsigned)i;
        enum field_shape shape = l->keys[i].f->type->shape;
        if (db_is_null(rows, at))
            jw_null(&w);
        else if (shape == SHAPE_TEXT || shape == SHAPE_ENUM)
            jw_str(&w, db_str(rows, at));
        else if (shape == SHAPE_REAL)
            jw_f64(&w, db_f64(rows, at));
        else
            jw_i64(&w, db_i64(rows, at));
    }
    jw_i64(&w, db_i64(rows, first_key + (unsigned)l->nkeys));
    jw_arr_end(&w);
    size_t size = sodium_base64_encoded_len(json.n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *text = arena_alloc(l->a, size);
    sodium_bin2base64(text, size, (const unsigned char *)json.p, json.n,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    buf_free(&json);
    return str_of(text);
}

static int bad_cursor(struct err *e)
{
    err_param(e, "name", STR("cursor"));
    return err_set(e, ERR_BAD_PARAMETER, "cursor");
}

static int read_cursor(struct lister *l, struct err *e)
{
    struct str c = l->q->cursor;
    if (c.n == 0)
        return 0;
    unsigned char *json = arena_alloc(l->a, c.n + 1);
    size_t n = 0;
    json_t *root;
    struct err inner = {0};
    if (c.n > 4096 ||
        sodium_base642bin(json, c.n, c.p, c.n, NULL, &n, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        json_read(l->a, str_from((char *)json, n), &root, &inner) != 0 ||
        json_array_size(root) != l->nkeys + 1)
        return bad_cursor(e);
    for (size_t i = 0; i < l->nkeys; i++) {
        const json_t *in = json_array_get(root, i);
        struct value *v = &l->at.v[i];
        enum field_shape shape = l->keys[i].f->type->shape;
        if (json_is_null(in))
            v->null = true;
        else if (shape == SHAPE_TEXT || shape == SHAPE_ENUM)
            v->s = str_from(json_string_value(in), json_string_length(in));
        else if (shape == SHAPE_REAL && json_is_number(in))
            v->f = json_number_value(in);
        else if (json_is_integer(in))
            v->i = v->base = json_integer_value(in);
        else
            return bad_cursor(e);
        if (!v->null && (shape == SHAPE_TEXT || shape == SHAPE_ENUM) && !json_is_string(in))
            return bad_cursor(e);
    }
    const json_t *id = json_array_get(root, l->nkeys);
    if (!json_is_integer(id))
        return bad_cursor(e);
    l->at.id = json_integer_value(id);
    l->at.set = true;
    return 0;
}

/* --- SQL -----------------------------------------------------------------------------------------
 */

/* What sorts strictly after the position, from key i on. Empty = smallest. */
static void after_from(struct lister *l, size_t i, struct sql *q)
{
    if (i >= l->nkeys || i >= LIST_MAX_SORT) {
        sql_addf(q, "id %s ", l->id_desc ? "<" : ">");
        sql_arg(q, DB_I64(l->at.id));
        return;
    }
    const struct sort_key *k = &l->keys[i];
    const char *column = key_column(k->f, l->a);
    const struct value *v = &l->at.v[i];
    sql_add(q, "(");
    if (v->null) {
        if (!k->desc)
            sql_addf(q, "%s IS NOT NULL OR ", column);
        sql_addf(q, "(%s IS NULL AND ", column);
    } else {
        sql_addf(q, "%s %s ", column, k->desc ? "<" : ">");
        sql_arg(q, key_value(k->f, v));
        if (k->desc)
            sql_addf(q, " OR %s IS NULL", column);
        sql_addf(q, " OR (%s = ", column);
        sql_arg(q, key_value(k->f, v));
        sql_add(q, " AND ");
    }
    after_from(l, i + 1, q);
    sql_add(q, "))");
}

/* The cursor splits into sides so that each is one range of an index:
   side 0 = rows whose first key is not empty and does not come before the cursor's,
   side 1 = rows whose first key is empty. */
static bool side_exists(const struct lister *l, int side)
{
    if (!l->at.set || l->nkeys == 0)
        return side == 0;
    const struct value *v = &l->at.v[0];
    if (side == 0)
        return !(v->null && l->keys[0].desc); /* descending: after the empty ones comes nothing */
    return v->null || l->keys[0].desc;
}

static void add_after(struct lister *l, int side, struct sql *q)
{
    if (!l->at.set)
        return;
    if (l->nkeys == 0) {
        sql_add(q, " AND ");
        after_from(l, 0, q);
        return;
    }
    const struct sort_key *k = &l->keys[0];
    const char *column = key_column(k->f, l->a);
    const struct value *v = &l->at.v[0];
    if (side == 1) {
        sql_addf(q, " AND %s IS NULL", column);
        if (!v->null)
            return;
        sql_add(q, " AND ");
        after_from(l, 1, q);
        return;
    }
    if (v->null) {
        sql_addf(q, " AND %s IS NOT NULL", column);
        return;
    }
    sql_addf(q, " AND %s %s ", column, k->desc ? "<=" : ">=");
    sql_arg(q, key_value(k->f, v));
    sql_addf(q, " AND (%s %s ", column, k->desc ? "<" : ">");
    sql_arg(q, key_value(k->f, v));
    sql_add(q, " OR ");
    after_from(l, 1, q);
    sql_add(q, ")");
}

static void add_order(struct lister *l, struct sql *q)
{
    sql_add(q, " ORDER BY ");
    for (size_t i = 0; i < l->nkeys; i++)
        sql_addf(q, "k%zu %s, ", i, l->keys[i].desc ? "DESC NULLS LAST" : "ASC NULLS FIRST");
    sql_addf(q, "kid %s", l->id_desc ? "DESC" : "ASC");
}

static void add_page(struct lister *l, struct sql *q)
{
    add_order(l, q);
    sql_addf(q, " LIMIT %u", l->q->limit + 1);
}

/* What is met at customers by records of another entity. */
static const struct meeting {
    int entity, through;
    const char *link;
} meetings[] = {{ENTITY_CONTACT, ENTITY_AFFILIATION, "contact_id"}};

static const struct meeting *meeting_of(const struct entity *en)
{
    for (size_t i = 0; i < sizeof meetings / sizeof meetings[0]; i++)
        if (meetings[i].entity == en->id)
            return &meetings[i];
    return NULL;
}

const struct entity *record_met_through(const struct registry *r, const struct entity *en)
{
    const struct meeting *m = meeting_of(en);
    return m ? &r->entities[m->through] : NULL;
}

/* Two looks into indexes, so not an OR. */
static void add_meeting(struct lister *l, struct sql *q)
{
    const struct entity *en = l->q->en, *through = l->q->through;
    const struct meeting *m = meeting_of(en);
    if (!m) {
        sql_add(q, " AND 1 = 0");
        return;
    }
    const char *own = en->fields[en->customer_field].name,
               *there = through->fields[through->customer_field].name;
    sql_addf(q, " AND id IN (SELECT id FROM %s WHERE %s = ", en->table, own);
    sql_arg(q, DB_I64(l->q->at_customer));
    sql_addf(q, " UNION ALL SELECT %s FROM %s WHERE %s = ", m->link, through->table, there);
    sql_arg(q, DB_I64(l->q->at_customer));
    sql_add(q, " AND deleted_at IS NULL");
    access_predicate(l->who, through, ACCESS_READ, "", q);
    sql_add(q, ")");
}

static void add_where(struct lister *l, const struct access_branch *b, struct sql *q)
{
    const struct list_query *lq = l->q;
    sql_addf(q, " FROM %s WHERE %s", lq->en->table,
             lq->trash ? "deleted_at IS NOT NULL" : "deleted_at IS NULL");
    access_branch_sql(l->who, b, "", q);
    if (l->in_list)
        access_predicate(l->who, lq->en, ACCESS_READ, "", q);
    if (!lq->trash)
        access_standing(lq->en, arena_printf(l->a, "%s.", lq->en->table).p, q);
    if (lq->at_customer)
        add_meeting(l, q);
    if (lq->filter) {
        sql_add(q, " AND ");
        filter_sql(lq->filter, "", q);
    }
}

static void add_fields(struct lister *l, struct sql *q)
{
    for (size_t i = 0; i < l->q->nfields; i++) {
        const struct field *f = l->q->fields[i];
        for (unsigned k = 0; k < f->ncolumns; k++)
            sql_addf(q, "%s, ", l->q->en->columns[f->column + k]);
    }
}

static void add_branch(struct lister *l, const struct access_branch *b, int side, struct sql *q)
{
    sql_add(q, "SELECT ");
    if (l->nkeys == 0)
        add_fields(l, q);
    for (size_t i = 0; i < l->nkeys; i++)
        sql_addf(q, "%s AS k%zu, ", key_column(l->keys[i].f, l->a), i);
    sql_add(q, "id AS kid");
    add_where(l, b, q);
    add_after(l, side, q);
}

static void add_branches(struct lister *l, struct sql *q)
{
    size_t n = 0;
    for (int side = 0; side < 2; side++)
        n += side_exists(l, side) ? l->nbranches : 0;
    size_t written = 0;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; side_exists(l, side) && i < l->nbranches; i++) {
            if (n > 1)
                sql_addf(q, "%sSELECT * FROM (", written ? " UNION ALL " : "");
            add_branch(l, &l->branches[i], side, q);
            add_page(l, q);
            if (n > 1)
                sql_addf(q, ") b%zu", written);
            written++;
        }
    }
    if (n > 1)
        add_page(l, q);
}

static const char *list_sql(struct lister *l, struct sql *q)
{
    const char *table = l->q->en->table;
    if (l->nkeys == 0) {
        add_branches(l, q);
        return sql_text(q);
    }
    sql_add(q, "SELECT ");
    add_fields(l, q);
    for (size_t i = 0; i < l->nkeys; i++)
        sql_addf(q, "k%zu, ", i);
    sql_add(q, "kid FROM (");
    add_branches(l, q);
    sql_addf(q, ") page JOIN %s ON %s.id = kid", table, table);
    add_order(l, q);
    return sql_text(q);
}

static const char *ids_sql(struct lister *l, struct sql *q)
{
    sql_add(q, "SELECT kid FROM (");
    add_branches(l, q);
    sql_add(q, ") page");
    add_order(l, q);
    return sql_text(q);
}

static int write_count(struct lister *l, struct db_conn *c, struct jw *w, struct err *e)
{
    struct sql q = sql_new(l->a);
    bool capped = l->q->count == COUNT_CAPPED;
    int64_t n = 0;
    sql_add(&q, "SELECT count(*) FROM (");
    for (size_t i = 0; i < l->nbranches; i++) {
        sql_addf(&q, "%sSELECT 1 AS one FROM (SELECT id", i ? " UNION ALL " : "");
        add_where(l, &l->branches[i], &q);
        if (capped)
            sql_addf(&q, " LIMIT %d", COUNT_CAP);
        sql_addf(&q, ") c%zu", i);
    }
    if (l->nbranches == 0)
        sql_add(&q, "SELECT 1 AS one WHERE 1 = 0");
    sql_add(&q, ") n");
    const char *text = sql_text(&q);
    int rc = db_one_i64(c, text, q.args, q.nargs, 0, &n, e);
    if (capped && n > COUNT_CAP)
        n = COUNT_CAP;
    jw_key(w, "count");
    jw_obj(w);
    jw_ki64(w, "value", n);
    jw_kbool(w, "capped", capped && n == COUNT_CAP);
    jw_obj_end(w);
    return rc;
}

/* --- all together --------------------------------------------------------------------------------
 */

/* What the person may see of what was asked for. */
static void take_fields(struct lister *l, struct list_query *q)
{
    const struct field **asked = q->fields;
    size_t n = asked ? q->nfields : q->en->nfields;
    q->fields = arena_array(l->a, const struct field *, n + 1);
    q->nfields = 0;
    for (size_t i = 0; i < n; i++) {
        const struct field *f = asked ? asked[i] : &q->en->fields[i];
        if (field_level(f, l->levels) > LEVEL_HIDE)
            q->fields[q->nfields++] = f;
    }
}

/* Where records are met is told by finding them there. */
static int check_meeting(struct lister *l, struct err *e)
{
    const struct list_query *q = l->q;
    if (!q->at_customer ||
        (access_level(l->who, q->en, q->en->customer_field) >= LEVEL_READ &&
         access_level(l->who, q->through, q->through->customer_field) >= LEVEL_READ))
        return 0;
    err_param(e, "name", STR("at_customer"));
    return err_set(e, ERR_BAD_PARAMETER, "customers are held back");
}

/* The order of records tells as much as the values do. */
static int check_sort(struct lister *l, struct err *e)
{
    for (size_t i = 0; i < l->q->nsort; i++) {
        if (field_level(l->q->sort[i].field, l->levels) >= LEVEL_READ)
            continue;
        err_param(e, "name", STR("sort"));
        return err_set(e, ERR_BAD_PARAMETER, "sort by %s", l->q->sort[i].field->name);
    }
    return 0;
}

static void prepare(struct lister *l)
{
    for (size_t i = 0; i < l->q->nsort; i++) {
        const struct field *f = l->q->sort[i].field;
        if (f->id == FIELD_ID) {
            l->id_desc = l->q->sort[i].desc;
            l->nbranches = access_branches(l->who, l->q->en, ACCESS_READ, l->branches, &l->in_list);
            return;
        }
        l->keys[l->nkeys++] = (struct sort_key){f, l->q->sort[i].desc};
    }
    l->id_desc = l->nkeys ? l->keys[l->nkeys - 1].desc : true;
    l->nbranches = access_branches(l->who, l->q->en, ACCESS_READ, l->branches, &l->in_list);
}

static void write_item(struct lister *l, const struct tenant *t, const struct db_rows *rows,
                       struct titles *ti, struct jw *w)
{
    unsigned at = 0;
    jw_obj(w);
    for (size_t i = 0; i < l->q->nfields; i++) {
        const struct field *f = l->q->fields[i];
        struct value v;
        value_from_row(f, rows, at, &v);
        at += f->ncolumns;
        enum field_level level = field_level(f, l->levels);
        jw_key(w, f->name);
        record_level_json(t, f, level, &v, w);
        if (l->q->titles && !v.null && level >= LEVEL_READ)
            titles_want(ti, f, v.i);
    }
    jw_obj_end(w);
}

static int write_items(struct lister *l, struct db_conn *c, const struct tenant *t,
                       struct titles *ti, struct jw *w, struct str *next, struct err *e)
{
    if (l->nbranches == 0)
        return 0;
    struct sql q = sql_new(l->a);
    const char *text = list_sql(l, &q);
    if (q.overflow)
        return err_set(e, ERR_BAD_PARAMETER, "filter with too many values");
    unsigned first_key = 0, n = 0;
    for (size_t i = 0; i < l->q->nfields; i++)
        first_key += l->q->fields[i]->ncolumns;
    struct db_rows *rows = NULL;
    int rc = db_query(c, text, q.args, q.nargs, &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        rc = 0;
        write_item(l, t, rows, ti, w);
        if (++n == l->q->limit) {
            *next = cursor_text(l, rows, first_key);
            rc = db_step(rows, e);
            if (rc == 0)
                *next = STR_NULL;
            break;
        }
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

int record_list(struct db_conn *c, const struct tenant *t, const struct actor *who,
                const struct list_query *q, struct arena *a, struct jw *w, struct err *e)
{
    struct list_query own = *q;
    struct lister l = {.q = &own, .who = who, .a = a, .levels = access_levels(who, q->en)};
    take_fields(&l, &own);
    int rc = check_sort(&l, e);
    if (rc == 0)
        rc = check_meeting(&l, e);
    if (rc)
        return rc;
    prepare(&l);
    rc = read_cursor(&l, e);
    if (rc)
        return rc;
    struct titles ti = {.a = a};
    struct str next = STR_NULL;
    jw_obj(w);
    jw_key(w, "items");
    jw_arr(w);
    rc = write_items(&l, c, t, &ti, w, &next, e);
    jw_arr_end(w);
    if (rc)
        return rc;
    jw_key(w, "next");
    if (next.n)
        jw_str(w, next);
    else
        jw_null(w);
    if (q->count != COUNT_NONE)
        rc = write_count(&l, c, w, e);
    if (rc == 0 && q->titles)
        rc = titles_write(&ti, c, t, who, w, e);
    jw_obj_end(w);
    return rc;
}

bool id_list_add(struct id_list *l, int64_t id)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 1024;
        int64_t *grown = realloc(l->ids, cap * sizeof *grown);
        if (!grown)
            return false;
        l->ids = grown;
        l->cap = cap;
    }
    l->ids[l->n++] = id;
    return true;
}

int record_ids(struct db_conn *c, const struct actor *who, const struct list_query *q,
               struct arena *a, struct id_list *ret_ids, struct err *e)
{
    struct list_query own = *q;
    struct lister l = {.q = &own, .who = who, .a = a, .levels = access_levels(who, q->en)};
    struct db_rows *rows = NULL;
    own.nfields = 0;
    own.limit = UINT32_MAX - 1;
    int rc = check_sort(&l, e);
    if (rc == 0)
        rc = check_meeting(&l, e);
    if (rc)
        return rc;
    prepare(&l);
    if (l.nbranches == 0)
        return 0;
    struct sql sql = sql_new(a);
    const char *text = ids_sql(&l, &sql);
    if (sql.overflow)
        return err_set(e, ERR_BAD_PARAMETER, "filter with too many values");
    rc = db_query(c, text, sql.args, sql.nargs, &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        rc = id_list_add(ret_ids, db_i64(rows, 0)) ? 0 : err_set(e, ERR_NOMEM, "ids");
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}
