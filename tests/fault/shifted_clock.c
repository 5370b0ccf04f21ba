/* Loaded in front of the program (LD_PRELOAD): its wall clock is off by as many milliseconds as the
   eight bytes in the file $SHIFTED_CLOCK say. Tests set it forward and back under a running
   server; the monotonic clock goes on as it does. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("SHIFTED_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED)
        shift = p;
    if (fd >= 0)
        close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, t);
    if (rc == 0 && clock == CLOCK_REALTIME && shift) {
        int64_t ns = (int64_t)t->tv_nsec + *shift % 1000 * 1000000;
        t->tv_sec += *shift / 1000 + ns / 1000000000;
        t->tv_nsec = ns % 1000000000;
        if (t->tv_nsec < 0) {
            t->tv_nsec += 1000000000;
            t->tv_sec--;
        }
    }
    return rc;
}
