/*
 * patron_textbook.h - libpatron-value: lifetime value in the forms that managers are taught.
 *
 * No model is fitted here: the user states what a customer brings, how likely it is to stay and
 * what money costs, and gets the sum. The conventions that make two textbooks disagree are
 * parameters: when in its year a receipt falls, and whether the current purchase counts. Errors,
 * ownership and rates are as in patron_value.h: rates are yearly and effective, amounts are doubles
 * in major units, arrays are the caller's, and on failure every ret_x is left untouched.
 *
 * Sources
 *   [BN98] Berger & Nasr, Customer lifetime value: marketing models and applications, Journal of
 *          Interactive Marketing 12 (1998).
 *   [D89]  Dwyer, Customer lifetime valuation to support marketing decision making, Journal of
 *          Direct Marketing 3 (1989).
 *   [PC00] Pfeifer & Carraway, Modeling customer relationships as Markov chains, Journal of
 *          Interactive Marketing 14 (2000).
 *   [RLZ04] Rust, Lemon & Zeithaml, Return on marketing, Journal of Marketing 68 (2004).
 */
#ifndef PATRON_TEXTBOOK_H
#define PATRON_TEXTBOOK_H

#include "patron_value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where in its year (or purchase interval) an amount falls: period t is at t - 1, t - 1/2 or t. */
enum pv_timing { PV_TIMING_START, PV_TIMING_MIDDLE, PV_TIMING_END };

/* "start", "middle", "end". */
PV_API const char *pv_timing_code(enum pv_timing timing);

enum { PV_FOREVER = -1 }; /* in place of a number of years or purchases */

/* ---- Income, profit and contribution --------------------------------------------------------- */

/* An amount of each year: `each` (years values), or when NULL the same one every year. A `same` of
 * NaN says that nobody knows it. */
struct pv_yearly {
    const double *each;
    double same;
};

struct pv_account {
    int years; /* >= 1 */
    double rate;
    enum pv_timing timing;
    double first_income;       /* of the purchase that begins the relation, now */
    double first_product_cost; /* of the same; NaN: not known */
    double acquisition;
    struct pv_yearly income, product_cost, service, overhead;
};

/*
 *   INCOME        first + sum I_t d_t
 *   PROFIT        first - first product cost - acquisition + sum (I_t - k_t - s_t - o_t) d_t
 *   CONTRIBUTION  first - acquisition + sum (I_t - s_t) d_t
 */
enum pv_account_model { PV_ACCOUNT_INCOME, PV_ACCOUNT_PROFIT, PV_ACCOUNT_CONTRIBUTION };

/* What a form needs and was not given: bits. */
enum pv_missing {
    PV_MISSING_FIRST_INCOME = 1,
    PV_MISSING_INCOME = 2,
    PV_MISSING_ACQUISITION = 4,
    PV_MISSING_PRODUCT_COST = 8,
    PV_MISSING_SERVICE = 16,
    PV_MISSING_OVERHEAD = 32,
};

/* *ret_value is NaN when data are missing; *ret_missing (enum pv_missing, 0 = none) then says
 * which. PV_ERR_ARGUMENT: years < 1, rate <= -1, an infinite amount. */
PV_API PV_WARN_UNUSED int pv_account_value(enum pv_account_model model,
                                           const struct pv_account *account, double *ret_value,
                                           unsigned *ret_missing);

/* Which input of the first account is varied; yearly ones by the same amount every year. */
enum pv_account_input {
    PV_INPUT_FIRST_INCOME,
    PV_INPUT_ACQUISITION,
    PV_INPUT_INCOME,
    PV_INPUT_PRODUCT_COST,
    PV_INPUT_SERVICE,
    PV_INPUT_OVERHEAD,
};

/*
 * By how much `input` of `account` must change so that its value becomes `target` (0: it just pays;
 * another account's value: neither is ahead). Exact, since every input enters linearly. NaN when
 * data are missing or the input does not enter the model.
 */
PV_API PV_WARN_UNUSED int pv_account_break_even(enum pv_account_model model,
                                                const struct pv_account *account,
                                                enum pv_account_input input, double target,
                                                double *ret_change);

/* First year at whose end the value so far is not negative; 0: from the start, -1: never within the
 * years. */
PV_API PV_WARN_UNUSED int pv_account_payback(enum pv_account_model model,
                                             const struct pv_account *account, int *ret_year);

/* ---- Retention: lost for good ---------------------------------------------------------------- */

/*
 * [BN98] case 1: margin m_t of those who still are customers, promotion M paid for those of the
 * period before, in the middle of each year:
 *   sum_{t=0}^{n} m_t rho^t / (1+d)^t - sum_{t=1}^{n} M rho^(t-1) / (1+d)^(t-1/2) - AC.
 */
struct pv_retention {
    int years;             /* or PV_FOREVER: then with constant margin */
    double rate;           /* d > -1; forever: rho < 1 + d */
    double retention;      /* rho, 0 .. 1 */
    double margin;         /* of a year */
    const double *margins; /* years + 1 values in place of it, or NULL */
    double promotion, acquisition;
};
PV_API PV_WARN_UNUSED int pv_retention_value(const struct pv_retention *retention,
                                             double *ret_value);

/* ---- Migration: always a share --------------------------------------------------------------- */

/*
 * A Markov chain over n states, [PC00]: V = sum_{t=0}^{periods} (P / (1+d))^t R, forever
 * (I - P / (1+d))^-1 R. transition: n x n, row-major, rows sum to 1 (within 1e-9). rewards,
 * ret_value: n. 1 <= n <= 64. O(n^2 periods), forever O(n^3).
 */
PV_API PV_WARN_UNUSED int pv_migration_value(size_t n, const double *transition,
                                             const double *rewards, double rate, int periods,
                                             double *ret_value);

/* The chain of n recencies: who bought i + 1 periods ago buys with buy[i], else becomes one period
 * older, and after n is lost for good. ret_transition: (n + 1) x (n + 1). */
PV_API PV_WARN_UNUSED int pv_migration_of_recency(size_t n, const double *buy,
                                                  double *ret_transition);

/* Buyers in periods 0 .. periods of one customer who buys in period 0, [D89]. ret_buyers: periods +
 * 1. */
PV_API PV_WARN_UNUSED int pv_migration_buyers(size_t n, const double *buy, size_t periods,
                                              double *ret_buyers);

/* ---- Event by event -------------------------------------------------------------------------- */

struct pv_event {
    double days; /* from now; >= 0 */
    double probability, revenue, cost;
};

/* sum p (R - C) / (1+d)^(days / 365.25). ret_months (may be NULL): `months` sums, of 365.25 / 12
 * days each; what lies beyond counts in the value alone. */
PV_API PV_WARN_UNUSED int pv_events_value(const struct pv_event *events, size_t n, double rate,
                                          size_t months, double *ret_months, double *ret_value);

/* ---- Relationship profit as a tree of drivers ------------------------------------------------ */

struct pv_drivers {
    double occasions;      /* of the category, a year */
    double category_spend; /* per occasion */
    double share_of_wallet;
    double unit_cost, price;  /* margin = 1 - unit cost / agreed price */
    double relationship_cost; /* a year */
};
/* occasions x category spend x share of wallet x (1 - unit cost / price) - relationship cost. */
PV_API PV_WARN_UNUSED int pv_drivers_profit(const struct pv_drivers *drivers, double *ret_profit);

/* ---- Sensitivity ----------------------------------------------------------------------------- */

/*
 * A relation by its drivers:
 *   - acquisition + sum_{t=1}^{n} rho^(t-1) [ I (1+g)^(t-1) m + f V - maintenance - marketing ] d_t
 * n horizon, rho retention, I income of the first year, g its growth, m margin, f customers brought
 * by referral per year and V what one of them is worth.
 */
enum pv_driver {
    PV_DRIVER_HORIZON,
    PV_DRIVER_DISCOUNT,
    PV_DRIVER_RETENTION,
    PV_DRIVER_REFERRAL,
    PV_DRIVER_GROWTH,
    PV_DRIVER_MAINTENANCE,
    PV_DRIVER_MARKETING,
    PV_DRIVER_MARGIN,
    PV_DRIVERS
};
PV_API const char *pv_driver_code(enum pv_driver driver); /* "horizon", "discount", ... */

struct pv_relation {
    double driver[PV_DRIVERS]; /* the horizon is whole years; money a year; the rest are rates */
    double income, acquisition, referred_value;
    enum pv_timing timing;
};
PV_API PV_WARN_UNUSED int pv_relation_value(const struct pv_relation *relation, double *ret_value);

struct pv_swing {
    enum pv_driver driver;
    double low, high;             /* of the driver */
    double value_low, value_high; /* of the relation, all else as it is */
};
/* One row per driver, the widest swing first (equal ones: in the order of the drivers): the bars of
 * a tornado. low, high: PV_DRIVERS values each. */
PV_API PV_WARN_UNUSED int pv_relation_tornado(const struct pv_relation *relation, const double *low,
                                              const double *high,
                                              struct pv_swing ret_swings[PV_DRIVERS]);

/* ---- Share of wallet: switching between brands ----------------------------------------------- */

/*
 * What `brands` share among them, [RLZ04]: the shares of purchase k are s M^k.
 *   CLV_j = [current] c s_j + sum_{k=1}^{purchases} c (s M^(k - 1 + first))_j (1+d)^(-time(k) /
 * per_year) with time(k) = k - 1, k - 1/2 or k. first 1: the first counted purchase is one step
 * after the shares given; 0: it is made with them. advance false: all purchases with the shares of
 * the first. The sum over brands does not depend on the matrix: it is the annuity of the timing.
 */
struct pv_switching {
    size_t brands;        /* 2 .. 64 */
    const double *share;  /* brands; sum 1 */
    const double *matrix; /* brands x brands, row-major: from, to; rows sum to 1 (within 1e-9) */
    double contribution;  /* c, of one purchase */
    double per_year;      /* purchases a year, > 0 */
    double rate;          /* d > -1; forever: > 0 */
    int purchases;        /* >= 1 or PV_FOREVER */
    enum pv_timing timing;
    int first;    /* 0 or 1 */
    bool current; /* the purchase being made counts, too, undiscounted */
    bool advance;
};
/* ret_value: brands. */
PV_API PV_WARN_UNUSED int pv_switching_value(const struct pv_switching *switching,
                                             double *ret_value);
/* Shares after `steps` purchases; PV_FOREVER: the steady state (PV_ERR_ARGUMENT when there is more
 * than one). ret_share: brands. */
PV_API PV_WARN_UNUSED int pv_switching_share(const struct pv_switching *switching, int steps,
                                             double *ret_share);

/* Whose probability gives way when that of another entry of the same row grows. */
enum pv_give_way {
    PV_GIVE_WAY_ONE,          /* one named entry */
    PV_GIVE_WAY_PROPORTIONAL, /* all others, by their size */
    PV_GIVE_WAY_EQUAL,        /* all others alike */
};
/* Moves `change` into matrix[from][to]. PV_ERR_ARGUMENT when an entry would leave 0 .. 1. */
PV_API PV_WARN_UNUSED int pv_switching_move(size_t brands, double *matrix, size_t from, size_t to,
                                            double change, enum pv_give_way way, size_t giver);
/* d value / d matrix[from][to], exact, with the entry that gives way. ret_slope: brands. */
PV_API PV_WARN_UNUSED int pv_switching_slope(const struct pv_switching *switching, size_t from,
                                             size_t to, enum pv_give_way way, size_t giver,
                                             double *ret_slope);

/*
 * The matrix from sequences of purchases: customer i bought brand[start[i]] .. brand[start[i + 1] -
 * 1] in this order. Each row is the mean of its Dirichlet posterior with `prior` (>= 0) on every
 * entry; a brand that nobody bought twice, with prior 0, stays with itself. ret_error (may be
 * NULL): posterior standard deviations. PV_ERR_ARGUMENT: a brand out of range.
 */
PV_API PV_WARN_UNUSED int pv_switching_estimate(size_t brands, const uint64_t *start,
                                                size_t customers, const uint32_t *brand,
                                                double prior, double *ret_matrix,
                                                double *ret_error);

/* ---- The lifetime of a group ----------------------------------------------------------------- */

/* 1 / churn, churn = lost / at_start, in periods. It is too short when customers differ in their
 * loyalty: those who leave early are counted first; sBG gives the right mean. Infinite when nobody
 * was lost. */
PV_API PV_WARN_UNUSED int pv_group_lifetime(double lost, double at_start, double *ret_periods);

#ifdef __cplusplus
}
#endif

#endif
