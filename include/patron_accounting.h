/*
 * patron_accounting.h - libpatron-value: what customers brought, where it came from, and why the
 * whole changed.
 *
 * Money of the books is int64 minor units and adds up exactly; expectations are doubles in major
 * units. Errors, ownership and rates are as in patron_value.h. The ways to split a customer's value
 * (by source, by element of the relation) are alternatives: a part of one is never added to a part
 * of another.
 *
 * Sources
 *   [KPL07] Kumar, Petersen & Leone, How valuable is word of mouth?, Harvard Business Review 85
 *           (2007).
 *   [DL86]  DerSimonian & Laird, Meta-analysis in clinical trials, Controlled Clinical Trials 7
 *           (1986).
 */
#ifndef PATRON_ACCOUNTING_H
#define PATRON_ACCOUNTING_H

#include "patron_value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Costs to customers ---------------------------------------------------------------------- */

/* Splits `pool` (a cost, minor units) by weights >= 0, to the cent: what rounding leaves goes to
 * the largest remainders (equal ones: lower index first), so the parts add up to the pool. All
 * weights 0: PV_ERR_EMPTY. O(n log n). */
PV_API PV_WARN_UNUSED int pv_allocate(int64_t pool, const double *weight, size_t n,
                                      int64_t *ret_part);

enum pv_activity {
    PV_ACTIVITY_ORDER,
    PV_ACTIVITY_DELIVERY,
    PV_ACTIVITY_SERVICE,
    PV_ACTIVITY_VISIT,
    PV_ACTIVITY_RETURN,
    PV_ACTIVITIES
};
PV_API const char *pv_activity_code(enum pv_activity activity); /* "order", "delivery", ... */

/* One customer's year (or any period) as the books have it. */
struct pv_cost_row {
    int64_t revenue, product_cost;
    int64_t acquisition;          /* what winning this customer cost, in all */
    int32_t acquisition_periods;  /* written off in so many periods; >= 1 */
    int32_t period;               /* which one this is, from 1; beyond them nothing is left */
    double driver[PV_ACTIVITIES]; /* orders, deliveries, hours, visits, returns */
};
struct pv_cost_profit {
    int64_t activity[PV_ACTIVITIES];
    int64_t acquisition; /* this period's part; the parts of all periods add up to the whole */
    int64_t profit;
};
/* Activity-based profit: pools are spread over customers by their drivers. The activity costs add
 * up to the pools, profit to revenue - product cost - pools - acquisition. A pool that nobody used
 * (all drivers 0) must be 0: PV_ERR_EMPTY. PV_ERR_OVERFLOW. */
PV_API PV_WARN_UNUSED int pv_customer_profit(const struct pv_cost_row *rows, size_t n,
                                             const int64_t pools[PV_ACTIVITIES],
                                             struct pv_cost_profit *ret_profits);

/* ---- Where a margin came from ---------------------------------------------------------------- */

/* A line of an order; reference: what a new customer would have paid and cost to serve in the same
 * month. Minor units. */
struct pv_margin_line {
    uint32_t customer;
    int32_t day;
    uint32_t category;
    int64_t revenue, reference_revenue, product_cost, serve, reference_serve;
};
enum pv_source {
    PV_SOURCE_FIRST,    /* the first day's purchases at reference terms */
    PV_SOURCE_REPEAT,   /* later ones of categories of the first day, at reference terms */
    PV_SOURCE_CROSS,    /* later ones of other categories, at reference terms */
    PV_SOURCE_SAVING,   /* cheaper (dearer) to serve than a new customer */
    PV_SOURCE_REFERRAL, /* not in the lines: 0 here, see pv_referral_value */
    PV_SOURCE_PREMIUM,  /* pays more (less) than a new customer */
    PV_SOURCES
};
PV_API const char *pv_source_code(enum pv_source source); /* "first", "repeat", ... */

/*
 * For every line revenue - product cost - serve = [reference revenue - product cost - reference
 * serve] + [reference serve - serve] + [revenue - reference revenue]; so the sources add up to the
 * actual margin exactly. Lines by customer, then day (PV_ERR_ORDER); customer < customers.
 * ret_source: customers x PV_SOURCES.
 */
PV_API PV_WARN_UNUSED int pv_margin_sources(const struct pv_margin_line *lines, size_t n,
                                            size_t customers, int64_t *ret_source);

struct pv_referred {
    double days;              /* from now; >= 0 */
    bool come_anyway;         /* would have come without being referred */
    double margin, cost;      /* of theirs, as of that day */
    double saved_acquisition; /* what winning them otherwise costs */
};
/* [KPL07]: for those who would not have come margin - cost + saved acquisition, for the others only
 * what was saved; discounted by (1 + rate)^(days / 365.25). */
PV_API PV_WARN_UNUSED int pv_referral_value(const struct pv_referred *referred, size_t n,
                                            double rate, double *ret_value);

/* ---- Other ways to split a value --------------------------------------------------------------
 */

/* After Reichheld, The Loyalty Effect (1996): what grows with the length of a relation. The costs
 * and losses are >= 0 and are taken off. */
struct pv_lifecycle {
    int64_t base, growth, saving, referral, premium;
    int64_t acquisition, concession, bad_word;
    int64_t profit; /* base + growth + saving + referral + premium - the three others */
};
/*
 * From the sources of a margin: base = first + repeat, growth = cross, saving; what is paid above
 * the price of a new customer is premium, below it concession. profit = the margin of `source` +
 * referral - acquisition - bad_word, exactly. PV_ERR_ARGUMENT: acquisition or bad_word < 0.
 */
PV_API PV_WARN_UNUSED int pv_lifecycle_profit(const int64_t source[PV_SOURCES], int64_t referral,
                                              int64_t acquisition, int64_t bad_word,
                                              struct pv_lifecycle *ret_profit);

/* A customer's value by what is got from them: own purchases (CPV), whom they bring (PPV), what
 * their data saved or earned (CIV), their ideas (CKV), trade with others (CTV). */
struct pv_engagement {
    int64_t purchases, referral, information, knowledge, trade;
};
PV_API PV_WARN_UNUSED int pv_engagement_value(const struct pv_engagement *value,
                                              int64_t *ret_total);

/* ---- What was, and what is to come ------------------------------------------------------------
 */

struct pv_lifetime_value {
    int64_t realised, residual, lifetime; /* lifetime = realised + residual, to the cent */
};
/*
 * Courtheoux: realised = net cash up to day `now`, carried to it by (1 + rate)^years (rate 0: as it
 * was booked); residual = the expectation of what comes after, major units, rounded to cents. Days
 * ascend and none is after `now`: PV_ERR_ARGUMENT. Sums over customers are sums of these cents.
 */
PV_API PV_WARN_UNUSED int pv_lifetime_split(const int64_t *cash, const int32_t *day, size_t n,
                                            int32_t now, double rate, double residual,
                                            double money_scale,
                                            struct pv_lifetime_value *ret_value);

/* What winning one customer costs, what keeping one costs, and how many times as much. From the
 * company's own books of a period; PV_ERR_EMPTY, and no ratio, when nobody was won or kept or
 * keeping cost nothing. */
struct pv_win_keep {
    double win, keep, ratio; /* minor units a customer */
};
PV_API PV_WARN_UNUSED int pv_win_to_keep(int64_t spent_winning, uint64_t won, int64_t spent_keeping,
                                         uint64_t kept, struct pv_win_keep *ret_costs);

/* ---- The whole, and why it changed ----------------------------------------------------------- */

#define PV_NO_VALUE INT64_MIN /* not a customer at that date */

/* start = kept + shrunk + lost and end = kept + grown + gained, exactly. */
struct pv_bridge {
    int64_t start, end;
    int64_t kept;          /* the smaller of both values of who was there twice */
    int64_t grown, shrunk; /* by how much, >= 0 */
    int64_t gained, lost;  /* of who came, of who went */
    uint64_t n_grown, n_shrunk, n_same, n_gained, n_lost;
};
/* Values of the same customers at two dates. PV_ERR_OVERFLOW. */
PV_API PV_WARN_UNUSED int pv_equity_bridge(const int64_t *before, const int64_t *after, size_t n,
                                           struct pv_bridge *ret_bridge);

struct pv_whale {
    int64_t total, peak; /* profit of all; of the best customers together before the losses begin */
    uint64_t peak_at;    /* how many they are */
    uint64_t losing;     /* customers with a loss */
};
/* Profits cumulated from the best customer on. ret_curve (may be NULL): points + 1 sums, [i] of the
 * best i / points of the customers (rounded down). O(n log n). */
PV_API PV_WARN_UNUSED int pv_whale_curve(const int64_t *profit, size_t n, size_t points,
                                         double *ret_curve, struct pv_whale *ret_whale);

/* Day on which the margins, ascending by day, have paid back the cost; PV_NO_DAY: not yet. */
PV_API PV_WARN_UNUSED int pv_acquisition_payback(int64_t cost, const int32_t *day,
                                                 const int64_t *margin, size_t n, int32_t *ret_day);

/* ---- Expected value of a relation ------------------------------------------------------------ */

enum pv_shape { PV_SHAPE_FIXED, PV_SHAPE_TRIANGULAR, PV_SHAPE_NORMAL };
/* FIXED a; TRIANGULAR least a, mode b, most c; NORMAL mean a, standard deviation b. */
struct pv_uncertain {
    enum pv_shape shape;
    double a, b, c;
};
/* amount (1 + growth)^(t - 1) in years 1 .. years, each with the given probability of the whole. A
 * drawn probability is cut to 0 .. 1, drawn years are rounded, at least 0. */
struct pv_element {
    bool cost;
    struct pv_uncertain amount, years, growth, probability;
};
struct pv_erv {
    double mean, sd;
    struct pv_interval range; /* 80 and 95 % */
    double p_negative;
};
/*
 * Net present value of all elements by simulation: receipts at the ends of years, `draws` >= 100
 * from `seed`. ret_part (may be NULL): each element's mean, adding up to the whole; ret_variance
 * (may be NULL): its share in the variance, cov(element, whole) / var(whole), adding up to 1 (NaN
 * when nothing varies). One call for each party of the relation. O(draws x elements).
 */
PV_API PV_WARN_UNUSED int pv_relation_erv(const struct pv_element *elements, size_t n, double rate,
                                          uint64_t seed, size_t draws, struct pv_erv *ret_erv,
                                          double *ret_part, double *ret_variance);

/* ---- Elasticity ------------------------------------------------------------------------------ */

struct pv_elasticity {
    double value, std_error;
    double low95, high95;
    bool told; /* false: too few or too equal prices; the numbers are NaN */
};
/*
 * d ln quantity / d ln price (or effort) per segment: least squares in each, then drawn together by
 * how much the segments really differ [DL86]. A segment needs 8 pairs and prices that vary by 1 %
 * (standard deviation of their logarithms). quantity, price > 0; segment < segments. ret_pooled:
 * of all segments together.
 */
PV_API PV_WARN_UNUSED int pv_price_elasticity(const double *quantity, const double *price,
                                              const uint32_t *segment, size_t n, size_t segments,
                                              struct pv_elasticity *ret_segment,
                                              struct pv_elasticity *ret_pooled);

#ifdef __cplusplus
}
#endif

#endif
