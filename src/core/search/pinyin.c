#include "core/search/pinyin.h"

#include "core/search/tokens.h"
#include "han.gen.h"

#include <string.h>

enum { READINGS = 2, MAX_RUN = 200, MAX_STEPS = 2000 };

struct readings {
    size_t n; /* 0: no Chinese character, or none that is known */
    struct str r[READINGS];
};

int32_t pinyin_simplified(int32_t c)
{
    if (c < HAN_FIRST || c > HAN_LAST || !han_simple[c - HAN_FIRST])
        return c;
    return han_simple[c - HAN_FIRST];
}

static struct readings readings_of(int32_t c)
{
    struct readings found = {0};
    if (c < HAN_FIRST || c > HAN_LAST || !han_reading[c - HAN_FIRST])
        return found;
    found.r[found.n++] = str_of(han_syllables[han_reading[c - HAN_FIRST]]);
    size_t low = 0, high = HAN_MORE;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (han_more[middle].character < c)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < HAN_MORE && han_more[low].character == c)
        found.r[found.n++] = str_of(han_syllables[han_more[low].syllable]);
    return found;
}

static void add_pairs(const struct readings *a, const struct readings *b, struct buf *out)
{
    for (size_t i = 0; i < a->n; i++) {
        for (size_t k = 0; k < b->n; k++) {
            buf_add_str(out, a->r[i]);
            buf_add_str(out, b->r[k]);
            buf_add_char(out, ' ');
        }
    }
}

/* The first letters from one character on, in every way that they can be read. */
static void add_windows(const struct readings *run, size_t n, struct buf *out)
{
    size_t two[PINYIN_WINDOW], ntwo = 0; /* characters whose readings begin differently */
    n = n < PINYIN_WINDOW ? n : PINYIN_WINDOW;
    for (size_t i = 0; i < n; i++)
        if (run[i].n > 1 && run[i].r[0].p[0] != run[i].r[1].p[0])
            two[ntwo++] = i;
    for (size_t way = 0; way < (size_t)1 << ntwo; way++) {
        char letters[PINYIN_WINDOW];
        for (size_t i = 0; i < n; i++)
            letters[i] = run[i].r[0].p[0];
        for (size_t k = 0; k < ntwo; k++)
            letters[two[k]] = run[two[k]].r[way >> k & 1].p[0];
        buf_add(out, letters, n);
        buf_add_char(out, ' ');
    }
}

static void add_run(const struct readings *run, size_t n, struct buf *out)
{
    static const struct readings nothing = {1, {{"", 0}}};
    for (size_t i = 0; i < n; i++) {
        add_pairs(&run[i], i + 1 < n ? &run[i + 1] : &nothing, out);
        if (n - i < 2)
            continue; /* a letter alone is the beginning of its syllable */
        add_windows(run + i, n - i, out);
    }
}

void pinyin_tokens(struct str folded, struct buf *out)
{
    struct readings run[MAX_RUN];
    size_t n = 0;
    int32_t c;
    while ((c = tokens_next_char(&folded)) != 0) {
        struct readings r = readings_of(c);
        if (r.n && n < MAX_RUN) {
            run[n++] = r;
            continue;
        }
        add_run(run, n, out);
        n = 0;
    }
    add_run(run, n, out);
}

/* --- what is typed ------------------------------------------------------------------------- */

/* Input methods write v for ü; the readings here have u for both. */
static char letter(char c)
{
    return c == 'v' ? 'u' : c;
}

/* <0, 0, >0 as the syllable sorts before, at or after the first n letters of the word. */
static int compare(const char *syllable, struct str word)
{
    for (size_t i = 0; i < word.n; i++)
        if (syllable[i] != letter(word.p[i]))
            return (unsigned char)syllable[i] < (unsigned char)letter(word.p[i]) ? -1 : 1;
    return syllable[word.n] ? 1 : 0;
}

/* The first syllable that does not sort before the word. */
static size_t first_from(struct str word)
{
    size_t low = 1, high = HAN_SYLLABLES + 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(han_syllables[middle], word) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool pinyin_is_syllable(struct str word)
{
    size_t at = first_from(word);
    return word.n && at <= HAN_SYLLABLES && compare(han_syllables[at], word) == 0;
}

static bool begins_syllable(struct str word)
{
    size_t at = first_from(word);
    if (at > HAN_SYLLABLES)
        return false;
    for (size_t i = 0; i < word.n; i++)
        if (han_syllables[at][i] != letter(word.p[i]))
            return false;
    return true;
}

static size_t cut_on(struct str rest, struct pinyin_cut *so_far, struct pinyin_cut *ret_cuts,
                     size_t found)
{
    enum { LONGEST = 6 };
    if (!rest.n) {
        ret_cuts[found] = *so_far;
        return found + 1;
    }
    for (size_t n = rest.n < LONGEST ? rest.n : LONGEST; n > 0 && found < PINYIN_CUTS; n--) {
        struct str part = str_from(rest.p, n);
        if (so_far->n == PINYIN_SYLLABLES ||
            !(n == rest.n ? begins_syllable(part) : pinyin_is_syllable(part)))
            continue;
        so_far->syllable[so_far->n++] = part;
        found = cut_on(str_from(rest.p + n, rest.n - n), so_far, ret_cuts, found);
        so_far->n--;
    }
    return found;
}

static bool are_letters(struct str word)
{
    for (size_t i = 0; i < word.n; i++)
        if (word.p[i] < 'a' || word.p[i] > 'z')
            return false;
    return word.n > 0;
}

size_t pinyin_cuts(struct str word, struct pinyin_cut ret_cuts[PINYIN_CUTS])
{
    struct pinyin_cut so_far = {0};
    if (!are_letters(word) || word.n > 6 * PINYIN_SYLLABLES)
        return 0;
    return cut_on(word, &so_far, ret_cuts, 0);
}

bool pinyin_are_initials(struct str word)
{
    for (size_t i = 0; i < word.n; i++)
        if (word.p[i] == 'i' || word.p[i] == 'u' || word.p[i] == 'v')
            return false;
    return are_letters(word);
}

size_t pinyin_readings(struct str chinese, struct str *ret_syllables, size_t most)
{
    size_t n = 0;
    int32_t c;
    while ((c = tokens_next_char(&chinese)) != 0) {
        struct readings r = readings_of(c);
        if (!r.n || n == most)
            return 0;
        ret_syllables[n++] = r.r[0];
    }
    return n;
}

/* --- finding it again in a name ------------------------------------------------------------- */

struct reading_match {
    const struct readings *run;
    size_t n, end;
    unsigned steps; /* "nanan…" could be tried in very many ways */
};

static bool read_on(struct reading_match *m, size_t at, struct str query)
{
    if (!query.n) {
        m->end = at;
        return true;
    }
    if (at == m->n || ++m->steps > MAX_STEPS)
        return false;
    for (size_t k = 0; k < m->run[at].n; k++) {
        struct str r = m->run[at].r[k];
        size_t same = 0;
        while (same < r.n && same < query.n && r.p[same] == letter(query.p[same]))
            same++;
        if (same == query.n) {
            m->end = at + 1;
            return true;
        }
        if (same == r.n && read_on(m, at + 1, str_from(query.p + same, query.n - same)))
            return true;
        if (same > 0 && r.n > 1 && read_on(m, at + 1, str_from(query.p + 1, query.n - 1)))
            return true;
    }
    return false;
}

bool pinyin_find(struct str folded, struct str query, size_t *ret_from, size_t *ret_to)
{
    struct readings run[MAX_RUN];
    struct buf letters = BUF_INIT(256);
    size_t n = 0;
    int32_t c;
    for (size_t i = 0; i < query.n; i++)
        if (query.p[i] != ' ' && query.p[i] != '\'')
            buf_add_char(&letters, query.p[i]);
    struct str typed = buf_str(&letters);
    bool found = false;
    if (are_letters(typed)) {
        while (n < MAX_RUN && (c = tokens_next_char(&folded)) != 0)
            run[n++] = readings_of(c);
        struct reading_match m = {.run = run, .n = n};
        for (size_t at = 0; !found && at < n; at++) {
            found = run[at].n && read_on(&m, at, typed);
            *ret_from = at;
        }
        *ret_to = m.end;
    }
    buf_free(&letters);
    return found;
}
