/* Exchange rates with the day each one holds from. */
#ifndef PATRON_CORE_RATES_H
#define PATRON_CORE_RATES_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

/* `from` of a rate without a beginning. */
#define RATE_ALWAYS INT32_MIN

enum { RATES_MOST = 5000 }; /* of all currencies together: a rate a day of two for six years */

struct rate {
    struct str currency;
    int32_t from;  /* the first day it holds, or RATE_ALWAYS */
    int64_t micro; /* base currency for one unit, in millionths */
};

struct rates {
    const struct rate *all; /* by currency, then by day */
    size_t n;
    struct str base; /* the company's currency */
};

/* The rate of a currency on a day: of those that have begun the last; before the first one has
   begun, the first. NULL when the currency has none. O(log n), no allocation. */
const struct rate *rates_on(const struct rates *r, struct str currency, int32_t day);

/* Minor units of a currency in the base currency, by the rate of that day; *ret_base stays as it is
   where the currency has none. False on overflow. */
bool rates_convert(const struct rates *r, int32_t day, int64_t minor, struct str currency,
                   int64_t *ret_base);

/* {"USD": [{"from": "2024-03-01", "rate": 7.1}, {"from": null, "rate": 6.9}]}, in any order; a
   number in place of the list is one rate without a beginning. Texts are borrowed from `in`.
   ERR_VALIDATION with an item for each that is wrong, below /rates, naming currency and row. */
int rates_read(const json_t *in, struct str base_currency, struct arena *a, struct rates *ret_rates,
               struct err *e) must_check;
/* A day under `key`; null where it is `none`: RATE_ALWAYS, or the end of time. */
void rate_write_day(struct jw *w, const char *key, int32_t day, int32_t none);
/* The same form, by currency and day. */
void rates_write(const struct rates *r, struct jw *w);

/* Days [from, to) on which a currency has another rate than before; `to` INT32_MAX = for good. */
struct rate_span {
    struct str currency;
    int32_t from, to;
};
/* What changed: as few spans as there are, by currency and day. A currency that lost its last rate
   is not among them: what stands in it cannot be converted anew. */
size_t rates_changed(const struct rates *before, const struct rates *now, struct arena *a,
                     struct rate_span **ret_spans);

#endif
