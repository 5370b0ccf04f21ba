/* Notes: work that jobs leave to be done once, just before the commit. */
#define LOG_MODULE "db"
#include "db/db_internal.h"

#include "base/log.h"

#include <stdlib.h>

enum { MANY_BYTES = 4 << 20, MAX_BYTES = 256 << 20 };

bool db_notes_many(const struct db_conn *c)
{
    return c->notes.text.n > MANY_BYTES;
}

int db_before_commit(struct db_conn *c,
                     int (*run)(struct db_conn *c, const struct str *notes, size_t n,
                                struct err *e),
                     struct str note, struct err *e)
{
    struct db_notes *s = &c->notes;
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 64;
        struct db_note *p = realloc(s->item, cap * sizeof *p);
        if (!p)
            return err_set(e, ERR_NOMEM, "%zu notes", cap);
        s->item = p;
        s->cap = cap;
    }
    s->text.max = MAX_BYTES;
    if (!buf_reserve(&s->text, note.n))
        return err_set(e, ERR_NOMEM, "%zu bytes of notes", s->text.n + note.n);
    s->item[s->n++] = (struct db_note){run, s->text.n, note.n};
    buf_add_str(&s->text, note);
    /* A bulk job has its transaction to itself, so its notes need not wait for anybody's fate. */
    return c->lane == DB_BULK && db_notes_many(c) ? db_notes_run(c, e) : 0;
}

int db_notes_run(struct db_conn *c, struct err *e)
{
    struct db_notes *s = &c->notes;
    if (s->n == 0)
        return 0;
    int rc = 0;
    struct str *notes = malloc(s->n * sizeof *notes);
    if (!notes) {
        db_notes_cut(c, 0);
        return err_set(e, ERR_NOMEM, "notes");
    }
    /* Kind by kind; there are few kinds. */
    for (size_t first = 0; rc == 0 && first < s->n; first++) {
        int (*run)(struct db_conn *, const struct str *, size_t, struct err *) = s->item[first].run;
        size_t n = 0;
        for (size_t i = first; run && i < s->n; i++) {
            if (s->item[i].run != run)
                continue;
            notes[n++] = (struct str){s->text.p + s->item[i].at, s->item[i].n};
            s->item[i].run = NULL;
        }
        if (n)
            rc = run(c, notes, n, e);
    }
    free(notes);
    db_notes_cut(c, 0);
    return rc;
}

void db_notes_cut(struct db_conn *c, size_t n)
{
    struct db_notes *s = &c->notes;
    if (n >= s->n)
        return;
    s->text.n = s->item[n].at;
    s->n = n;
    if (n == 0 && s->text.cap > 2 * MANY_BYTES)
        buf_free(&s->text);
}

void db_notes_free(struct db_conn *c)
{
    free(c->notes.item);
    buf_free(&c->notes.text);
}
