/* The expression that the index of either database is asked with: what was typed, and who may see.
 */
#ifndef PATRON_CORE_SEARCH_MATCH_H
#define PATRON_CORE_SEARCH_MATCH_H

#include "core/access/access.h"
#include "db/db.h"

/* MATCH_EXACT: every word, the last one as a beginning; Chinese also by how it is read.
   MATCH_LOOSE: one slip a word: a letter too many, too few, wrong or out of place; a Chinese
   character of the same sound, or one wrong among four. */
enum match_kind { MATCH_EXACT, MATCH_LOOSE };

/* `folded`: a query from tokens_fold. `only` NULL = all entities. STR_NULL: nothing to ask for. */
struct str match_text(const struct actor *who, const struct registry *r, enum db_kind db,
                      struct str folded, enum match_kind kind, const struct entity *only,
                      struct arena *a);

#endif
