/* What is found, and in which order. */
#include "core/search/internal.h"

#include "core/search/match.h"
#include "core/search/pinyin.h"
#include "core/search/tokens.h"

#include <stdlib.h>
#include <string.h>

enum { CANDIDATES = 500, BATCH = 64, MOST_NAMED = 50 };

/* Lower is better. What is no match but to the index comes last. */
enum rank { SAME, BEGINS, INSIDE, READ_BEGINS, READ_INSIDE, ELSEWHERE };

struct candidate {
    int64_t id, at;
    struct str entity, title;
    enum rank rank;
    size_t from, to; /* the characters of the title that match; from == to: none */
    const struct entity *en;
    enum field_level level; /* of the title */
    bool unsure;            /* may match by a field that this person may not read */
};

static int by_rank(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return a->at < b->at ? 1 : a->at > b->at ? -1 : 0;
}

static void rank(struct candidate *cand, struct str query)
{
    struct buf folded = BUF_INIT(4096);
    tokens_fold(cand->title, &folded);
    struct str t = buf_str(&folded);
    const char *at = t.n && query.n ? memmem(t.p, t.n, query.p, query.n) : NULL;
    cand->rank = ELSEWHERE;
    if (at) {
        cand->rank = at > t.p ? INSIDE : t.n > query.n ? BEGINS : SAME;
        cand->from = str_utf8_len(str_from(t.p, (size_t)(at - t.p)));
        cand->to = cand->from + str_utf8_len(query);
    } else if (pinyin_find(t, query, &cand->from, &cand->to)) {
        cand->rank = cand->from ? READ_INSIDE : READ_BEGINS;
    }
    /* Folding may make one character of two: then the places are those of another text. */
    if (cand->rank == ELSEWHERE || str_utf8_len(t) != str_utf8_len(cand->title))
        cand->from = cand->to = 0;
    buf_free(&folded);
}

/* --- fields that are held back
   --------------------------------------------------------------------

   The index knows all fields of a document. For people from whom some are held back its hits are
   only candidates: each is looked up, and must match by what this person may read of it. Whoever
   sees everything, which is nearly everybody, pays nothing. */

static bool held_back(const struct entity *en, const unsigned char *levels)
{
    for (size_t i = 0; levels && i < en->nsearch_title; i++)
        if (field_level(&en->fields[en->search_title[i]], levels) < LEVEL_READ)
            return true;
    for (size_t i = 0; levels && i < en->nsearch_body; i++)
        if (field_level(&en->fields[en->search_body[i]], levels) < LEVEL_READ)
            return true;
    return false;
}

static size_t readable(const struct entity *en, const unsigned char *levels,
                       const struct field **out)
{
    size_t n = 0;
    for (size_t i = 0; i < en->nsearch_title; i++)
        if (field_level(&en->fields[en->search_title[i]], levels) >= LEVEL_READ)
            out[n++] = &en->fields[en->search_title[i]];
    for (size_t i = 0; i < en->nsearch_body; i++)
        if (field_level(&en->fields[en->search_body[i]], levels) >= LEVEL_READ)
            out[n++] = &en->fields[en->search_body[i]];
    return n;
}

/* Without fields it is enough that the record stands. */
static void confirm(const struct db_rows *rows, const struct entity *en,
                    const struct field *const *fields, size_t nfields, const struct match *m,
                    struct candidate *list, size_t nlist)
{
    struct buf tokens = BUF_INIT(SEARCH_MAX_DOC);
    for (size_t i = 0; i < nfields; i++)
        document_tokens(en, fields[i], db_str(rows, (unsigned)i + 1), &tokens);
    bool holds = nfields == 0 || match_holds(m, buf_str(&tokens));
    for (size_t i = 0; holds && i < nlist; i++)
        list[i].unsure &= list[i].id != db_i64(rows, 0);
    buf_free(&tokens);
}

/* Marks those of a batch that match by what the person may not read of this entity, or whose
   customer is in the trash. The statement has always the same number of ids, so that it is prepared
   once. */
static int verify(struct db_conn *c, const struct actor *who, const struct entity *en,
                  const struct match *m, struct arena *a, struct candidate *batch, size_t n,
                  struct err *e)
{
    const unsigned char *levels = access_levels(who, en);
    const struct field *fields[12];
    int64_t last = 0;
    bool held = held_back(en, levels);
    if (!held && !en->with_customer)
        return 0;
    for (size_t i = 0; i < n; i++) {
        batch[i].unsure |= batch[i].en == en;
        last = batch[i].en == en ? batch[i].id : last;
    }
    size_t nf = held ? readable(en, levels, fields) : 0;
    if (!last || (held && !nf))
        return 0;
    struct sql q = sql_new(a);
    sql_add(&q, "SELECT id");
    for (size_t i = 0; i < nf; i++)
        sql_addf(&q, ", %s", fields[i]->name);
    sql_addf(&q, " FROM %s WHERE id IN (", en->table);
    for (size_t i = 0; i < BATCH; i++) {
        sql_add(&q, i ? ", " : "");
        sql_arg(&q, DB_I64(i < n && batch[i].en == en ? batch[i].id : last));
    }
    sql_add(&q, ")");
    access_standing(en, arena_printf(a, "%s.", en->table).p, &q);
    const char *text = sql_text(&q);
    struct db_rows *rows = NULL;
    int rc = db_query(c, text, q.args, q.nargs, &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        confirm(rows, en, fields, nf, m, batch, n);
        rc = 0;
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

/* The first `limit` in the order of rank that the person may find; the rest is not looked at. */
static int choose(struct db_conn *c, const struct tenant *t, const struct actor *who,
                  const struct match *m, struct arena *a, struct candidate *list, size_t *n,
                  size_t limit, struct err *e)
{
    size_t kept = 0;
    int rc = 0;
    for (size_t at = 0, end; rc == 0 && at < *n && kept < limit; at = end) {
        end = *n - at > BATCH ? at + BATCH : *n;
        for (int i = 0; rc == 0 && i < ENTITY_COUNT; i++)
            rc = verify(c, who, &t->registry->entities[i], m, a, list + at, end - at, e);
        for (size_t i = at; rc == 0 && i < end; i++)
            if (!list[i].unsure)
                list[kept++] = list[i];
    }
    *n = kept < limit ? kept : limit;
    return rc;
}

/* A title that is held back is neither shown nor ranked by. */
static void hold_titles(const struct tenant *t, const struct actor *who, struct candidate *list,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct entity *en = registry_entity(t->registry, list[i].entity);
        list[i].level = en ? access_level(who, en, en->title_field) : LEVEL_HIDE;
        list[i].en = en;
        if (list[i].level < LEVEL_READ) {
            list[i].rank = ELSEWHERE;
            list[i].from = list[i].to = 0;
        }
    }
}

static void write_title(const struct candidate *cand, struct jw *w)
{
    struct value v = {.null = !cand->title.p || cand->level == LEVEL_HIDE, .s = cand->title};
    jw_key(w, "title");
    if (cand->level == LEVEL_MASK)
        value_mask_json(&cand->en->fields[cand->en->title_field], &v, w);
    else
        jw_str(w, v.null ? STR("") : v.s);
}

/* What is in the list already is not added again. */
static int collect(struct db_conn *c, const char *sql, const struct db_value *args, size_t nargs,
                   struct str folded, struct arena *a, struct candidate *list, size_t *n,
                   struct err *e)
{
    struct db_rows *rows = NULL;
    const size_t before = *n;
    int rc = db_query(c, sql, args, nargs, &rows, e);
    while (rc == 0 && *n < CANDIDATES && (rc = db_step(rows, e)) > 0) {
        struct candidate *cand = &list[*n];
        *cand = (struct candidate){.id = db_i64(rows, 0), .at = db_i64(rows, 3)};
        rc = 0;
        size_t k = 0;
        while (k < before && list[k].id != cand->id)
            k++;
        if (k < before)
            continue;
        cand->entity = arena_str(a, db_str(rows, 1));
        cand->title = arena_str(a, db_str(rows, 2));
        rank(cand, folded);
        ++*n;
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

static int ask_column(struct db_conn *c, const struct actor *who, const struct entity *en,
                      const struct field *f, struct str query, bool begins, struct str folded,
                      struct arena *a, struct candidate *list, size_t *n, struct err *e)
{
    if (field_level(f, access_levels(who, en)) < LEVEL_READ)
        return 0;
    struct sql q = sql_new(a);
    sql_addf(&q, "SELECT id, '%s', %s, updated_at FROM %s WHERE %s %s ", en->name, f->name,
             en->table, f->name, begins ? ">=" : "=");
    sql_arg(&q, DB_STR(query));
    if (begins) {
        sql_addf(&q, " AND %s < ", f->name);
        sql_arg(&q, DB_STR(arena_printf(a, STR_FMT "\xf4\x8f\xbf\xbf", STR_ARG(query))));
    }
    sql_add(&q, " AND deleted_at IS NULL");
    access_predicate(who, en, ACCESS_READ, "", &q);
    sql_addf(&q, " ORDER BY %s LIMIT %d", f->name, MOST_NAMED);
    const char *text = sql_text(&q);
    return collect(c, text, q.args, q.nargs, folded, a, list, n, e);
}

/* By the indexes of the records: numbers (of orders) as prefixes; and who is called exactly so,
   since the index of words gives out the newest of many only. */
static int ask_columns(struct db_conn *c, const struct tenant *t, const struct actor *who,
                       struct str query, const struct entity *only, struct str folded,
                       struct arena *a, struct candidate *list, size_t *n, struct err *e)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < ENTITY_COUNT; i++) {
        const struct entity *en = &t->registry->entities[i];
        if (only && only != en)
            continue;
        const struct field *title = &en->fields[en->title_field];
        if (en->prefix_search >= 0 && query.n <= 60)
            rc = ask_column(c, who, en, &en->fields[en->prefix_search], query, true, folded, a,
                            list, n, e);
        else if (en->nsearch_title && title->indexed)
            rc = ask_column(c, who, en, title, query, false, folded, a, list, n, e);
    }
    return rc;
}

static int ask_index(struct db_conn *c, const struct tenant *t, const struct actor *who,
                     const struct match *m, const struct entity *only, struct str folded,
                     struct arena *a, struct candidate *list, size_t *n, struct err *e)
{
    struct str text;
    int rc = match_render(m, c, who, t->registry, only, a, &text, e);
    if (rc || !text.n)
        return rc;
    return collect(c,
                   db_kind(db_of(c)) == DB_SQLITE
                       ? "SELECT d.id, d.entity, d.title, d.at FROM search_doc_words f JOIN "
                         "search_doc d ON d.id = f.rowid WHERE f.search_doc_words MATCH $1 ORDER "
                         "BY f.rowid DESC LIMIT 500"
                       : "SELECT id, entity, title, at FROM search_doc WHERE tokens_ts @@ "
                         "to_tsquery('simple', $1) LIMIT 500",
                   DB_ARGS(DB_STR(text)), folded, a, list, n, e);
}

/* Asked for exactly, or with slips: what the person may find of it, best first. */
static int look_for(struct db_conn *c, const struct tenant *t, const struct actor *who,
                    enum match_kind kind, struct str query, struct str folded,
                    const struct entity *only, size_t limit, struct arena *a,
                    struct candidate *list, size_t *ret_n, struct err *e)
{
    const struct match *m = match_new(folded, kind, a);
    size_t n = 0;
    int rc = kind == MATCH_EXACT && query.n
                 ? ask_columns(c, t, who, query, only, folded, a, list, &n, e)
                 : 0;
    if (rc == 0)
        rc = ask_index(c, t, who, m, only, folded, a, list, &n, e);
    if (rc)
        return rc;
    hold_titles(t, who, list, n);
    qsort(list, n, sizeof *list, by_rank);
    *ret_n = n;
    return choose(c, t, who, m, a, list, ret_n, limit, e);
}

int search_query(struct db_conn *c, const struct tenant *t, const struct actor *who,
                 struct str query, const struct entity *entity, unsigned limit, struct arena *a,
                 struct jw *w, struct err *e)
{
    struct candidate *list = arena_array(a, struct candidate, CANDIDATES);
    size_t n = 0;
    struct buf fold = BUF_INIT(4096);
    query = str_trim(query);
    if (query.n > 200)
        query.n = 200;
    tokens_fold(query, &fold);
    struct str folded = arena_str(a, buf_str(&fold));
    buf_free(&fold);
    int rc = look_for(c, t, who, MATCH_EXACT, query, folded, entity, limit, a, list, &n, e);
    if (rc == 0 && n == 0)
        rc = look_for(c, t, who, MATCH_LOOSE, query, folded, entity, limit, a, list, &n, e);
    if (rc)
        return rc;
    jw_obj(w);
    jw_key(w, "items");
    jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        const struct entity *en = list[i].en;
        jw_obj(w);
        jw_kstr(w, "entity", list[i].entity);
        jw_kid(w, "id", list[i].id);
        write_title(&list[i], w);
        jw_kstr(w, "subtitle", en ? en->label.in[who->lang] : STR(""));
        if (list[i].from < list[i].to) {
            jw_key(w, "mark");
            jw_arr(w);
            jw_i64(w, (int64_t)list[i].from);
            jw_i64(w, (int64_t)list[i].to);
            jw_arr_end(w);
        }
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
    return 0;
}
