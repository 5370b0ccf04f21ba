/* Search tokens: the program cuts the words, both databases only index plain tokens.

   Text is folded (NFKC, case, width, traditional characters). Runs of letters and digits are one
   token; runs of Chinese characters give each pair of neighbours and the last character alone, so
   that words of two characters and prefixes are found. */
#ifndef PATRON_CORE_SEARCH_TOKENS_H
#define PATRON_CORE_SEARCH_TOKENS_H

#include "base/buf.h"

#include <stdbool.h>

enum { TOKENS_MAX_WORD = 40 }; /* characters of a word of letters that count */

/* Appends the tokens of `text` to out, each followed by a space. At most 2,000 per call. */
void tokens_of(struct str text, struct buf *out);
/* The folded form of a text, for comparing titles with a query. */
void tokens_fold(struct str text, struct buf *out);

/* Takes the next character off a folded text; 0 at its end. */
int32_t tokens_next_char(struct str *folded);
/* Takes the next run of letters and digits, or of Chinese characters, off a folded text. */
bool tokens_next_word(struct str *folded, struct str *ret_word, bool *ret_chinese);
/* As many characters of a word as its token has. */
struct str tokens_cut_word(struct str word);

#endif
