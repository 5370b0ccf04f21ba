/* Chinese names by how they are read: huawei, hwjs and 华为技术 find one another.

   A name is indexed under the readings of each pair of neighbours joined ("huawei", "weiji") and of
   its last character alone, just as under the pairs themselves (tokens.h), and under the first
   letters of up to four characters from each one on ("hwjs"). So what is typed, up to two syllables
   or four letters, is the beginning of a token, wherever it is cut; more is several tokens.
   Characters with two readings in names (重, 曾) are indexed under both. */
#ifndef PATRON_CORE_SEARCH_PINYIN_H
#define PATRON_CORE_SEARCH_PINYIN_H

#include "base/buf.h"

#include <stdbool.h>

enum { PINYIN_WINDOW = 4, PINYIN_CUTS = 4, PINYIN_SYLLABLES = 16 };

/* The simplified form of a character, or itself. */
int32_t pinyin_simplified(int32_t c);

/* Appends the tokens of the Chinese characters in a folded text, each followed by a space. */
void pinyin_tokens(struct str folded, struct buf *out);

/* One way to cut a word of Latin letters into syllables; the last may be the beginning of one. */
struct pinyin_cut {
    size_t n;
    struct str syllable[PINYIN_SYLLABLES]; /* parts of the word */
};
/* The longest syllables first. 0: it cannot be read. */
size_t pinyin_cuts(struct str word, struct pinyin_cut ret_cuts[PINYIN_CUTS]);
/* A whole syllable? */
bool pinyin_is_syllable(struct str word);
/* Could these be first letters of syllables? None begins with i, u or v. */
bool pinyin_are_initials(struct str word);
/* The first reading of each character, a syllable each; 0 unless all have one. */
size_t pinyin_readings(struct str chinese, struct str *ret_syllables, size_t most);

/* Where in a folded text, in characters, its Chinese is read like the query: by syllables, the last
   maybe cut short, or first letters, in any mixture. */
bool pinyin_find(struct str folded, struct str query, size_t *ret_from, size_t *ret_to);

#endif
