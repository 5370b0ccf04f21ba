/* What is looked for: words that must all be there, each in one of several ways, each way being one
   or more tokens; and who may see. Rendered for the index of either database, or held against the
   tokens of one record. */
#ifndef PATRON_CORE_SEARCH_MATCH_H
#define PATRON_CORE_SEARCH_MATCH_H

#include "core/access/access.h"
#include "db/db.h"

/* MATCH_EXACT: every word, the last one as a beginning; Chinese also by how it is read.
   MATCH_LOOSE: one slip a word: a letter too many, too few, wrong or out of place; a Chinese
   character of the same sound, or one wrong among four. */
enum match_kind { MATCH_EXACT, MATCH_LOOSE };

struct match;

/* The token that says what a record is, and without a space the beginning of those that say whose
   it is: xcustomer, xcustomero17, xcustomerd3. */
void match_kind_token(const struct entity *en, struct buf *out);

/* `folded`: a query from tokens_fold. Never NULL; without words it holds for nothing. */
struct match *match_new(struct str folded, enum match_kind kind, struct arena *a);
/* The expression for the index. `only` NULL = all entities. STR_NULL: nothing to ask for. On SQLite
   the index is looked into for the words that a beginning stands for. */
int match_render(const struct match *m, struct db_conn *c, const struct actor *who,
                 const struct registry *r, const struct entity *only, struct arena *a,
                 struct str *ret_text, struct err *e) must_check;
/* Do these tokens, each followed by a space, hold what is looked for? */
bool match_holds(const struct match *m, struct str tokens);

#endif
