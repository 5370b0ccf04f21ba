/*
 * driver.c - makes inputs for a fuzz target: TARGET CORPUS [--runs N | --seconds N] [--seed N]
 * [--keep DIR].
 *
 * Every file of the corpus runs as it is; then changed ones, seeded, so that a run can be repeated.
 * When the program is compiled with -fsanitize-coverage=trace-pc (make fuzz), an input that reaches
 * code that none before it did joins the corpus; else the driver changes what is there. The input
 * of the moment lies in a mapped file, and is still there when a sanitizer ends the program.
 */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LARGEST = 20000, MOST_INPUTS = 20000, PLACES = 1 << 16, SLOW_SECONDS = 20 };

struct input {
    uint8_t *data;
    size_t size;
};

static struct input corpus[MOST_INPUTS];
static size_t inputs;
static uint8_t seen[PLACES], reached[PLACES];
static uint32_t touched[PLACES];
static size_t ntouched;
static bool tracing;
static uint64_t state;
static struct {
    uint32_t size;
    uint8_t data[LARGEST];
} * mapped; /* of the moment, in current_path */
static uint8_t current[LARGEST];
static char current_path[4096];

__attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc(void);
__attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc(void)
{
    uintptr_t at = (uintptr_t)__builtin_return_address(0);
    uint32_t place = (uint32_t)((at >> 1) * 2654435761u) >> 16;
    if (!tracing || reached[place])
        return;
    reached[place] = 1;
    touched[ntouched++] = place;
}

void fuzz_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

static void too_slow(int number)
{
    static const char text[] = "too slow\n";
    (void)number;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(1);
    abort();
}

static void stop(const char *what)
{
    perror(what);
    exit(2);
}

static uint32_t chance(uint32_t below)
{
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = (state ^ (state >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) >> 32) % below;
}

static void keep(const uint8_t *data, size_t size)
{
    if (inputs == MOST_INPUTS)
        return;
    uint8_t *copy = malloc(size + 1);
    if (!copy)
        stop("malloc");
    memcpy(copy, data, size);
    corpus[inputs++] = (struct input){copy, size};
}

static void read_corpus(const char *folder)
{
    DIR *d = opendir(folder);
    const struct dirent *e;
    char path[4096];
    static uint8_t data[LARGEST];
    if (!d)
        stop(folder);
    while ((e = readdir(d))) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        FILE *f = fopen(path, "rb");
        if (!f)
            stop(path);
        size_t n = fread(data, 1, sizeof data, f);
        fclose(f);
        keep(data, n);
    }
    closedir(d);
    if (inputs == 0)
        keep((const uint8_t *)"", 0);
}

/* Readdir has no order of its own. */
static int by_content(const void *x, const void *y)
{
    const struct input *a = x, *b = y;
    int order = memcmp(a->data, b->data, a->size < b->size ? a->size : b->size);
    return order ? order : (a->size > b->size) - (a->size < b->size);
}

static size_t insert(uint8_t *out, size_t n, size_t at, const void *what, size_t size)
{
    if (n + size > LARGEST)
        return n;
    memmove(out + at + size, out + at, n - at);
    memcpy(out + at, what, size);
    return n + size;
}

static size_t change(uint8_t *out, size_t n)
{
    static const char *const numbers[] = {"0",   "-1",  "1e999", "1e-999", "4294967296",
                                          "nan", "0.5", "-0",    "1e308",  "99999999999999999999"};
    static const uint8_t bytes[] = {0,    0xff, 0x80, '"',  ',',  '\n',
                                    '\r', ';',  '\\', 0xef, 0x81, '{'};
    size_t words = 0, at = n ? chance((uint32_t)n) : 0, length = 1 + chance(16);
    while (fuzz_words[words])
        words++;
    const struct input *other = &corpus[chance((uint32_t)inputs)];
    const char *word =
        chance(3) && words ? fuzz_words[chance((uint32_t)words)] : numbers[chance(10)];
    if (at + length > n)
        length = n - at;
    switch (chance(8)) {
    case 0:
        if (n)
            out[at] ^= (uint8_t)(1u << chance(8));
        return n;
    case 1:
        if (n)
            out[at] = bytes[chance(sizeof bytes)];
        return n;
    case 2:
        memmove(out + at, out + at + length, n - at - length);
        return n - length;
    case 3: {
        uint8_t piece[16];
        memcpy(piece, out + at, length);
        return insert(out, n, n ? chance((uint32_t)n) : 0, piece, length);
    }
    case 4:
        return insert(out, n, at, word, strlen(word));
    case 5: { /* a word in the place of a number */
        size_t from = at;
        while (from < n && !(out[from] >= '0' && out[from] <= '9'))
            from++;
        size_t to = from;
        while (to < n && ((out[to] >= '0' && out[to] <= '9') || out[to] == '.'))
            to++;
        memmove(out + from, out + to, n - to);
        return insert(out, n - (to - from), from, word, strlen(word));
    }
    case 6: { /* the end of another */
        size_t from = other->size ? chance((uint32_t)other->size) : 0;
        return insert(out, at, at, other->data + from, other->size - from);
    }
    default:
        return insert(out, n, at, &bytes[chance(sizeof bytes)], 1);
    }
}

/* Runs one; true when it reached what none before did. */
static bool run(const uint8_t *data, size_t size)
{
    bool news = false;
    memcpy(mapped->data, data, size);
    mapped->size = (uint32_t)size;
    /* A copy of the right size, so that a sanitizer sees what reads beyond it. */
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact)
        stop("malloc");
    memcpy(exact, data, size);
    alarm(SLOW_SECONDS);
    tracing = true;
    fuzz_one(exact, size);
    tracing = false;
    alarm(0);
    free(exact);
    for (size_t i = 0; i < ntouched; i++) {
        reached[touched[i]] = 0;
        news = news || !seen[touched[i]];
        seen[touched[i]] = 1;
    }
    ntouched = 0;
    return news;
}

static void save(const char *folder, const uint8_t *data, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%05zu", folder, inputs);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
        stop(path);
}

int main(int argc, char **argv)
{
    unsigned long runs = 0, seconds = 0, done = 0;
    const char *keep_in = NULL;
    if (argc < 2) {
        fprintf(stderr, "usage: %s CORPUS [--runs N | --seconds N] [--seed N] [--keep DIR]\n",
                argv[0]);
        return 2;
    }
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--runs") == 0)
            runs = strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seconds") == 0)
            seconds = strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seed") == 0)
            state = strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--keep") == 0)
            keep_in = argv[i + 1];
    }
    snprintf(current_path, sizeof current_path, "/tmp/patron-fuzz-%ld", (long)getpid());
    int fd = open(current_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *mapped) != 0)
        stop(current_path);
    mapped = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED)
        stop(current_path);
    signal(SIGALRM, too_slow);
    fprintf(stderr, "an input that ends the run is in %s, behind its size (4 bytes)\n",
            current_path);
    read_corpus(argv[1]);
    qsort(corpus, inputs, sizeof corpus[0], by_content);
    size_t given = inputs;
    for (size_t i = 0; i < given; i++)
        (void)run(corpus[i].data, corpus[i].size);
    time_t until = time(NULL) + (time_t)seconds;
    while (done < runs || (seconds && time(NULL) < until)) {
        const struct input *from = &corpus[chance((uint32_t)inputs)];
        size_t n = from->size;
        memcpy(current, from->data, n);
        for (uint32_t k = 1 + chance(4); k > 0; k--)
            n = change(current, n);
        if (run(current, n)) {
            keep(current, n);
            if (keep_in)
                save(keep_in, current, n);
        }
        done++;
    }
    size_t places = 0;
    for (size_t i = 0; i < PLACES; i++)
        places += seen[i];
    printf("[       OK ] %s: %zu given, %lu made, %zu kept, %zu places reached\n",
           strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0], given, done, inputs - given,
           places);
    for (size_t i = 0; i < inputs; i++)
        free(corpus[i].data);
    unlink(current_path);
    return 0;
}
