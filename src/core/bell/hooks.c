/* What every write of a record says to whom. Each person hears of a write once, by the reason that
   concerns them most: named, then given, then followed. */
#include "core/bell/internal.h"

#include <string.h>

enum { MOST_HEARERS = 200 };

struct hearers {
    struct write *w;
    const struct record *r;
    struct pass everybody;
    int64_t heard[MOST_HEARERS]; /* those who heard it, or do not want to */
    size_t n;
    const struct field **fields; /* what changed */
    size_t nfields;
};

static int64_t link_of(const struct record *r, int field)
{
    return field < 0 || r->v[field].null ? 0 : r->v[field].i;
}

/* Whether this person was not thought of yet. */
static bool first_time(struct hearers *h, int64_t user_id)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->heard[i] == user_id)
            return false;
    if (h->n == MOST_HEARERS)
        return false;
    h->heard[h->n++] = user_id;
    return true;
}

static int tell(struct hearers *h, enum bell_kind kind, int64_t user_id, struct err *e)
{
    struct write *w = h->w;
    const struct record *r = h->r;
    if (!user_id || user_id == w->who->user_id || !first_time(h, user_id))
        return 0;
    bool owned = r->en->owned;
    struct bell_ring ring = {
        .kind = kind,
        .user_id = user_id,
        .by = w->who->user_id,
        .en = r->en,
        .record_id = r->v[FIELD_ID].i,
        .owner_id = owned ? link_of(r, FIELD_OWNER_ID) : 0,
        .department_id = owned ? link_of(r, FIELD_DEPARTMENT_ID) : 0,
        .customer_id = link_of(r, r->en->customer_field),
        .fields = kind == BELL_CHANGED ? h->fields : NULL,
        .nfields = kind == BELL_CHANGED ? h->nfields : 0,
    };
    return bell_ring(w->c, w->t, w->keep ? w->keep : w->a, w->now, &ring, e);
}

/* --- named with @ ------------------------------------------------------------------------------
 */

static bool names(struct str text, struct str name)
{
    for (size_t at = 0; name.n && at + name.n < text.n; at++) {
        const char *sign = memchr(text.p + at, '@', text.n - at);
        if (!sign)
            return false;
        at = (size_t)(sign - text.p);
        if (str_starts(str_skip(text, at + 1), name))
            return true;
    }
    return false;
}

/* As the browser reads it: behind an @ stands the longest name that fits. */
static bool named_by_longer(const struct actor *all, size_t n, const struct actor *p,
                            struct str text)
{
    for (size_t i = 0; i < n; i++)
        if (all[i].name.n > p->name.n && str_starts(all[i].name, p->name) &&
            names(text, all[i].name))
            return true;
    return false;
}

static int tell_named(struct hearers *h, const struct record *before, struct err *e)
{
    int rc = 0;
    for (size_t f = 0; rc == 0 && f < h->r->en->nfields; f++) {
        const struct field *field = &h->r->en->fields[f];
        struct str text = h->r->v[f].s, was = before ? before->v[f].s : STR_NULL;
        size_t n = 0;
        if (strcmp(field->type->name, "longtext") != 0 || h->r->v[f].null || str_eq(text, was) ||
            str_find(text, '@') == text.n)
            continue;
        if (!h->everybody.held &&
            identity_as_user(h->w->t, h->w->who->user_id, &h->everybody, e) != 0)
            return e->code;
        const struct actor *all = identity_everybody(&h->everybody, &n);
        for (size_t i = 0; rc == 0 && i < n; i++)
            if (names(text, all[i].name) && !named_by_longer(all, n, &all[i], text) &&
                !names(was, all[i].name) && access_level(&all[i], h->r->en, field->id) > LEVEL_MASK)
                rc = tell(h, BELL_MENTION, all[i].user_id, e);
    }
    return rc;
}

/* --- followers ---------------------------------------------------------------------------------
 */

/* Those who chose to follow hear it; those who chose not to count as having heard. */
static int tell_followers(struct hearers *h, int64_t record_id, enum bell_kind kind, struct err *e)
{
    struct db_rows *rows = NULL;
    int64_t chosen[MOST_HEARERS];
    size_t n = 0;
    int rc = db_query(h->w->c, "SELECT user_id, follows FROM follow WHERE record_id = $1 LIMIT 200",
                      DB_ARGS(DB_I64(record_id)), &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        if (db_i64(rows, 1))
            chosen[n++] = db_i64(rows, 0);
        else
            (void)first_time(h, db_i64(rows, 0));
        rc = 0;
    }
    db_rows_done(rows);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = tell(h, kind, chosen[i], e);
    return rc;
}

static int tell_of_new(struct hearers *h, struct err *e)
{
    const struct entity *en = h->r->en;
    int64_t customer = en->customer_field >= 0 && en->id != ENTITY_CUSTOMER
                           ? link_of(h->r, en->customer_field)
                           : 0;
    /* What always is some customer's comes to its owner by that; what may stand alone was given. */
    int rc = en->owned && (en->customer_field < 0 || !en->fields[en->customer_field].required)
                 ? tell(h, BELL_ASSIGNED, link_of(h->r, FIELD_OWNER_ID), e)
                 : 0;
    if (rc || !customer)
        return rc;
    int64_t owner = 0;
    rc = tell_followers(h, customer, BELL_ADDED, e);
    if (rc == 0)
        rc = db_one_i64(h->w->c, "SELECT owner_id FROM customers WHERE id = $1",
                        DB_ARGS(DB_I64(customer)), 0, &owner, e);
    return rc ? rc : tell(h, BELL_ADDED, owner, e);
}

static void find_changes(struct hearers *h, const struct record *before)
{
    const struct entity *en = h->r->en;
    h->fields = arena_array(h->w->a, const struct field *, en->nfields);
    for (size_t i = 0; i < en->nfields; i++) {
        const struct field *f = &en->fields[i];
        bool own = f->system && !(en->owned && f->id == FIELD_OWNER_ID);
        if (!own && !f->hidden && !value_equal(f, &before->v[i], &h->r->v[i]))
            h->fields[h->nfields++] = f;
    }
}

static int tell_of_change(struct hearers *h, const struct record *before, struct err *e)
{
    const struct record *r = h->r;
    bool removed = before->v[FIELD_DELETED_AT].null && !r->v[FIELD_DELETED_AT].null;
    enum bell_kind kind = removed ? BELL_REMOVED : BELL_CHANGED;
    int64_t was = r->en->owned ? link_of(before, FIELD_OWNER_ID) : 0;
    int64_t is = r->en->owned ? link_of(r, FIELD_OWNER_ID) : 0;
    find_changes(h, before);
    int rc = was != is ? tell(h, BELL_ASSIGNED, is, e) : 0;
    if (rc == 0)
        rc = tell_followers(h, r->v[FIELD_ID].i, kind, e);
    if (rc == 0)
        rc = tell(h, kind, is, e);
    return rc || was == is ? rc : tell(h, kind, was, e);
}

int bell_touched(struct write *w, const struct record *r, struct err *e)
{
    struct hearers h = {.w = w, .r = r};
    if (!w->t->identity || !w->who->user_id)
        return 0;
    int rc = tell_followers(&h, r->v[FIELD_ID].i, BELL_CHANGED, e);
    return rc || !r->en->owned ? rc : tell(&h, BELL_CHANGED, link_of(r, FIELD_OWNER_ID), e);
}

/* Imports, changes of very many and what the program does by itself ring for nobody; nor do roles
   and the like. */
static int on_write(struct write *w, const struct record *before, struct record *after,
                    struct err *e)
{
    struct hearers h = {.w = w, .r = after};
    if (!w->t->identity || w->import_id || w->quiet || !w->who->user_id ||
        after->en->part_of >= 0 || after->en->admin_writes)
        return 0;
    int rc = tell_named(&h, before, e);
    if (rc == 0)
        rc = before ? tell_of_change(&h, before, e) : tell_of_new(&h, e);
    identity_leave(&h.everybody);
    return rc;
}

const struct record_hook bell_hooks[] = {
    {HOOK_EVERY, HOOK_WRITTEN, 9, on_write},
    {-1, HOOK_DERIVE, 0, NULL},
};
