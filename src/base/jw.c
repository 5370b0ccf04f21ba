#include "base/jw.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_DEPTH = 64 };

struct jw jw_new(struct buf *out)
{
    return (struct jw){.out = out};
}

static void before_value(struct jw *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth == 0)
        return;
    uint64_t bit = UINT64_C(1) << (w->depth - 1);
    if (w->has_item & bit)
        buf_add_char(w->out, ',');
    w->has_item |= bit;
}

static void open_level(struct jw *w, char c)
{
    before_value(w);
    assert(w->depth < MAX_DEPTH);
    w->has_item &= ~(UINT64_C(1) << w->depth);
    w->depth++;
    buf_add_char(w->out, c);
}

static void close_level(struct jw *w, char c)
{
    assert(w->depth > 0);
    w->depth--;
    buf_add_char(w->out, c);
}

void jw_obj(struct jw *w)
{
    open_level(w, '{');
}

void jw_obj_end(struct jw *w)
{
    close_level(w, '}');
}

void jw_arr(struct jw *w)
{
    open_level(w, '[');
}

void jw_arr_end(struct jw *w)
{
    close_level(w, ']');
}

/* 0 = goes through as it is; otherwise it needs a look. */
static const unsigned char special[256] = {
    [0] = 1,  [1] = 1,  [2] = 1,  [3] = 1,  [4] = 1,  [5] = 1,   [6] = 1,    [7] = 1,   [8] = 1,
    [9] = 1,  [10] = 1, [11] = 1, [12] = 1, [13] = 1, [14] = 1,  [15] = 1,   [16] = 1,  [17] = 1,
    [18] = 1, [19] = 1, [20] = 1, [21] = 1, [22] = 1, [23] = 1,  [24] = 1,   [25] = 1,  [26] = 1,
    [27] = 1, [28] = 1, [29] = 1, [30] = 1, [31] = 1, ['"'] = 1, ['\\'] = 1, [0x7f] = 1};

static void add_escaped(struct buf *out, struct str s)
{
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (!special[c])
            continue;
        buf_add(out, s.p + from, i - from);
        from = i + 1;
        static const char names[] = "btn\0fr";
        if (c == '"' || c == '\\') {
            buf_add_char(out, '\\');
            buf_add_char(out, (char)c);
        } else if (c >= 8 && c <= 13 && names[c - 8]) {
            buf_add_char(out, '\\');
            buf_add_char(out, names[c - 8]);
        } else {
            buf_printf(out, "\\u%04x", c);
        }
    }
    buf_add(out, s.p + from, s.n - from);
}

static bool has_high_bit(struct str s)
{
    unsigned char any = 0;
    for (size_t i = 0; i < s.n; i++)
        any |= (unsigned char)s.p[i];
    return any & 0x80;
}

void jw_str(struct jw *w, struct str s)
{
    before_value(w);
    buf_add_char(w->out, '"');
    size_t bad;
    while (has_high_bit(s) && !str_utf8_ok(s, &bad) && s.p[bad]) {
        add_escaped(w->out, str_from(s.p, bad));
        buf_add_cstr(w->out, "\xef\xbf\xbd");
        s = str_skip(s, bad + 1);
    }
    add_escaped(w->out, s);
    buf_add_char(w->out, '"');
}

void jw_cstr(struct jw *w, const char *s)
{
    if (s)
        jw_str(w, str_of(s));
    else
        jw_null(w);
}

void jw_key(struct jw *w, const char *key)
{
    jw_key_str(w, str_of(key));
}

void jw_key_str(struct jw *w, struct str key)
{
    before_value(w);
    buf_add_char(w->out, '"');
    buf_add_str(w->out, key);
    buf_add(w->out, "\":", 2);
    w->after_key = true;
}

void jw_i64(struct jw *w, int64_t v)
{
    before_value(w);
    buf_add_i64(w->out, v);
}

void jw_id(struct jw *w, int64_t id)
{
    before_value(w);
    if (id == 0) {
        buf_add_cstr(w->out, "null");
        return;
    }
    buf_add_char(w->out, '"');
    buf_add_i64(w->out, id);
    buf_add_char(w->out, '"');
}

void jw_f64(struct jw *w, double v)
{
    before_value(w);
    if (!isfinite(v)) {
        buf_add_cstr(w->out, "null");
        return;
    }
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    buf_add_cstr(w->out, text);
}

void jw_bool(struct jw *w, bool v)
{
    before_value(w);
    buf_add_cstr(w->out, v ? "true" : "false");
}

void jw_null(struct jw *w)
{
    before_value(w);
    buf_add_cstr(w->out, "null");
}

void jw_raw(struct jw *w, struct str json)
{
    before_value(w);
    buf_add_str(w->out, json);
}
