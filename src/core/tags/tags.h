/* Tags: labels of the company's own on records. A record carries them in its field of the type
   `tags`, a set of ids; `tag_use` is the index over it that filters read. */
#ifndef PATRON_CORE_TAGS_H
#define PATRON_CORE_TAGS_H

#include "core/record/record.h"

/* The field of an entity that holds its tags, or NULL. */
const struct field *tags_field(const struct entity *en);

/* Adds and takes away, beside what others do at the same moment; ids may be there already or not.
   ERR_VALIDATION (/add, /remove), and those of record_update. */
int tags_change(struct write *w, const struct entity *en, int64_t id, const json_t *add,
                const json_t *remove, struct record *ret_record, struct err *e) must_check;

/* Whether records, whichever they are, may get and lose these tags: ERR_VALIDATION with items below
   w->at. */
int tags_check(struct write *w, const struct entity *en, const json_t *add, const json_t *remove,
               struct err *e) must_check;

/* The tag of this name, made if there is none. Whoever may write anything that carries tags may.
   ERR_FORBIDDEN, ERR_VALIDATION. */
int tags_find(struct write *w, struct str name, struct record *ret_tag, struct err *e) must_check;

/* All that carries `from` carries `into` instead, and `from` goes to the trash. */
int tags_merge(struct write *w, int64_t from, int64_t into, struct err *e) must_check;

/* --- favourites: one's own mark on a record -----------------------------------------------------
 */

enum { FAVOURITES_MOST = 500 };
/* ERR_NOT_FOUND; ERR_TOO_MANY (param max). */
int favourite_set(struct write *w, const struct entity *en, int64_t id, bool on,
                  struct err *e) must_check;
/* Writes {"items":[{"entity","id"}],"titles":{…}}, the last one first, as far as one sees them now.
 */
int favourites_list(struct db_conn *c, const struct tenant *t, const struct actor *who,
                    struct arena *a, struct jw *w, struct err *e) must_check;

/* Tags must be there; the index follows the field. */
extern const struct record_hook tags_hooks[];

#endif
