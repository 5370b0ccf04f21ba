/* The field types: each is one row of the table at the end, with the functions before it. */
#include "core/registry/registry.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/money.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- texts --------------------------------------------------------------------------------------
 */

static const char *text_from_text(const struct field *f, struct str in, const struct parse_env *env,
                                  struct value *ret)
{
    size_t bad;
    in = str_trim(in);
    if (!str_utf8_ok(in, &bad))
        return "bad-utf8";
    /* Control characters other than tab and line ends have no business in a record. */
    for (size_t i = 0; i < in.n; i++)
        if ((unsigned char)in.p[i] < 0x20 && !strchr("\t\n\r", in.p[i]))
            return "control-character";
    if (f->max && in.n > (size_t)f->max && str_utf8_len(in) > (size_t)f->max)
        return "too-long";
    *ret = (struct value){.null = in.n == 0, .s = in};
    (void)env;
    return NULL;
}

static const char *json_text(const json_t *in, struct str *ret)
{
    if (!json_is_string(in))
        return "type-text";
    *ret = str_from(json_string_value(in), json_string_length(in));
    return NULL;
}

static const char *text_from_json(const struct field *f, const json_t *in,
                                  const struct parse_env *env, struct value *ret)
{
    struct str s;
    const char *code = json_text(in, &s);
    return code ? code : f->type->from_text(f, s, env, ret);
}

static void text_to_json(const struct field *f, const struct value *v, struct jw *w)
{
    (void)f;
    jw_str(w, v->s);
}

static const char *email_from_text(const struct field *f, struct str in,
                                   const struct parse_env *env, struct value *ret)
{
    struct value v;
    const char *code = text_from_text(f, in, env, &v);
    if (code)
        return code;
    size_t at = str_find(v.s, '@');
    bool ok = v.null || (at > 0 && at + 3 < v.s.n + 1 && str_find(v.s, ' ') == v.s.n &&
                         str_find(str_skip(v.s, at + 1), '@') == v.s.n - at - 1 &&
                         str_find(str_skip(v.s, at + 1), '.') < v.s.n - at - 2);
    if (!ok)
        return "email";
    *ret = v;
    return NULL;
}

static const char *phone_from_text(const struct field *f, struct str in,
                                   const struct parse_env *env, struct value *ret)
{
    struct value v;
    const char *code = text_from_text(f, in, env, &v);
    if (code)
        return code;
    size_t digits = 0;
    for (size_t i = 0; i < v.s.n; i++) {
        if (v.s.p[i] >= '0' && v.s.p[i] <= '9')
            digits++;
        else if (!strchr("+-() ./*#extEXT", v.s.p[i]))
            return "phone";
    }
    if (!v.null && digits < 3)
        return "phone";
    *ret = v;
    return NULL;
}

static const char *url_from_text(const struct field *f, struct str in, const struct parse_env *env,
                                 struct value *ret)
{
    struct value v;
    const char *code = text_from_text(f, in, env, &v);
    if (code)
        return code;
    /* Shown as a link: only web addresses, or "javascript:" would be one too. */
    bool has_scheme = str_starts(v.s, STR("http://")) || str_starts(v.s, STR("https://"));
    if (!v.null && !has_scheme) {
        if (str_find(v.s, ':') < v.s.n || str_find(v.s, '.') == v.s.n)
            return "url";
        v.s = arena_printf(env->arena, "https://" STR_FMT, STR_ARG(v.s));
    }
    if (str_find(v.s, ' ') < v.s.n || str_find(v.s, '"') < v.s.n || str_find(v.s, '<') < v.s.n)
        return "url";
    *ret = v;
    return NULL;
}

/* --- numbers ------------------------------------------------------------------------------------
 */

static const char *int_from_text(const struct field *f, struct str in, const struct parse_env *env,
                                 struct value *ret)
{
    (void)env;
    in = str_trim(in);
    int64_t v = 0;
    if (in.n && !str_to_i64(in, &v))
        return "integer";
    if (in.n && f->has_min && v < f->min)
        return "out-of-range";
    *ret = (struct value){.null = in.n == 0, .i = v};
    return NULL;
}

static const char *int_from_json(const struct field *f, const json_t *in,
                                 const struct parse_env *env, struct value *ret)
{
    if (json_is_string(in))
        return int_from_text(f, str_from(json_string_value(in), json_string_length(in)), env, ret);
    if (!json_is_integer(in))
        return "integer";
    int64_t v = json_integer_value(in);
    if (f->has_min && v < f->min)
        return "out-of-range";
    *ret = (struct value){.i = v};
    return NULL;
}

static void int_to_json(const struct field *f, const struct value *v, struct jw *w)
{
    (void)f;
    jw_i64(w, v->i);
}

static const char *real_from_text(const struct field *f, struct str in, const struct parse_env *env,
                                  struct value *ret)
{
    (void)f;
    (void)env;
    in = str_trim(in);
    double v = 0;
    if (in.n && !str_to_f64(in, &v))
        return "number";
    *ret = (struct value){.null = in.n == 0, .f = v};
    return NULL;
}

static const char *real_from_json(const struct field *f, const json_t *in,
                                  const struct parse_env *env, struct value *ret)
{
    if (json_is_string(in))
        return real_from_text(f, str_from(json_string_value(in), json_string_length(in)), env, ret);
    if (!json_is_number(in) || !isfinite(json_number_value(in)))
        return "number";
    *ret = (struct value){.f = json_number_value(in)};
    return NULL;
}

static void real_to_json(const struct field *f, const struct value *v, struct jw *w)
{
    (void)f;
    jw_f64(w, v->f);
}

/* Exact decimals: DECIMAL_PLACES of them, kept as a whole number. In JSON a text, since a number of
   JSON is a double to most who read it. */
static const char *decimal_from_text(const struct field *f, struct str in,
                                     const struct parse_env *env, struct value *ret)
{
    (void)env;
    in = str_trim(in);
    int64_t v = 0;
    const char *code = in.n ? money_parse(in, DECIMAL_PLACES, &v) : NULL;
    if (code)
        return strcmp(code, "too-many-decimals") == 0 ? "decimal-places" : code;
    if (in.n && f->has_min && v < f->min * DECIMAL_ONE)
        return "out-of-range";
    *ret = (struct value){.null = in.n == 0, .i = v};
    return NULL;
}

static const char *decimal_from_json(const struct field *f, const json_t *in,
                                     const struct parse_env *env, struct value *ret)
{
    if (json_is_string(in))
        return decimal_from_text(f, str_from(json_string_value(in), json_string_length(in)), env,
                                 ret);
    if (!json_is_number(in))
        return "number";
    char *text = json_dumps(in, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    if (!text)
        return "number";
    const char *code = decimal_from_text(f, str_of(text), env, ret);
    free(text);
    return code;
}

static void decimal_to_json(const struct field *f, const struct value *v, struct jw *w)
{
    char text[MONEY_TEXT];
    size_t n = money_format(v->i, DECIMAL_PLACES, text);
    (void)f;
    while (text[n - 1] == '0')
        n--;
    if (text[n - 1] == '.')
        n--;
    jw_str(w, str_from(text, n));
}

static const char *bool_from_text(const struct field *f, struct str in, const struct parse_env *env,
                                  struct value *ret)
{
    static const char *const yes[] = {"1", "true", "yes", "y", "是", "有", "√"};
    static const char *const no[] = {"0", "false", "no", "n", "否", "无", "×"};
    (void)f;
    (void)env;
    char lower[8];
    in = str_trim(in);
    if (in.n == 0) {
        *ret = (struct value){.null = true};
        return NULL;
    }
    for (size_t i = 0; in.n < sizeof lower && i < in.n; i++)
        lower[i] = (char)(in.p[i] >= 'A' && in.p[i] <= 'Z' ? in.p[i] + 32 : in.p[i]);
    if (in.n < sizeof lower)
        in.p = lower;
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (str_is(in, yes[i]) || str_is(in, no[i])) {
            *ret = (struct value){.i = str_is(in, yes[i])};
            return NULL;
        }
    }
    return "boolean";
}

static const char *bool_from_json(const struct field *f, const json_t *in,
                                  const struct parse_env *env, struct value *ret)
{
    (void)f;
    (void)env;
    if (!json_is_boolean(in))
        return "boolean";
    *ret = (struct value){.i = json_is_true(in)};
    return NULL;
}

static void bool_to_json(const struct field *f, const struct value *v, struct jw *w)
{
    (void)f;
    jw_bool(w, v->i != 0);
}

/* --- dates --------------------------------------------------------------------------------------
 */

static const char *date_from_text(const struct field *f, struct str in, const struct parse_env *env,
                                  struct value *ret)
{
    (void)f;
    (void)env;
    in = str_trim(in);
    int32_t days = 0;
    if (in.n && !date_parse(in, &days)) {
        /* The right shape but no such day deserves the better message. */
        bool shape = in.n == 10 && in.p[4] == '-' && in.p[7] == '-';
        for (size_t i = 0; shape && i < in.n; i++)
            shape = i == 4 || i == 7 || (in.p[i] >= '0' && in.p[i] <= '9');
        return shape ? "date-no-such-day" : "date";
    }
    *ret = (struct value){.null = in.n == 0, .i = days};
    return NULL;
}

static void date_to_json(const struct field *f, const struct value *v, struct jw *w)
{
    (void)f;
    char text[DATE_TEXT];
    date_format((int32_t)v->i, text);
    jw_cstr(w, text);
}

/* --- links, options ------------------------------------------------------------------------------
 */

static const char *link_from_text(const struct field *f, struct str in, const struct parse_env *env,
                                  struct value *ret)
{
    (void)f;
    (void)env;
    int64_t id = 0;
    if (in.n && !id_parse(in, &id))
        return "id";
    *ret = (struct value){.null = in.n == 0, .i = id};
    return NULL;
}

static void link_to_json(const struct field *f, const struct value *v, struct jw *w)
{
    (void)f;
    jw_id(w, v->i);
}

static const char *enum_from_text(const struct field *f, struct str in, const struct parse_env *env,
                                  struct value *ret)
{
    (void)env;
    in = str_trim(in);
    if (in.n == 0) {
        *ret = (struct value){.null = true};
        return NULL;
    }
    for (size_t i = 0; i < f->noptions; i++) {
        const struct option *o = &f->options[i];
        if (str_eq(in, o->value) || str_eq(in, o->label.in[LANG_EN]) ||
            str_eq(in, o->label.in[LANG_ZH])) {
            *ret = (struct value){.s = o->value};
            return NULL;
        }
    }
    return "unknown-option";
}

/* --- money --------------------------------------------------------------------------------------
 */

static const char *money_make(const struct field *f, struct str amount, struct str currency,
                              const struct parse_env *env, struct value *ret)
{
    if (amount.n == 0) {
        *ret = (struct value){.null = true};
        return NULL;
    }
    if (currency.n == 0 || f->base_money)
        currency = env->base_currency;
    const struct currency *c = currency_find(currency), *base = currency_find(env->base_currency);
    if (!c)
        return "unknown-currency";
    int64_t minor, in_base;
    const char *code = money_parse(amount, c->decimals, &minor);
    if (code)
        return code;
    if (c == base) {
        in_base = minor;
    } else {
        int64_t rate = env->rate ? env->rate(env->rate_arg, currency) : 0;
        if (rate <= 0)
            return "no-rate";
        if (!base || !money_convert(minor, c->decimals, base->decimals, rate, &in_base))
            return "out-of-range";
    }
    *ret = (struct value){.i = minor, .s = str_of(c->code), .base = in_base};
    return NULL;
}

static const char *money_from_text(const struct field *f, struct str in,
                                   const struct parse_env *env, struct value *ret)
{
    /* "1234.50 CNY" or "1234.50". */
    in = str_trim(in);
    struct str currency = STR_NULL;
    size_t space = str_find(in, ' ');
    if (space < in.n) {
        currency = str_trim(str_skip(in, space));
        in.n = space;
    }
    return money_make(f, in, currency, env, ret);
}

static const char *money_from_json(const struct field *f, const json_t *in,
                                   const struct parse_env *env, struct value *ret)
{
    if (json_is_string(in))
        return money_from_text(f, str_from(json_string_value(in), json_string_length(in)), env,
                               ret);
    if (!json_is_object(in))
        return "type-money";
    const json_t *amount = json_object_get(in, "amount");
    const json_t *currency = json_object_get(in, "currency");
    if (!json_is_string(amount) || (currency && !json_is_string(currency)))
        return "type-money";
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)in, key,
                        member) if (strcmp(key, "amount") != 0 &&
                                    strcmp(key, "currency") != 0) return "type-money";
    return money_make(f, json_get_str(in, "amount"), json_get_str(in, "currency"), env, ret);
}

static void money_to_json(const struct field *f, const struct value *v, struct jw *w)
{
    (void)f;
    const struct currency *c = currency_find(v->s);
    char text[MONEY_TEXT];
    money_format(v->i, c ? c->decimals : 2, text);
    jw_obj(w);
    jw_kcstr(w, "amount", text);
    jw_kstr(w, "currency", v->s);
    jw_obj_end(w);
}

/* --- raw JSON (permissions of a role) ------------------------------------------------------------
 */

static void json_text_free(void *p)
{
    free(p);
}

static const char *json_from_json(const struct field *f, const json_t *in,
                                  const struct parse_env *env, struct value *ret)
{
    (void)f;
    if (!json_is_object(in))
        return "type-object";
    char *text = json_dumps(in, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text)
        return "type-object";
    arena_defer(env->arena, json_text_free, text);
    *ret = (struct value){.s = str_of(text)};
    return NULL;
}

static const char *json_from_text(const struct field *f, struct str in, const struct parse_env *env,
                                  struct value *ret)
{
    (void)f;
    (void)in;
    (void)env;
    (void)ret;
    return "type-object";
}

static void json_to_json(const struct field *f, const struct value *v, struct jw *w)
{
    (void)f;
    jw_raw(w, v->s);
}

/* A set of ids: from a list, in any order and however often. */
enum { MOST_IN_SET = 20 };

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void write_set(int64_t *ids, size_t n, struct arena *a, struct value *ret)
{
    struct buf out = BUF_INIT(1024);
    qsort(ids, n, sizeof *ids, by_number);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || ids[i] != ids[i - 1])
            buf_printf(&out, "%s%lld,", out.n ? "" : ",", (long long)ids[i]);
    *ret = (struct value){.null = n == 0, .s = arena_str(a, buf_str(&out))};
    buf_free(&out);
}

static const char *set_from_json(const struct field *f, const json_t *in,
                                 const struct parse_env *env, struct value *ret)
{
    int64_t ids[MOST_IN_SET * 2];
    size_t n = json_array_size(in);
    (void)f;
    if (!json_is_array(in))
        return "type-list";
    if (n > MOST_IN_SET * 2)
        return "value-count";
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(in, i);
        if (!id_parse(str_from(json_string_value(one), json_string_length(one)), &ids[i]))
            return "id";
    }
    write_set(ids, n, env->arena, ret);
    return NULL;
}

/* One member: what a filter asks for. */
static const char *set_from_text(const struct field *f, struct str in, const struct parse_env *env,
                                 struct value *ret)
{
    return link_from_text(f, in, env, ret);
}

static void set_to_json(const struct field *f, const struct value *v, struct jw *w)
{
    struct str rest = v->s, one;
    (void)f;
    jw_arr(w);
    while (str_split(&rest, ',', &one))
        if (one.n)
            jw_str(w, one);
    jw_arr_end(w);
}

/* --- masks -------------------------------------------------------------------------------------
 */

static size_t first_character(struct str in)
{
    size_t n = in.n ? 1 : 0;
    while (n && n < in.n && ((unsigned char)in.p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static void mask_text(struct str in, struct buf *out)
{
    buf_add(out, in.p, first_character(in));
    buf_add_cstr(out, "***");
}

/* Enough to tell one's own customer on the line, too little to call. */
static void mask_phone(struct str in, struct buf *out)
{
    size_t tail = in.n >= 11 ? 4 : in.n >= 7 ? 2 : 0;
    size_t head = in.n >= 11 ? in.n - 8 : 0;
    buf_add(out, in.p, head);
    buf_add_cstr(out, "****");
    buf_add(out, in.p + in.n - tail, tail);
}

static void mask_email(struct str in, struct buf *out)
{
    size_t at = str_find(in, '@');
    mask_text(str_from(in.p, at), out);
    buf_add(out, in.p + at, in.n - at);
}

#define OPS_ALL "eq ne in nin null notnull"
#define OPS_ORDER OPS_ALL " lt lte gt gte between"

static const struct field_type types[] = {
    {"text", SHAPE_TEXT, COL_TEXT, true, true, OPS_ALL " contains starts", text_from_json,
     text_from_text, text_to_json, mask_text},
    {"longtext", SHAPE_TEXT, COL_TEXT, false, true, "null notnull contains", text_from_json,
     text_from_text, text_to_json, NULL},
    {"email", SHAPE_TEXT, COL_TEXT, true, true, OPS_ALL " contains starts", text_from_json,
     email_from_text, text_to_json, mask_email},
    {"phone", SHAPE_TEXT, COL_TEXT, true, true, OPS_ALL " contains starts", text_from_json,
     phone_from_text, text_to_json, mask_phone},
    {"url", SHAPE_TEXT, COL_TEXT, true, true, OPS_ALL " contains starts", text_from_json,
     url_from_text, text_to_json, NULL},
    {"int", SHAPE_INT, COL_INT, true, true, OPS_ORDER, int_from_json, int_from_text, int_to_json,
     NULL},
    {"decimal", SHAPE_INT, COL_INT, true, true, OPS_ORDER, decimal_from_json, decimal_from_text,
     decimal_to_json, NULL},
    {"real", SHAPE_REAL, COL_REAL, true, true, OPS_ORDER, real_from_json, real_from_text,
     real_to_json, NULL},
    {"percent", SHAPE_REAL, COL_REAL, true, true, OPS_ORDER, real_from_json, real_from_text,
     real_to_json, NULL},
    {"bool", SHAPE_BOOL, COL_BOOL, true, true, "eq ne null notnull", bool_from_json, bool_from_text,
     bool_to_json, NULL},
    {"date", SHAPE_DATE, COL_DATE, true, true,
     OPS_ORDER " last_days next_days today this_month this_year this_fiscal_year", text_from_json,
     date_from_text, date_to_json, NULL},
    {"datetime", SHAPE_TIME, COL_TIME, true, false,
     OPS_ORDER " last_days next_days today this_month this_year this_fiscal_year", int_from_json,
     int_from_text, int_to_json, NULL},
    {"enum", SHAPE_ENUM, COL_TEXT, true, true, OPS_ALL, text_from_json, enum_from_text,
     text_to_json, NULL},
    {"link", SHAPE_LINK, COL_ID, true, true, OPS_ALL, text_from_json, link_from_text, link_to_json,
     NULL},
    {"money", SHAPE_MONEY, COL_INT, true, true, OPS_ORDER, money_from_json, money_from_text,
     money_to_json, NULL},
    {"tags", SHAPE_SET, COL_TEXT, false, false, "in nin null notnull eq", set_from_json,
     set_from_text, set_to_json, NULL},
    {"json", SHAPE_JSON, COL_JSON, false, false, "null notnull", json_from_json, json_from_text,
     json_to_json, NULL},
};

const struct field_type *field_type_find(struct str name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (str_is(name, types[i].name))
            return &types[i];
    return NULL;
}

unsigned field_columns(const struct field *f)
{
    return f->type->shape == SHAPE_MONEY && !f->base_money ? 3 : 1;
}

void value_from_row(const struct field *f, const struct db_rows *rows, unsigned at,
                    struct value *ret)
{
    *ret = (struct value){.null = db_is_null(rows, at)};
    if (ret->null)
        return;
    switch (f->type->shape) {
    case SHAPE_TEXT:
    case SHAPE_ENUM:
    case SHAPE_JSON:
    case SHAPE_SET:
        ret->s = db_str(rows, at);
        return;
    case SHAPE_REAL:
        ret->f = db_f64(rows, at);
        return;
    case SHAPE_MONEY:
        ret->i = ret->base = db_i64(rows, at);
        if (!f->base_money) {
            ret->s = db_str(rows, at + 1);
            ret->base = db_i64(rows, at + 2);
        }
        return;
    case SHAPE_INT:
    case SHAPE_DATE:
    case SHAPE_TIME:
    case SHAPE_BOOL:
    case SHAPE_LINK:
        ret->i = db_i64(rows, at);
        return;
    }
}

void value_bind(const struct field *f, const struct value *v, struct db_value *out)
{
    unsigned n = field_columns(f);
    for (unsigned i = 0; i < n; i++)
        out[i] = DB_NIL;
    if (v->null)
        return;
    switch (f->type->shape) {
    case SHAPE_TEXT:
    case SHAPE_ENUM:
    case SHAPE_JSON:
    case SHAPE_SET:
        out[0] = DB_STR(v->s);
        return;
    case SHAPE_REAL:
        out[0] = DB_F64(v->f);
        return;
    case SHAPE_MONEY:
        out[0] = DB_I64(f->base_money ? v->base : v->i);
        if (n == 3) {
            out[1] = DB_STR(v->s);
            out[2] = DB_I64(v->base);
        }
        return;
    case SHAPE_INT:
    case SHAPE_DATE:
    case SHAPE_TIME:
    case SHAPE_BOOL:
    case SHAPE_LINK:
        out[0] = DB_I64(v->i);
        return;
    }
}

bool value_equal(const struct field *f, const struct value *a, const struct value *b)
{
    if (a->null || b->null)
        return a->null == b->null;
    switch (f->type->shape) {
    case SHAPE_TEXT:
    case SHAPE_ENUM:
    case SHAPE_JSON:
    case SHAPE_SET:
        return str_eq(a->s, b->s);
    case SHAPE_REAL:
        return a->f == b->f;
    case SHAPE_MONEY:
        return f->base_money ? a->base == b->base : a->i == b->i && str_eq(a->s, b->s);
    default:
        return a->i == b->i;
    }
}

void value_to_json(const struct field *f, const struct value *v, struct jw *w)
{
    if (v->null)
        jw_null(w);
    else
        f->type->to_json(f, v, w);
}

void value_mask_text(const struct field *f, const struct value *v, struct buf *out)
{
    if (v->null)
        return;
    if (f->type->mask)
        f->type->mask(v->s, out);
    else
        buf_add_cstr(out, "***");
}

void value_mask_json(const struct field *f, const struct value *v, struct jw *w)
{
    struct buf out = BUF_INIT(1 << 20);
    if (v->null) {
        jw_null(w);
        return;
    }
    value_mask_text(f, v, &out);
    jw_str(w, buf_str(&out));
    buf_free(&out);
}

struct value value_keep(const struct value *v, struct arena *a)
{
    struct value kept = *v;
    if (v->s.n)
        kept.s = arena_str(a, v->s);
    return kept;
}
