#include "core/filter/sql.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct sql sql_new(struct arena *a)
{
    return (struct sql){.arena = a, .text = BUF_INIT(1 << 20)};
}

void sql_add(struct sql *q, const char *text)
{
    buf_add_cstr(&q->text, text);
}

void sql_addf(struct sql *q, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof text)
        q->overflow = true;
    else
        buf_add(&q->text, text, (size_t)n);
}

void sql_arg(struct sql *q, struct db_value v)
{
    if (q->nargs == SQL_MAX_ARGS) {
        q->overflow = true;
        return;
    }
    if (q->nargs == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : 16;
        struct db_value *grown = arena_array(q->arena, struct db_value, cap);
        if (q->nargs)
            memcpy(grown, q->args, q->nargs * sizeof *grown);
        q->args = grown;
        q->cap = cap;
    }
    q->args[q->nargs++] = v;
    buf_add_char(&q->text, '$');
    buf_add_i64(&q->text, (int64_t)q->nargs);
}

const char *sql_text(struct sql *q)
{
    /* The text moves into the arena and the buffer is given back, so that nobody has to remember.
     */
    const char *text = arena_str(q->arena, buf_str(&q->text)).p;
    q->overflow |= q->text.overflow;
    buf_free(&q->text);
    return text;
}
