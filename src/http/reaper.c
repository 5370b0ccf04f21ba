/* The thread that closes connections whose sender is too slow. libmicrohttpd's own timer starts
   anew with every byte, so one byte a minute would hold a connection for ever. */
#include "http/internal.h"

#include "base/clock.h"

#include <sys/socket.h>
#include <time.h>

static void *reap(void *arg)
{
    struct http_server *s = arg;
    while (!atomic_load(&s->reaper_stop)) {
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
        int64_t now = clock_mono_us();
        pthread_mutex_lock(&s->lock);
        for (struct http_conn *c = s->conns; c; c = c->next)
            if (now > atomic_load(&c->deadline_us))
                shutdown(c->fd, SHUT_RDWR);
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

int reaper_start(struct http_server *s)
{
    return pthread_create(&s->reaper, NULL, reap, s);
}

void reaper_stop(struct http_server *s)
{
    atomic_store(&s->reaper_stop, true);
    pthread_join(s->reaper, NULL);
}
