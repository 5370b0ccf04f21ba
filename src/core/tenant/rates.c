#include "core/tenant/rates.h"

#include "base/clock.h"
#include "base/money.h"

#include <stdlib.h>
#include <string.h>

/* By currency and day. */
static int compare(struct str x, int32_t x_day, struct str y, int32_t y_day)
{
    int c = str_cmp(x, y);
    return c ? c : (x_day > y_day) - (x_day < y_day);
}

/* How many rates are not behind this currency and day. */
static size_t upto(const struct rates *r, struct str currency, int32_t day)
{
    size_t low = 0, high = r->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare(r->all[mid].currency, r->all[mid].from, currency, day) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct rate *rates_on(const struct rates *r, struct str currency, int32_t day)
{
    size_t at = upto(r, currency, day);
    if (at > 0 && str_eq(r->all[at - 1].currency, currency))
        return &r->all[at - 1];
    return at < r->n && str_eq(r->all[at].currency, currency) ? &r->all[at] : NULL;
}

bool rates_convert(const struct rates *r, int32_t day, int64_t minor, struct str currency,
                   int64_t *ret_base)
{
    if (str_eq(currency, r->base)) {
        *ret_base = minor;
        return true;
    }
    const struct currency *from = currency_find(currency), *to = currency_find(r->base);
    const struct rate *rate = rates_on(r, currency, day);
    return !rate || !from || !to ||
           money_convert(minor, from->decimals, to->decimals, rate->micro, ret_base);
}

/* --- reading and writing ------------------------------------------------------------------- */

struct numbered {
    struct rate is;
    size_t row; /* in the list of its currency, from 1 */
};

struct reading {
    struct arena *a;
    struct err *e;
    struct numbered *all;
    size_t n;
};

static void wrong(const struct reading *rd, struct str pointer, const char *code,
                  struct str currency, size_t row)
{
    struct err_item *item = err_item(rd->e, pointer, code);
    err_item_param(rd->e, item, "currency", currency);
    err_item_param(rd->e, item, "row", arena_printf(rd->a, "%zu", row));
}

/* Kept in millionths. */
static bool read_micro(const json_t *in, int64_t *ret)
{
    double rate = json_number_value(in);
    if (!json_is_number(in) || !(rate >= 1e-6) || rate > 1e9)
        return false;
    *ret = (int64_t)(rate * 1e6 + 0.5);
    return true;
}

/* One {"from", "rate"} of a currency. */
static void read_row(struct reading *rd, struct str code, const json_t *in, size_t row)
{
    struct numbered r = {{.currency = code, .from = RATE_ALWAYS}, row};
    struct str at = arena_printf(rd->a, "/rates/" STR_FMT "/%zu", STR_ARG(code), row - 1);
    const json_t *from = json_object_get(in, "from");
    const char *key;
    json_t *member;
    bool good = json_is_object(in);
    if (!good)
        wrong(rd, at, "type-object", code, row);
    json_object_foreach((json_t *)in, key, member)
    {
        if (strcmp(key, "from") == 0 || strcmp(key, "rate") == 0)
            continue;
        struct err_item *item =
            err_item(rd->e, arena_printf(rd->a, STR_FMT "/%s", STR_ARG(at), key), "unknown-field");
        err_item_param(rd->e, item, "field", str_of(key));
        good = false;
    }
    if (good && from && !json_is_null(from) &&
        !date_parse(str_of(json_string_value(from)), &r.is.from)) {
        wrong(rd, arena_printf(rd->a, STR_FMT "/from", STR_ARG(at)), "rate-from", code, row);
        good = false;
    }
    if (good && !read_micro(json_object_get(in, "rate"), &r.is.micro)) {
        wrong(rd, arena_printf(rd->a, STR_FMT "/rate", STR_ARG(at)), "rate-range", code, row);
        good = false;
    }
    if (good)
        rd->all[rd->n++] = r;
}

static void read_currency(struct reading *rd, struct str code, struct str base, const json_t *in)
{
    struct str at = arena_printf(rd->a, "/rates/" STR_FMT, STR_ARG(code));
    struct numbered alone = {{.currency = code, .from = RATE_ALWAYS}, 1};
    const char *bad = !currency_find(code) ? "unknown-currency"
                      : str_eq(code, base) ? "rate-of-base"
                                           : NULL;
    if (bad)
        wrong(rd, at, bad, code, 1);
    else if (json_is_array(in))
        for (size_t i = 0; i < json_array_size(in); i++)
            read_row(rd, code, json_array_get(in, i), i + 1);
    else if (!read_micro(in, &alone.is.micro))
        wrong(rd, at, "rate-range", code, 1);
    else
        rd->all[rd->n++] = alone;
}

static int by_row(const void *x, const void *y)
{
    const struct numbered *a = x, *b = y;
    int c = compare(a->is.currency, a->is.from, b->is.currency, b->is.from);
    return c ? c : (a->row > b->row) - (a->row < b->row);
}

static bool same_day(const struct rate *a, const struct rate *b)
{
    return str_eq(a->currency, b->currency) && a->from == b->from;
}

int rates_read(const json_t *in, struct str base_currency, struct arena *a, struct rates *ret_rates,
               struct err *e)
{
    const char *code;
    json_t *of;
    size_t most = 0, before = e->nitems;
    struct reading rd = {.a = a, .e = e};
    if (!json_is_object(in)) {
        err_item(e, STR("/rates"), "type-object");
        return err_set(e, ERR_VALIDATION, "rates");
    }
    json_object_foreach((json_t *)in, code, of) most += json_is_array(of) ? json_array_size(of) : 1;
    if (most > RATES_MOST) {
        struct err_item *item = err_item(e, STR("/rates"), "rates-most");
        err_item_param(e, item, "max", arena_printf(a, "%d", RATES_MOST));
        return err_set(e, ERR_VALIDATION, "%zu rates", most);
    }
    rd.all = arena_array(a, struct numbered, most + 1);
    json_object_foreach((json_t *)in, code, of) read_currency(&rd, str_of(code), base_currency, of);
    qsort(rd.all, rd.n, sizeof *rd.all, by_row);
    struct rate *all = arena_array(a, struct rate, rd.n + 1);
    for (size_t i = 0; i < rd.n; i++) {
        all[i] = rd.all[i].is;
        /* Which of the two holds? */
        if (i && same_day(&all[i - 1], &all[i]))
            wrong(&rd,
                  arena_printf(a, "/rates/" STR_FMT "/%zu/from", STR_ARG(all[i].currency),
                               rd.all[i].row - 1),
                  "rate-twice", all[i].currency, rd.all[i].row);
    }
    if (e->nitems != before)
        return err_set(e, ERR_VALIDATION, "%zu rates", e->nitems - before);
    *ret_rates = (struct rates){all, rd.n, base_currency};
    return 0;
}

void rate_write_day(struct jw *w, const char *key, int32_t day, int32_t none)
{
    char text[DATE_TEXT];
    if (day != none)
        date_format(day, text);
    jw_kcstr(w, key, day == none ? NULL : text);
}

void rates_write(const struct rates *r, struct jw *w)
{
    jw_obj(w);
    for (size_t i = 0; i < r->n; i++) {
        const struct rate *is = &r->all[i];
        bool first = i == 0 || !str_eq(is->currency, is[-1].currency);
        if (first && i)
            jw_arr_end(w);
        if (first) {
            jw_key_str(w, is->currency);
            jw_arr(w);
        }
        jw_obj(w);
        rate_write_day(w, "from", is->from, RATE_ALWAYS);
        jw_kf64(w, "rate", (double)is->micro / 1e6);
        jw_obj_end(w);
    }
    if (r->n)
        jw_arr_end(w);
    jw_obj_end(w);
}

/* --- what changed -------------------------------------------------------------------------- */

static void add_span(struct rate_span *spans, size_t *n, struct rate_span s)
{
    if (*n && spans[*n - 1].to == s.from && str_eq(spans[*n - 1].currency, s.currency))
        spans[*n - 1].to = s.to;
    else
        spans[(*n)++] = s;
}

/* One behind the last rate of a currency. */
static size_t end_of(const struct rates *r, struct str currency)
{
    return upto(r, currency, INT32_MAX);
}

/* The days on which a rate begins, before or now, cut time into pieces of one rate each. */
size_t rates_changed(const struct rates *before, const struct rates *now, struct arena *a,
                     struct rate_span **ret_spans)
{
    struct rate_span *spans = arena_array(a, struct rate_span, before->n + 2 * now->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < now->n; i = end_of(now, now->all[i].currency)) {
        struct str code = now->all[i].currency;
        size_t b = upto(before, code, RATE_ALWAYS), k = i;
        size_t b_end = end_of(before, code), k_end = end_of(now, code);
        for (int32_t day = RATE_ALWAYS, next; day != INT32_MAX; day = next) {
            while (b < b_end && before->all[b].from <= day)
                b++;
            while (k < k_end && now->all[k].from <= day)
                k++;
            next = INT32_MAX;
            if (b < b_end)
                next = before->all[b].from;
            if (k < k_end && now->all[k].from < next)
                next = now->all[k].from;
            const struct rate *was = rates_on(before, code, day), *is = rates_on(now, code, day);
            if (!was || was->micro != is->micro)
                add_span(spans, &n, (struct rate_span){code, day, next});
        }
    }
    *ret_spans = spans;
    return n;
}
