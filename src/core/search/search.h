/* Search: tokens of each record in search_doc, under permissions inside the index itself: every
   document carries tokens for its owner and its departments, so that a person who may see little
   does not pay for what others have. */
#ifndef PATRON_CORE_SEARCH_H
#define PATRON_CORE_SEARCH_H

#include "core/access/access.h"
#include "core/tenant/tenant.h"

/* What documents are made of; a new number makes all of them anew (upgrade_in_background).
   2: simplified characters, pinyin. 4: telephone numbers by their digits and how they end. */
#define SEARCH_VERSION "4"

/* Puts the record's document in place of the one before; values: all fields of the entity. Entities
   without search fields are left out. On SQLite the index follows at the end of the transaction. */
int search_put(struct db_conn *c, const struct entity *en, const struct value *values,
               struct arena *a, struct err *e) must_check;
/* The same for a record that may have a document already, though it has never changed. */
int search_renew(struct db_conn *c, const struct entity *en, const struct value *values,
                 struct arena *a, struct err *e) must_check;
int search_drop(struct db_conn *c, int64_t id, struct arena *a, struct err *e) must_check;

/* Writes {"items":[{entity, id, title, subtitle, mark}]}, best first: the title is the query,
   begins with it, holds it, is read like it from its beginning, from some place on, then the rest,
   newer first. mark: [from, to) of the title's characters, where they are what was looked for. When
   nothing is found, once more with a slip in each word. `entity` NULL = all. At most 500
   candidates are looked at, among them whoever is called exactly so. limit <= 50. */
int search_query(struct db_conn *c, const struct tenant *t, const struct actor *who,
                 struct str query, const struct entity *entity, unsigned limit, struct arena *a,
                 struct jw *w, struct err *e) must_check;

/* Joins the pieces of SQLite's index where writing has left many, for about a second; called now
   and then, and at once again while *ret_alone: there is more to join and nobody else wrote
   meanwhile. *at_it, false at first: goes on with it at the next call. */
int search_settle(struct tenant *t, bool *at_it, bool *ret_alone, struct err *e) must_check;
/* For who fills a company while nobody else is here: no piece is joined with another as they come
   (each word would be written three times over), and all of them once, at the end. After the first
   alone a search is slow; schema_plan, at the next start, takes it back. */
int search_hurry(struct db_conn *c, struct err *e) must_check;
int search_join_all(struct db_conn *c, struct err *e) must_check;

#endif
