/* The bytes: DIR/files/attached/ab/cdef…, named by their SHA-256, never changed once there. */
#define LOG_MODULE "files"
#include "core/files/internal.h"

#include "base/log.h"
#include "db/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DAY_S = 86400 };

const char *files_dir(const struct tenant *t, struct arena *a)
{
    return arena_printf(a, "%s/files/attached", t->dir).p;
}

const char *file_path(const struct tenant *t, struct str hash, struct arena *a)
{
    return arena_printf(a, "%s/%.2s/" STR_FMT, files_dir(t, a), hash.p, STR_ARG(str_skip(hash, 2)))
        .p;
}

int store_read(const char *path, char ret_hash[HASH_TEXT], struct buf *ret_begin, struct err *e)
{
    crypto_hash_sha256_state h;
    unsigned char sum[crypto_hash_sha256_BYTES];
    char chunk[65536];
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_file(e, errno, path);
    crypto_hash_sha256_init(&h);
    while ((n = read(fd, chunk, sizeof chunk)) > 0) {
        crypto_hash_sha256_update(&h, (const unsigned char *)chunk, (unsigned long long)n);
        size_t room = ret_begin->n < FILE_BEGIN ? FILE_BEGIN - ret_begin->n : 0;
        buf_add(ret_begin, chunk, (size_t)n < room ? (size_t)n : room);
    }
    int rc = n < 0 || fsync(fd) != 0 ? err_file(e, errno, path) : 0;
    close(fd);
    crypto_hash_sha256_final(&h, sum);
    sodium_bin2hex(ret_hash, HASH_TEXT, sum, sizeof sum);
    return rc;
}

static int make_dir(const char *path, struct err *e)
{
    return mkdir(path, 0700) != 0 && errno != EEXIST ? err_file(e, errno, path) : 0;
}

/* Who puts and who sweeps take turns: a file is either found used lately, or made anew. */
static int lock_store(const struct tenant *t, struct arena *a, int *ret_fd, struct err *e)
{
    const char *dir = files_dir(t, a);
    int rc = make_dir(arena_printf(a, "%s/files", t->dir).p, e);
    if (rc == 0)
        rc = make_dir(dir, e);
    if (rc)
        return rc;
    *ret_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret_fd < 0)
        return err_file(e, errno, dir);
    if (flock(*ret_fd, LOCK_EX) == 0)
        return 0;
    rc = err_file(e, errno, dir);
    close(*ret_fd);
    return rc;
}

static int sync_dir(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) != 0 ? err_file(e, errno, path) : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

int store_put(const struct tenant *t, const char *path, const char *hash, struct arena *a,
              struct err *e)
{
    const char *to = file_path(t, str_of(hash), a);
    const char *dir = arena_printf(a, "%s/%.2s", files_dir(t, a), hash).p;
    int lock = -1;
    int rc = lock_store(t, a, &lock, e);
    if (rc)
        return rc;
    rc = make_dir(dir, e);
    /* The upload is whole and synced: a second name for it is all or nothing. */
    if (rc == 0 && link(path, to) != 0 && errno != EEXIST)
        rc = err_file(e, errno, to);
    if (rc == 0 && utimensat(AT_FDCWD, to, NULL, 0) != 0)
        rc = err_file(e, errno, to);
    if (rc == 0)
        rc = sync_dir(dir, e);
    if (rc == 0)
        rc = sync_dir(files_dir(t, a), e);
    close(lock);
    return rc;
}

int files_restore(const struct tenant *t, const char *path, struct arena *a, struct err *e)
{
    int lock = -1;
    int rc = lock_store(t, a, &lock, e);
    if (rc)
        return rc;
    rc = backup_files_take(path, files_dir(t, a), e);
    close(lock);
    return rc;
}

/* --- sweeping ----------------------------------------------------------------------------------
 */

static int sweep_one(const struct tenant *t, const char *path, struct arena *a, struct err *e)
{
    struct stat st;
    int lock = -1;
    int rc = lock_store(t, a, &lock, e);
    if (rc)
        return rc;
    if (stat(path, &st) == 0 && time(NULL) - st.st_mtime > DAY_S) {
        if (unlink(path) == 0)
            log_info("%s: nobody refers to it, removed", path);
        else
            rc = err_file(e, errno, path);
    }
    close(lock);
    return rc;
}

static bool is_hash(const char *dir, const char *name, char out[HASH_TEXT])
{
    if (strlen(dir) != 2 || strlen(name) != HASH_TEXT - 3)
        return false;
    snprintf(out, HASH_TEXT, "%s%s", dir, name);
    return strspn(out, "0123456789abcdef") == HASH_TEXT - 1;
}

static int sweep_dir(const struct tenant *t, const char *sub,
                     int (*used)(void *arg, const char *hash, bool *ret_used, struct err *e),
                     void *arg, struct arena *a, struct err *e)
{
    const char *path = arena_printf(a, "%s/%s", files_dir(t, a), sub).p;
    DIR *d = opendir(path);
    char hash[HASH_TEXT];
    int rc = 0;
    if (!d)
        return err_file(e, errno, path);
    for (struct dirent *f; rc == 0 && (f = readdir(d));) {
        bool is_used = true;
        if (!is_hash(sub, f->d_name, hash))
            continue;
        rc = used(arg, hash, &is_used, e);
        if (rc == 0 && !is_used)
            rc = sweep_one(t, file_path(t, str_of(hash), a), a, e);
    }
    closedir(d);
    return rc;
}

int store_sweep(const struct tenant *t,
                int (*used)(void *arg, const char *hash, bool *ret_used, struct err *e), void *arg,
                struct err *e)
{
    struct arena *a = arena_new(0);
    if (!a)
        return err_set(e, ERR_NOMEM, "files");
    DIR *d = opendir(files_dir(t, a));
    int rc = d || errno == ENOENT ? 0 : err_file(e, errno, files_dir(t, a));
    for (struct dirent *f; d && rc == 0 && (f = readdir(d));)
        if (strlen(f->d_name) == 2 && f->d_name[0] != '.')
            rc = sweep_dir(t, f->d_name, used, arg, a, e);
    if (d)
        closedir(d);
    arena_free(a);
    return rc;
}
