/*
 * intern.c - open addressing with linear probing, load at most one half; texts lie one after the
 * other.
 */
#include "intern.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

/* Sixteen bytes: four a cache line, none across two. */
struct slot {
    struct intern_form form;
    uint32_t number; /* + 1; 0 is free */
};

struct intern {
    uint64_t seed; /* nobody can make a file whose keys all meet in one slot */
    struct slot *slot;
    size_t slots; /* power of two */
    char *text;
    size_t text_len, text_room;
    uint64_t *offset; /* count + 1 */
    size_t count, room;
};

/* Slots are looked at in no order. In small pages each look misses the cache of the page table,
 * too; the wish for large ones is only that. */
static struct slot *new_slots(size_t n)
{
    enum { LINE = 64, LARGE = 2 << 20 };
    size_t bytes = n * sizeof(struct slot);
    struct slot *slot = aligned_alloc(bytes < LARGE ? LINE : LARGE, bytes);
    if (!slot)
        return NULL;
    if (bytes >= LARGE)
        (void)madvise(slot, bytes, MADV_HUGEPAGE);
    memset(slot, 0, bytes);
    return slot;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product =
        (__uint128_t)(a ^ UINT64_C(0x9e3779b97f4a7c15)) * (b ^ UINT64_C(0xd1342543de82ef95));
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_long(uint64_t seed, const char *text, size_t len)
{
    uint64_t h = seed ^ len;
    while (len > 0) {
        uint64_t part[2] = {0, 0};
        size_t n = len < 16 ? len : 16;
        memcpy(part, text, n);
        h = mix(h ^ part[0], part[1] + h);
        text += n;
        len -= n;
    }
    return h;
}

/* The last `len` - `from` bytes of a text as a number that has them first: loads that overlap what
 * went before, no copy of unknown length. */
static uint32_t tail(struct csv_slice text, size_t from)
{
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the shift is for little endians");
    uint32_t last;
    memcpy(&last, text.ptr + text.len - 4, 4);
    return (uint32_t)((uint64_t)last >> (8 * (from + 4 - text.len)));
}

static struct intern_form form_of(const struct intern *t, struct csv_slice text)
{
    struct intern_form f = {{0, 0, 0}};
    if (text.len > INTERN_SHORT) {
        uint64_t hash = hash_long(t->seed, text.ptr, text.len);
        memcpy(f.part, &hash, sizeof hash);
        memcpy((char *)f.part + INTERN_SHORT - 1, "L", 1);
    } else if (text.len >= 8) {
        memcpy(f.part, text.ptr, 8);
        f.part[2] = tail(text, 8);
    } else if (text.len >= 4) {
        memcpy(f.part, text.ptr, 4);
        f.part[1] = tail(text, 4);
    } else if (text.len > 0) {
        memcpy(f.part, text.ptr, text.len);
    }
    return f;
}

static uint64_t form_hash(const struct intern *t, const struct intern_form *f)
{
    return mix((f->part[0] | (uint64_t)f->part[1] << 32) ^ t->seed, f->part[2]);
}

int intern_new(struct intern **ret_table)
{
    struct intern *t = calloc(1, sizeof *t);
    if (!t)
        return CSV_ERR_NO_MEMORY;
    if (getrandom(&t->seed, sizeof t->seed, 0) != (ssize_t)sizeof t->seed) {
        free(t);
        return CSV_ERR_NO_MEMORY;
    }
    t->slots = 1024;
    t->slot = new_slots(t->slots);
    t->room = 256;
    t->offset = malloc((t->room + 1) * sizeof *t->offset);
    if (!t->slot || !t->offset) {
        intern_free(t);
        return CSV_ERR_NO_MEMORY;
    }
    t->offset[0] = 0;
    *ret_table = t;
    return CSV_OK;
}

void intern_free(struct intern *t)
{
    if (!t)
        return;
    free(t->slot);
    free(t->text);
    free(t->offset);
    free(t);
}

void intern_seal(struct intern *t)
{
    free(t->slot);
    t->slot = NULL;
    t->slots = 0;
}

size_t intern_count(const struct intern *t)
{
    return t->count;
}

struct csv_slice intern_text(const struct intern *t, uint32_t number)
{
    return (struct csv_slice){t->text + t->offset[number],
                              (size_t)(t->offset[number + 1] - t->offset[number])};
}

static int grow_slots(struct intern *t)
{
    size_t slots = t->slots * 2;
    struct slot *slot = new_slots(slots);
    if (!slot)
        return CSV_ERR_NO_MEMORY;
    for (size_t i = 0; i < t->slots; i++) {
        if (t->slot[i].number == 0)
            continue;
        size_t at = (size_t)form_hash(t, &t->slot[i].form) & (slots - 1);
        while (slot[at].number)
            at = (at + 1) & (slots - 1);
        slot[at] = t->slot[i];
    }
    free(t->slot);
    t->slot = slot;
    t->slots = slots;
    return CSV_OK;
}

static int add_text(struct intern *t, struct csv_slice k)
{
    if (t->count >= UINT32_MAX - 1)
        return CSV_ERR_NO_MEMORY;
    if (t->text_len + k.len > t->text_room || !t->text) {
        size_t room = t->text_room + t->text_room / 2 + k.len + 4096;
        char *text = realloc(t->text, room);
        if (!text)
            return CSV_ERR_NO_MEMORY;
        t->text = text;
        t->text_room = room;
    }
    if (t->count == t->room) {
        size_t room = t->room * 2;
        uint64_t *offset = realloc(t->offset, (room + 1) * sizeof *offset);
        if (!offset)
            return CSV_ERR_NO_MEMORY;
        t->offset = offset;
        t->room = room;
    }
    if (k.len > 0)
        memcpy(t->text + t->text_len, k.ptr, k.len);
    t->text_len += k.len;
    t->offset[++t->count] = t->text_len;
    return CSV_OK;
}

void intern_ask(const struct intern *t, struct csv_slice text, struct intern_key *ret_key)
{
    struct intern_form form = form_of(t, text);
    uint64_t hash = form_hash(t, &form);
    __builtin_prefetch(&t->slot[hash & (t->slots - 1)]);
    *ret_key = (struct intern_key){form, hash, text};
}

static bool same_text(const struct intern *t, uint32_t number, struct csv_slice text)
{
    struct csv_slice have = intern_text(t, number);
    return have.len == text.len && memcmp(have.ptr, text.ptr, text.len) == 0;
}

static int add_key(struct intern *t, const struct intern_key *k, struct slot *free_slot)
{
    struct csv_slice text = k->text;
    if (text.len <= INTERN_SHORT)
        text.ptr = (const char *)k->form.part;
    int rc = add_text(t, text);
    if (rc == CSV_OK)
        *free_slot = (struct slot){k->form, (uint32_t)t->count};
    return rc;
}

int intern_block(struct intern *t, const struct intern_key *keys, size_t n, uint32_t *ret_number)
{
    while ((t->count + n) * 2 > t->slots) {
        int rc = grow_slots(t);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < n; i++) {
        const struct intern_key *k = &keys[i];
        struct slot *s = &t->slot[k->hash & (t->slots - 1)];
        while (s->number > 0 &&
               (memcmp(&s->form, &k->form, sizeof s->form) != 0 ||
                (k->text.len > INTERN_SHORT && !same_text(t, s->number - 1, k->text))))
            s = s + 1 < t->slot + t->slots ? s + 1 : t->slot;
        if (s->number == 0) {
            int rc = add_key(t, k, s);
            if (rc)
                return rc;
        }
        ret_number[i] = s->number - 1;
    }
    return CSV_OK;
}

int intern_one(struct intern *t, struct csv_slice text, uint32_t *ret_number)
{
    struct intern_key key;
    intern_ask(t, text, &key);
    return intern_block(t, &key, 1, ret_number);
}
