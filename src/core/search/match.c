#include "core/search/match.h"

#include "core/search/pinyin.h"
#include "core/search/tokens.h"

#include <string.h>

enum { MAX_TERMS = 12, MAX_CHINESE = 40, LOOSE_LEAST = 4, LOOSE_MOST = 16, MAX_MATCH = 128 << 10 };

/* The dialects differ in syntax alone. */
struct dialect {
    const char *and, * or, *quote, *whole, *prefix;
};
static const struct dialect dialects[] = {
    [DB_SQLITE] = {" AND ", " OR ", "\"", "\"", "\"*"},
    [DB_POSTGRES] = {" & ", " | ", "'", "'", "':*"},
};

struct match {
    const struct dialect *d;
    struct buf out;
    size_t terms; /* so far; what comes after MAX_TERMS is not looked for */
};

/* A token in two parts; `prefix`: as the beginning of one. */
static void put_token(struct match *m, struct str a, struct str b, bool prefix)
{
    buf_add_cstr(&m->out, m->d->quote);
    buf_add_str(&m->out, a);
    buf_add_str(&m->out, b);
    buf_add_cstr(&m->out, prefix ? m->d->prefix : m->d->whole);
}

static void put_and(struct match *m)
{
    if (m->terms++)
        buf_add_cstr(&m->out, m->d->and);
}

static void put_or(struct match *m)
{
    buf_add_cstr(&m->out, m->d->or);
}

/* (p1p2 AND p2p3 AND …), the last as a beginning where it is one. */
static void put_pairs(struct match *m, const struct str *part, size_t n, bool prefix)
{
    buf_add_char(&m->out, '(');
    for (size_t i = 0; i + 1 < n; i++) {
        if (i)
            buf_add_cstr(&m->out, m->d->and);
        put_token(m, part[i], part[i + 1], prefix && i + 2 == n);
    }
    buf_add_char(&m->out, ')');
}

/* --- words of letters --------------------------------------------------------------------- */

static bool has(struct str word, char c)
{
    return word.n && memchr(word.p, c, word.n) != NULL;
}

/* Up to two syllables, or as many first letters as a token has, are the beginning of a token. */
static void put_readings(struct match *m, struct str word)
{
    struct pinyin_cut cuts[PINYIN_CUTS];
    size_t n = pinyin_cuts(word, cuts);
    for (size_t i = 0; i < n; i++) {
        if (cuts[i].n < 3)
            continue;
        put_or(m);
        put_pairs(m, cuts[i].syllable, cuts[i].n, true);
    }
    if (has(word, 'v')) {
        char as_read[TOKENS_MAX_WORD];
        size_t len = word.n < sizeof as_read ? word.n : sizeof as_read;
        for (size_t i = 0; i < len; i++)
            as_read[i] = word.p[i] == 'v' ? 'u' : word.p[i];
        put_or(m);
        put_token(m, str_from(as_read, len), STR(""), true);
    }
    if (word.n > PINYIN_WINDOW && word.n <= MAX_TERMS && pinyin_are_initials(word)) {
        put_or(m);
        buf_add_char(&m->out, '(');
        for (size_t i = 0; i + PINYIN_WINDOW <= word.n; i++) {
            if (i)
                buf_add_cstr(&m->out, m->d->and);
            put_token(m, str_from(word.p + i, PINYIN_WINDOW), STR(""), false);
        }
        buf_add_char(&m->out, ')');
    }
}

static void put_word(struct match *m, struct str word, bool last)
{
    put_and(m);
    buf_add_char(&m->out, '(');
    /* zhang wei: the first half of a pair is a whole word, too. */
    put_token(m, word, STR(""), last || pinyin_is_syllable(word));
    put_readings(m, word);
    buf_add_char(&m->out, ')');
}

/* Every word one slip away: 53 n + 25 of them, each a look into the index. */
static void put_slips(struct match *m, struct str word, bool last)
{
    char made[LOOSE_MOST + 1];
    const size_t n = word.n;
    put_and(m);
    buf_add_char(&m->out, '(');
    put_token(m, word, STR(""), last);
    for (size_t i = 0; i < n; i++) { /* one too many; two that have changed places */
        memcpy(made, word.p, i);
        memcpy(made + i, word.p + i + 1, n - i - 1);
        put_or(m);
        put_token(m, str_from(made, n - 1), STR(""), last);
        if (i + 1 == n || word.p[i] == word.p[i + 1])
            continue;
        memcpy(made, word.p, n);
        made[i] = word.p[i + 1];
        made[i + 1] = word.p[i];
        put_or(m);
        put_token(m, str_from(made, n), STR(""), last);
    }
    for (char c = 'a'; c <= 'z'; c++) {
        for (size_t i = 0; i <= n; i++) { /* one too few; a wrong one */
            memcpy(made, word.p, i);
            made[i] = c;
            memcpy(made + i + 1, word.p + i, n - i);
            put_or(m);
            put_token(m, str_from(made, n + 1), STR(""), last);
            if (i == n || word.p[i] == c)
                continue;
            memcpy(made + i + 1, word.p + i + 1, n - i - 1);
            put_or(m);
            put_token(m, str_from(made, n), STR(""), last);
        }
    }
    buf_add_char(&m->out, ')');
}

static bool ascii(struct str word)
{
    for (size_t i = 0; i < word.n; i++)
        if ((unsigned char)word.p[i] >= 0x80)
            return false;
    return true;
}

/* --- Chinese -------------------------------------------------------------------------------- */

static size_t characters(struct str run, struct str *ret_part)
{
    size_t n = 0;
    while (run.n && n < MAX_CHINESE) {
        struct str from = run;
        tokens_next_char(&run);
        ret_part[n++] = str_from(from.p, (size_t)(run.p - from.p));
    }
    return n;
}

/* A lone character is only ever the beginning of a pair. */
static void put_chinese(struct match *m, const struct str *part, size_t n)
{
    if (n == 1) {
        put_and(m);
        put_token(m, part[0], STR(""), true);
    }
    for (size_t i = 0; i + 1 < n && m->terms < MAX_TERMS; i++) {
        put_and(m);
        put_token(m, part[i], part[i + 1], false);
    }
}

static void put_sounds(struct match *m, struct str run, const struct str *part, size_t n)
{
    struct str sound[MAX_CHINESE];
    if (n > MAX_TERMS)
        n = MAX_TERMS;
    put_and(m);
    buf_add_char(&m->out, '(');
    put_pairs(m, part, n, false);
    if (pinyin_readings(run, sound, MAX_CHINESE) >= n) {
        put_or(m);
        put_pairs(m, sound, n, false);
    }
    for (size_t wrong = 0; n >= LOOSE_LEAST && wrong < n; wrong++) {
        put_or(m);
        buf_add_char(&m->out, '(');
        for (size_t i = 0, put = 0; i + 1 < n; i++) {
            if (i == wrong || i + 1 == wrong)
                continue;
            if (put++)
                buf_add_cstr(&m->out, m->d->and);
            put_token(m, part[i], part[i + 1], false);
        }
        buf_add_char(&m->out, ')');
    }
    buf_add_char(&m->out, ')');
}

static void put_words(struct match *m, struct str folded, enum match_kind kind)
{
    struct str word, part[MAX_CHINESE];
    bool chinese;
    while (m->terms < MAX_TERMS && tokens_next_word(&folded, &word, &chinese)) {
        struct str rest = folded, after;
        bool ignored, last = !tokens_next_word(&rest, &after, &ignored);
        size_t n = chinese ? characters(word, part) : 0;
        if (chinese && kind == MATCH_LOOSE && n > 1)
            put_sounds(m, word, part, n);
        else if (chinese)
            put_chinese(m, part, n);
        else if (kind == MATCH_LOOSE && word.n >= LOOSE_LEAST && word.n <= LOOSE_MOST &&
                 ascii(word))
            put_slips(m, word, last);
        else
            put_word(m, tokens_cut_word(word), last);
    }
}

/* --- who may see ---------------------------------------------------------------------------- */

/* One of the tokens that say whose a record is. */
static void put_place(struct match *m, size_t before, char kind, int64_t id)
{
    buf_printf(&m->out, "%s%s%c%lld", before ? m->d->or : m->d->and, before ? "" : "(", kind,
               (long long)id);
}

static void put_scope(struct match *m, const struct actor *who, const struct entity *en,
                      const struct access_branch *b, size_t nb, bool in_list)
{
    size_t put = 0;
    buf_printf(&m->out, "(x%s", en->name);
    for (size_t k = 0; k < nb && b[k].kind != BRANCH_ALL; k++, put++)
        put_place(m, put, b[k].kind == BRANCH_OWNER ? 'o' : 'd', b[k].id);
    for (size_t k = 0; in_list && k < who->nbelow; k++, put++)
        put_place(m, put, 'd', who->below[k]);
    buf_add_cstr(&m->out, put ? "))" : ")");
}

static bool put_scopes(struct match *m, const struct actor *who, const struct registry *r,
                       const struct entity *only)
{
    size_t entities = 0;
    put_and(m);
    buf_add_char(&m->out, '(');
    for (int i = 0; i < ENTITY_COUNT; i++) {
        const struct entity *en = &r->entities[i];
        struct access_branch b[ACCESS_MAX_BRANCHES];
        bool in_list;
        if (en->nsearch_title + en->nsearch_body == 0 || (only && only != en))
            continue;
        size_t nb = access_branches(who, en, ACCESS_READ, b, &in_list);
        if (nb == 0)
            continue;
        if (entities++)
            put_or(m);
        put_scope(m, who, en, b, nb, in_list);
    }
    buf_add_char(&m->out, ')');
    return entities > 0;
}

struct str match_text(const struct actor *who, const struct registry *r, enum db_kind db,
                      struct str folded, enum match_kind kind, const struct entity *only,
                      struct arena *a)
{
    struct match m = {.d = &dialects[db], .out = BUF_INIT(MAX_MATCH)};
    put_words(&m, folded, kind);
    struct str text = STR_NULL;
    if (m.terms && put_scopes(&m, who, r, only) && !m.out.overflow)
        text = arena_str(a, buf_str(&m.out));
    buf_free(&m.out);
    return text;
}
