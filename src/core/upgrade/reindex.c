/* Search documents made anew when a new version of the program cuts words in another way. */
#include "core/upgrade/upgrade.h"

#include "core/search/search.h"

#include <stdio.h>

enum { CHUNK = 500 };
const struct upgrade upgrade_search = {"search.version", SEARCH_VERSION, "reindex",
                                       "SELECT 1 FROM search_doc LIMIT 1"};

struct reindex {
    struct job *j;
    struct tenant *t;
    int64_t entity, after, done, total;
    bool finished;
};

static int put_chunk(struct reindex *r, struct db_conn *c, const struct entity *en, struct arena *a,
                     size_t *ret_n, struct err *e)
{
    struct sql q = sql_new(a);
    struct db_rows *rows = NULL;
    struct value *v = arena_array(a, struct value, CHUNK * en->nfields);
    size_t n = 0;
    sql_add(&q, en->select_sql);
    sql_add(&q, " WHERE deleted_at IS NULL AND id > ");
    sql_arg(&q, DB_I64(r->after));
    sql_addf(&q, " ORDER BY id LIMIT %d", CHUNK);
    const char *text = sql_text(&q);
    int rc = db_query(c, text, q.args, q.nargs, &rows, e);
    while (rc == 0 && n < CHUNK && (rc = db_step(rows, e)) > 0) {
        for (size_t i = 0; i < en->nfields; i++) {
            struct value one;
            value_from_row(&en->fields[i], rows, en->fields[i].column, &one);
            v[n * en->nfields + i] = value_keep(&one, a);
        }
        n++;
        rc = 0;
    }
    db_rows_done(rows);
    if (rc < 0)
        return rc;
    for (size_t k = 0; k < n; k++) {
        rc = search_renew(c, en, v + k * en->nfields, a, e);
        if (rc)
            return rc;
        r->after = v[k * en->nfields + FIELD_ID].i;
    }
    *ret_n = n;
    return 0;
}

static int chunk(struct db_conn *c, void *arg, struct err *e)
{
    struct reindex *r = arg, next = *r;
    struct arena *a = arena_new(0);
    size_t n = 0;
    char cursor[96];
    int rc = put_chunk(&next, c, &r->t->registry->entities[r->entity], a, &n, e);
    next.done += (int64_t)n;
    if (n < CHUNK) {
        next.entity++;
        next.after = 0;
    }
    next.finished = next.entity == ENTITY_COUNT;
    snprintf(cursor, sizeof cursor, "{\"entity\":%lld,\"after\":%lld,\"done\":%lld}",
             (long long)next.entity, (long long)next.after, (long long)next.done);
    if (rc == 0 && next.finished)
        rc = upgrade_done(c, &upgrade_search, e);
    struct job_progress p = {"search", next.done, next.total, 0};
    if (rc == 0)
        rc = job_save(r->j, c, &p, str_of(cursor), e);
    arena_free(a);
    if (rc == 0)
        *r = next; /* a run may run more than once */
    return rc;
}

static int count_all(struct reindex *r, struct err *e)
{
    struct db_conn *c = NULL;
    int rc = db_reader(r->t->db, &c, e);
    if (rc == 0)
        rc = db_one_i64(c, "SELECT count(*) FROM search_doc", DB_NOARGS, 0, &r->total, e);
    db_reader_done(c);
    return rc;
}

static int run(struct job *j, struct err *e)
{
    struct job_view view = job_view(j);
    struct reindex r = {.j = j, .t = job_tenant(j)};
    r.entity = json_integer_value(json_object_get(view.cursor, "entity"));
    r.after = json_integer_value(json_object_get(view.cursor, "after"));
    r.done = json_integer_value(json_object_get(view.cursor, "done"));
    int rc = count_all(&r, e);
    while (rc == 0 && !r.finished) {
        const struct entity *en = &r.t->registry->entities[r.entity];
        if (en->nsearch_title + en->nsearch_body == 0 && r.entity + 1 < ENTITY_COUNT) {
            r.entity++;
            r.after = 0;
            continue;
        }
        rc = db_transact(r.t->db, DB_BULK, chunk, &r, e);
        struct job_progress p = {"search", r.done, r.total, 0};
        if (rc == 0)
            rc = job_tick(j, &p, e);
    }
    return rc;
}

const struct job_kind upgrade_jobs[] = {{"reindex", run}, {0}};
