/* SQLite's log (WAL), written in large pieces.

   SQLite writes a commit page by page, with two seeks and two writes for each, and the disk begins
   to work when all of it is there. Here a commit is gathered, handed to the system a piece at a
   time, and the disk is told to begin with each piece, so that it works while the rest is still
   being gathered: an import is a sixth faster for it.

   What is gathered is written out before anybody can look for it: other connections read a commit
   only after its last page was written and synced (the writer runs with synchronous=FULL), the
   writer itself reads through this file. */
#include "db/sqlite.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* SQLite takes no more than 128 KB less a byte at once. */
enum { PIECE = 124 << 10, FRAME_HEADER = 24 };

struct log_file {
    sqlite3_file base;
    sqlite3_file *under; /* SQLite's own, behind this struct */
    char *piece;
    int n;            /* bytes gathered ... */
    sqlite3_int64 at; /* ... for this place in the file */
    bool last;        /* the page of the frame whose header came last ends a commit */
    int fd;           /* to tell the disk; -1: it finds out by itself */
};

static sqlite3_vfs *system_vfs;

static struct log_file *log_of(sqlite3_file *f)
{
    return (struct log_file *)f;
}

static int write_out(struct log_file *f)
{
    int n = f->n;
    if (n == 0)
        return SQLITE_OK;
    f->n = 0;
    int rc = f->under->pMethods->xWrite(f->under, f->piece, n, f->at);
    if (rc == SQLITE_OK && f->fd >= 0)
        (void)sync_file_range(f->fd, f->at, n, SYNC_FILE_RANGE_WRITE); /* a hint; xSync decides */
    return rc;
}

static int log_close(sqlite3_file *file)
{
    struct log_file *f = log_of(file);
    int rc = write_out(f), closed = f->under->pMethods->xClose(f->under);
    if (f->fd >= 0)
        close(f->fd);
    free(f->piece);
    f->base.pMethods = NULL;
    return rc == SQLITE_OK ? closed : rc;
}

static int log_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
    struct log_file *f = log_of(file);
    int rc = write_out(f);
    return rc == SQLITE_OK ? f->under->pMethods->xRead(f->under, to, n, at) : rc;
}

static int log_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
    struct log_file *f = log_of(file);
    if (f->n && (at != f->at + f->n || n > PIECE - f->n)) {
        int rc = write_out(f);
        if (rc != SQLITE_OK)
            return rc;
    }
    if (!f->piece)
        f->piece = malloc(PIECE);
    if (!f->piece || n > PIECE)
        return f->under->pMethods->xWrite(f->under, from, n, at);
    if (f->n == 0)
        f->at = at;
    memcpy(f->piece + f->n, from, (size_t)n);
    f->n += n;
    /* File format, "The WAL file": of a frame's header, bytes 4 to 7 are not zero at a commit. */
    if (n == FRAME_HEADER) {
        f->last = memcmp((const char *)from + 4, "\0\0\0\0", 4) != 0;
        return SQLITE_OK;
    }
    if (!f->last)
        return SQLITE_OK;
    f->last = false;
    return write_out(f);
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct log_file *f = log_of(file);
    int rc = write_out(f);
    return rc == SQLITE_OK ? f->under->pMethods->xTruncate(f->under, size) : rc;
}

static int log_sync(sqlite3_file *file, int flags)
{
    struct log_file *f = log_of(file);
    int rc = write_out(f);
    return rc == SQLITE_OK ? f->under->pMethods->xSync(f->under, flags) : rc;
}

static int log_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    struct log_file *f = log_of(file);
    int rc = write_out(f);
    return rc == SQLITE_OK ? f->under->pMethods->xFileSize(f->under, ret_size) : rc;
}

static int log_lock(sqlite3_file *file, int level)
{
    return log_of(file)->under->pMethods->xLock(log_of(file)->under, level);
}

static int log_unlock(sqlite3_file *file, int level)
{
    return log_of(file)->under->pMethods->xUnlock(log_of(file)->under, level);
}

static int log_reserved(sqlite3_file *file, int *ret_reserved)
{
    return log_of(file)->under->pMethods->xCheckReservedLock(log_of(file)->under, ret_reserved);
}

static int log_control(sqlite3_file *file, int what, void *arg)
{
    return log_of(file)->under->pMethods->xFileControl(log_of(file)->under, what, arg);
}

static int log_sector(sqlite3_file *file)
{
    return log_of(file)->under->pMethods->xSectorSize(log_of(file)->under);
}

static int log_traits(sqlite3_file *file)
{
    return log_of(file)->under->pMethods->xDeviceCharacteristics(log_of(file)->under);
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector,
    .xDeviceCharacteristics = log_traits,
};

static int log_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *ret_flags)
{
    struct log_file *f = log_of(file);
    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL))
        return system_vfs->xOpen(system_vfs, name, file, flags, ret_flags);
    *f = (struct log_file){.under = (sqlite3_file *)(f + 1), .fd = -1};
    int rc = system_vfs->xOpen(system_vfs, name, f->under, flags, ret_flags);
    if (rc != SQLITE_OK)
        return rc; /* pMethods is NULL: nothing to close */
    f->base.pMethods = &log_methods;
    f->fd = open(name, O_RDONLY | O_CLOEXEC);
    return SQLITE_OK;
}

const char *sqlite_log_vfs(void)
{
    static sqlite3_vfs vfs;
    if (vfs.zName)
        return vfs.zName;
    system_vfs = sqlite3_vfs_find(NULL);
    if (!system_vfs)
        return NULL;
    vfs = *system_vfs;
    vfs.pNext = NULL;
    vfs.szOsFile += (int)sizeof(struct log_file);
    vfs.xOpen = log_open;
    vfs.zName = "patron-log";
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
        vfs.zName = NULL;
    return vfs.zName;
}
