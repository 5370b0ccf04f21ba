/* Money as int64 minor units with an ISO 4217 currency; no floating point. */
#ifndef PATRON_BASE_MONEY_H
#define PATRON_BASE_MONEY_H

#include "base/str.h"

struct currency {
    char code[4];
    unsigned char decimals; /* 0, 2 or 3 */
};

/* NULL when unknown. Upper case only. */
const struct currency *currency_find(struct str code);

/* "1234.50", "-3", "1234.5": at most `decimals` places. 0, or the message key of what is wrong:
   "number", "too-many-decimals", "out-of-range". */
const char *money_parse(struct str s, unsigned decimals, int64_t *ret_minor);
#define MONEY_TEXT 28
size_t money_format(int64_t minor, unsigned decimals, char out[MONEY_TEXT]);

/* Checked arithmetic: false on overflow, output untouched. */
bool money_add(int64_t a, int64_t b, int64_t *ret_sum);
/* minor × rate_micro / 1e6, adjusted from `from` to `to` decimals, rounded half away from zero. */
bool money_convert(int64_t minor, unsigned from, unsigned to, int64_t rate_micro, int64_t *ret);

#endif
