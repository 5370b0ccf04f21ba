/* The files of a folder in a backup: a table of their bytes in pieces, so that a backup stays one
   file whatever it holds. They never change once there, so they are read beside a running server.
 */
#include "db/backup.h"
#include "db/db_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 20, MOST_PATH = 1024 };
#define TABLE "backup_file"

static int join(char out[MOST_PATH], const char *dir, const char *name, struct err *e)
{
    int n = snprintf(out, MOST_PATH, "%s/%s", dir, name);
    return n < 0 || n >= MOST_PATH ? err_set(e, ERR_IO, "%s: too long a path", dir) : 0;
}

/* --- writing ------------------------------------------------------------------------------------
 */

static int put_file(struct db_conn *to, const char *dir, const char *name, char *piece,
                    struct err *e)
{
    char path[MOST_PATH];
    ssize_t n = 0;
    int rc = join(path, dir, name, e);
    if (rc)
        return rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) /* swept away meanwhile: nobody referred to it */
        return errno == ENOENT ? 0 : err_file(e, errno, path);
    for (int64_t part = 0; rc == 0 && ((n = read(fd, piece, PIECE)) > 0 || part == 0); part++) {
        if (n < 0)
            break;
        rc = db_exec(
            to, "INSERT INTO " TABLE " (name, part, bytes) VALUES ($1, $2, $3)",
            DB_ARGS(DB_STR(str_of(name)), DB_I64(part), DB_BYTES(str_from(piece, (size_t)n))), NULL,
            e);
    }
    if (rc == 0 && n < 0)
        rc = err_file(e, errno, path);
    close(fd);
    return rc;
}

static int put_folder(struct db_conn *to, const char *dir, const char *sub, char *piece,
                      struct err *e)
{
    char path[MOST_PATH], name[MOST_PATH];
    int rc = join(path, dir, sub, e);
    if (rc)
        return rc;
    DIR *d = opendir(path);
    if (!d)
        return errno == ENOENT && !*sub ? 0 : err_file(e, errno, path);
    for (struct dirent *f; rc == 0 && (f = readdir(d));) {
        if (f->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%.200s%s%.200s", sub, *sub ? "/" : "", f->d_name);
        rc = f->d_type == DT_DIR && !*sub ? put_folder(to, dir, name, piece, e)
             : f->d_type == DT_REG        ? put_file(to, dir, name, piece, e)
                                          : 0;
    }
    closedir(d);
    return rc;
}

int backup_files_put(const char *path, const char *dir, struct err *e)
{
    struct db_conn *to = NULL;
    char *piece = malloc(PIECE);
    if (!piece)
        return err_set(e, ERR_NOMEM, "backup");
    int rc = db_sqlite_alone_open(path, true, &to, e);
    if (rc == 0)
        rc = db_exec(to,
                     "CREATE TABLE " TABLE " (name TEXT NOT NULL, part INTEGER NOT NULL, "
                     "bytes BLOB NOT NULL, PRIMARY KEY (name, part)) WITHOUT ROWID",
                     DB_NOARGS, NULL, e);
    if (rc == 0)
        rc = put_folder(to, dir, "", piece, e);
    int end = to ? db_sqlite_alone_close(to, rc == 0 ? e : NULL) : 0;
    free(piece);
    return rc < 0 ? rc : end;
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* Only what the writer could have written: one folder down, nothing that leads out of it. */
static bool safe_name(struct str name)
{
    size_t slashes = 0;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        slashes += c == '/';
        if (!plain && c != '/')
            return false;
    }
    return name.n > 0 && name.n < 400 && slashes < 2 && name.p[0] != '/' &&
           name.p[name.n - 1] != '/';
}

static int open_file(const char *dir, struct str name, int *ret_fd, struct err *e)
{
    char path[MOST_PATH], given[400];
    snprintf(given, sizeof given, STR_FMT, STR_ARG(name));
    int rc = join(path, dir, given, e);
    if (rc)
        return rc;
    char *slash = strrchr(path, '/');
    *slash = 0;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_file(e, errno, path);
    *slash = '/';
    *ret_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return *ret_fd < 0 ? err_file(e, errno, path) : 0;
}

static int close_file(int fd, struct err *e)
{
    int rc = fd >= 0 && fsync(fd) != 0 ? err_file(e, errno, "a file of the backup") : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int write_all(int fd, struct str bytes, struct err *e)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0)
            return err_file(e, errno, "a file of the backup");
        bytes = str_skip(bytes, (size_t)n);
    }
    return 0;
}

static int take_all(struct db_conn *from, const char *dir, struct err *e)
{
    struct db_rows *rows = NULL;
    int fd = -1;
    int rc = db_query(from, "SELECT name, part, bytes FROM " TABLE " ORDER BY name, part",
                      DB_NOARGS, &rows, e);
    while (rc == 0 && (rc = db_step(rows, e)) > 0) {
        rc = 0;
        if (db_i64(rows, 1) == 0) {
            rc = close_file(fd, e);
            fd = -1;
            if (rc == 0 && !safe_name(db_str(rows, 0)))
                rc = err_set(e, ERR_CORRUPT, "the name of a file of the backup");
            if (rc == 0)
                rc = open_file(dir, db_str(rows, 0), &fd, e);
        }
        if (rc == 0 && fd < 0)
            rc = err_set(e, ERR_CORRUPT, "a piece of a file of the backup without its first");
        if (rc == 0)
            rc = write_all(fd, db_bytes(rows, 2), e);
    }
    db_rows_done(rows);
    int end = close_file(fd, rc == 0 ? e : NULL);
    return rc < 0 ? rc : end;
}

int backup_files_take(const char *path, const char *dir, struct err *e)
{
    struct db_conn *from = NULL;
    int64_t there = 0;
    int rc = db_sqlite_alone_open(path, false, &from, e);
    if (rc)
        return rc;
    rc = db_one_i64(from, "SELECT 1 FROM sqlite_master WHERE name = '" TABLE "'", DB_NOARGS, 0,
                    &there, e);
    if (rc == 0 && there)
        rc = take_all(from, dir, e);
    int end = db_sqlite_alone_close(from, rc == 0 ? e : NULL);
    return rc < 0 ? rc : end;
}
