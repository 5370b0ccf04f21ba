#include "base/ids.h"
#include "base/clock.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SEQ_BITS = 12, NODE_BITS = 10 };
#define ID_EPOCH_MS INT64_C(1577836800000) /* 2020-01-01 */

struct id_source {
    _Atomic int64_t
        last; /* (milliseconds << SEQ_BITS) | sequence: the node is put in on the way out */
    int64_t node;
};

/* The clock part and the sequence count together, so that running out of sequence within a
   millisecond borrows from the next one instead of waiting. */
static int64_t ticks_of(int64_t id)
{
    return (id >> (SEQ_BITS + NODE_BITS)) << SEQ_BITS | (id & ((1 << SEQ_BITS) - 1));
}

static int64_t id_of(const struct id_source *s, int64_t ticks)
{
    return (ticks >> SEQ_BITS) << (SEQ_BITS + NODE_BITS) | s->node << SEQ_BITS |
           (ticks & ((1 << SEQ_BITS) - 1));
}

struct id_source *id_source_new(unsigned node, int64_t floor)
{
    struct id_source *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->node = node & ((1 << NODE_BITS) - 1);
    atomic_init(&s->last, floor > 0 ? ticks_of(floor) : 0);
    return s;
}

int64_t id_floor(int64_t epoch_ms)
{
    int64_t since = epoch_ms - ID_EPOCH_MS;
    return since > 0 ? since << (SEQ_BITS + NODE_BITS) : 0;
}

void id_source_free(struct id_source *s)
{
    free(s);
}

int64_t id_take(struct id_source *s, unsigned n)
{
    int64_t now = (clock_now_ms() - ID_EPOCH_MS) << SEQ_BITS;
    int64_t last = atomic_load_explicit(&s->last, memory_order_relaxed), first;
    do {
        first = last + 1 > now ? last + 1 : now;
        /* Consecutive as numbers only within one millisecond: start a new one if it would wrap. */
        int64_t seq = first & ((1 << SEQ_BITS) - 1);
        if (seq + (int64_t)n > 1 << SEQ_BITS)
            first += (1 << SEQ_BITS) - seq;
    } while (!atomic_compare_exchange_weak(&s->last, &last, first + (int64_t)n - 1));
    return id_of(s, first);
}

int64_t id_next(struct id_source *s)
{
    return id_take(s, 1);
}

int64_t id_last(struct id_source *s)
{
    return id_of(s, atomic_load(&s->last));
}

bool id_parse(struct str s, int64_t *ret_id)
{
    int64_t v;
    if (s.n == 0 || s.p[0] < '1' || !str_to_i64(s, &v))
        return false;
    *ret_id = v;
    return true;
}
