/* Keys made by the program: 63 bits = 41 of milliseconds since 2020-01-01, 10 of a node number,
   12 of a sequence. Increasing on one node, and never below the last one stored, so a clock that
   jumps back does no harm. */
#ifndef PATRON_BASE_IDS_H
#define PATRON_BASE_IDS_H

#include "base/str.h"

struct id_source;

/* `node` 0..1023 is leased from a row of the database; `floor` is the largest key stored. */
struct id_source *id_source_new(unsigned node, int64_t floor);
void id_source_free(struct id_source *s);
int64_t id_next(struct id_source *s); /* any thread; lock-free */
/* Reserves n consecutive keys (n <= 4096) for bulk work and gives the first. */
int64_t id_take(struct id_source *s, unsigned n);
int64_t id_last(struct id_source *s);

/* No key made at or after this moment is smaller, unless a clock was set back meanwhile. */
int64_t id_floor(int64_t epoch_ms);

/* Decimal text, 1..2^63-1; false on anything else. */
bool id_parse(struct str s, int64_t *ret_id);

#endif
