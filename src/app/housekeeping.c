/* What has to be done now and then: old idempotency keys, outbox rows and sessions go, the node
   number stays leased, reminders ring, the index of words is joined, uploads that a crash left
   behind are removed. */
#include "app/app.h"
#include "crm/bulk/bulk.h"
#include "crm/export/export.h"

#include "core/bell/bell.h"
#include "core/files/files.h"
#include "core/search/search.h"

#define LOG_MODULE "housekeeping"
#include "base/cond.h"
#include "base/log.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOUR_MS INT64_C(3600000)
enum { ROUND_SECONDS = 5, ROWS = 5000 };

struct housekeeper {
    struct tenant *t;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, joining;
    bool at_once; /* what a duty says: there is more to do, and nobody is in the way */
};

/* In portions, so that nobody waits long behind it. */
static const struct {
    const char *sql;
    int64_t keep_ms;
} sweeps[] = {
    {"DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE created_at < $1 "
     "LIMIT 5000)",
     24 * HOUR_MS},
    {"DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE at < $1 ORDER BY id LIMIT 5000)",
     7 * 24 * HOUR_MS},
    {"DELETE FROM session WHERE expires_at < $1", 0},
    {"DELETE FROM notification WHERE id IN (SELECT id FROM notification WHERE at < $1 LIMIT 5000)",
     90 * 24 * HOUR_MS},
    {"DELETE FROM job_ids WHERE job_id IN (SELECT i.job_id FROM job_ids i JOIN job j ON j.id = "
     "i.job_id WHERE j.finished_at < $1 LIMIT 500)",
     BULK_UNDO_DAYS * 24 * HOUR_MS},
};

struct sweep {
    const char *sql;
    int64_t before, changed;
};

static int run_sweep(struct db_conn *c, void *arg, struct err *e)
{
    struct sweep *s = arg;
    return db_exec(c, s->sql, DB_ARGS(DB_I64(s->before)), &s->changed, e);
}

static void sweep_all(struct housekeeper *k)
{
    for (size_t i = 0; i < sizeof sweeps / sizeof sweeps[0]; i++) {
        struct sweep s = {.sql = sweeps[i].sql, .before = clock_now_ms() - sweeps[i].keep_ms};
        struct err e = {0};
        do {
            s.changed = 0;
            if (db_transact(k->t->db, DB_BULK, run_sweep, &s, &e) != 0) {
                log_warn("%s: %s", s.sql, e.detail);
                break;
            }
        } while (s.changed >= ROWS);
    }
    export_sweep(k->t);
}

static void renew_lease(struct housekeeper *k)
{
    struct err e = {0};
    if (db_kind(k->t->db) == DB_POSTGRES && tenant_renew_lease(k->t, &e) != 0)
        log_error("the lease of the node number was not renewed: %s", e.detail);
}

static void remind(struct housekeeper *k)
{
    struct err e = {0};
    if (reminders_fire(k->t, &e) != 0)
        log_error("reminders: %s", e.detail);
}

static void sweep_files(struct housekeeper *k)
{
    struct err e = {0};
    if (files_sweep(k->t, &e) != 0)
        log_error("files: %s", e.detail);
}

static void join_words(struct housekeeper *k)
{
    struct err e = {0};
    if (search_settle(k->t, &k->joining, &k->at_once, &e) != 0)
        log_error("the index of words: %s", e.detail);
}

static const struct {
    void (*fn)(struct housekeeper *k);
    int every_s;
} duties[] = {{sweep_all, 3600},
              {sweep_files, 3600},
              {renew_lease, 240},
              {remind, ROUND_SECONDS},
              {join_words, ROUND_SECONDS}};
enum { DUTIES = sizeof duties / sizeof duties[0] };

static void *keep_house(void *arg)
{
    struct housekeeper *k = arg;
    int64_t next_us[DUTIES] = {0};
    for (;;) {
        bool rest = true;
        for (size_t i = 0; i < DUTIES; i++) {
            if (clock_mono_us() < next_us[i])
                continue;
            k->at_once = false;
            duties[i].fn(k);
            rest &= !k->at_once;
            /* A little early, so that the round it is due in is not missed by a hair. */
            if (!k->at_once)
                next_us[i] = clock_mono_us() + duties[i].every_s * INT64_C(1000000) - 100000;
        }
        pthread_mutex_lock(&k->lock);
        if (rest && !k->stop)
            cond_wait_us(&k->wake, &k->lock, ROUND_SECONDS * INT64_C(1000000));
        bool stop = k->stop;
        pthread_mutex_unlock(&k->lock);
        if (stop)
            return NULL;
    }
}

static void clear_uploads(const char *dir)
{
    DIR *d = opendir(dir);
    char path[1024];
    for (struct dirent *f; d && (f = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
        if (f->d_name[0] != '.')
            unlink(path);
    }
    if (d)
        closedir(d);
}

struct housekeeper *housekeeper_start(struct tenant *t, const char *uploads)
{
    struct housekeeper *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    clear_uploads(uploads);
    k->t = t;
    pthread_mutex_init(&k->lock, NULL);
    if (cond_init(&k->wake) != 0 || pthread_create(&k->thread, NULL, keep_house, k) != 0) {
        free(k);
        return NULL;
    }
    return k;
}

void housekeeper_stop(struct housekeeper *k)
{
    if (!k)
        return;
    pthread_mutex_lock(&k->lock);
    k->stop = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    pthread_mutex_destroy(&k->lock);
    pthread_cond_destroy(&k->wake);
    free(k);
}
