#include "base/arena.h"

#define LOG_MODULE "arena"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 8 << 10, ALIGN = 16 };

struct block {
    struct block *next;
    size_t size;
    char data[] __attribute__((aligned(16)));
};

struct cleanup {
    struct cleanup *next;
    void (*fn)(void *);
    void *arg;
};

struct arena {
    struct block *head; /* the block being filled */
    size_t at;          /* bytes used of it */
    size_t total, max;  /* bytes of all blocks */
    struct cleanup *cleanups;
};

static struct block *block_new(size_t size)
{
    struct block *b = malloc(sizeof *b + size);
    if (b) {
        b->next = NULL;
        b->size = size;
    }
    return b;
}

struct arena *arena_new(size_t max)
{
    struct arena *a = calloc(1, sizeof *a);
    struct block *b = block_new(FIRST_BLOCK);
    if (!a || !b) {
        free(a);
        free(b);
        return NULL;
    }
    a->head = b;
    a->total = FIRST_BLOCK;
    a->max = max ? max : (size_t)256 << 20;
    return a;
}

static void run_cleanups(struct arena *a)
{
    while (a->cleanups) {
        struct cleanup *c = a->cleanups;
        a->cleanups = c->next;
        c->fn(c->arg);
    }
}

void arena_reset(struct arena *a)
{
    run_cleanups(a);
    while (a->head->next) {
        struct block *b = a->head;
        a->head = b->next;
        a->total -= b->size;
        free(b);
    }
    a->at = 0;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    arena_reset(a);
    free(a->head);
    free(a);
}

static void out_of_memory(size_t size, const struct arena *a)
{
    log_error("out of memory: %zu bytes asked of an arena of %zu", size, a->total);
    abort();
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > a->max)
        out_of_memory(size, a);
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (size > a->head->size - a->at) {
        size_t want = a->head->size * 2;
        if (want > (size_t)1 << 20)
            want = (size_t)1 << 20;
        if (want < size)
            want = size;
        struct block *b = a->total + want <= a->max ? block_new(want) : NULL;
        if (!b)
            out_of_memory(size, a);
        b->next = a->head;
        a->head = b;
        a->total += want;
        a->at = 0;
    }
    void *p = a->head->data + a->at;
    a->at += size;
    return memset(p, 0, size);
}

void *arena_alloc_array(struct arena *a, size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes))
        out_of_memory(SIZE_MAX, a);
    return arena_alloc(a, bytes);
}

struct str arena_str(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    return (struct str){p, s.n};
}

char *arena_cstr(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    size_t size = n < 0 ? 0 : (size_t)n;
    char *p = arena_alloc(a, size + 1);
    vsnprintf(p, size + 1, fmt, again);
    va_end(again);
    return (struct str){p, size};
}

void arena_defer(struct arena *a, void (*fn)(void *), void *arg)
{
    struct cleanup *c = arena_new_of(a, struct cleanup);
    *c = (struct cleanup){a->cleanups, fn, arg};
    a->cleanups = c;
}

size_t arena_used(const struct arena *a)
{
    return a->total;
}
