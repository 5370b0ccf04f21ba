/* json_out.h - JSON written into a buffer of the caller's; private to the library. */
#ifndef PATRON_VALUE_JSON_OUT_H
#define PATRON_VALUE_JSON_OUT_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct pv_json_out {
    char *text;
    size_t room, n;
    bool full;
};

static inline void pv_json_advance(struct pv_json_out *o, int n)
{
    if (n < 0 || (size_t)n >= o->room - o->n)
        o->full = true;
    else
        o->n += (size_t)n;
}

/* What does not fit any more is cut off by snprintf, and `full` says so. */
#define pv_json_put(o, ...)                                                                        \
    pv_json_advance((o), snprintf((o)->text + (o)->n, (o)->room - (o)->n, __VA_ARGS__))

/* 17 digits: comes back to the last bit. What is not known is null. */
static inline void pv_json_put_number(struct pv_json_out *o, double value)
{
    if (isfinite(value))
        pv_json_put(o, "%.17g", value);
    else
        pv_json_put(o, "null");
}

static inline void pv_json_put_numbers(struct pv_json_out *o, size_t n, const double *value)
{
    pv_json_put(o, "[");
    for (size_t i = 0; i < n; i++) {
        pv_json_put(o, "%s", i ? ", " : "");
        pv_json_put_number(o, value[i]);
    }
    pv_json_put(o, "]");
}

#endif
