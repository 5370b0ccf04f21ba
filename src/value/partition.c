/*
 * partition.c - a customer's value split in other ways than by source, and what was of it and what
 * is to come. Formulas: patron_accounting.h.
 */
#include "patron_accounting.h"
#include "textbook.h"

#include <math.h>

static int sum_of(const int64_t *part, size_t n, int64_t *ret_sum)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        if (__builtin_add_overflow(sum, part[i], &sum))
            return PV_ERR_OVERFLOW;
    *ret_sum = sum;
    return 0;
}

int pv_lifecycle_profit(const int64_t source[PV_SOURCES], int64_t referral, int64_t acquisition,
                        int64_t bad_word, struct pv_lifecycle *ret_profit)
{
    struct pv_lifecycle l = {.growth = source[PV_SOURCE_CROSS],
                             .saving = source[PV_SOURCE_SAVING],
                             .acquisition = acquisition,
                             .bad_word = bad_word};
    int64_t price = source[PV_SOURCE_PREMIUM];
    if (acquisition < 0 || bad_word < 0)
        return PV_ERR_ARGUMENT;
    if (price == INT64_MIN ||
        __builtin_add_overflow(source[PV_SOURCE_FIRST], source[PV_SOURCE_REPEAT], &l.base) ||
        __builtin_add_overflow(source[PV_SOURCE_REFERRAL], referral, &l.referral))
        return PV_ERR_OVERFLOW;
    if (price > 0)
        l.premium = price;
    else
        l.concession = -price;
    const int64_t parts[] = {l.base,    l.growth,       l.saving,      l.referral,
                             l.premium, -l.acquisition, -l.concession, -l.bad_word};
    int rc = sum_of(parts, sizeof parts / sizeof *parts, &l.profit);
    if (rc == 0)
        *ret_profit = l;
    return rc;
}

int pv_engagement_value(const struct pv_engagement *v, int64_t *ret_total)
{
    const int64_t parts[] = {v->purchases, v->referral, v->information, v->knowledge, v->trade};
    return sum_of(parts, sizeof parts / sizeof *parts, ret_total);
}

int pv_lifetime_split(const int64_t *cash, const int32_t *day, size_t n, int32_t now, double rate,
                      double residual, double money_scale, struct pv_lifetime_value *ret_value)
{
    const double most = 4e18;
    struct pv_lifetime_value v;
    double carried = 0.0;
    int64_t booked = 0;
    if (!(rate >= 0.0) || !isfinite(rate) || !isfinite(residual) || !(money_scale > 0.0) ||
        !isfinite(money_scale))
        return PV_ERR_ARGUMENT;
    for (size_t i = 0; i < n; i++) {
        if (day[i] > now || (i > 0 && day[i] < day[i - 1]))
            return PV_ERR_ARGUMENT;
        carried += (double)cash[i] * pow(1.0 + rate, ((double)now - day[i]) / PV_DAYS_A_YEAR);
        if (__builtin_add_overflow(booked, cash[i], &booked))
            return PV_ERR_OVERFLOW;
    }
    if (!(fabs(carried) < most) || !(fabs(residual * money_scale) < most))
        return PV_ERR_OVERFLOW;
    /* Without interest the books are exact, whatever a double can hold. */
    v.realised = rate > 0.0 ? llround(carried) : booked;
    v.residual = llround(residual * money_scale);
    if (__builtin_add_overflow(v.realised, v.residual, &v.lifetime))
        return PV_ERR_OVERFLOW;
    *ret_value = v;
    return 0;
}

int pv_win_to_keep(int64_t spent_winning, uint64_t won, int64_t spent_keeping, uint64_t kept,
                   struct pv_win_keep *ret_costs)
{
    if (spent_winning < 0 || spent_keeping < 0)
        return PV_ERR_ARGUMENT;
    if (won == 0 || kept == 0 || spent_keeping == 0)
        return PV_ERR_EMPTY;
    double win = (double)spent_winning / (double)won, keep = (double)spent_keeping / (double)kept;
    *ret_costs = (struct pv_win_keep){win, keep, win / keep};
    return 0;
}
