#include "core/search/match.h"

#include "core/search/phone.h"
#include "core/search/pinyin.h"
#include "core/search/tokens.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_WORDS = 12,
    MAX_CHINESE = 40,
    LOOSE_LEAST = 4,
    LOOSE_MOST = 20,
    LOOSE_CUT = 5,  /* three syllables have as many letters at least: ba a ni */
    MAX_GROUPS = 8, /* of the digits of one number */
    JOINED_LEAST = 7,
    INDEXED_PREFIX = 3, /* beginnings up to here have lists of their own (db/schema.c) */
    MAX_EXPANDED = 50,
    MANY_WAYS = 40, /* more than any word has but one with slips, whose tokens are whole words */
    MOST_SYLLABLED = 24,
    MAX_MATCH = 128 << 10
};

struct token {
    struct str text;
    bool prefix;
};

struct way {
    size_t from, n; /* tokens, all of them */
};

struct word {
    size_t from, n; /* ways, one of them */
};

struct match {
    struct arena *a;
    struct token *token;
    struct way *way;
    size_t tokens, ways, words, token_room, way_room;
    struct word word[MAX_WORDS];
};

static void *grown(struct arena *a, void *old, size_t n, size_t room, size_t size)
{
    void *larger = arena_alloc(a, room * size);
    if (n)
        memcpy(larger, old, n * size);
    return larger;
}

static bool word_begin(struct match *m)
{
    if (m->words == MAX_WORDS)
        return false;
    m->word[m->words++] = (struct word){m->ways, 0};
    return true;
}

static void way_begin(struct match *m)
{
    if (m->ways == m->way_room) {
        m->way_room = m->way_room ? m->way_room * 4 : 32;
        m->way = grown(m->a, m->way, m->ways, m->way_room, sizeof *m->way);
    }
    m->way[m->ways++] = (struct way){m->tokens, 0};
    m->word[m->words - 1].n++;
}

/* A token in two parts; `prefix`: as the beginning of one. */
static void token_add(struct match *m, struct str a, struct str b, bool prefix)
{
    if (m->tokens == m->token_room) {
        m->token_room = m->token_room ? m->token_room * 4 : 32;
        m->token = grown(m->a, m->token, m->tokens, m->token_room, sizeof *m->token);
    }
    struct str text = arena_printf(m->a, STR_FMT STR_FMT, STR_ARG(a), STR_ARG(b));
    m->token[m->tokens++] = (struct token){text, prefix};
    m->way[m->ways - 1].n++;
}

static void way_of_one(struct match *m, struct str text, bool prefix)
{
    way_begin(m);
    token_add(m, text, STR(""), prefix);
}

/* p1p2 and p2p3 and …, the last as a beginning where it is one. */
static void way_of_pairs(struct match *m, const struct str *part, size_t n, bool prefix)
{
    way_begin(m);
    for (size_t i = 0; i + 1 < n; i++)
        token_add(m, part[i], part[i + 1], prefix && i + 2 == n);
}

/* --- words of letters --------------------------------------------------------------------- */

/* Up to two syllables, or as many first letters as a token has, are the beginning of a token. */
static void add_readings(struct match *m, struct str word)
{
    struct pinyin_cut cuts[PINYIN_CUTS];
    size_t n = pinyin_cuts(word, cuts);
    for (size_t i = 0; i < n; i++)
        if (cuts[i].n > 2)
            way_of_pairs(m, cuts[i].syllable, cuts[i].n, true);
    if (memchr(word.p, 'v', word.n)) {
        char as_read[TOKENS_MAX_WORD * 4];
        size_t len = word.n < sizeof as_read ? word.n : sizeof as_read;
        for (size_t i = 0; i < len; i++)
            as_read[i] = word.p[i] == 'v' ? 'u' : word.p[i];
        way_of_one(m, str_from(as_read, len), true);
    }
    if (word.n > PINYIN_WINDOW && word.n <= MAX_WORDS && pinyin_are_initials(word)) {
        way_begin(m);
        for (size_t i = 0; i + PINYIN_WINDOW <= word.n; i++)
            token_add(m, str_from(word.p + i, PINYIN_WINDOW), STR(""), false);
    }
}

static void add_word(struct match *m, struct str word, bool last)
{
    if (!word_begin(m))
        return;
    /* zhang wei: the first half of a pair is a whole word, too. */
    way_of_one(m, word, last || pinyin_is_syllable(word));
    add_readings(m, word);
}

/* One word that may have been meant: as it stands, and cut into syllables where it has so many that
   the index has it in pairs only. */
static void add_meant(struct match *m, struct str word)
{
    struct pinyin_cut cuts[PINYIN_CUTS];
    size_t n = word.n < LOOSE_CUT ? 0 : pinyin_cuts(word, cuts);
    way_of_one(m, word, false);
    for (size_t i = 0; i < n; i++)
        if (cuts[i].n > 2 && pinyin_is_syllable(cuts[i].syllable[cuts[i].n - 1]))
            way_of_pairs(m, cuts[i].syllable, cuts[i].n, false);
}

/* Every word one slip away: 53 n + 25 of them, each a look into the index; whole words only, since
   the beginnings would be a hundred times as many. */
static void add_slips(struct match *m, struct str word)
{
    char made[LOOSE_MOST + 1];
    const size_t n = word.n;
    if (!word_begin(m))
        return;
    add_meant(m, word);
    for (size_t i = 0; i < n; i++) { /* one too many; two that have changed places */
        memcpy(made, word.p, i);
        memcpy(made + i, word.p + i + 1, n - i - 1);
        add_meant(m, str_from(made, n - 1));
        if (i + 1 == n || word.p[i] == word.p[i + 1])
            continue;
        memcpy(made, word.p, n);
        made[i] = word.p[i + 1];
        made[i + 1] = word.p[i];
        add_meant(m, str_from(made, n));
    }
    for (const char *c = "abcdefghijklmnopqrstuvwxyz"; *c; c++) {
        for (size_t i = 0; i <= n; i++) { /* one too few; a wrong one */
            memcpy(made, word.p, i);
            made[i] = *c;
            memcpy(made + i + 1, word.p + i, n - i);
            add_meant(m, str_from(made, n + 1));
            if (i == n || word.p[i] == *c)
                continue;
            memcpy(made + i + 1, word.p + i + 1, n - i - 1);
            add_meant(m, str_from(made, n));
        }
    }
}

/* --- numbers --------------------------------------------------------------------------------- */

static bool is_number(struct str word)
{
    for (size_t i = 0; i < word.n; i++)
        if (word.p[i] < '0' || word.p[i] > '9')
            return false;
    return word.n > 0;
}

/* The groups of digits from `word` on that may be one telephone number; *folded goes on behind. */
static size_t groups_of(struct str word, struct str *folded, struct str *ret_group)
{
    struct str rest = *folded, next;
    bool chinese;
    size_t n = 0;
    ret_group[n++] = word;
    while (n < MAX_GROUPS && tokens_next_word(&rest, &next, &chinese) && !chinese &&
           is_number(next)) {
        const char *end = ret_group[n - 1].p + ret_group[n - 1].n;
        if (!phone_joins(str_from(end, (size_t)(next.p - end))))
            break;
        ret_group[n++] = next;
        *folded = rest;
    }
    return n;
}

/* As it stands, and as a telephone number: 138-1111-2222, +8613811112222. There are no slips in
   numbers but what stands before the last eight digits, which everybody writes in another way.
   `plus`: one stands before it. */
static void add_number(struct match *m, const struct str *group, size_t n, bool plus, bool last,
                       enum match_kind kind)
{
    char digits[PHONE_MAX];
    const char *from = group[0].p - (plus ? 1 : 0);
    struct str d =
        phone_digits(str_from(from, (size_t)(group[n - 1].p + group[n - 1].n - from)), digits);
    if (!word_begin(m))
        return;
    way_begin(m);
    for (size_t i = 0; i < n; i++)
        token_add(m, tokens_cut_word(group[i]), STR(""), last && i + 1 == n);
    if (d.n >= (n > 1 ? JOINED_LEAST : PHONE_SHORT) && !(n == 1 && str_eq(d, group[0])))
        way_of_one(m, d, last);
    if (kind == MATCH_LOOSE && d.n > PHONE_TAIL)
        way_of_one(m, str_skip(d, d.n - PHONE_TAIL), false);
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
static void add_chinese(struct match *m, const struct str *part, size_t n)
{
    if (!word_begin(m))
        return;
    if (n == 1)
        way_of_one(m, part[0], true);
    else
        way_of_pairs(m, part, n < MAX_WORDS ? n : MAX_WORDS, false);
}

static void add_sounds(struct match *m, struct str run, const struct str *part, size_t n)
{
    struct str sound[MAX_CHINESE];
    if (n > MAX_WORDS)
        n = MAX_WORDS;
    if (!word_begin(m))
        return;
    way_of_pairs(m, part, n, false);
    if (pinyin_readings(run, sound, MAX_CHINESE) >= n)
        way_of_pairs(m, sound, n, false);
    for (size_t wrong = 0; n >= LOOSE_LEAST && wrong < n; wrong++) {
        way_begin(m);
        for (size_t i = 0; i + 1 < n; i++)
            if (i != wrong && i + 1 != wrong)
                token_add(m, part[i], part[i + 1], false);
    }
}

struct match *match_new(struct str folded, enum match_kind kind, struct arena *a)
{
    struct match *m = arena_new_of(a, struct match);
    const char *begin = folded.p;
    struct str word, part[MAX_CHINESE], group[MAX_GROUPS];
    bool chinese;
    *m = (struct match){.a = a};
    while (tokens_next_word(&folded, &word, &chinese)) {
        bool plus = word.p > begin && word.p[-1] == '+';
        size_t groups = !chinese && is_number(word) ? groups_of(word, &folded, group) : 0;
        struct str rest = folded, after;
        bool ignored, last = !tokens_next_word(&rest, &after, &ignored);
        size_t n = chinese ? characters(word, part) : 0;
        if (chinese && kind == MATCH_LOOSE && n > 1)
            add_sounds(m, word, part, n);
        else if (chinese)
            add_chinese(m, part, n);
        else if (groups)
            add_number(m, group, groups, plus, last, kind);
        else if (kind == MATCH_LOOSE && word.n >= LOOSE_LEAST && word.n <= LOOSE_MOST &&
                 str_is_ascii(word))
            add_slips(m, word);
        else
            add_word(m, tokens_cut_word(word), last);
    }
    return m;
}

/* --- held against a record ------------------------------------------------------------------ */

static bool has_token(struct str tokens, const struct token *t)
{
    struct str one;
    while (str_split(&tokens, ' ', &one))
        if (t->prefix ? str_starts(one, t->text) : str_eq(one, t->text))
            return true;
    return false;
}

static bool way_holds(const struct match *m, const struct way *w, struct str tokens)
{
    for (size_t i = 0; i < w->n; i++)
        if (!has_token(tokens, &m->token[w->from + i]))
            return false;
    return w->n > 0;
}

bool match_holds(const struct match *m, struct str tokens)
{
    for (size_t i = 0; i < m->words; i++) {
        const struct word *w = &m->word[i];
        size_t k = 0;
        while (k < w->n && !way_holds(m, &m->way[w->from + k], tokens))
            k++;
        if (k == w->n)
            return false;
    }
    return m->words > 0;
}

/* --- for the index -------------------------------------------------------------------------- */

/* The dialects differ in syntax alone. */
struct dialect {
    const char *and, * or, *quote, *whole, *prefix;
};
static const struct dialect dialects[] = {
    [DB_SQLITE] = {" AND ", " OR ", "\"", "\"", "\"*"},
    [DB_POSTGRES] = {" & ", " | ", "'", "'", "':*"},
};

struct render {
    const struct match *m;
    const struct dialect *d;
    struct db_conn *c;
    struct buf out;
};

static void put_token(struct render *r, struct str text, bool prefix)
{
    buf_add_cstr(&r->out, r->d->quote);
    buf_add_str(&r->out, text);
    buf_add_cstr(&r->out, prefix ? r->d->prefix : r->d->whole);
}

/* The smallest word of the index from `from` on; STR_NULL at its end. */
static int next_word(struct render *r, struct str from, struct str *ret_word, struct err *e)
{
    struct db_rows *rows = NULL;
    *ret_word = STR_NULL;
    int rc = db_query(r->c, "SELECT term FROM search_doc_terms WHERE term >= $1 LIMIT 1",
                      DB_ARGS(DB_STR(from)), &rows, e);
    if (rc == 0 && (rc = db_step(rows, e)) > 0)
        *ret_word = arena_str(r->m->a, db_str(rows, 0));
    db_rows_done(rows);
    return rc < 0 ? rc : 0;
}

/* FTS5 puts the lists of all words with a beginning together before it gives out the first record
   (0.2 s where 80,000 have them), but takes a few whole words from their lists as it goes. So the
   few words are looked up first; where they are many, their lists are short. */
static int put_beginning(struct render *r, struct str text, struct err *e)
{
    struct str word[MAX_EXPANDED], next = text;
    size_t n = 0;
    int rc = 0;
    while (rc == 0 && n < MAX_EXPANDED && (rc = next_word(r, next, &word[n], e)) == 0 &&
           str_starts(word[n], text)) {
        next = arena_printf(r->m->a, STR_FMT "\x01", STR_ARG(word[n]));
        n++;
    }
    if (rc || n == 0 || n == MAX_EXPANDED) {
        put_token(r, text, n == MAX_EXPANDED);
        return rc;
    }
    buf_add_char(&r->out, '(');
    for (size_t i = 0; i < n; i++) {
        buf_add_cstr(&r->out, i ? r->d->or : "");
        put_token(r, word[i], false);
    }
    buf_add_char(&r->out, ')');
    return 0;
}

static int put_way(struct render *r, const struct way *w, struct err *e)
{
    int rc = 0;
    buf_add_char(&r->out, '(');
    for (size_t i = 0; rc == 0 && i < w->n; i++) {
        const struct token *t = &r->m->token[w->from + i];
        buf_add_cstr(&r->out, i ? r->d->and : "");
        if (t->prefix && t->text.n > INDEXED_PREFIX && db_kind(db_of(r->c)) == DB_SQLITE)
            rc = put_beginning(r, t->text, e);
        else
            put_token(r, t->text, t->prefix);
    }
    buf_add_char(&r->out, ')');
    return rc;
}

struct wanted {
    struct str text;
    size_t at; /* of the token */
};

static int by_text(const void *x, const void *y)
{
    const struct wanted *a = x, *b = y;
    return str_cmp(a->text, b->text);
}

/* Which of the whole words from token `from` on the index has. Both are sorted, so that one look
   into it leaves out all that lie before what it found: some fifty looks instead of five hundred.
 */
static int find_known(struct render *r, size_t from, size_t n, bool *ret_known, struct err *e)
{
    struct wanted *wanted = arena_array(r->m->a, struct wanted, n);
    int rc = 0;
    for (size_t i = 0; i < n; i++)
        wanted[i] = (struct wanted){r->m->token[from + i].text, i};
    qsort(wanted, n, sizeof *wanted, by_text);
    for (size_t i = 0; i < n;) {
        struct str found;
        rc = next_word(r, wanted[i].text, &found, e);
        if (rc || !found.p)
            break;
        while (i < n && str_cmp(wanted[i].text, found) < 0)
            i++;
        for (; i < n && str_eq(wanted[i].text, found); i++)
            ret_known[wanted[i].at] = true;
    }
    return rc;
}

static bool all_known(const struct way *w, size_t from, const bool *known)
{
    for (size_t i = 0; i < w->n; i++)
        if (!known[w->from + i - from])
            return false;
    return w->n > 0;
}

/* Of many ways (slips) those whose words the index has. */
static int put_known(struct render *r, const struct word *w, size_t *ret_n, struct err *e)
{
    const struct way *way = &r->m->way[w->from], *last = &way[w->n - 1];
    size_t from = way->from, n = last->from + last->n - from, syllabled = 0;
    bool *known = arena_array(r->m->a, bool, n);
    *ret_n = 0;
    int rc = find_known(r, from, n, known, e);
    for (size_t k = 0; rc == 0 && k < w->n; k++) {
        if (!all_known(&way[k], from, known) || (way[k].n > 1 && syllabled++ >= MOST_SYLLABLED))
            continue;
        buf_add_cstr(&r->out, (*ret_n)++ ? r->d->or : "");
        rc = put_way(r, &way[k], e);
    }
    return rc;
}

/* *ret_any: false when nothing in the index can be it. */
static int put_word(struct render *r, const struct word *w, bool *ret_any, struct err *e)
{
    int rc = 0;
    *ret_any = true;
    buf_add_char(&r->out, '(');
    if (w->n > MANY_WAYS && db_kind(db_of(r->c)) == DB_SQLITE) {
        size_t n;
        rc = put_known(r, w, &n, e);
        *ret_any = n > 0;
    } else {
        for (size_t k = 0; rc == 0 && k < w->n; k++) {
            buf_add_cstr(&r->out, k ? r->d->or : "");
            rc = put_way(r, &r->m->way[w->from + k], e);
        }
    }
    buf_add_char(&r->out, ')');
    return rc;
}

static int put_words(struct render *r, bool *ret_any, struct err *e)
{
    int rc = 0;
    *ret_any = r->m->words > 0;
    for (size_t i = 0; rc == 0 && *ret_any && i < r->m->words; i++) {
        buf_add_cstr(&r->out, i ? r->d->and : "");
        rc = put_word(r, &r->m->word[i], ret_any, e);
    }
    return rc;
}

/* Without the underscores of its name, at which FTS5 would cut it. */
void match_kind_token(const struct entity *en, struct buf *out)
{
    buf_add_char(out, 'x');
    for (const char *p = en->name; *p; p++)
        if (*p != '_')
            buf_add_char(out, *p);
}

/* One of the tokens that say whose records are seen. In an index that can be asked, only where
   there are such records: whoever has none need not be searched for. */
static int put_place(struct render *r, size_t *put, const struct entity *en, char kind, int64_t id,
                     struct err *e)
{
    struct buf token = BUF_INIT(200);
    struct str found = STR_NULL;
    match_kind_token(en, &token);
    buf_printf(&token, "%c%lld", kind, (long long)id);
    bool asks = db_kind(db_of(r->c)) == DB_SQLITE;
    int rc = asks ? next_word(r, buf_str(&token), &found, e) : 0;
    if (rc == 0 && (!asks || str_eq(found, buf_str(&token)))) {
        buf_add_cstr(&r->out, (*put)++ ? r->d->or : "");
        buf_add_str(&r->out, buf_str(&token));
    }
    buf_free(&token);
    return rc;
}

/* *ret_put: what may be found, in tokens; *ret_whole: how many entities are seen without a limit.
 */
static int put_scopes(struct render *r, const struct actor *who, const struct registry *reg,
                      const struct entity *only, size_t *ret_put, size_t *ret_whole,
                      size_t *ret_searched, struct err *e)
{
    size_t put = 0;
    int rc = 0;
    *ret_whole = *ret_searched = 0;
    for (int i = 0; rc == 0 && i < ENTITY_COUNT; i++) {
        const struct entity *en = &reg->entities[i];
        struct access_branch b[ACCESS_MAX_BRANCHES];
        bool in_list;
        if (en->nsearch_title + en->nsearch_body == 0)
            continue;
        ++*ret_searched;
        if (only && only != en)
            continue;
        size_t nb = access_branches(who, en, ACCESS_READ, b, &in_list);
        if (nb && b[0].kind == BRANCH_ALL && !in_list) {
            ++*ret_whole;
            buf_add_cstr(&r->out, put++ ? r->d->or : "");
            match_kind_token(en, &r->out);
            continue;
        }
        for (size_t k = 0; rc == 0 && k < nb && b[k].kind != BRANCH_ALL; k++)
            rc = put_place(r, &put, en, b[k].kind == BRANCH_OWNER ? 'o' : 'd', b[k].id, e);
        for (size_t k = 0; rc == 0 && in_list && k < who->nbelow; k++)
            rc = put_place(r, &put, en, 'd', who->below[k], e);
    }
    *ret_put = put;
    return rc;
}

int match_render(const struct match *m, struct db_conn *c, const struct actor *who,
                 const struct registry *reg, const struct entity *only, struct arena *a,
                 struct str *ret_text, struct err *e)
{
    struct render r = {
        .m = m, .d = &dialects[db_kind(db_of(c))], .c = c, .out = BUF_INIT(MAX_MATCH)};
    size_t put, whole, searched;
    *ret_text = STR_NULL;
    bool any = false;
    buf_add_char(&r.out, '(');
    int rc = put_scopes(&r, who, reg, only, &put, &whole, &searched, e);
    /* Who sees everything need not be asked for each record. */
    if (whole == searched)
        buf_clear(&r.out);
    else
        buf_printf(&r.out, ")%s", r.d->and);
    if (rc == 0 && put)
        rc = put_words(&r, &any, e);
    if (rc == 0 && any && !r.out.overflow)
        *ret_text = arena_str(a, buf_str(&r.out));
    buf_free(&r.out);
    return rc;
}
