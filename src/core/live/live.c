#include "core/live/live.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { RING = 4096, MAX_DATA = 4096 };

struct live {
    pthread_mutex_t lock;
    pthread_mutex_t calling;      /* held while on_publish runs: once taken away, it is over */
    struct live_event ring[RING]; /* event seq stands at seq % RING; its data is owned */
    uint64_t last;
    void (*on_publish)(void *);
    void *on_publish_arg;
};

struct live *live_new(void)
{
    struct live *l = calloc(1, sizeof *l);
    if (l) {
        pthread_mutex_init(&l->lock, NULL);
        pthread_mutex_init(&l->calling, NULL);
    }
    return l;
}

void live_free(struct live *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < RING; i++)
        free((char *)l->ring[i].data.p);
    pthread_mutex_destroy(&l->lock);
    pthread_mutex_destroy(&l->calling);
    free(l);
}

void live_on_publish(struct live *l, void (*fn)(void *), void *arg)
{
    pthread_mutex_lock(&l->calling);
    l->on_publish = fn;
    l->on_publish_arg = arg;
    pthread_mutex_unlock(&l->calling);
}

void live_publish(struct live *l, const struct live_event *ev)
{
    if (ev->data.n + ev->bare.n > MAX_DATA)
        return;
    char *data = malloc(ev->data.n + ev->bare.n + 1);
    if (!data)
        return; /* a hint lost; nothing else */
    memcpy(data, ev->data.p, ev->data.n);
    if (ev->bare.n)
        memcpy(data + ev->data.n, ev->bare.p, ev->bare.n);
    data[ev->data.n + ev->bare.n] = 0;
    pthread_mutex_lock(&l->lock);
    struct live_event *slot = &l->ring[++l->last % RING];
    free((char *)slot->data.p);
    *slot = *ev;
    slot->seq = l->last;
    /* NOLINTBEGIN(clang-analyzer-unix.Malloc): the ring owns data from here on */
    slot->data = str_from(data, ev->data.n);
    slot->bare = str_from(data + ev->data.n, ev->bare.n);
    pthread_mutex_unlock(&l->lock);
    /* NOLINTEND(clang-analyzer-unix.Malloc) */
    pthread_mutex_lock(&l->calling);
    if (l->on_publish)
        l->on_publish(l->on_publish_arg);
    pthread_mutex_unlock(&l->calling);
}

uint64_t live_last(const struct live *l)
{
    struct live *lock = (struct live *)l;
    pthread_mutex_lock(&lock->lock);
    uint64_t last = l->last;
    pthread_mutex_unlock(&lock->lock);
    return last;
}

bool live_read(struct live *l, uint64_t *cursor,
               enum live_sight (*sees)(const void *arg, const struct live_event *ev),
               const void *arg, struct buf *out)
{
    pthread_mutex_lock(&l->lock);
    bool whole = *cursor <= l->last && l->last - *cursor < RING;
    if (!whole) {
        buf_printf(out, "id: %llu\nevent: reset\ndata: {}\n\n", (unsigned long long)l->last);
    } else {
        for (uint64_t seq = *cursor + 1; seq <= l->last; seq++) {
            const struct live_event *ev = &l->ring[seq % RING];
            enum live_sight sight = sees ? sees(arg, ev) : LIVE_WHOLE;
            struct str told = sight == LIVE_BARE ? ev->bare : ev->data;
            if (sight == LIVE_NOTHING || !told.n)
                continue;
            buf_printf(out, "id: %llu\nevent: %s\ndata: " STR_FMT "\n\n", (unsigned long long)seq,
                       ev->kind, STR_ARG(told));
        }
    }
    *cursor = l->last;
    pthread_mutex_unlock(&l->lock);
    return whole;
}
