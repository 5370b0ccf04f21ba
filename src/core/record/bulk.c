/* Rows that come by the thousand: no pipeline, one statement a row, and the search document. */
#include "core/record/record.h"

#include "core/search/search.h"

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
    int rc = db_exec(c, en->insert_sql, args, en->ncolumns, NULL, e);
    return rc ? rc : search_put(c, en, v, a, e);
}
