/* SQLite files outside a struct db: the backups. */
#define LOG_MODULE "db"
#include "db/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int db_sqlite_alone_open(const char *path, bool writable, struct db_conn **ret_conn, struct err *e)
{
    struct sqlite_conn *c;
    int rc = sqlite_conn_open(NULL, path, writable ? SQLITE_ALONE : SQLITE_ALONE_READER, &c, e);
    if (rc < 0)
        return rc;
    if (writable) {
        rc = db_exec(&c->base, "BEGIN", DB_NOARGS, NULL, e);
        if (rc < 0) {
            sqlite_conn_close(c);
            return rc;
        }
    }
    *ret_conn = &c->base;
    return 0;
}

int db_sqlite_alone_close(struct db_conn *base, struct err *e)
{
    struct sqlite_conn *c = (struct sqlite_conn *)base;
    int rc = 0;
    if (!c)
        return 0;
    sqlite_finish_all(c);
    if (!sqlite3_get_autocommit(c->h))
        rc = db_exec(base, "COMMIT", DB_NOARGS, NULL, e);
    sqlite_conn_close(c);
    return rc;
}

int db_sqlite_copy(struct db_conn *base, const char *path,
                   void (*progress)(void *arg, const char *table, int64_t rows), void *arg,
                   struct err *e)
{
    struct sqlite_conn *from = (struct sqlite_conn *)base, *to;
    sqlite3_backup *copy = NULL;
    int rc = sqlite_conn_open(NULL, path, SQLITE_ALONE, &to, e);
    if (rc < 0)
        return rc;
    /* With a read transaction open on the source its state stands still, so the copy is never
       started over, however much is written meanwhile. */
    rc = db_read_begin(base, e);
    if (rc < 0)
        goto out;
    copy = sqlite3_backup_init(to->h, "main", from->h, "main");
    if (!copy) {
        rc = sqlite_error(to, sqlite3_errcode(to->h), e);
        goto out;
    }
    int step;
    do {
        step = sqlite3_backup_step(copy, 1024);
        if (progress)
            progress(arg, "", sqlite3_backup_pagecount(copy) - sqlite3_backup_remaining(copy));
    } while (step == SQLITE_OK);
    int end = sqlite3_backup_finish(copy);
    if (step != SQLITE_DONE || end != SQLITE_OK)
        rc = sqlite_error(to, step != SQLITE_DONE ? step : end, e);
    /* The copied header says WAL; a backup is one file. */
    if (rc == 0 && sqlite3_exec(to->h, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL) != SQLITE_OK)
        rc = sqlite_error(to, sqlite3_errcode(to->h), e);
out:
    db_read_end(base);
    sqlite_conn_close(to);
    return rc;
}
