/*
 * score.c - descriptive measures: RFM scores, A/B/C, concentration.
 */
#include "internal.h"

#include <math.h>
#include <stdlib.h>

struct ranked {
    int64_t value;
    size_t index;
};

static int by_value(const void *left, const void *right)
{
    const struct ranked *l = left, *r = right;
    if (l->value != r->value)
        return l->value < r->value ? -1 : 1;
    return (l->index > r->index) - (l->index < r->index);
}

/* Scores of n values, worst first after sorting; ret_edge[k]: smallest value with score k + 2, or
 * INT64_MAX when nobody has it. */
static void score_values(struct ranked *value, size_t n, uint8_t *ret_score, int64_t *ret_edge)
{
    qsort(value, n, sizeof *value, by_value);
    for (int k = 0; k < 4; k++)
        ret_edge[k] = INT64_MAX;
    size_t worse = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && value[i].value != value[i - 1].value)
            worse = i;
        int score = 1 + (int)(5 * worse / n);
        ret_score[value[i].index] = (uint8_t)score;
        for (int k = 0; k < score - 1; k++)
            if (value[i].value < ret_edge[k])
                ret_edge[k] = value[i].value;
    }
}

static int32_t clamp32(int64_t v)
{
    return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : (int32_t)v;
}

int pv_rfm_scores(const struct pv_customer *rows, size_t n, struct pv_rfm *ret_scores,
                  struct pv_rfm_edges *ret_edges)
{
    struct ranked *value = malloc((n + 1) * sizeof *value);
    uint8_t *score = calloc(n + 1, 1);
    int64_t edge[3][4];
    if (!value || !score) {
        free(value);
        free(score);
        return PV_ERR_NO_MEMORY;
    }
    for (int what = 0; what < 3; what++) {
        size_t used = 0;
        for (size_t i = 0; i < n; i++) {
            if (rows[i].T < 0)
                continue;
            int64_t v = what == 0   ? (int64_t)rows[i].t_x - rows[i].T
                        : what == 1 ? (int64_t)rows[i].x + 1
                                    : rows[i].revenue;
            value[used++] = (struct ranked){v, i};
        }
        score_values(value, used, score, edge[what]);
        for (size_t i = 0; i < n; i++) {
            uint8_t s = rows[i].T < 0 ? 0 : score[i];
            if (what == 0)
                ret_scores[i].r = s;
            else if (what == 1)
                ret_scores[i].f = s;
            else
                ret_scores[i].m = s;
        }
    }
    if (ret_edges) {
        for (int k = 0; k < 4; k++) {
            /* Recency was scored as minus the days of silence; nobody there: -1 day. */
            int64_t r = edge[0][3 - k];
            ret_edges->recency[k] = r == INT64_MAX ? -1 : clamp32(-r);
            ret_edges->frequency[k] = clamp32(edge[1][k]);
            ret_edges->money[k] = edge[2][k];
        }
    }
    free(value);
    free(score);
    return 0;
}

struct sized {
    double value;
    size_t index;
};

static int largest_first(const void *left, const void *right)
{
    const struct sized *l = left, *r = right;
    if (l->value != r->value)
        return l->value > r->value ? -1 : 1;
    return (l->index > r->index) - (l->index < r->index);
}

static struct sized *sorted(const double *value, size_t n, double *ret_total)
{
    struct sized *s = malloc((n + 1) * sizeof *s);
    if (!s)
        return NULL;
    for (size_t i = 0; i < n; i++)
        s[i] = (struct sized){value[i] > 0.0 ? value[i] : 0.0, i};
    qsort(s, n, sizeof *s, largest_first);
    double total = 0.0;
    for (size_t i = n; i-- > 0;)
        total += s[i].value;
    *ret_total = total;
    return s;
}

int pv_abc_grades(const double *value, size_t n, double cut_a, double cut_b, char *ret_grades)
{
    if (!(cut_a >= 0.0) || !(cut_b >= cut_a) || !(cut_b <= 1.0))
        return PV_ERR_ARGUMENT;
    double total;
    struct sized *s = sorted(value, n, &total);
    if (!s)
        return PV_ERR_NO_MEMORY;
    double before = 0.0;
    for (size_t i = 0; i < n; i++) {
        char grade = 'C';
        if (s[i].value > 0.0 && before < cut_b * total)
            grade = before < cut_a * total ? 'A' : 'B';
        ret_grades[s[i].index] = grade;
        before += s[i].value;
    }
    free(s);
    return 0;
}

int pv_concentration(const double *value, size_t n, size_t points, double *ret_curve,
                     struct pv_concentration *ret_result)
{
    double total;
    if (ret_curve && points == 0)
        return PV_ERR_ARGUMENT;
    struct sized *s = sorted(value, n, &total);
    if (!s)
        return PV_ERR_NO_MEMORY;
    struct pv_concentration r = {.total = total};
    double m = (double)n, weighted = 0.0;
    for (size_t i = 0; i < n; i++)
        weighted += ((double)i + 1.0) * s[i].value; /* rank 1 = largest */
    if (total > 0.0)
        r.gini = fmax((m + 1.0 - 2.0 * weighted / total) / m, 0.0);
    size_t steps = ret_curve ? points : 5;
    double held = 0.0;
    size_t i = 0;
    for (size_t k = 0; k <= (ret_curve ? points : 1) + (ret_curve ? 1u : 0u); k++) {
        /* Points of the curve first, then the share of the top 20 %. */
        bool extra = !ret_curve ? k == 1 : k == points + 1;
        double at = extra ? 0.2 * m : m * (double)k / (double)steps;
        if (extra) {
            held = 0.0;
            i = 0;
        }
        while (i < n && (double)(i + 1) <= at)
            held += s[i++].value;
        double share = held + (i < n ? (at - (double)i) * s[i].value : 0.0);
        share = total > 0.0 ? fmin(share / total, 1.0) : at / (m > 0.0 ? m : 1.0);
        if (extra)
            r.top20_share = share;
        else if (ret_curve)
            ret_curve[k] = share;
    }
    free(s);
    *ret_result = r;
    return 0;
}
