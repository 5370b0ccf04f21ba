/* The bell: what a person should hear of without asking. Produced in the transaction of what
   happened, told live after its commit, and never about a record that the person may not see:
   looked at when it rings, and once more when it is read. */
#ifndef PATRON_CORE_BELL_H
#define PATRON_CORE_BELL_H

#include "core/identity/identity.h"
#include "core/record/record.h"
#include "core/tenant/tenant.h"

enum bell_kind {
    BELL_MENTION,  /* named with @ in a text */
    BELL_ASSIGNED, /* a record was given to this person */
    BELL_ADDED,    /* something new with a customer that this person follows */
    BELL_CHANGED,  /* a record that this person follows */
    BELL_REMOVED,
    BELL_REMINDER, /* a moment that this person asked to be reminded at */
    BELL_JOB,      /* a job of this person is over */
    BELL_KINDS
};

struct bell_ring {
    enum bell_kind kind;
    int64_t user_id;         /* who should hear it */
    int64_t by;              /* who did it; 0 = the program */
    const struct entity *en; /* NULL: about no record, but the job record_id */
    int64_t record_id, owner_id, department_id, customer_id;
    const struct field *const *fields; /* what changed, as far as it has names */
    size_t nfields;
};

/* Inside a transaction. Nothing happens when that person did it, may not see the record or any of
   the fields, is gone, or does not want to hear of this kind. The same again within an hour,
   unread, becomes one. `keep` lives until after the commit. */
int bell_ring(struct db_conn *c, struct tenant *t, struct arena *keep, int64_t now,
              const struct bell_ring *r, struct err *e) must_check;

/* The hook behind every record: mentions, assignments, followers. */
extern const struct record_hook bell_hooks[];

/* To whoever follows a record to which something happened that is no change of its fields. */
int bell_touched(struct write *w, const struct record *r, struct err *e) must_check;

/* --- following ----------------------------------------------------------------------------------
   The owner of a record follows it without a row; a row says that somebody else does, or that
   somebody (its owner, too) does not want to. */

/* `by_itself`: nobody asked for it, so a choice made before stands. */
int bell_follow(struct db_conn *c, const struct entity *en, int64_t record_id, int64_t user_id,
                bool follows, bool by_itself, int64_t now, struct err *e) must_check;
/* Writes {"following":…,"items":[{"id","name","because":"owner|chosen"}]}: those who see it. */
int bell_followers(struct db_conn *c, const struct pass *p, const struct record *r, struct arena *a,
                   struct jw *w, struct err *e) must_check;

/* --- reading -----------------------------------------------------------------------------------
 */

/* Writes {"items":[…],"titles":{…},"next":…}, newest first. */
int bell_list(struct db_conn *c, const struct tenant *t, const struct actor *who, int64_t before,
              bool unread, unsigned limit, struct arena *a, struct jw *w, struct err *e) must_check;
enum { BELL_MOST_COUNTED = 100 };
/* At most BELL_MOST_COUNTED. */
int bell_unread(struct db_conn *c, const struct tenant *t, const struct actor *who, struct arena *a,
                int64_t *ret_n, struct err *e) must_check;
/* One (id) of one's own, or all up to `until`. Told to the other windows of that person. */
int bell_read(struct write *w, int64_t id, int64_t until, struct err *e) must_check;
/* {"mention":true,…}: what this person wants to hear of. */
int bell_wishes(struct db_conn *c, const struct actor *who, struct jw *w, struct err *e) must_check;
/* Takes some of them from such an object. ERR_VALIDATION names what is wrong. */
int bell_wish(struct write *w, const json_t *in, struct err *e) must_check;

/* --- reminders ---------------------------------------------------------------------------------
 */

/* The moment at which the owner of a record is reminded of it; 0 = at none. Inside a transaction.
 */
int reminder_set(struct db_conn *c, const struct entity *en, int64_t record_id, int64_t at,
                 struct err *e) must_check;
/* Rings for those whose moment has come, each once, whenever the program was down in between. */
int reminders_fire(struct tenant *t, struct err *e) must_check;

#endif
