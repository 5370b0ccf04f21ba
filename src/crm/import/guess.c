/* What the columns of a new file probably mean, by their headers. */
#include "crm/import/look.h"

#include <string.h>

/* Lower case, without blanks, underscores, hyphens and dots. */
struct str header_plain(struct str s, struct arena *a)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == ' ' || c == '_' || c == '-' || c == '.' || c == '(' || c == ')')
            continue;
        out[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return str_from(out, n);
}

static double fit(struct str header, const struct target *t, struct arena *a)
{
    const struct field *f = t->field;
    struct str h = header_plain(header, a);
    if (h.n == 0)
        return 0;
    if (str_eq(h, header_plain(t->name, a)))
        return 1.0;
    if (!f)
        return str_is(h, "currency") || str_is(h, "币种") || str_is(h, "货币") ? 1.0 : 0;
    if (str_eq(h, header_plain(f->label.in[0], a)) || str_eq(h, header_plain(f->label.in[1], a)))
        return t->side == SIDE_CUSTOMER ? 0.7 : t->side == SIDE_OWN ? 0.95 : 0.92;
    for (size_t i = 0; i < f->naliases; i++)
        if (str_eq(h, header_plain(f->aliases[i], a)))
            return 0.9;
    if (t->side == SIDE_CUSTOMER &&
        (str_is(h, "客户") || str_is(h, "customer") || str_is(h, "client")))
        return f->id == CUSTOMER_NAME ? 0.8 : f->id == CUSTOMER_EXT_ID ? 0.6 : 0;
    return 0;
}

/* The best pairs first; a target is given once. */
void look_guess(const struct look *l, const struct target *targets, size_t n, int *ret_target,
                double *ret_confidence)
{
    bool taken[TARGETS] = {false};
    for (size_t i = 0; i < l->ncolumns; i++)
        ret_target[i] = -1;
    for (;;) {
        double best = 0;
        size_t column = 0, target = 0;
        for (size_t i = 0; i < l->ncolumns; i++) {
            for (size_t k = 0; ret_target[i] < 0 && k < n; k++) {
                double f = taken[k] ? 0 : fit(l->headers[i], &targets[k], l->a);
                if (f > best) {
                    best = f;
                    column = i;
                    target = k;
                }
            }
        }
        if (best == 0)
            return;
        ret_target[column] = (int)target;
        ret_confidence[column] = best;
        taken[target] = true;
    }
}
