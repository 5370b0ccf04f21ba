#include "core/search/search.h"
#include "core/search/tokens.h"

#include <stdlib.h>
#include <string.h>

enum { CANDIDATES = 1000, MAX_DOC = 32 << 10, BATCH = 64 };

static void put_scope_tokens(const struct entity *en, const struct value *v, struct buf *out)
{
    if (!en->owned) {
        buf_add_cstr(out, "pub ");
        return;
    }
    if (!v[FIELD_OWNER_ID].null)
        buf_printf(out, "o%lld ", (long long)v[FIELD_OWNER_ID].i);
    if (!v[FIELD_DEPARTMENT_ID].null)
        buf_printf(out, "d%lld ", (long long)v[FIELD_DEPARTMENT_ID].i);
}

static bool is_searched(const struct entity *en)
{
    return en->nsearch_title + en->nsearch_body > 0;
}

/* --- the full-text index of SQLite ----------------------------------------------------------

   FTS5 writes a segment of its own whenever it is asked to flush, and it is asked at every
   savepoint, so the index is brought up to date once per commit, from notes: '+' or '-', the id,
   the tokens. PostgreSQL indexes the column by itself. */

struct change {
    int64_t id;
    size_t at;
    bool add;
    struct str tokens;
};

static int by_id(const void *x, const void *y)
{
    const struct change *a = x, *b = y;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

/* With external content FTS5 forgets a row only when told the very tokens it had. */
static int fts_apply(struct db_conn *c, const struct change *first, const struct change *last,
                     struct err *e)
{
    int rc = 0;
    if (!first->add && last->add && str_eq(first->tokens, last->tokens))
        return 0;
    if (!first->add)
        rc = db_exec(c,
                     "INSERT INTO search_doc_fts (search_doc_fts, rowid, tokens) "
                     "VALUES ('delete', $1, $2)",
                     DB_ARGS(DB_I64(first->id), DB_STR(first->tokens)), NULL, e);
    if (rc == 0 && last->add)
        rc = db_exec(c, "INSERT INTO search_doc_fts (rowid, tokens) VALUES ($1, $2)",
                     DB_ARGS(DB_I64(last->id), DB_STR(last->tokens)), NULL, e);
    return rc;
}

/* In the order of ids: a row number that goes back makes FTS5 flush. Of a record that changed
   several times only its first state leaves the index and its last one enters. */
static int fts_write(struct db_conn *c, const struct str *notes, size_t n, struct err *e)
{
    struct change *change = malloc((n + 1) * sizeof *change);
    int rc = 0;
    if (!change)
        return err_set(e, ERR_NOMEM, "%zu documents", n);
    for (size_t i = 0; i < n; i++) {
        change[i] = (struct change){.at = i, .add = notes[i].p[0] == '+'};
        memcpy(&change[i].id, notes[i].p + 1, sizeof change[i].id);
        change[i].tokens = str_from(notes[i].p + 9, notes[i].n - 9);
    }
    qsort(change, n, sizeof *change, by_id);
    for (size_t i = 0, end; rc == 0 && i < n; i = end) {
        for (end = i + 1; end < n && change[end].id == change[i].id; end++)
            continue;
        rc = fts_apply(c, &change[i], &change[end - 1], e);
    }
    free(change);
    return rc;
}

static int fts_note(struct db_conn *c, char sign, int64_t id, struct str tokens, struct err *e)
{
    if (db_kind(db_of(c)) != DB_SQLITE)
        return 0;
    struct buf note = BUF_INIT(MAX_DOC + 16);
    buf_add_char(&note, sign);
    buf_add(&note, (const char *)&id, sizeof id);
    buf_add_str(&note, tokens);
    int rc = note.overflow ? err_set(e, ERR_NOMEM, "a search document of %zu bytes", tokens.n)
                           : db_before_commit(c, fts_write, buf_str(&note), e);
    buf_free(&note);
    return rc;
}

/* --- documents ----------------------------------------------------------------------------- */

/* STR_NULL when there is none. */
static int stored_tokens(struct db_conn *c, int64_t id, struct arena *a, struct str *ret_tokens,
                         struct err *e)
{
    struct db_rows *rows = NULL;
    *ret_tokens = STR_NULL;
    int rc =
        db_query(c, "SELECT tokens FROM search_doc WHERE id = $1", DB_ARGS(DB_I64(id)), &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0)
        *ret_tokens = arena_str(a, db_str(rows, 0));
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

static int forget(struct db_conn *c, int64_t id, struct str tokens, struct err *e)
{
    int rc = fts_note(c, '-', id, tokens, e);
    if (rc)
        return rc;
    return db_exec(c, "DELETE FROM search_doc WHERE id = $1", DB_ARGS(DB_I64(id)), NULL, e);
}

int search_drop(struct db_conn *c, int64_t id, struct arena *a, struct err *e)
{
    struct str old;
    int rc = stored_tokens(c, id, a, &old, e);
    return rc || !old.p ? rc : forget(c, id, old, e);
}

static struct str document_of(const struct entity *en, const struct value *v, struct arena *a)
{
    struct buf tokens = BUF_INIT(MAX_DOC);
    buf_printf(&tokens, "x%s ", en->name);
    put_scope_tokens(en, v, &tokens);
    for (size_t i = 0; i < en->nsearch_title; i++)
        tokens_of(v[en->search_title[i]].s, &tokens);
    for (size_t i = 0; i < en->nsearch_body; i++)
        tokens_of(v[en->search_body[i]].s, &tokens);
    struct str text = arena_str(a, buf_str(&tokens));
    buf_free(&tokens);
    return text;
}

static struct str title_for(const struct entity *en, const struct value *v)
{
    struct str title = v[en->title_field].s;
    if (title.n > 300)
        title.n = 300;
    while (title.n && title.n < v[en->title_field].s.n && (title.p[title.n] & 0xc0) == 0x80)
        title.n--;
    return title;
}

int search_put(struct db_conn *c, const struct entity *en, const struct value *v, struct arena *a,
               struct err *e)
{
    if (!is_searched(en))
        return 0;
    int64_t id = v[FIELD_ID].i, at = v[FIELD_UPDATED_AT].i;
    struct str tokens = document_of(en, v, a), title = title_for(en, v), old = STR_NULL;
    int rc = v[FIELD_VERSION].i > 1 ? stored_tokens(c, id, a, &old, e) : 0;
    if (rc)
        return rc;
    /* Owner and department are among the tokens. */
    if (old.p && str_eq(old, tokens))
        return db_exec(c, "UPDATE search_doc SET title = $1, at = $2 WHERE id = $3",
                       DB_ARGS(DB_STR(title), DB_I64(at), DB_I64(id)), NULL, e);
    if (old.p)
        rc = forget(c, id, old, e);
    if (rc == 0)
        rc = db_exec(c,
                     "INSERT INTO search_doc (id, entity, title, tokens, at, owner_id, "
                     "department_id) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                     DB_ARGS(DB_I64(id), DB_STR(str_of(en->name)), DB_STR(title), DB_STR(tokens),
                             DB_I64(at), DB_ID(en->owned ? v[FIELD_OWNER_ID].i : 0),
                             DB_ID(en->owned ? v[FIELD_DEPARTMENT_ID].i : 0)),
                     NULL, e);
    return rc ? rc : fts_note(c, '+', id, tokens, e);
}

/* --- query --------------------------------------------------------------------------------------
 */

struct candidate {
    int64_t id, at;
    struct str entity, title;
    int rank;
    const struct entity *en;
    enum field_level level; /* of the title */
    bool unsure;            /* may match by a field that this person may not read */
};

static int by_rank(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;
    if (a->rank != b->rank)
        return a->rank - b->rank;
    return a->at < b->at ? 1 : a->at > b->at ? -1 : 0;
}

static int rank_of(struct str title, struct str folded_query)
{
    struct buf folded = BUF_INIT(4096);
    tokens_fold(title, &folded);
    struct str t = buf_str(&folded);
    int rank = 3;
    if (str_eq(t, folded_query))
        rank = 0;
    else if (str_starts(t, folded_query))
        rank = 1;
    else if (t.n && folded_query.n && memmem(t.p, t.n, folded_query.p, folded_query.n))
        rank = 2;
    buf_free(&folded);
    return rank;
}

/* What a document must hold: each term, or a word that begins with it. */
enum { TERMS = 12 };
struct term {
    struct str token;
    bool prefix;
};

/* The query's tokens, the last as a prefix. A lone Chinese character is only ever a prefix of a
   pair. */
static size_t terms_of(struct str query, struct arena *a, struct term out[TERMS])
{
    struct buf tokens = BUF_INIT(8192);
    tokens_of(query, &tokens);
    struct str rest = str_trim(arena_str(a, buf_str(&tokens))), token;
    size_t n = 0;
    buf_free(&tokens);
    while (rest.n && n < TERMS && str_split(&rest, ' ', &token)) {
        /* The pairs already cover a run's last character unless it is all there is. */
        bool lone = token.n <= 4 && (unsigned char)token.p[0] >= 0xe0 && str_utf8_len(token) == 1;
        if (lone && n && (unsigned char)out[n - 1].token.p[0] >= 0xe0)
            continue;
        out[n++] = (struct term){token, rest.n == 0 || lone};
    }
    return n;
}

/* The expression for the index: the terms, and who may see. Both dialects differ in syntax alone.
 */
static struct str match_text(const struct actor *who, const struct registry *r, bool sqlite,
                             const struct term *terms, size_t n, const struct entity *only,
                             struct arena *a)
{
    struct buf out = BUF_INIT(16384);
    const char *and = sqlite ? " AND " : " & ", * or = sqlite ? " OR " : " | ";
    if (n == 0)
        return STR_NULL;
    for (size_t i = 0; i < n; i++)
        buf_printf(&out, sqlite ? "%s\"" STR_FMT "\"%s" : "%s'" STR_FMT "'%s", i ? and : "",
                   STR_ARG(terms[i].token),
                   !terms[i].prefix ? ""
                   : sqlite         ? "*"
                                    : ":*");
    buf_printf(&out, "%s(", and);
    size_t entities = 0;
    for (int i = 0; i < ENTITY_COUNT; i++) {
        const struct entity *en = &r->entities[i];
        struct access_branch b[ACCESS_MAX_BRANCHES];
        bool in_list;
        if (!is_searched(en) || (only && only != en))
            continue;
        size_t nb = access_branches(who, en, ACCESS_READ, b, &in_list);
        if (nb == 0)
            continue;
        buf_printf(&out, "%s(x%s", entities++ ? or : "", en->name);
        for (size_t k = 0; k < nb && b[k].kind != BRANCH_ALL; k++)
            buf_printf(&out, "%s%c%lld%s",
                       k        ? or
                       : sqlite ? " AND ("
                                : " & (",
                       b[k].kind == BRANCH_OWNER ? 'o' : 'd', (long long)b[k].id,
                       k + 1 == nb ? ")" : "");
        for (size_t k = 0; in_list && k < who->nbelow; k++)
            buf_printf(&out, "%sd%lld%s",
                       k        ? or
                       : sqlite ? " AND ("
                                : " & (",
                       (long long)who->below[k], k + 1 == who->nbelow ? ")" : "");
        buf_add_char(&out, ')');
    }
    buf_add_char(&out, ')');
    struct str text = entities ? arena_str(a, buf_str(&out)) : STR_NULL;
    buf_free(&out);
    return text;
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

static bool has_term(struct str tokens, const struct term *t)
{
    struct str token;
    while (str_split(&tokens, ' ', &token))
        if (t->prefix ? str_starts(token, t->token) : str_eq(token, t->token))
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

static void confirm(const struct db_rows *rows, size_t fields, const struct term *terms, size_t n,
                    struct candidate *list, size_t nlist)
{
    struct buf tokens = BUF_INIT(MAX_DOC);
    bool all = true;
    for (size_t i = 0; i < fields; i++)
        tokens_of(db_str(rows, (unsigned)i + 1), &tokens);
    for (size_t i = 0; all && i < n; i++)
        all = has_term(buf_str(&tokens), &terms[i]);
    for (size_t i = 0; all && i < nlist; i++)
        list[i].unsure &= list[i].id != db_i64(rows, 0);
    buf_free(&tokens);
}

/* Marks those of a batch that match by what the person may not read of this entity. The statement
   has always the same number of ids, so that it is prepared once. */
static int verify(struct db_conn *c, const struct actor *who, const struct entity *en,
                  const struct term *terms, size_t nterms, struct arena *a, struct candidate *batch,
                  size_t n, struct err *e)
{
    const unsigned char *levels = access_levels(who, en);
    const struct field *fields[12];
    int64_t last = 0;
    if (!held_back(en, levels))
        return 0;
    for (size_t i = 0; i < n; i++) {
        batch[i].unsure |= batch[i].en == en;
        last = batch[i].en == en ? batch[i].id : last;
    }
    size_t nf = readable(en, levels, fields);
    if (!last || !nf)
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
    const char *text = sql_text(&q);
    struct db_rows *rows = NULL;
    int rc = db_query(c, text, q.args, q.nargs, &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        confirm(rows, nf, terms, nterms, batch, n);
        rc = 0;
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

/* The first `limit` in the order of rank that the person may find; the rest is not looked at. */
static int choose(struct db_conn *c, const struct tenant *t, const struct actor *who,
                  const struct term *terms, size_t nterms, struct arena *a, struct candidate *list,
                  size_t *n, size_t limit, struct err *e)
{
    size_t kept = 0;
    int rc = 0;
    for (size_t at = 0, end; rc == 0 && at < *n && kept < limit; at = end) {
        end = *n - at > BATCH ? at + BATCH : *n;
        for (int i = 0; rc == 0 && i < ENTITY_COUNT; i++)
            rc =
                verify(c, who, &t->registry->entities[i], terms, nterms, a, list + at, end - at, e);
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
        if (list[i].level < LEVEL_READ)
            list[i].rank = 3;
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

static int collect(struct db_conn *c, const char *sql, const struct db_value *args, size_t nargs,
                   struct str folded, struct arena *a, struct candidate *list, size_t *n,
                   struct err *e)
{
    struct db_rows *rows = NULL;
    int rc = db_query(c, sql, args, nargs, &rows, e);
    while (rc == 0 && *n < CANDIDATES && (rc = db_step(rows, e)) > 0) {
        struct candidate *cand = &list[(*n)++];
        *cand = (struct candidate){.id = db_i64(rows, 0),
                                   .entity = arena_str(a, db_str(rows, 1)),
                                   .title = arena_str(a, db_str(rows, 2)),
                                   .at = db_i64(rows, 3)};
        cand->rank = rank_of(cand->title, folded);
        rc = 0;
    }
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

/* Numbers (of orders) are found by their index, as prefixes. */
static int collect_prefixes(struct db_conn *c, const struct tenant *t, const struct actor *who,
                            struct str query, const struct entity *only, struct str folded,
                            struct arena *a, struct candidate *list, size_t *n, struct err *e)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < ENTITY_COUNT; i++) {
        const struct entity *en = &t->registry->entities[i];
        if (en->prefix_search < 0 || (only && only != en) || query.n > 60 ||
            access_level(who, en, en->prefix_search) < LEVEL_READ)
            continue;
        const char *column = en->fields[en->prefix_search].name;
        struct sql q = sql_new(a);
        sql_addf(&q, "SELECT id, '%s', %s, updated_at FROM %s WHERE %s >= ", en->name, column,
                 en->table, column);
        sql_arg(&q, DB_STR(query));
        sql_addf(&q, " AND %s < ", column);
        sql_arg(&q, DB_STR(arena_printf(a, STR_FMT "\xf4\x8f\xbf\xbf", STR_ARG(query))));
        sql_add(&q, " AND deleted_at IS NULL");
        access_predicate(who, en, ACCESS_READ, "", &q);
        sql_addf(&q, " ORDER BY %s LIMIT 50", column);
        const char *text = sql_text(&q);
        rc = collect(c, text, q.args, q.nargs, folded, a, list, n, e);
    }
    return rc;
}

int search_query(struct db_conn *c, const struct tenant *t, const struct actor *who,
                 struct str query, const struct entity *entity, unsigned limit, struct arena *a,
                 struct jw *w, struct err *e)
{
    bool sqlite = db_kind(db_of(c)) == DB_SQLITE;
    struct candidate *list = arena_array(a, struct candidate, CANDIDATES);
    size_t n = 0;
    int rc = 0;
    struct buf fold = BUF_INIT(4096);
    query = str_trim(query);
    if (query.n > 200)
        query.n = 200;
    tokens_fold(query, &fold);
    struct str folded = arena_str(a, buf_str(&fold));
    buf_free(&fold);
    struct term terms[TERMS];
    size_t nterms = terms_of(query, a, terms);
    struct str match = match_text(who, t->registry, sqlite, terms, nterms, entity, a);
    if (match.n)
        rc = collect(c,
                     sqlite ? "SELECT d.id, d.entity, d.title, d.at FROM search_doc_fts f "
                              "JOIN search_doc d ON d.id = f.rowid WHERE f.search_doc_fts MATCH $1 "
                              "ORDER BY f.rowid DESC LIMIT 1000"
                            : "SELECT id, entity, title, at FROM search_doc WHERE tokens_ts @@ "
                              "to_tsquery('simple', $1) LIMIT 1000",
                     DB_ARGS(DB_STR(match)), folded, a, list, &n, e);
    if (rc == 0 && query.n)
        rc = collect_prefixes(c, t, who, query, entity, folded, a, list, &n, e);
    if (rc)
        return rc;
    hold_titles(t, who, list, n);
    qsort(list, n, sizeof *list, by_rank);
    rc = choose(c, t, who, terms, nterms, a, list, &n, limit, e);
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
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
    return 0;
}
