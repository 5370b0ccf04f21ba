#include "core/search/tokens.h"

#include "core/search/pinyin.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { MAX_TOKENS = 2000, MAX_TEXT = 64 << 10 };

static bool is_cjk(int32_t c)
{
    return (c >= 0x3040 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x9fff) ||
           (c >= 0xac00 && c <= 0xd7af) || (c >= 0xf900 && c <= 0xfaff) || c >= 0x20000;
}

static bool is_word(int32_t c)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return true;
    default:
        return false;
    }
}

/* At most MAX_TEXT bytes, and no half character at the end. */
static struct str cut(struct str text)
{
    if (text.n <= MAX_TEXT)
        return text;
    text.n = MAX_TEXT;
    while (text.n && ((unsigned char)text.p[text.n] & 0xc0) == 0x80)
        text.n--;
    return text;
}

/* Both forms have three bytes. */
static void simplify(utf8proc_uint8_t *text, utf8proc_ssize_t n)
{
    for (utf8proc_ssize_t at = 0; at < n;) {
        int32_t c;
        utf8proc_ssize_t len = utf8proc_iterate(text + at, n - at, &c);
        if (len <= 0)
            return;
        int32_t simple = pinyin_simplified(c);
        if (simple != c)
            utf8proc_encode_char(simple, text + at);
        at += len;
    }
}

void tokens_fold(struct str text, struct buf *out)
{
    utf8proc_uint8_t *folded = NULL;
    text = cut(text);
    utf8proc_ssize_t n = utf8proc_map(
        (const utf8proc_uint8_t *)text.p, (utf8proc_ssize_t)text.n, &folded,
        UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
    /* Broken text, or no memory: search without it. */
    if (n > 0) {
        simplify(folded, n);
        buf_add(out, (const char *)folded, (size_t)n);
    }
    free(folded);
}

int32_t tokens_next_char(struct str *folded)
{
    int32_t c = 0;
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)folded->p, (utf8proc_ssize_t)folded->n, &c);
    if (n <= 0)
        return 0;
    folded->p += n;
    folded->n -= (size_t)n;
    return c;
}

enum kind { NEITHER, LETTER, CHINESE };

static enum kind kind_of(int32_t c)
{
    return is_cjk(c) ? CHINESE : is_word(c) ? LETTER : NEITHER;
}

bool tokens_next_word(struct str *folded, struct str *ret_word, bool *ret_chinese)
{
    enum kind kind = NEITHER;
    struct str before, word = *folded;
    int32_t c;
    while ((before = *folded, c = tokens_next_char(folded)) != 0) {
        enum kind now = kind_of(c);
        if (kind == NEITHER) {
            word.p = before.p;
            kind = now;
        } else if (now != kind) {
            *folded = before;
            break;
        }
    }
    word.n = (size_t)(folded->p - word.p);
    *ret_word = word;
    *ret_chinese = kind == CHINESE;
    return kind != NEITHER;
}

/* Most names, numbers and addresses outside China are ASCII and need none of Unicode's tables. */
static void ascii_tokens(struct str text, struct buf *out)
{
    size_t length = 0;
    for (size_t i = 0; i <= text.n; i++) {
        char c = i < text.n ? text.p[i] : ' ';
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + 32);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            if (length++ < TOKENS_MAX_WORD)
                buf_add_char(out, c);
        } else if (length) {
            buf_add_char(out, ' ');
            length = 0;
        }
    }
}

struct str tokens_cut_word(struct str word)
{
    struct str rest = word;
    for (int i = 0; i < TOKENS_MAX_WORD && tokens_next_char(&rest); i++)
        continue;
    return str_from(word.p, (size_t)(rest.p - word.p));
}

static size_t chinese_tokens(struct str run, size_t most, struct buf *out)
{
    size_t tokens = 0;
    for (struct str rest = run; rest.n && tokens < most; tokens++) {
        struct str from = rest, behind;
        tokens_next_char(&rest);
        behind = rest;
        tokens_next_char(&behind);
        buf_add_str(out, str_from(from.p, (size_t)(behind.p - from.p)));
        buf_add_char(out, ' ');
    }
    return tokens;
}

void tokens_of(struct str text, struct buf *out)
{
    text = cut(text);
    if (str_is_ascii(text)) {
        ascii_tokens(text, out);
        return;
    }
    struct buf folded = BUF_INIT(MAX_TEXT * 4);
    tokens_fold(text, &folded);
    struct str rest = buf_str(&folded), word;
    bool chinese;
    for (size_t tokens = 0; tokens < MAX_TOKENS && tokens_next_word(&rest, &word, &chinese);) {
        if (chinese) {
            tokens += chinese_tokens(word, MAX_TOKENS - tokens, out);
            continue;
        }
        buf_add_str(out, tokens_cut_word(word));
        buf_add_char(out, ' ');
        tokens++;
    }
    buf_free(&folded);
}
