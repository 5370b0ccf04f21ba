/* Arenas: everything that lives as long as a request, a job or an open file is allocated from one
   and freed together. Not thread-safe: one arena, one thread at a time. */
#ifndef PATRON_BASE_ARENA_H
#define PATRON_BASE_ARENA_H

#include "base/str.h"

#include <stdarg.h>

struct arena;

/* `max` bytes in all bounds the arena; 0 = 256 MB. NULL when memory is out. */
struct arena *arena_new(size_t max);
void arena_free(struct arena *a);  /* NULL is fine; runs the clean-ups, last first */
void arena_reset(struct arena *a); /* as free, but keeps the first block for reuse */

/* 16-byte aligned, zeroed. Never NULL: when memory or the bound runs out the process logs and
   aborts, because no caller could do better than lose the request; sizes that come from outside
   are checked against limits before they reach here. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, returns_nonnull));
#define arena_new_of(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc_array((a), (n), sizeof(type)))
void *arena_alloc_array(struct arena *a, size_t n, size_t size) __attribute__((returns_nonnull));

struct str arena_str(struct arena *a, struct str s); /* a copy, NUL-terminated */
char *arena_cstr(struct arena *a, struct str s);     /* the same as char* */
struct str arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* `fn(arg)` runs when the arena is freed or reset. */
void arena_defer(struct arena *a, void (*fn)(void *), void *arg);
size_t arena_used(const struct arena *a);

#endif
