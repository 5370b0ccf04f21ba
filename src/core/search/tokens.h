/* Search tokens: the program cuts the words, both databases only index plain tokens.

   Text is folded (NFKC, case, width; traditional characters as they are for now). Runs of letters
   and digits are one token; runs of Chinese characters give each pair of neighbours and the last
   character alone, so that words of two characters and prefixes are found. */
#ifndef PATRON_CORE_SEARCH_TOKENS_H
#define PATRON_CORE_SEARCH_TOKENS_H

#include "base/buf.h"

/* Appends the tokens of `text` to out, each followed by a space. At most 2,000 per call. */
void tokens_of(struct str text, struct buf *out);
/* The folded form of a text, for comparing titles with a query. */
void tokens_fold(struct str text, struct buf *out);

#endif
