#include "core/search/tokens.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { MAX_TOKENS = 2000, MAX_TEXT = 64 << 10, MAX_WORD = 40 };

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

void tokens_fold(struct str text, struct buf *out)
{
    utf8proc_uint8_t *folded = NULL;
    text = cut(text);
    utf8proc_ssize_t n = utf8proc_map(
        (const utf8proc_uint8_t *)text.p, (utf8proc_ssize_t)text.n, &folded,
        UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
    /* Broken text, or no memory: search without it. */
    if (n > 0)
        buf_add(out, (const char *)folded, (size_t)n);
    free(folded);
}

static void add_char(struct buf *out, int32_t c)
{
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char(c, bytes);
    buf_add(out, (const char *)bytes, (size_t)n);
}

static bool plain_ascii(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] >= 0x80)
            return false;
    return true;
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
            if (length++ < MAX_WORD)
                buf_add_char(out, c);
        } else if (length) {
            buf_add_char(out, ' ');
            length = 0;
        }
    }
}

void tokens_of(struct str text, struct buf *out)
{
    text = cut(text);
    if (plain_ascii(text)) {
        ascii_tokens(text, out);
        return;
    }
    struct buf folded = BUF_INIT(MAX_TEXT * 4);
    tokens_fold(text, &folded);
    const utf8proc_uint8_t *p = (const utf8proc_uint8_t *)folded.p;
    utf8proc_ssize_t left = (utf8proc_ssize_t)folded.n;
    int32_t c, before = 0; /* the Chinese character before, 0 if none */
    size_t word = 0, tokens = 0;
    while (left > 0 && tokens < MAX_TOKENS) {
        utf8proc_ssize_t n = utf8proc_iterate(p, left, &c);
        if (n <= 0)
            break;
        p += n;
        left -= n;
        bool cjk = is_cjk(c), letter = !cjk && is_word(c);
        if (word && !letter) {
            buf_add_char(out, ' ');
            word = 0;
            tokens++;
        }
        if (before) {
            add_char(out, before);
            if (cjk)
                add_char(out, c);
            buf_add_char(out, ' ');
            tokens++;
        }
        before = cjk ? c : 0;
        if (letter && word++ < MAX_WORD)
            add_char(out, c);
    }
    if (before)
        add_char(out, before);
    if (before || word)
        buf_add_char(out, ' ');
    buf_free(&folded);
}
