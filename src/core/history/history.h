/* History: one append-only table that is audit, timeline and undo at once. */
#ifndef PATRON_CORE_HISTORY_H
#define PATRON_CORE_HISTORY_H

#include "core/access/access.h"
#include "core/tenant/tenant.h"

struct history_event {
    int64_t id, at, actor_id;
    const char *actor_kind; /* "user", "token", "import", "system" */
    const char *kind;       /* "create", "update", "delete", "restore", "undo", "import", "value" */
    const char *entity;
    int64_t record_id, customer_id; /* 0 = none */
    struct str title;
    struct str changes; /* JSON: {"field":[before, after], …} */
    int64_t undo_of, import_id;
};

/* In `changes`: the ids of the events that were written along with this one (the lines of an
   order), and are taken back with it. No field is called so. */
#define HISTORY_ALONG "$along"

/* A file that came to a record or went: [before, after] are names. No field is called so. */
#define HISTORY_FILE "$file"

/* The kind of an event: a file was taken away, an export or what hangs on a record. For the audit
   alone: who reads a record does not see who read it before. */
#define HISTORY_TAKEN "taken"

int history_add(struct db_conn *c, const struct history_event *ev, struct err *e) must_check;

/* Reads one event back (texts in the arena). ERR_NOT_FOUND. ret_undone_by is 0 while it stands. */
int history_get(struct db_conn *c, const struct registry *r, int64_t id, struct arena *a,
                struct history_event *ret_event, int64_t *ret_undone_by, struct err *e) must_check;
int history_mark_undone(struct db_conn *c, int64_t id, int64_t by, struct err *e) must_check;

/* Taking a change back writes its fields: a person needs the right to each that is not the
   program's own. `changes` as in the event, parsed. */
bool history_may_undo(const struct actor *who, const struct entity *en, const json_t *changes);

/* What is no record's but must be known later: somebody signed in, a password or a setting changed.
   `entity` is "session" (record_id is the person concerned, whose name is the title when none is
   given), "company", or for what was taken away that of the record; only the audit shows these.
   changes: JSON or STR_NULL. */
int history_note(struct db_conn *c, struct tenant *t, const struct actor *who, const char *kind,
                 const char *entity, int64_t record_id, struct str title, struct str changes,
                 struct err *e) must_check;

struct audit_query {
    int64_t actor_id, record_id; /* 0 = any */
    struct str entity, kind;     /* empty = any */
    int64_t from, to;            /* epoch ms, [from, to); 0 = open */
    int64_t before;              /* keyset cursor; 0 = from the newest */
    unsigned limit;              /* at most 200 */
};
/* Everything, for administrators: the same answer as history_list. */
int history_audit(struct db_conn *c, const struct tenant *t, const struct actor *who,
                  const struct audit_query *q, struct arena *a, struct jw *w,
                  struct err *e) must_check;

/* The events themselves, as a page of history_audit has them: limit + 1 at most, for which there is
   room; `ret_undone_by` may be NULL. */
int history_audit_read(struct db_conn *c, const struct audit_query *q, struct arena *a,
                       struct history_event *ret_events, int64_t *ret_undone_by, size_t *ret_n,
                       struct err *e) must_check;
int history_audit_count(struct db_conn *c, const struct audit_query *q, struct arena *a,
                        int64_t *ret_n, struct err *e) must_check;

struct history_query {
    int64_t record_id;   /* either this … */
    int64_t customer_id; /* … or this */
    int64_t import_id;   /* of the record: its event ends the list; 0 = none */
    int64_t before;      /* keyset cursor: ids below; 0 = from the newest */
    unsigned limit;      /* at most 200 */
};

/* Writes {"items":[…],"next":…}, newest first; events of records that the actor may not see are
   left out. O(limit) by the index (record, id) or (customer, id). */
int history_list(struct db_conn *c, const struct tenant *t, const struct actor *who,
                 const struct history_query *q, struct arena *a, struct jw *w,
                 struct err *e) must_check;

#endif
