/* A record's search document, and the index of SQLite that follows it. */
#include "core/search/internal.h"

#include "core/search/match.h"
#include "core/search/phone.h"
#include "core/search/pinyin.h"
#include "core/search/tokens.h"

#include <stdlib.h>
#include <string.h>

static void put_place(const struct entity *en, char kind, const struct value *v, struct buf *out)
{
    if (v->null)
        return;
    match_kind_token(en, out);
    buf_printf(out, "%c%lld ", kind, (long long)v->i);
}

/* What it is, and what of whom: one token each, since two would have to meet in a million records.
 */
static void put_scope_tokens(const struct entity *en, const struct value *v, struct buf *out)
{
    match_kind_token(en, out);
    buf_add_char(out, ' ');
    if (!en->owned)
        return;
    put_place(en, 'o', &v[FIELD_OWNER_ID], out);
    put_place(en, 'd', &v[FIELD_DEPARTMENT_ID], out);
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
                     "INSERT INTO search_doc_words (search_doc_words, rowid, tokens) "
                     "VALUES ('delete', $1, $2)",
                     DB_ARGS(DB_I64(first->id), DB_STR(first->tokens)), NULL, e);
    if (rc == 0 && last->add)
        rc = db_exec(c, "INSERT INTO search_doc_words (rowid, tokens) VALUES ($1, $2)",
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
    struct buf note = BUF_INIT(SEARCH_MAX_DOC + 16);
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

/* Names are also found by how they are read; what has no Chinese in it is not folded for that. */
static void put_readings(struct str name, struct buf *tokens)
{
    size_t i = 0;
    while (i < name.n && (unsigned char)name.p[i] < 0xe3)
        i++;
    if (i == name.n)
        return;
    struct buf folded = BUF_INIT(4096);
    tokens_fold(name, &folded);
    pinyin_tokens(buf_str(&folded), tokens);
    buf_free(&folded);
}

void document_tokens(const struct entity *en, const struct field *f, struct str text,
                     struct buf *out)
{
    if (strcmp(f->type->name, "phone") == 0)
        phone_tokens(text, out);
    else
        tokens_of(text, out);
    for (size_t i = 0; i < en->nsearch_title; i++)
        if (&en->fields[en->search_title[i]] == f)
            put_readings(text, out);
}

static struct str document_of(const struct entity *en, const struct value *v, struct arena *a)
{
    struct buf tokens = BUF_INIT(SEARCH_MAX_DOC);
    put_scope_tokens(en, v, &tokens);
    for (size_t i = 0; i < en->nsearch_title; i++)
        document_tokens(en, &en->fields[en->search_title[i]], v[en->search_title[i]].s, &tokens);
    for (size_t i = 0; i < en->nsearch_body; i++)
        document_tokens(en, &en->fields[en->search_body[i]], v[en->search_body[i]].s, &tokens);
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

static int put(struct db_conn *c, const struct entity *en, const struct value *v, bool is_new,
               struct arena *a, struct err *e)
{
    if (!is_searched(en))
        return 0;
    int64_t id = v[FIELD_ID].i, at = v[FIELD_UPDATED_AT].i;
    struct str tokens = document_of(en, v, a), title = title_for(en, v), old = STR_NULL;
    int rc = is_new ? 0 : stored_tokens(c, id, a, &old, e);
    if (rc)
        return rc;
    /* Owner and department are among the tokens. */
    if (old.p && str_eq(old, tokens))
        return db_exec(c, "UPDATE search_doc SET title = $1, at = $2 WHERE id = $3",
                       DB_ARGS(DB_STR(title), DB_I64(at), DB_I64(id)), NULL, e);
    if (old.p)
        rc = forget(c, id, old, e);
    if (rc == 0)
        rc = db_put(c,
                    "INSERT INTO search_doc (id, entity, title, tokens, at, owner_id, "
                    "department_id) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    DB_ARGS(DB_I64(id), DB_STR(str_of(en->name)), DB_STR(title), DB_STR(tokens),
                            DB_I64(at), DB_ID(en->owned ? v[FIELD_OWNER_ID].i : 0),
                            DB_ID(en->owned ? v[FIELD_DEPARTMENT_ID].i : 0)),
                    e);
    return rc ? rc : fts_note(c, '+', id, tokens, e);
}

int search_put(struct db_conn *c, const struct entity *en, const struct value *v, struct arena *a,
               struct err *e)
{
    return put(c, en, v, v[FIELD_VERSION].i == 1, a, e);
}

int search_renew(struct db_conn *c, const struct entity *en, const struct value *v, struct arena *a,
                 struct err *e)
{
    return put(c, en, v, false, a, e);
}
