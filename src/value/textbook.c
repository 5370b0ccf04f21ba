/*
 * textbook.c - lifetime value in the forms that managers are taught: accounts of income, profit and
 * contribution, retention [BN98], events, drivers and their tornado. What is a Markov chain is in
 * markov.c. Sources and formulas: patron_textbook.h.
 */
#include "textbook.h"

#include <math.h>
#include <stdlib.h>

static const char *const timing_codes[] = {
    [PV_TIMING_START] = "start", [PV_TIMING_MIDDLE] = "middle", [PV_TIMING_END] = "end"};

const char *pv_timing_code(enum pv_timing timing)
{
    return (unsigned)timing <= PV_TIMING_END ? timing_codes[timing] : "";
}

double pv_timing_at(enum pv_timing timing, double t)
{
    return timing == PV_TIMING_START ? t - 1.0 : timing == PV_TIMING_MIDDLE ? t - 0.5 : t;
}

double pv_discount(double rate, double years)
{
    return exp(-years * log1p(rate));
}

bool pv_rate_ok(double rate)
{
    return isfinite(rate) && rate > -1.0;
}

/* ---- accounts -------------------------------------------------------------------------------- */

/* Signs of what enters each model: now and every year. */
struct account_row {
    unsigned needs; /* enum pv_missing */
    int sign[PV_INPUT_OVERHEAD + 1];
    int first_product_cost;
};

static const struct account_row accounts[] = {
    [PV_ACCOUNT_INCOME] = {.needs = PV_MISSING_FIRST_INCOME | PV_MISSING_INCOME,
                           .sign = {[PV_INPUT_FIRST_INCOME] = 1, [PV_INPUT_INCOME] = 1}},
    [PV_ACCOUNT_PROFIT] = {.needs = PV_MISSING_FIRST_INCOME | PV_MISSING_INCOME |
                                    PV_MISSING_ACQUISITION | PV_MISSING_PRODUCT_COST |
                                    PV_MISSING_SERVICE | PV_MISSING_OVERHEAD,
                           .sign = {[PV_INPUT_FIRST_INCOME] = 1,
                                    [PV_INPUT_ACQUISITION] = -1,
                                    [PV_INPUT_INCOME] = 1,
                                    [PV_INPUT_PRODUCT_COST] = -1,
                                    [PV_INPUT_SERVICE] = -1,
                                    [PV_INPUT_OVERHEAD] = -1},
                           .first_product_cost = -1},
    [PV_ACCOUNT_CONTRIBUTION] = {.needs = PV_MISSING_FIRST_INCOME | PV_MISSING_INCOME |
                                          PV_MISSING_ACQUISITION | PV_MISSING_SERVICE,
                                 .sign = {[PV_INPUT_FIRST_INCOME] = 1,
                                          [PV_INPUT_ACQUISITION] = -1,
                                          [PV_INPUT_INCOME] = 1,
                                          [PV_INPUT_SERVICE] = -1}},
};

static bool is_account(enum pv_account_model model)
{
    return (unsigned)model < sizeof accounts / sizeof *accounts;
}

static double of_year(const struct pv_yearly *y, int t)
{
    return y->each ? y->each[t - 1] : y->same;
}

static bool unknown(const struct pv_yearly *y, int years)
{
    for (int t = 1; t <= years; t++)
        if (isnan(of_year(y, t)))
            return true;
    return false;
}

static unsigned what_is_missing(const struct pv_account *a)
{
    unsigned m = 0;
    m |= isnan(a->first_income) ? PV_MISSING_FIRST_INCOME : 0u;
    m |= isnan(a->acquisition) ? PV_MISSING_ACQUISITION : 0u;
    m |= unknown(&a->income, a->years) ? PV_MISSING_INCOME : 0u;
    m |= isnan(a->first_product_cost) || unknown(&a->product_cost, a->years)
             ? PV_MISSING_PRODUCT_COST
             : 0u;
    m |= unknown(&a->service, a->years) ? PV_MISSING_SERVICE : 0u;
    m |= unknown(&a->overhead, a->years) ? PV_MISSING_OVERHEAD : 0u;
    return m;
}

/* What the model counts at the beginning, and of year t. */
static double at_once(const struct account_row *row, const struct pv_account *a)
{
    double v = row->sign[PV_INPUT_FIRST_INCOME] * a->first_income;
    if (row->sign[PV_INPUT_ACQUISITION])
        v += row->sign[PV_INPUT_ACQUISITION] * a->acquisition;
    if (row->first_product_cost)
        v += row->first_product_cost * a->first_product_cost;
    return v;
}

static double in_year(const struct account_row *row, const struct pv_account *a, int t)
{
    const struct pv_yearly *yearly[] = {[PV_INPUT_INCOME] = &a->income,
                                        [PV_INPUT_PRODUCT_COST] = &a->product_cost,
                                        [PV_INPUT_SERVICE] = &a->service,
                                        [PV_INPUT_OVERHEAD] = &a->overhead};
    double v = 0.0;
    for (int i = PV_INPUT_INCOME; i <= PV_INPUT_OVERHEAD; i++)
        if (row->sign[i])
            v += row->sign[i] * of_year(yearly[i], t);
    return v;
}

static double year_discount(const struct pv_account *a, int t)
{
    return pv_discount(a->rate, pv_timing_at(a->timing, t));
}

int pv_account_value(enum pv_account_model model, const struct pv_account *account,
                     double *ret_value, unsigned *ret_missing)
{
    if (!is_account(model) || account->years < 1 || !pv_rate_ok(account->rate))
        return PV_ERR_ARGUMENT;
    const struct account_row *row = &accounts[model];
    unsigned missing = row->needs & what_is_missing(account);
    double value = NAN;
    if (!missing) {
        value = at_once(row, account);
        for (int t = 1; t <= account->years; t++)
            value += in_year(row, account, t) * year_discount(account, t);
        if (!isfinite(value))
            return PV_ERR_ARGUMENT;
    }
    *ret_value = value;
    if (ret_missing)
        *ret_missing = missing;
    return 0;
}

int pv_account_break_even(enum pv_account_model model, const struct pv_account *account,
                          enum pv_account_input input, double target, double *ret_change)
{
    double value;
    unsigned missing;
    if ((unsigned)input > PV_INPUT_OVERHEAD || !isfinite(target))
        return PV_ERR_ARGUMENT;
    int rc = pv_account_value(model, account, &value, &missing);
    if (rc)
        return rc;
    double weight = 1.0;
    if (input >= PV_INPUT_INCOME) {
        weight = 0.0;
        for (int t = 1; t <= account->years; t++)
            weight += year_discount(account, t);
    }
    int sign = accounts[model].sign[input];
    *ret_change = missing || sign == 0 ? NAN : (target - value) / (sign * weight);
    return 0;
}

int pv_account_payback(enum pv_account_model model, const struct pv_account *account, int *ret_year)
{
    double value;
    unsigned missing;
    int rc = pv_account_value(model, account, &value, &missing);
    if (rc || missing)
        return rc ? rc : PV_ERR_ARGUMENT;
    const struct account_row *row = &accounts[model];
    double so_far = at_once(row, account);
    int year = so_far >= 0.0 ? 0 : -1;
    for (int t = 1; year < 0 && t <= account->years; t++) {
        so_far += in_year(row, account, t) * year_discount(account, t);
        if (so_far >= 0.0)
            year = t;
    }
    *ret_year = year;
    return 0;
}

/* ---- retention ------------------------------------------------------------------------------- */

int pv_retention_value(const struct pv_retention *r, double *ret_value)
{
    bool forever = r->years == PV_FOREVER;
    if ((!forever && r->years < 0) || !pv_rate_ok(r->rate) || !(r->retention >= 0.0) ||
        !(r->retention <= 1.0) || !isfinite(r->promotion) || !isfinite(r->acquisition))
        return PV_ERR_ARGUMENT;
    double keep = r->retention / (1.0 + r->rate); /* kept and discounted, from year to year */
    double half = pv_discount(r->rate, 0.5), value;
    if (forever) {
        if (r->margins || !(keep < 1.0))
            return PV_ERR_ARGUMENT;
        value = (r->margin - r->promotion * half) / (1.0 - keep);
    } else {
        double alive = 1.0;
        value = r->margins ? r->margins[0] : r->margin;
        for (int t = 1; t <= r->years; t++) {
            value -= r->promotion * alive * half;
            alive *= keep;
            value += (r->margins ? r->margins[t] : r->margin) * alive;
        }
    }
    value -= r->acquisition;
    if (!isfinite(value))
        return PV_ERR_ARGUMENT;
    *ret_value = value;
    return 0;
}

/* ---- events ---------------------------------------------------------------------------------- */

int pv_events_value(const struct pv_event *events, size_t n, double rate, size_t months,
                    double *ret_months, double *ret_value)
{
    if (!pv_rate_ok(rate))
        return PV_ERR_ARGUMENT;
    for (size_t i = 0; i < n; i++) {
        const struct pv_event *e = &events[i];
        if (!(e->days >= 0.0) || !(e->probability >= 0.0 && e->probability <= 1.0) ||
            !isfinite(e->days) || !isfinite(e->revenue) || !isfinite(e->cost))
            return PV_ERR_ARGUMENT;
    }
    double value = 0.0;
    for (size_t m = 0; ret_months && m < months; m++)
        ret_months[m] = 0.0;
    for (size_t i = 0; i < n; i++) {
        const struct pv_event *e = &events[i];
        double v =
            e->probability * (e->revenue - e->cost) * pv_discount(rate, e->days / PV_DAYS_A_YEAR);
        double month = floor(e->days / (PV_DAYS_A_YEAR / 12.0));
        value += v;
        if (ret_months && month < (double)months)
            ret_months[(size_t)month] += v;
    }
    *ret_value = value;
    return 0;
}

/* ---- drivers --------------------------------------------------------------------------------- */

int pv_drivers_profit(const struct pv_drivers *d, double *ret_profit)
{
    bool ok = d->occasions >= 0.0 && d->category_spend >= 0.0 && d->share_of_wallet >= 0.0 &&
              d->share_of_wallet <= 1.0 && d->unit_cost >= 0.0 && d->price > 0.0;
    double profit =
        d->occasions * d->category_spend * d->share_of_wallet * (1.0 - d->unit_cost / d->price) -
        d->relationship_cost;
    if (!ok || !isfinite(profit))
        return PV_ERR_ARGUMENT;
    *ret_profit = profit;
    return 0;
}

static const char *const driver_codes[PV_DRIVERS] = {
    [PV_DRIVER_HORIZON] = "horizon",     [PV_DRIVER_DISCOUNT] = "discount",
    [PV_DRIVER_RETENTION] = "retention", [PV_DRIVER_REFERRAL] = "referral",
    [PV_DRIVER_GROWTH] = "growth",       [PV_DRIVER_MAINTENANCE] = "maintenance",
    [PV_DRIVER_MARKETING] = "marketing", [PV_DRIVER_MARGIN] = "margin",
};

const char *pv_driver_code(enum pv_driver driver)
{
    return (unsigned)driver < PV_DRIVERS ? driver_codes[driver] : "";
}

int pv_relation_value(const struct pv_relation *r, double *ret_value)
{
    const double *d = r->driver;
    double horizon = d[PV_DRIVER_HORIZON], keep = d[PV_DRIVER_RETENTION];
    if (!(horizon >= 1.0 && horizon <= 1000.0) || horizon != floor(horizon) ||
        !pv_rate_ok(d[PV_DRIVER_DISCOUNT]) || !pv_rate_ok(d[PV_DRIVER_GROWTH]) ||
        !(keep >= 0.0 && keep <= 1.0))
        return PV_ERR_ARGUMENT;
    double value = -r->acquisition, alive = 1.0, income = r->income;
    double costs = d[PV_DRIVER_MAINTENANCE] + d[PV_DRIVER_MARKETING];
    for (int t = 1; t <= (int)horizon; t++) {
        double year = income * d[PV_DRIVER_MARGIN] + d[PV_DRIVER_REFERRAL] * r->referred_value;
        value +=
            alive * (year - costs) * pv_discount(d[PV_DRIVER_DISCOUNT], pv_timing_at(r->timing, t));
        alive *= keep;
        income *= 1.0 + d[PV_DRIVER_GROWTH];
    }
    if (!isfinite(value))
        return PV_ERR_ARGUMENT;
    *ret_value = value;
    return 0;
}

static int by_width(const void *x, const void *y)
{
    const struct pv_swing *a = x, *b = y;
    double wa = fabs(a->value_high - a->value_low), wb = fabs(b->value_high - b->value_low);
    if (wa != wb)
        return wa > wb ? -1 : 1;
    return (int)a->driver - (int)b->driver;
}

int pv_relation_tornado(const struct pv_relation *relation, const double *low, const double *high,
                        struct pv_swing ret_swings[PV_DRIVERS])
{
    struct pv_swing swings[PV_DRIVERS];
    for (int i = 0; i < PV_DRIVERS; i++) {
        struct pv_relation changed = *relation;
        swings[i] = (struct pv_swing){.driver = (enum pv_driver)i, .low = low[i], .high = high[i]};
        changed.driver[i] = low[i];
        int rc = pv_relation_value(&changed, &swings[i].value_low);
        changed.driver[i] = high[i];
        if (rc == 0)
            rc = pv_relation_value(&changed, &swings[i].value_high);
        if (rc)
            return rc;
    }
    qsort(swings, PV_DRIVERS, sizeof *swings, by_width);
    for (int i = 0; i < PV_DRIVERS; i++)
        ret_swings[i] = swings[i];
    return 0;
}

/* ---- the lifetime of a group ------------------------------------------------------------------
 */

int pv_group_lifetime(double lost, double at_start, double *ret_periods)
{
    if (!(lost >= 0.0) || !(at_start > 0.0) || !(lost <= at_start) || !isfinite(at_start))
        return PV_ERR_ARGUMENT;
    *ret_periods = lost > 0.0 ? at_start / lost : INFINITY;
    return 0;
}
