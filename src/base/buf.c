#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_free(struct buf *b)
{
    free(b->p);
    *b = BUF_INIT(b->max);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->overflow = false;
}

bool buf_reserve(struct buf *b, size_t more)
{
    if (more <= b->cap - b->n)
        return true;
    size_t max = b->max ? b->max : BUF_MAX_DEFAULT;
    if (b->overflow || more > max - b->n) {
        b->overflow = true;
        return false;
    }
    size_t cap = b->cap ? b->cap : 256;
    while (cap < b->n + more)
        cap *= 2;
    if (cap > max)
        cap = max;
    char *p = realloc(b->p, cap);
    if (!p) {
        b->overflow = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

void buf_add(struct buf *b, const char *p, size_t n)
{
    if (n == 0 || !buf_reserve(b, n))
        return;
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

void buf_add_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

void buf_add_cstr(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c)
{
    if (b->n < b->cap || buf_reserve(b, 1))
        b->p[b->n++] = c;
}

void buf_add_i64(struct buf *b, int64_t v)
{
    char digits[20];
    size_t n = 0;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        digits[sizeof digits - ++n] = (char)('0' + u % 10);
        u /= 10;
    } while (u);
    if (v < 0)
        buf_add_char(b, '-');
    buf_add(b, digits + sizeof digits - n, n);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n > 0 && buf_reserve(b, (size_t)n + 1)) {
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

struct str buf_str(const struct buf *b)
{
    return (struct str){b->p, b->n};
}

char *buf_take(struct buf *b, size_t *ret_n)
{
    if (!buf_reserve(b, 1))
        return NULL;
    b->p[b->n] = 0;
    char *p = b->p;
    if (ret_n)
        *ret_n = b->n;
    *b = BUF_INIT(b->max);
    return p;
}
