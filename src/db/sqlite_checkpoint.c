/* Moving the log into the file, beside the writer.

   A page that is changed again and again is written into the log each time but into the file only
   once per checkpoint, at a random place: so the log may grow to LOG_PAGES first. And those who
   wait for a commit must not wait for the file: a thread with a connection of its own copies while
   the writer goes on appending. SQLite starts the log anew only when all of it is in the file, and
   beside a busy writer a copy never catches up; so the last little piece is the writer's. */
#define LOG_MODULE "db"
#include "db/sqlite.h"

#include "base/log.h"

#include <signal.h>
#include <string.h>

enum {
    LOG_PAGES = 4000,  /* 16 MB: what is synced at once, while commits wait for the same disk */
    LAST_PAGES = 1500, /* a pass that moved no more was the last one of the thread's */
};

/* Moves what stands in the log into the file: how many pages in all, and in *ret_moved by this
   call. -1 when nothing could be done. */
static int copy(sqlite3 *h, int before, int *ret_moved)
{
    int in_log = 0, copied = 0;
    int rc = sqlite3_wal_checkpoint_v2(h, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
    if (rc != SQLITE_OK || in_log < 0) {
        if (rc != SQLITE_BUSY)
            log_warn("checkpoint: %s", sqlite3_errmsg(h));
        return -1;
    }
    *ret_moved = copied > before ? copied - before : copied;
    return copied;
}

/* SQLite syncs the file only when a checkpoint has caught up with the log. Left to that one, all
   that was written before would be synced while somebody waits. */
static void sync_file(sqlite3 *h)
{
    sqlite3_file *file = NULL;
    if (sqlite3_file_control(h, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK && file &&
        file->pMethods && file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) != SQLITE_OK)
        log_warn("checkpoint: the file cannot be synced"); /* the log stays: it is tried again */
}

/* Passes beside the writer, until what it appends meanwhile is little. */
static bool catch_up(sqlite3 *h)
{
    int copied = 0, moved = 0, before = 0;
    do {
        before = moved;
        copied = copy(h, copied, &moved);
        if (copied < 0)
            return false;
        sync_file(h);
    } while (moved > LAST_PAGES && (before == 0 || moved < before));
    return true;
}

static void *main_of(void *arg)
{
    struct sqlite_checkpoint *p = arg;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_mutex_lock(&p->lock);
    while (!p->closing) {
        if (!p->wanted) {
            pthread_cond_wait(&p->wake, &p->lock);
            continue;
        }
        p->wanted = false;
        pthread_mutex_unlock(&p->lock);
        if (catch_up(p->conn->h))
            atomic_store(&p->last_piece, true);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* After each commit of the writer: how long the log is now. */
static int on_commit(void *arg, sqlite3 *h, const char *schema, int pages)
{
    struct sqlite_checkpoint *p = arg;
    (void)schema;
    if (atomic_exchange(&p->last_piece, false)) {
        int moved;
        copy(h, 0, &moved);
        p->next_at = pages + LOG_PAGES / 4; /* a reader held it up: not at once again */
        return SQLITE_OK;
    }
    if (pages < p->last_length)
        p->next_at = LOG_PAGES; /* the log began anew */
    p->last_length = pages;
    if (pages < p->next_at)
        return SQLITE_OK;
    p->next_at = pages + LOG_PAGES / 4;
    pthread_mutex_lock(&p->lock);
    p->wanted = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    return SQLITE_OK;
}

int sqlite_checkpoint_start(struct sqlite_db *db, struct err *e)
{
    struct sqlite_checkpoint *p = &db->checkpoint;
    p->next_at = LOG_PAGES;
    int rc = sqlite_conn_open(&db->base, db->path, SQLITE_CHECKPOINTER, &p->conn, e);
    if (rc)
        return rc;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    rc = pthread_create(&p->thread, NULL, main_of, p);
    if (rc != 0) {
        pthread_cond_destroy(&p->wake);
        pthread_mutex_destroy(&p->lock);
        sqlite_conn_close(p->conn);
        p->conn = NULL;
        return err_set(e, ERR_NOMEM, "checkpoint thread: %s", strerror(rc));
    }
    sqlite3_wal_hook(db->writer->h, on_commit, p);
    return 0;
}

void sqlite_checkpoint_stop(struct sqlite_db *db)
{
    struct sqlite_checkpoint *p = &db->checkpoint;
    if (!p->conn)
        return;
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    sqlite_conn_close(p->conn);
    p->conn = NULL;
}
