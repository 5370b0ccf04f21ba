/* One process per data directory. */
#include "db/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int datadir_lock(const char *dir, int *ret_fd, struct err *e)
{
    char path[4096], pid[32];
    if (snprintf(path, sizeof path, "%s/lock", dir) >= (int)sizeof path)
        return err_set(e, ERR_IO, "path too long: %s", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_file(e, errno, path);
    int rc = 0;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            rc = err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
            goto out;
        }
        ssize_t n = pread(fd, pid, sizeof pid, 0);
        struct str who = str_trim(str_from(pid, n > 0 ? (size_t)n : 0));
        rc = err_set(e, ERR_LOCKED, "process " STR_FMT " uses %s", STR_ARG(who), dir);
        if (e) {
            err_param(e, "pid", who);
            err_param(e, "dir", str_of(dir));
        }
        goto out;
    }
    /* The number is for people; the lock is what counts and ends with the process. */
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n) {
        rc = err_file(e, errno, path);
        goto out;
    }
    *ret_fd = fd;
    return 0;
out:
    close(fd);
    return rc;
}
