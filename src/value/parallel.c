/*
 * parallel.c - the same work on several threads. Chunks are fixed by the work, never by the number
 * of threads, and write to places of their own, so that no digit depends on who computed it.
 */
#include "internal.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MAX_THREADS = 64 };

struct crew {
    pv_chunk_fn *work;
    void *context;
    size_t chunks;
    atomic_size_t next;
    atomic_int error;
};

static void *run(void *opaque)
{
    struct crew *crew = opaque;
    for (;;) {
        size_t chunk = atomic_fetch_add(&crew->next, 1);
        if (chunk >= crew->chunks || atomic_load(&crew->error) != 0)
            return NULL;
        int rc = crew->work(crew->context, chunk);
        if (rc)
            atomic_store(&crew->error, rc);
    }
}

int pv_parallel_run(int threads, size_t chunks, pv_chunk_fn *work, void *context)
{
    struct crew crew = {.work = work, .context = context, .chunks = chunks};
    pthread_t helper[MAX_THREADS];
    int helpers = 0;
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    while (helpers < threads - 1 && (size_t)helpers + 1 < chunks) {
        if (pthread_create(&helper[helpers], NULL, run, &crew) != 0)
            break; /* fewer hands, same result */
        helpers++;
    }
    run(&crew);
    for (int i = 0; i < helpers; i++)
        (void)pthread_join(helper[i], NULL);
    return atomic_load(&crew.error);
}
