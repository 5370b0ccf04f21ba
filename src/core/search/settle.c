/* FTS5 writes a piece of index with each commit and joins some of them as it goes. What an import
   leaves behind is some thirty, and every look at a word looks into each: a question with slips,
   which looks for seventy, took 20 ms at a million customers and takes 5 once they are one. */
#include "core/search/search.h"

enum { MOST_PIECES = 12, STEP_PAGES = 200, MOST_STEPS = 25 };

struct step {
    bool begin;
    int64_t written;
};

/* A negative number of pages begins to join all there is, a positive one goes on with it; when
   fewer than two rows change, it is done (sqlite.org/fts5.html, 6.8). */
static int join(struct db_conn *c, void *arg, struct err *e)
{
    struct step *s = arg;
    int64_t before = 0, after = 0;
    int rc = db_one_i64(c, "SELECT total_changes()", DB_NOARGS, 0, &before, e);
    if (rc == 0)
        rc =
            db_exec(c, "INSERT INTO search_doc_words (search_doc_words, rank) VALUES ('merge', $1)",
                    DB_ARGS(DB_I64(s->begin ? -STEP_PAGES : STEP_PAGES)), NULL, e);
    if (rc == 0)
        rc = db_one_i64(c, "SELECT total_changes()", DB_NOARGS, 0, &after, e);
    s->written = after - before;
    return rc;
}

static int count_pieces(struct tenant *t, int64_t *ret_n, struct err *e)
{
    struct db_conn *c = NULL;
    int rc = db_reader(t->db, &c, e);
    if (rc == 0)
        rc = db_one_i64(c, "SELECT count(DISTINCT segid) FROM search_doc_words_idx", DB_NOARGS, 0,
                        ret_n, e);
    db_reader_done(c);
    return rc;
}

/* All jobs of all people: one more after a turn of ours was that turn. */
static uint64_t jobs_done(const struct tenant *t)
{
    struct db_stats stats;
    db_stats(t->db, &stats);
    return stats.jobs;
}

int search_settle(struct tenant *t, bool *at_it, bool *ret_alone, struct err *e)
{
    int64_t pieces = 0;
    uint64_t before = jobs_done(t), turns = 0;
    *ret_alone = false;
    if (db_kind(t->db) != DB_SQLITE)
        return 0;
    struct step s = {.begin = !*at_it};
    int rc = s.begin ? count_pieces(t, &pieces, e) : 0;
    if (rc || (s.begin && pieces <= MOST_PIECES))
        return rc;
    while (rc == 0 && turns < MOST_STEPS) {
        rc = db_transact(t->db, DB_BULK, join, &s, e);
        turns++;
        *at_it = rc == 0 && (s.begin || s.written >= 2);
        s.begin = false;
        if (!*at_it)
            break;
    }
    *ret_alone = *at_it && jobs_done(t) - before == turns;
    return rc;
}

int search_hurry(struct db_conn *c, struct err *e)
{
    static const char *const texts[] = {
        "INSERT INTO search_doc_words (search_doc_words, rank) VALUES ('automerge', 0)",
        "INSERT INTO search_doc_words (search_doc_words, rank) VALUES ('crisismerge', 1999)"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && db_kind(db_of(c)) == DB_SQLITE && i < 2; i++)
        rc = db_exec(c, texts[i], DB_NOARGS, NULL, e);
    return rc;
}

int search_join_all(struct db_conn *c, struct err *e)
{
    if (db_kind(db_of(c)) != DB_SQLITE)
        return 0;
    return db_exec(c, "INSERT INTO search_doc_words (search_doc_words) VALUES ('optimize')",
                   DB_NOARGS, NULL, e);
}
