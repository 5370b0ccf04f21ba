/* The filter tree: one typed form for lists, saved views, segments and rules, compiled to SQL.

   JSON: {"and":[…]}, {"or":[…]}, {"not":{…}}, {"field":"kind","op":"eq","value":"company"}.
   Limits: depth 8, 100 leaves, 500 values in a list. Errors carry JSON pointers. */
#ifndef PATRON_CORE_FILTER_H
#define PATRON_CORE_FILTER_H

#include "core/filter/sql.h"
#include "core/registry/registry.h"

struct filter; /* a tree in an arena; immutable */

struct filter_env {
    struct parse_env parse;
    const unsigned char *const *levels; /* access_all_levels of whoever asks; NULL = all fields */
    int32_t today;                      /* in the user's time zone */
    unsigned fiscal_month;              /* 1..12; 0 = January, too */
    int64_t midnight;                   /* ms UTC at which that day began */
};

/* Reads a tree for one entity. Fields that are hidden from the person are unknown to it; masked
   ones are refused, since asking again and again would tell them. */
int filter_parse(const struct entity *en, const json_t *in, const struct filter_env *env,
                 const struct filter **ret_filter, struct err *e) must_check;
/* One leaf from a query parameter: field "name", op "contains" (or "eq"), text of the value(s);
   lists are separated by commas. */
int filter_leaf(const struct entity *en, struct str field, struct str op, struct str value,
                const struct filter_env *env, const struct filter **ret_filter,
                struct err *e) must_check;
/* a AND b; either may be NULL. */
const struct filter *filter_and(struct arena *a, const struct filter *x, const struct filter *y);

/* Appends the condition, in brackets, with columns prefixed by alias ("" or "t."). */
void filter_sql(const struct filter *f, const char *alias, struct sql *q);

#endif
