#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct err_def defs[] = {
#define X(name, id, status) {ERR_##name, id, status},
    ERR_TABLE(X)
#undef X
};

enum { MAX_ITEMS = 200 };

const struct err_def *err_def(int code)
{
    int at = code - ERR_FIRST_ - 1;
    if (at < 0 || (size_t)at >= sizeof defs / sizeof defs[0])
        at = ERR_INTERNAL - ERR_FIRST_ - 1;
    return &defs[at];
}

void err_init(struct err *e, struct arena *a)
{
    *e = (struct err){.arena = a};
}

void err_clear(struct err *e)
{
    if (e)
        err_init(e, e->arena);
}

int err_set(struct err *e, int code, const char *detail_fmt, ...)
{
    if (!e)
        return code;
    e->code = code;
    va_list args;
    va_start(args, detail_fmt);
    vsnprintf(e->detail, sizeof e->detail, detail_fmt, args);
    va_end(args);
    return code;
}

int err_file(struct err *e, int error, const char *path)
{
    int code = error == ENOSPC || error == EDQUOT ? ERR_STORAGE_FULL
               : error == ENOMEM                  ? ERR_NOMEM
                                                  : ERR_IO;
    return err_set(e, code, "%s: %s", path, strerror(error));
}

void err_param(struct err *e, const char *key, struct str value)
{
    if (!e || !e->arena)
        return;
    for (size_t i = 0; i < sizeof e->params / sizeof e->params[0]; i++) {
        struct err_param *p = &e->params[i];
        if (p->key && strcmp(p->key, key) != 0)
            continue;
        *p = (struct err_param){key, arena_str(e->arena, value)};
        return;
    }
}

void err_param_i64(struct err *e, const char *key, int64_t value)
{
    if (e && e->arena)
        err_param(e, key, arena_printf(e->arena, "%lld", (long long)value));
}

struct err_item *err_item(struct err *e, struct str pointer, const char *code)
{
    if (!e)
        return NULL;
    if (!e->code)
        e->code = ERR_VALIDATION;
    if (!e->arena || e->nitems >= MAX_ITEMS)
        return NULL;
    struct err_item *item = arena_new_of(e->arena, struct err_item);
    item->pointer = arena_str(e->arena, pointer);
    item->code = code;
    if (e->tail)
        *e->tail = item;
    else
        e->items = item;
    e->tail = &item->next;
    e->nitems++;
    return item;
}

void err_item_param(struct err *e, struct err_item *item, const char *key, struct str value)
{
    if (!item)
        return;
    for (size_t i = 0; i < sizeof item->params / sizeof item->params[0]; i++) {
        if (item->params[i].key)
            continue;
        item->params[i] = (struct err_param){key, arena_str(e->arena, value)};
        return;
    }
}
