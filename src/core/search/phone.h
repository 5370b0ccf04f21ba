/* Telephone numbers, found as people write them: with or without the code of China, spaces, dashes,
   the zero of the area; and by how they end, which is what is remembered of one, or what a missed
   call shows. */
#ifndef PATRON_CORE_SEARCH_PHONE_H
#define PATRON_CORE_SEARCH_PHONE_H

#include "base/buf.h"

enum {
    PHONE_MAX = 24, /* digits of a number that count */
    PHONE_SHORT = 5,
    PHONE_TAIL = 8, /* a number without its area, in towns of eight digits; and of a mobile */
    PHONE_LAST = 4
};

/* The digits of one number: without 0086, +86 or 86 in front, then without zeros in front. What
   stands behind the number (an extension) is left out. */
struct str phone_digits(struct str written, char ret_digits[PHONE_MAX]);

/* Appends the tokens of what a field of telephone numbers has, each followed by a space: of each
   number all digits, the last eight, the last four, and a local number of five to seven digits that
   is written apart. */
void phone_tokens(struct str text, struct buf *out);

/* Can this stand between two groups of digits of one number? */
bool phone_joins(struct str between);

#endif
