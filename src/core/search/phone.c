#include "core/search/phone.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number and what it is made of. */
struct number {
    char digit[PHONE_MAX];
    size_t n, group; /* all of them; those since the last dash or space */
    bool abroad;     /* it begins with a plus */
};

/* Dashes of all lengths are e2 80 90 to e2 80 95. */
static size_t joint(struct str at)
{
    if (at.p[0] && strchr(" -().+", at.p[0]))
        return 1;
    bool dash = at.n >= 3 && memcmp(at.p, "\xe2\x80", 2) == 0 && (unsigned char)at.p[2] >= 0x90 &&
                (unsigned char)at.p[2] <= 0x95;
    return dash ? 3 : 0;
}

bool phone_joins(struct str between)
{
    size_t n;
    while (between.n && (n = joint(between)) > 0)
        between = str_skip(between, n);
    return between.n == 0;
}

static struct str normal(const struct number *x, char ret_digits[PHONE_MAX])
{
    struct str d = str_from(x->digit, x->n);
    bool abroad = x->abroad;
    if (!abroad && d.n >= 10 && str_starts(d, STR("00"))) {
        d = str_skip(d, 2);
        abroad = true;
    }
    /* No number within China has twelve digits and begins so. */
    if ((abroad || d.n >= 12) && str_starts(d, STR("86")))
        d = str_skip(d, 2);
    while (d.n && d.p[0] == '0')
        d = str_skip(d, 1);
    memcpy(ret_digits, d.p, d.n);
    return str_from(ret_digits, d.n);
}

/* After a whole number, digits that stand apart are an extension: after eight in a row, seven of
   them behind an area, or as many as a mobile or an area with its number has. */
static bool is_whole(const struct number *x)
{
    char digits[PHONE_MAX];
    struct str d = normal(x, digits);
    bool area = x->n && x->digit[0] == '0';
    return x->group >= PHONE_TAIL || (x->group >= 7 && x->n >= 10) || d.n >= (area ? 10 : 11);
}

/* Takes one number off the text; n = 0 when none is left. */
static struct number take(struct str *text)
{
    struct number x = {.n = 0};
    while (text->n && !is_digit(text->p[0]) && text->p[0] != '+')
        *text = str_skip(*text, 1);
    x.abroad = text->n && text->p[0] == '+';
    while (text->n) {
        size_t skip = 1;
        if (str_starts(*text, STR("(0)"))) { /* +44 (0)20: dialled at home only */
            x.group = 0;
            skip = 3;
        } else if (is_digit(text->p[0])) {
            if (x.n < PHONE_MAX)
                x.digit[x.n++] = text->p[0];
            x.group++;
        } else if ((skip = joint(*text)) == 0 || is_whole(&x)) {
            break;
        } else if (text->n > skip && is_digit(text->p[skip])) {
            x.group = 0;
        }
        *text = str_skip(*text, skip);
    }
    return x;
}

struct str phone_digits(struct str written, char ret_digits[PHONE_MAX])
{
    struct number x = take(&written);
    return normal(&x, ret_digits);
}

static void put_end(struct str digits, size_t n, struct buf *out)
{
    buf_add_str(out, str_skip(digits, digits.n - n));
    buf_add_char(out, ' ');
}

void phone_tokens(struct str text, struct buf *out)
{
    for (bool first = true; text.n; first = false) {
        char digits[PHONE_MAX];
        struct number x = take(&text);
        struct str d = normal(&x, digits);
        /* What is short and behind another is its extension, or the other end of a row of them. */
        if (d.n == 0 || (!first && d.n < PHONE_SHORT))
            continue;
        put_end(d, d.n, out);
        if (d.n > PHONE_TAIL)
            put_end(d, PHONE_TAIL, out);
        if (d.n > x.group && x.group >= PHONE_SHORT && x.group < PHONE_TAIL)
            put_end(d, x.group, out);
        if (d.n > PHONE_LAST)
            put_end(d, PHONE_LAST, out);
    }
}
