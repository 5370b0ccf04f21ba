#include "core/messages/messages.h"

#include "base/embed.h"
#include "base/json.h"

#include <string.h>

struct messages {
    struct arena *arena;
    struct map texts[LANGS];
};

static const char *const files[LANGS] = {"en.json", "zh.json"};

static int load_one(struct messages *m, enum lang lang, struct err *e)
{
    map_init(&m->texts[lang], m->arena);
    for (const struct embedded *f = embedded_messages; f->name; f++) {
        if (strcmp(f->name, files[lang]) != 0)
            continue;
        json_t *root;
        int rc = json_read(m->arena, str_from(f->data, f->size), &root, e);
        if (rc)
            return rc;
        const char *key;
        json_t *text;
        json_object_foreach(root, key, text)
        {
            struct str *s = arena_new_of(m->arena, struct str);
            *s = str_from(json_string_value(text), json_string_length(text));
            map_put(&m->texts[lang], str_of(key), s);
        }
        return 0;
    }
    return err_set(e, ERR_INTERNAL, "messages/%s is missing", files[lang]);
}

int messages_load(struct messages **ret_messages, struct err *e)
{
    struct arena *a = arena_new(0);
    if (!a)
        return err_set(e, ERR_NOMEM, "messages");
    struct messages *m = arena_new_of(a, struct messages);
    m->arena = a;
    int rc = 0;
    for (int lang = 0; rc == 0 && lang < LANGS; lang++)
        rc = load_one(m, (enum lang)lang, e);
    if (rc) {
        arena_free(a);
        return rc;
    }
    *ret_messages = m;
    return 0;
}

void messages_free(struct messages *m)
{
    if (m)
        arena_free(m->arena);
}

bool message_known(const struct messages *m, const char *code)
{
    return map_get(&m->texts[LANG_EN], str_of(code)) && map_get(&m->texts[LANG_ZH], str_of(code));
}

static struct str param_of(struct str key, const struct err_param *params, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (params[i].key && str_is(key, params[i].key))
            return params[i].value;
    return STR("…");
}

struct str message_text(const struct messages *m, enum lang lang, const char *code,
                        const struct err_param *params, size_t nparams, struct arena *a)
{
    const struct str *text = map_get(&m->texts[lang], str_of(code));
    if (!text)
        return str_of(code);
    struct str rest = *text, out = STR_NULL;
    for (;;) {
        size_t open = str_find(rest, '{'), close = str_find(rest, '}');
        if (open == rest.n || close == rest.n || close < open)
            return out.n ? arena_printf(a, STR_FMT STR_FMT, STR_ARG(out), STR_ARG(rest)) : rest;
        struct str key = str_from(rest.p + open + 1, close - open - 1);
        struct str value = param_of(key, params, nparams);
        out = arena_printf(a, STR_FMT STR_FMT STR_FMT, STR_ARG(out), (int)open, rest.p,
                           STR_ARG(value));
        rest = str_skip(rest, close + 1);
    }
}
