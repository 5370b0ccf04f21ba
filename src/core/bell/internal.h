/* Shared by the files of this room only. */
#ifndef PATRON_CORE_BELL_INTERNAL_H
#define PATRON_CORE_BELL_INTERNAL_H

#include "core/bell/bell.h"

/* One row per kind, by enum bell_kind. `wish`: the one it is switched off with. */
struct bell_kind_def {
    const char *name;
    enum bell_kind wish;
};
extern const struct bell_kind_def bell_kinds[BELL_KINDS];

/* The windows of this person look again, after the commit. */
void bell_tell(struct db_conn *c, struct tenant *t, struct arena *keep, int64_t user_id);

#endif
