/* The record pipeline, one for API, import, workflow: sanitise → field permission → validate →
   derive → duplicates → version check → write → history → outbox → live event.

   Writes run inside a transaction of db; reads on a reader. Everything lives in the arena. */
#ifndef PATRON_CORE_RECORD_H
#define PATRON_CORE_RECORD_H

#include "core/access/access.h"
#include "core/filter/filter.h"
#include "core/history/history.h"
#include "core/tenant/tenant.h"

struct record {
    const struct entity *en;
    struct value *v; /* en->nfields of them, by field id */
};

struct parts;

/* What one transaction's writes share. */
struct write {
    struct tenant *t;
    struct db_conn *c;
    const struct actor *who;
    struct arena *a;
    struct arena *keep; /* lives until after the commit, for the live events; NULL = a does */
    int64_t now;
    int64_t import_id; /* the import that writes, 0 = none */
    int64_t event_id;  /* out: id of the last history event written */
    const char *at; /* of the fields being read: where they stand in the body, NULL = at its root */
    bool whole;     /* what is written now goes along with another record's event */
    bool quiet;     /* one of very many: no bell and no live event of its own */
    struct parts *parts; /* those that came with the record being written */
    int64_t *along;      /* events written along with the next one, and taken back with it */
    size_t nalong, along_cap;
};

/* JSON pointer of a field of the record being written. */
struct str record_pointer(struct write *w, const char *field);
/* An event written already belongs to the one that is written next. */
void record_along(struct write *w, int64_t event);
/* The parts of kind `entity` that came with the record being written, as they will be; NULL when
   the body did not name them, which leaves them as they are. */
const struct record *record_parts(const struct write *w, int entity, size_t *ret_n);

enum hook_phase {
    HOOK_PARTS,  /* with parts in the body: what follows from them, before anything is asked for */
    HOOK_DERIVE, /* after validation, before anything is written: may change `after` */
    HOOK_WRITTEN /* after the row is written, in the same transaction */
};

/* before is NULL on create; after->v[FIELD_DELETED_AT] tells a delete. */
enum { HOOK_EVERY = ENTITY_COUNT }; /* a hook of all entities */
struct record_hook {
    int entity; /* ends a table when -1 */
    enum hook_phase phase;
    int order;
    int (*fn)(struct write *w, const struct record *before, struct record *after, struct err *e);
};

/* --- writes -------------------------------------------------------------------------------------
   Errors: ERR_VALIDATION with items, ERR_DUPLICATE (item, param id), ERR_NOT_FOUND, ERR_FORBIDDEN,
   ERR_VERSION_CONFLICT (e->current = the record as JSON). if_match < 0 = any version. */

/* Parts (an order's lines) come in the body of their whole under its `part_key`: those with an id
   are changed, those without are new, those that are not there any more are deleted; all in the
   order given, and in the version and the history event of the whole. By themselves they are
   refused: ERR_PART_OF_WHOLE. */
int record_create(struct write *w, const struct entity *en, const json_t *body,
                  struct record *ret_record, struct err *e) must_check;
int record_update(struct write *w, const struct entity *en, int64_t id, const json_t *body,
                  int64_t if_match, struct record *ret_record, struct err *e) must_check;
/* Whether a body may be written over records whichever they are: fields, rights, values, links.
   ERR_VALIDATION with items; what depends on the record is asked when it is written. */
int record_check(struct write *w, const struct entity *en, const json_t *body,
                 struct err *e) must_check;
int record_delete(struct write *w, const struct entity *en, int64_t id, int64_t if_match,
                  struct err *e) must_check;
int record_restore(struct write *w, const struct entity *en, int64_t id, struct record *ret_record,
                   struct err *e) must_check;
/* Takes an event back by a new one, per field where the value still is what the event made it.
   ERR_UNDO_CONFLICT (e->current = JSON of conflicts), ERR_STATE_CONFLICT when already undone. */
int record_undo(struct write *w, int64_t event_id, struct record *ret_record,
                struct err *e) must_check;

/* An event of a record that is no change of its row (a file came or went): into its history, and to
   whoever looks at it. `changes`: JSON as in the history. */
int record_note(struct write *w, const struct record *r, const char *kind, struct str changes,
                struct err *e) must_check;

/* --- rows that come by the thousand -------------------------------------------------------------
   Imports and the like write rows that they have made right themselves: no validation, hooks,
   history or events. v: en->nfields values, by field id. */
void record_blank(const struct entity *en, struct value *v); /* the defaults of a new record */
/* The fields every record has, as `who` makes it now; owned ones are theirs. */
void record_stamp(const struct entity *en, struct value *v, int64_t id, const struct actor *who,
                  int64_t now, int64_t import_id);
/* One row and its search document. */
int record_insert(struct db_conn *c, const struct entity *en, const struct value *v,
                  struct arena *a, struct err *e) must_check;

/* What the search knows of the living records whose link `field` is `id`, written anew: after their
   owner or a text that comes from the linked record changed without them. O(records). */
int record_index_again(struct write *w, const struct entity *en, const char *field, int64_t id,
                       struct err *e) must_check;

/* --- reads --------------------------------------------------------------------------------------
 */

/* Whether the actor may do this with a record that was read. */
bool record_may(const struct actor *who, const struct record *r, enum access_action action);

/* One living record under the actor's right to read. ERR_NOT_FOUND also for one it may not see.
   `deleted` reads from the trash instead. Texts are borrowed from the arena. */
int record_get(struct db_conn *c, const struct actor *who, const struct entity *en, int64_t id,
               bool deleted, struct arena *a, struct record *ret_record, struct err *e) must_check;
/* The same straight into JSON, without a copy in between: the hot path of the API. Adds the link
   titles when asked. */
int record_get_json(struct db_conn *c, const struct tenant *t, const struct actor *who,
                    const struct entity *en, int64_t id, bool titles, struct arena *a, struct jw *w,
                    int64_t *ret_version, struct err *e) must_check;
/* The object as api.md has it, with what this person may see of it. */
void record_to_json(const struct tenant *t, const struct actor *who, const struct record *r,
                    struct jw *w);

/* Records whose titles an answer wants: each once, written as {"<id>":"<title>",…} under the key
   "titles", by one query an entity. What the actor may not see has none. */
struct titles {
    struct arena *a;
    struct title_item {
        int target;
        int64_t id;
    } * items;
    size_t n, cap;
};
void titles_add(struct titles *ti, int entity, int64_t id);
void titles_want(struct titles *ti, const struct field *f, int64_t id); /* of a link */
int titles_write(struct titles *ti, struct db_conn *c, const struct tenant *t,
                 const struct actor *who, struct jw *w, struct err *e) must_check;

/* What somebody may hear of a record's live event: the customer in it is the value of a field. */
enum live_sight record_event_sight(const struct actor *who, const struct entity *en,
                                   const struct live_event *ev);

enum count_mode { COUNT_NONE, COUNT_CAPPED, COUNT_EXACT };
enum { LIST_MAX_SORT = 3, LIST_MAX = 500, COUNT_CAP = 1001 };

struct list_query {
    const struct entity *en;
    const struct field **fields; /* NULL = all; what is hidden from the person is left out */
    size_t nfields;
    const struct filter *filter; /* NULL = none */
    int64_t at_customer; /* 0 = anywhere; else what is that customer's own, or met there by … */
    const struct entity *through; /* … a record of this entity that the person sees */
    struct {
        const struct field *field;
        bool desc;
    } sort[LIST_MAX_SORT];
    size_t nsort;      /* the id is added as the last; 0 = newest first */
    unsigned limit;    /* 1..LIST_MAX */
    struct str cursor; /* as given out by the page before; empty = first */
    enum count_mode count;
    bool trash, titles;
};

/* By records of which entity others of this one are met at customers that are not their own; NULL =
   they are not. */
const struct entity *record_met_through(const struct registry *r, const struct entity *en);

/* Writes {"items":[…],"next":…,"count":…,"titles":…}. ERR_BAD_PARAMETER (name cursor, or sort for a
   field that the person sees not at all or masked). The filter was read with the person's levels.
 */
int record_list(struct db_conn *c, const struct tenant *t, const struct actor *who,
                const struct list_query *q, struct arena *a, struct jw *w,
                struct err *e) must_check;

/* --- walks: a list to its end -------------------------------------------------------------------
   First the ids of all records of the list in its order, which is one quick read; then portions of
   them as values, each under the rights of that moment. No read transaction stays open in between,
   and a record that moves in the order meanwhile is met once. */

struct id_list {
    int64_t *ids;
    size_t n, cap;
};
/* False when there is no memory. */
bool id_list_add(struct id_list *l, int64_t id);
/* Fields, limit, cursor and count of `q` do not matter. `ret_ids` is empty before, and freed by the
   caller. */
int record_ids(struct db_conn *c, const struct actor *who, const struct list_query *q,
               struct arena *a, struct id_list *ret_ids, struct err *e) must_check;

enum { ROWS_MAX = 500 };

/* One record: values by place in `fields`, texts in the arena. What is masked is a text; a link has
   the title of what it leads to as text, as far as the person may see that. */
struct row_values {
    const struct value *v;
    const bool *masked; /* by place; the same in every row */
};
/* Up to ROWS_MAX records, in the order of `ids`; those that went, or are not the person's any more,
   are left out. */
int record_rows(struct db_conn *c, const struct tenant *t, const struct actor *who,
                const struct entity *en, const struct field *const *fields, size_t nfields,
                bool trash, const int64_t *ids, size_t n, struct arena *a,
                int (*row)(void *arg, const struct row_values *r), void *arg,
                struct err *e) must_check;

#endif
