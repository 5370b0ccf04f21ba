/* Shared by the files of this room only. */
#ifndef PATRON_CORE_RECORD_INTERNAL_H
#define PATRON_CORE_RECORD_INTERNAL_H

#include "core/record/record.h"

/* Writes a field's value; v's currency is filled in for fields in base currency. */
void record_value_json(const struct tenant *t, const struct field *f, struct value *v,
                       struct jw *w);
/* The same under a level of at least LEVEL_MASK. */
void record_level_json(const struct tenant *t, const struct field *f, enum field_level level,
                       struct value *v, struct jw *w);

/* Loads a living record under the right to write it, and a copy to change. */
int record_load_for_write(struct write *w, const struct entity *en, int64_t id,
                          struct record *ret_before, struct record *ret_after,
                          struct err *e) must_check;
/* Validates `after` and writes it over `before` as an event of this kind. */
int record_change(struct write *w, const struct record *before, struct record *after,
                  const char *kind, struct err *e) must_check;

/* The record that a body makes: read, validated, derived, not written. */
int record_draft(struct write *w, const struct entity *en, const json_t *body,
                 struct record *ret_record, struct err *e) must_check;
/* The same over a copy of the record that is there. Both leave wrong fields as items. */
int record_redraft(struct write *w, const struct entity *en, int64_t id, const json_t *body,
                   struct record *ret_before, struct record *ret_after, struct err *e) must_check;
/* Writes a draft. */
int record_add(struct write *w, struct record *r, struct err *e) must_check;
int record_replace(struct write *w, const struct record *before, struct record *after,
                   const char *kind, struct err *e) must_check;
bool record_differs(const struct record *a, const struct record *b);

/* --- parts.c ------------------------------------------------------------------------------- */

/* Takes the parts out of the body into w->parts; *ret_body is what is left. `whole`: the id, 0 for
   one to be made. Wrong fields are left as items. */
int parts_read(struct write *w, const struct entity *en, int64_t whole, const json_t *body,
               const json_t **ret_body, struct err *e) must_check;
/* Whether anything about them is new. */
bool parts_changed(const struct write *w);
/* Writes w->parts below the record that now is there; their events go along with its own. */
int parts_write(struct write *w, const struct record *whole, struct err *e) must_check;
/* Owner, department and trash of the whole are those of its parts. */
int parts_follow(struct write *w, const struct record *before, const struct record *after,
                 struct err *e) must_check;

/* Tells fn the title of each that the person may see; `level` is at least LEVEL_MASK. */
int titles_each(struct titles *ti, struct db_conn *c, const struct tenant *t,
                const struct actor *who,
                void (*fn)(void *arg, int64_t id, const struct field *title, enum field_level level,
                           struct value *v),
                void *arg, struct err *e) must_check;

#endif
