/* Rows that come by the thousand: no pipeline, one statement a row, and the search document. */
#include "core/record/record.h"

#include "core/search/search.h"

#include <string.h>

void record_blank(const struct entity *en, struct value *v)
{
    for (size_t i = 0; i < en->nfields; i++)
        v[i] = en->fields[i].initial;
}

void record_stamp(const struct entity *en, struct value *v, int64_t id, const struct actor *who,
                  int64_t now, int64_t import_id)
{
    struct value none = {.null = true}, me = {.null = !who->user_id, .i = who->user_id};
    for (int i = 0; i <= FIELD_IMPORT_ID; i++)
        v[i] = none;
    v[FIELD_ID] = (struct value){.i = id};
    v[FIELD_VERSION] = (struct value){.i = 1};
    v[FIELD_CREATED_AT] = v[FIELD_UPDATED_AT] = (struct value){.i = now};
    v[FIELD_CREATED_BY] = v[FIELD_UPDATED_BY] = me;
    v[FIELD_IMPORT_ID] = (struct value){.null = !import_id, .i = import_id};
    if (!en->owned)
        return;
    v[FIELD_OWNER_ID] = me;
    v[FIELD_DEPARTMENT_ID] = (struct value){.null = !who->department_id, .i = who->department_id};
}

int record_insert(struct db_conn *c, const struct entity *en, const struct value *v,
                  struct arena *a, struct err *e)
{
    struct db_value args[128 * 2];
    if (en->ncolumns > sizeof args / sizeof args[0])
        return err_set(e, ERR_INTERNAL, "%s has too many columns", en->name);
    for (size_t i = 0; i < en->nfields; i++)
        value_bind(&en->fields[i], &v[i], &args[en->fields[i].column]);
    int rc = db_put(c, en->insert_sql, args, en->ncolumns, e);
    return rc ? rc : search_put(c, en, v, a, e);
}

int record_index_again(struct write *w, const struct entity *en, const char *field, int64_t id,
                       struct err *e)
{
    struct db_rows *rows = NULL;
    struct sql q = sql_new(w->a);
    sql_addf(&q, "SELECT id FROM %s WHERE %s = ", en->table, field);
    sql_arg(&q, DB_I64(id));
    sql_add(&q, " AND deleted_at IS NULL");
    const char *text = sql_text(&q);
    size_t n = 0, cap = 64;
    int64_t *ids = arena_array(w->a, int64_t, cap);
    if (en->nsearch_title + en->nsearch_body == 0)
        return 0;
    int rc = db_query(w->c, text, q.args, q.nargs, &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        if (n == cap) {
            int64_t *grown = arena_array(w->a, int64_t, cap * 2);
            memcpy(grown, ids, cap * sizeof *ids);
            ids = grown;
            cap *= 2;
        }
        ids[n++] = db_i64(rows, 0);
        rc = 0;
    }
    db_rows_done(rows);
    static const struct actor everybody = {.is_admin = true}; /* the index is for all of them */
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct record r;
        rc = record_get(w->c, &everybody, en, ids[i], false, w->a, &r, e);
        if (rc == 0)
            rc = search_drop(w->c, ids[i], w->a, e);
        if (rc == 0)
            rc = search_put(w->c, en, r.v, w->a, e);
    }
    return rc;
}
