/* A growing byte buffer on the heap with a mandatory maximum. */
#ifndef PATRON_BASE_BUF_H
#define PATRON_BASE_BUF_H

#include "base/str.h"

struct buf {
    char *p;
    size_t n, cap, max;
    bool overflow; /* set when max or memory ran out; what did not fit is dropped */
};

#define BUF_MAX_DEFAULT ((size_t)64 << 20)
#define BUF_INIT(maximum) ((struct buf){.max = (maximum)})

void buf_free(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory */
bool buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const char *p, size_t n);
void buf_add_str(struct buf *b, struct str s);
void buf_add_cstr(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_add_i64(struct buf *b, int64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str buf_str(const struct buf *b);
/* The bytes, NUL-terminated, now owned by the caller (free()); the buffer is empty after. */
char *buf_take(struct buf *b, size_t *ret_n);

#endif
