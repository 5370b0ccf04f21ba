/* What people of the invented company put on what there is: tags, checklists, favourites. */
#include "crm/demo/internal.h"

#include "core/tags/tags.h"

enum { LABELLED = 60, LISTED = 12 };

static const char *const words[] = {"框架协议", "重点维护", "展会认识", "付款慢", "转介绍"};
enum { WORDS = sizeof words / sizeof words[0] };

static int first_ids(struct db_conn *c, const char *sql, int64_t *ids, size_t most, size_t *ret_n,
                     struct err *e)
{
    struct db_rows *rows = NULL;
    int rc = db_query(c, sql, DB_ARGS(DB_I64((int64_t)most)), &rows, e);
    while (rc == 0 && *ret_n < most && (rc = db_step(rows, e)) > 0) {
        ids[(*ret_n)++] = db_i64(rows, 0);
        rc = 0;
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

static int put_tags(const struct demo_world *d, struct write *w, struct err *e)
{
    int64_t ids[LABELLED], tags[WORDS];
    size_t n = 0;
    int rc = first_ids(w->c, "SELECT id FROM customers ORDER BY id LIMIT $1", ids, LABELLED, &n, e);
    for (size_t i = 0; rc == 0 && i < WORDS; i++) {
        struct record tag;
        rc = tags_find(w, str_of(words[i]), &tag, e);
        if (rc == 0)
            tags[i] = tag.v[FIELD_ID].i;
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct dice dice = dice_of(d->seed, 7000000 + i);
        struct record r;
        if (!dice_chance(&dice, 60))
            continue;
        json_t *add = json_pack(
            "[s]", arena_printf(w->a, "%lld", (long long)tags[dice_below(&dice, WORDS)]).p);
        rc = add ? tags_change(w, &w->t->registry->entities[ENTITY_CUSTOMER], ids[i], add, NULL, &r,
                               e)
                 : err_set(e, ERR_NOMEM, "demo");
        json_decref(add);
        if (rc == 0 && w->who->user_id && dice_chance(&dice, 10))
            rc = favourite_set(w, r.en, ids[i], true, e);
    }
    return rc;
}

static int put_lists(const struct demo_world *d, struct write *w, struct err *e)
{
    int64_t ids[LISTED];
    size_t n = 0;
    int rc = first_ids(w->c, "SELECT id FROM tasks WHERE status = 'open' ORDER BY id LIMIT $1", ids,
                       LISTED, &n, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct dice dice = dice_of(d->seed, 8000000 + i);
        struct record r;
        json_t *body = json_pack("{s:[{s:s,s:b},{s:s,s:b},{s:s}]}", "items", "text", "核对库存",
                                 "done", (int)dice_chance(&dice, 70), "text", "确认交期", "done",
                                 (int)dice_chance(&dice, 30), "text", "发报价");
        rc = body
                 ? record_update(w, &w->t->registry->entities[ENTITY_TASK], ids[i], body, -1, &r, e)
                 : err_set(e, ERR_NOMEM, "demo");
        json_decref(body);
    }
    return rc;
}

int demo_write_labels(const struct demo_world *d, struct db_conn *c, const struct actor *who,
                      struct arena *a, struct err *e)
{
    struct write w = {.t = d->t, .c = c, .who = who, .a = a, .now = clock_now_ms()};
    int rc = put_tags(d, &w, e);
    return rc ? rc : put_lists(d, &w, e);
}
