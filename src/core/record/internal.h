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

/* Links whose titles an answer wants. */
struct titles {
    struct arena *a;
    struct title_item {
        int target;
        int64_t id;
    } * items;
    size_t n, cap;
};
void titles_want(struct titles *ti, const struct field *f, int64_t id);
int titles_write(struct titles *ti, struct db_conn *c, const struct tenant *t,
                 const struct actor *who, struct jw *w, struct err *e) must_check;

#endif
