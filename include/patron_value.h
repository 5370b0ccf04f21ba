/*
 * patron_value.h - libpatron-value: what every customer is worth.
 *
 * Purchase histories go in as arrays; measures, model fits and predictions with their intervals
 * come out as arrays. The library knows no database, no HTTP and no files; it needs only libc, libm
 * and pthreads. Every exported symbol begins with pv_.
 *
 * Conventions
 *   errors     A function that can fail returns 0 or a negative PV_ERR_*; on failure every ret_x is
 *              left untouched. pv_error_code() gives a stable machine string.
 *   ownership  Whatever comes through `struct x **ret_x` belongs to the caller and is released by
 *              pv_x_free(), which accepts NULL. `const T *` is borrowed. Arrays are the caller's.
 *   time       Days are int32 counts from 1970-01-01, already cut in the company's time zone.
 *              Models use a unit of `unit_days` days (7 = week, 1 = day); histories stay exact to
 *              the day.
 *   money      int64 minor units in histories and summaries. Models and predictions use doubles in
 *              major units: minor / money_scale (100 for two decimals, 1 for none, 1000 for three).
 *   rates      Discount rates are yearly and effective: 0.15 is 15 % a year, whatever the unit. A
 *              year has 52 weeks when the unit is the week and 365.25 days otherwise.
 *   threads    Functions may be called from any thread; objects are not locked (const ones may be
 *              shared by readers). `threads` never changes a single digit of a result.
 *   chance     Simulated quantities come from a counter-based generator and a stated seed.
 *
 * Sources are named by model in docs/models/; in this file
 *   [FH13b] Fader & Hardie, The Gamma-Gamma model of monetary value, note 025 (2013).
 */
#ifndef PATRON_VALUE_H
#define PATRON_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PV_WARN_UNUSED __attribute__((warn_unused_result))
#if defined(PV_BUILDING_SHARED)
#define PV_API __attribute__((visibility("default")))
#else
#define PV_API
#endif

/* ---- Errors ---------------------------------------------------------------------------------- */

enum pv_error {
    PV_OK = 0,
    PV_ERR_NO_MEMORY = -1, /* "no-memory" */
    PV_ERR_ARGUMENT = -2,  /* "argument": a value outside the documented range */
    PV_ERR_OVERFLOW = -3,  /* "overflow": a sum of money left int64, or too many rows */
    PV_ERR_RETURN = -4,    /* "return-not-allowed": amount <= 0 under PV_RETURNS_ERROR */
    PV_ERR_ORDER = -5,     /* "out-of-order": a key-ordered stream went backwards */
    PV_ERR_EMPTY = -6,     /* "empty": no transaction to work with */
    PV_ERR_STOPPED = -7,   /* "stopped": as was asked for by pv_fit_options.stop */
};

/* Stable machine string of an error ("ok", "no-memory", ...); never NULL. Static storage. */
PV_API const char *pv_error_code(int error);

/* ---- Histories ------------------------------------------------------------------------------- */

/*
 * What happens to rows whose amount is zero or less.
 *   NET    zero: an ordinary (free) purchase. Negative: a return. It is no purchase; its money is
 *          taken from the purchase of the same day, otherwise from the latest earlier purchases,
 *          newest first. A purchase returned in full disappears. What finds no purchase to be taken
 *          from is counted as unmatched.
 *   DROP   rows <= 0 are left out and counted.
 *   ERROR  the first row <= 0 fails with PV_ERR_RETURN.
 */
enum pv_returns { PV_RETURNS_NET, PV_RETURNS_DROP, PV_RETURNS_ERROR };

struct pv_history_report {
    uint64_t rows;           /* rows taken in */
    uint64_t transactions;   /* customer-days with a purchase that remain */
    uint64_t merged;         /* rows merged into a purchase of the same customer and day */
    uint64_t zero;           /* rows with amount 0 */
    uint64_t negative;       /* rows with amount < 0 */
    uint64_t dropped;        /* rows left out under DROP */
    uint64_t returned;       /* purchases that disappeared because they were returned in full */
    uint64_t unmatched;      /* returns (or parts of one) that found no earlier purchase */
    int64_t unmatched_money; /* ... and their money, minor units, >= 0 */
};

/* Transactions sorted by customer and day, one per customer and day. 12 bytes each + 8 per
 * customer.*/
struct pv_history;

/* Borrowed columns of a history; customer c owns [start[c], start[c + 1]). */
struct pv_history_view {
    size_t customers;
    size_t transactions;
    const uint64_t *start; /* customers + 1 */
    const int32_t *day;    /* transactions; ascending within a customer */
    const int64_t *amount; /* transactions; minor units, >= 0 */
    int32_t first_day;     /* 0 when there are no transactions */
    int32_t last_day;
};

struct pv_builder;

/*
 * A builder for rows in any order. 16 bytes a row until finish; then rows are partitioned by
 * customer in place and small groups are sorted: O(rows) time, no second copy of the rows.
 */
PV_API PV_WARN_UNUSED int pv_builder_new(enum pv_returns returns, struct pv_builder **ret_builder);

/*
 * A builder for rows that arrive customer by customer (index not decreasing; days in any order
 * within a customer), as a database streams them in key order. Memory: the history itself.
 */
PV_API PV_WARN_UNUSED int pv_builder_new_ordered(enum pv_returns returns,
                                                 struct pv_builder **ret_builder);
PV_API void pv_builder_free(struct pv_builder *builder);

/* A guess at the number of rows still to come, for a builder of rows in any order: room for them is
 * taken at once, in large pages where the system has them. More may come, or fewer. */
PV_API void pv_builder_expect(struct pv_builder *builder, size_t rows);

/* Adds a row. PV_ERR_RETURN, PV_ERR_ORDER, PV_ERR_OVERFLOW, PV_ERR_NO_MEMORY; the builder stays
 * usable. customer < 2^32 - 1. */
PV_API PV_WARN_UNUSED int pv_builder_add(struct pv_builder *builder, uint32_t customer, int32_t day,
                                         int64_t amount);

/* Adds n rows from three columns; stops at the first error, whose position is *ret_row. */
PV_API PV_WARN_UNUSED int pv_builder_add_rows(struct pv_builder *builder, size_t n,
                                              const uint32_t *customer, const int32_t *day,
                                              const int64_t *amount, size_t *ret_row);

/*
 * Makes the history. `customers` is the number of customers (0 = highest index + 1); customers
 * without a purchase own an empty range. The builder is empty afterwards and must still be freed.
 * ret_report may be NULL.
 */
PV_API PV_WARN_UNUSED int pv_builder_finish(struct pv_builder *builder, size_t customers,
                                            struct pv_history **ret_history,
                                            struct pv_history_report *ret_report);
PV_API void pv_history_free(struct pv_history *history);
PV_API struct pv_history_view pv_history_columns(const struct pv_history *history);

/* ---- Summaries ------------------------------------------------------------------------------- */

#define PV_NO_DAY INT32_MIN
/* The longest observation of a customer that is fitted to, and the most repeat purchases: 5,741
 * years. Longer ones are PV_ERR_ARGUMENT of whatever groups customers; one of the days is wrong. */
enum { PV_MAX_DAYS = (1 << 21) - 1 };

/* One customer seen from the end of the observation. Times are days; spend is minor units. */
struct pv_customer {
    int32_t x;       /* repeat transactions (the first one is not counted) */
    int32_t t_x;     /* days from the first to the last transaction; 0 when x == 0 */
    int32_t T;       /* days from the first transaction to the end; -1: not yet a customer */
    int32_t x_star;  /* transactions in the hold-out, 0 without one */
    int64_t spend;   /* money of the x repeat transactions; spend / x is the mean the model uses */
    int64_t revenue; /* money of all transactions to the end, the first one included */
    int64_t spend_star; /* money in the hold-out */
};

/*
 * Summaries at the end of day `end` (inclusive). Transactions after `end` and up to `holdout_end`
 * (PV_NO_DAY: none) become x_star and spend_star. Customers whose first purchase lies after `end`,
 * or who have none, get T = -1 and zeros: they are not part of any fit. ret_rows: history.customers
 * rows. O(transactions).
 */
PV_API PV_WARN_UNUSED int pv_summarise(const struct pv_history *history, int32_t end,
                                       int32_t holdout_end, struct pv_customer *ret_rows);

/* Summary of one customer from its ascending days and amounts; same rules. No customer (T = -1),
 * too, where the first day is 2^31 days or more before `end`. */
PV_API struct pv_customer pv_summarise_one(const int32_t *day, const int64_t *amount, size_t n,
                                           int32_t end, int32_t holdout_end);

/* ---- Scores ---------------------------------------------------------------------------------- */

/*
 * Scores 1 (worst) to 5 (best): 1 + floor(5 * customers with a strictly worse value / customers).
 * Customers with equal values get equal scores, that of the worst among them: tie rule "low".
 */
struct pv_rfm {
    uint8_t r, f, m; /* 0: no customer at that date (T = -1) */
};

struct pv_rfm_edges {
    int32_t recency[4];   /* days since last purchase: score 5 is <= [0], 4 <= [1], ..., else 1 */
    int32_t frequency[4]; /* transactions: score 2 is >= [0], 3 >= [1], ... (INT32_MAX: not used) */
    int64_t money[4];     /* revenue in minor units, likewise */
};

/* ret_scores: n; ret_edges may be NULL. O(n log n). */
PV_API PV_WARN_UNUSED int pv_rfm_scores(const struct pv_customer *rows, size_t n,
                                        struct pv_rfm *ret_scores, struct pv_rfm_edges *ret_edges);

/*
 * A/B/C by cumulated share, largest value first (equal values: lower index first): A while the
 * share of those before is under cut_a (0.80), B while under cut_b (0.95), else C; values <= 0 are
 * C. ret_grades: n characters 'A', 'B' or 'C'.
 */
PV_API PV_WARN_UNUSED int pv_abc_grades(const double *value, size_t n, double cut_a, double cut_b,
                                        char *ret_grades);

struct pv_concentration {
    double total;
    double gini;        /* 0 = all equal; values < 0 count as 0; 0 when total is 0 */
    double top20_share; /* share of the total held by the largest 20 % (fractions interpolated) */
};

/*
 * Concentration, largest first. ret_curve (may be NULL) gets points + 1 shares: [i] is the share
 * held by the largest i / points of the customers; from 0 to 1, concave. NaN counts as 0.
 */
PV_API PV_WARN_UNUSED int pv_concentration(const double *value, size_t n, size_t points,
                                           double *ret_curve, struct pv_concentration *ret_result);

/* ---- Models and fits ------------------------------------------------------------------------- */

enum { PV_MAX_PARAMS = 6 };

enum pv_model_kind {
    PV_KIND_BUYING,      /* repeat purchases at any time; customers leave without saying so */
    PV_KIND_OPPORTUNITY, /* the same at opportunities that can be counted: at most one each */
    PV_KIND_CONTRACT,    /* renewed or ended, period by period */
    PV_KIND_SPEND,       /* what a purchase brings */
};

/* A model: static and const, known by its name. docs/models/ has a page for each. */
struct pv_model;
PV_API const struct pv_model *pv_model_find(const char *name); /* NULL: no such model */
PV_API const struct pv_model *pv_model_at(size_t index);       /* NULL after the last one */
PV_API const char *pv_model_name(const struct pv_model *model);
PV_API enum pv_model_kind pv_model_kind(const struct pv_model *model);
PV_API int pv_model_params(const struct pv_model *model);
PV_API const char *pv_model_param(const struct pv_model *model, int index);

/* Whether a fit may be trusted. `usable` says whether predictions from it make sense at all. */
enum pv_verdict {
    PV_VERDICT_OK,                  /* "ok" */
    PV_VERDICT_NO_REPEAT_PURCHASES, /* "no-repeat-purchases": nobody bought twice */
    PV_VERDICT_TOO_FEW_CUSTOMERS,   /* "too-few-customers": < 30 customers or < 10 who came back */
    PV_VERDICT_SAME_DAY,            /* "everybody-same-day": no time passed in the data */
    PV_VERDICT_NOT_CONVERGED,       /* "not-converged" */
    PV_VERDICT_BOUNDARY,            /* "boundary": a parameter stopped at its limit */
    PV_VERDICT_RIDGE,            /* "ridge": parameters run off together, the data do not fix them;
                                    usable when they fix what is predicted */
    PV_VERDICT_NOBODY_LEAVES,    /* "nobody-leaves": everybody stays, as far as the data go */
    PV_VERDICT_Q_AT_MOST_ONE,    /* "q-at-most-one": spend has no mean */
    PV_VERDICT_CORRELATED_SPEND, /* "correlated-spend": frequent buyers spend differently; usable */
    PV_VERDICT_CONSTANT_SPEND,   /* "constant-spend": no spread in what purchases cost */
    PV_VERDICT_NO_SPEND,         /* "no-spend": no repeat purchase with money */
    PV_VERDICT_SIMPLER_MODEL, /* "simpler-model": the model has become a simpler one it contains */
    /* Of a base, beside the verdict of a fit: patron_check.h. */
    PV_VERDICT_LEFT_TRUNCATED, /* "left-truncated": the first row is not the first purchase */
    PV_VERDICT_MIXED_SPEND,    /* "mixed-spend": two kinds of customers by what they spend */
    PV_VERDICT_MIXED_RATES,    /* "mixed-rates": ... by how often they buy */
    /* patron_covariates.h */
    PV_VERDICT_CONSTANT_COVARIATE, /* "constant-covariate": a column has one value */
    PV_VERDICT_COLLINEAR,          /* "collinear-covariates": a column says what others say */
    PV_VERDICT_SEPARATED,          /* "separated-covariate": an effect without a bound */
    /* patron_bayes.h */
    PV_VERDICT_CHAINS_DISAGREE, /* "chains-disagree": they have not found the same place */
    PV_VERDICT_FEW_EFFECTIVE,   /* "too-few-effective-draws": figures are rough; usable */
    PV_VERDICTS
};

PV_API const char *pv_verdict_code(enum pv_verdict verdict);

/*
 * Identical (x, t_x, T) with a count: what models see.
 *   BUYING       days
 *   OPPORTUNITY  x purchases at T opportunities, the last one at t_x: x <= t_x <= T
 *   CONTRACT     x = 1: ended at the end of period T >= 1; x = 0: still there after T periods.
 *                t_x is 0
 */
struct pv_cell {
    int32_t x, t_x, T;
    uint32_t count;
};

/* Cells sorted by x, T, t_x. */
struct pv_cells;

/* Groups customers; those with T < 0 are left out. O(n). */
PV_API PV_WARN_UNUSED int pv_cells_new(const struct pv_customer *rows, size_t n,
                                       struct pv_cells **ret_cells);
/* From cells made elsewhere (a database rollup), in any order, duplicates allowed. */
PV_API PV_WARN_UNUSED int pv_cells_from(const struct pv_cell *cells, size_t n,
                                        struct pv_cells **ret_cells);
PV_API void pv_cells_free(struct pv_cells *cells);
PV_API const struct pv_cell *pv_cells_data(const struct pv_cells *cells, size_t *ret_n);

struct pv_fit {
    const char *model; /* name; static */
    int params;
    const char *name[PV_MAX_PARAMS]; /* static */
    double param[PV_MAX_PARAMS];
    double std_error[PV_MAX_PARAMS]; /* of the parameter itself (delta method); NaN when unknown */
    /* Covariance of the logarithms of the parameters, row-major params x params; zeros if unknown,
     * on a usable ridge cut to a factor of ten. */
    double log_cov[PV_MAX_PARAMS * PV_MAX_PARAMS];
    double loglik;
    enum pv_verdict verdict;
    bool usable;
    int iterations;
    double unit_days;
    uint64_t customers; /* customers in the fit (gamma-gamma: with repeat spend > 0) */
    uint64_t repeaters; /* ... who came back */
    size_t cells;
    double correlation; /* gamma-gamma: of x with log mean spend; 0 otherwise */
};

/* How the times between purchases are spread, beyond what cells hold. */
struct pv_gaps {
    double sum_log; /* of the logarithms of the times from purchase to purchase, in units */
    uint64_t count;
};

/* Of all purchases up to the end of day `end`. */
PV_API struct pv_gaps pv_history_gaps(const struct pv_history *history, int32_t end,
                                      double unit_days);

struct pv_fit_options {
    double unit_days;   /* > 0; 7 or 1 */
    double money_scale; /* > 0; minor units in one major */
    int threads;        /* 0 or 1: this thread only */
    /* May be NULL. Models of regular buyers need it for a loglik that can be compared with those of
     * other models; parameters do not depend on it. */
    const struct pv_gaps *gaps;
    /* May be NULL. Asked between the steps of pv_fit_model and pv_choose_model; true ends them with
     * PV_ERR_STOPPED. */
    bool (*stop)(void *context);
    void *stop_context;
};

/*
 * A model by maximum likelihood on cells. Trust-region Newton in the logarithms of the parameters
 * with exact first and second derivatives; standard errors from the observed information. Returns 0
 * even when the fit must not be trusted: read ret_fit->verdict. PV_ERR_ARGUMENT for a model of
 * spend and for cells that the kind of model does not allow. For OPPORTUNITY and CONTRACT unit_days
 * is kept, not used. O(cells x iterations).
 */
PV_API PV_WARN_UNUSED int pv_fit_model(const struct pv_model *model, const struct pv_cells *cells,
                                       const struct pv_fit_options *options,
                                       struct pv_fit *ret_fit);

/* A usable fit with these parameters, as if they were certain: for figures of a paper, or a plan.
 */
PV_API PV_WARN_UNUSED int pv_fit_given(const struct pv_model *model, const double *param,
                                       double unit_days, struct pv_fit *ret_fit);

/* Gamma-Gamma [FH13b] on customers with x > 0 and spend > 0: p, q, gamma (major money units).
 * PV_ERR_OVERFLOW when money in major units leaves the range of a double. */
PV_API PV_WARN_UNUSED int pv_fit_gamma_gamma(const struct pv_customer *rows, size_t n,
                                             const struct pv_fit_options *options,
                                             struct pv_fit *ret_fit);

/* ---- Quantities at given parameters ---------------------------------------------------------- */

/*
 * Of a model of repeat purchases at its parameters (fit.param). Times in model units, x may be any
 * real >= 0 (x > 0 counts as "has come back"); a new customer is x = t_x = T = 0. NaN on nonsense,
 * such as parameters that are not above zero or a model of another kind.
 */
PV_API double pv_predict_loglik(const struct pv_model *model, const double *param, double x,
                                double t_x, double T);
/* P(still a customer at T + t). At t = 0, BG/NBD says 1 of one-time buyers: it lets nobody leave
 * before a second purchase. */
PV_API double pv_predict_alive(const struct pv_model *model, const double *param, double x,
                               double t_x, double T, double t);
/* E[purchases in (T, T + t]]. */
PV_API double pv_predict_expected(const struct pv_model *model, const double *param, double x,
                                  double t_x, double T, double t);
/* P(k purchases in (T, T + t]); ret_pmf: n values for k = 0 .. n - 1. */
PV_API PV_WARN_UNUSED int pv_predict_pmf(const struct pv_model *model, const double *param,
                                         double x, double t_x, double T, double t, size_t n,
                                         double *ret_pmf);
/* P(no purchase in (T, T + t]). */
PV_API double pv_predict_none(const struct pv_model *model, const double *param, double x,
                              double t_x, double T, double t);
/* When the next purchase will have come with this probability (0.5: the median): t with P(no
 * purchase in (T, T + t]) = 1 - probability. INFINITY when it may never come: more than
 * 1 - probability is left that the customer is gone. Relative error 1e-12 in t; some 70 times
 * pv_predict_none. */
PV_API double pv_predict_next(const struct pv_model *model, const double *param, double x,
                              double t_x, double T, double probability);
/* Discounted expected residual transactions; delta > 0 per unit. Relative error < 1e-10. */
PV_API double pv_predict_dert(const struct pv_model *model, const double *param, double x,
                              double t_x, double T, double delta);
/* Yearly effective rate to a continuous one per unit of unit_days: ln(1 + rate) / units in a year.
 */
PV_API double pv_discount_per_unit(double yearly_rate, double unit_days);

/*
 * The same functions serve models of opportunities: x, t_x, T and t count them and are whole (of
 * pv_predict_next the first t with at least that probability);
 * P(alive) is that of being there at opportunity T + 1; delta is the logarithm of the discount
 * factor from one opportunity to the next, and the next one is discounted once.
 *
 * Of a model of contracts: P(still there after t periods), P(renewed at the end of period t | there
 * in it), and discounted expected renewals of a customer in their period-th period (1 is the
 * first), just before deciding; that renewal itself is not discounted. Whole t; NaN on nonsense.
 */
PV_API double pv_contract_survival(const struct pv_model *model, const double *param, double t);
PV_API double pv_contract_retention(const struct pv_model *model, const double *param, double t);
PV_API double pv_contract_renewals(const struct pv_model *model, const double *param, double period,
                                   double delta);
/* Kaplan-Meier survival after 0 .. n periods, from cells of contracts, with 95 % intervals: n + 1
 * values each. NaN where nobody was observed that long. */
PV_API PV_WARN_UNUSED int pv_kaplan_meier(const struct pv_cells *cells, size_t n,
                                          double *ret_survival, double *ret_low95,
                                          double *ret_high95);

struct pv_gamma_gamma {
    double p, q, gamma;
};
PV_API struct pv_gamma_gamma pv_gamma_gamma_of(const struct pv_fit *fit);
/* Log-likelihood of a mean spend zbar over x purchases, [FH13b] eq. 1. */
PV_API double pv_gamma_gamma_loglik(const struct pv_gamma_gamma *m, double x, double zbar);
/* E[spend per purchase | x, zbar], [FH13b] eq. 5; x = 0: of the base. NaN when p x + q <= 1. */
PV_API double pv_gamma_gamma_mean(const struct pv_gamma_gamma *m, double x, double zbar);

/* ---- Valuing a base of customers ------------------------------------------------------------- */

struct pv_valuer_options {
    double unit_days;   /* as in the fit */
    double money_scale; /* as in the fit */
    double horizon;     /* model units, > 0 */
    double discount;    /* yearly effective, > 0 */
    uint64_t seed;
    int draws;   /* simulated futures per knot; 0 = 1024 */
    int threads; /* 0 or 1: this thread only */
    /* Expectations only, in less than half the time: every interval is NaN; no equity, no hold-out,
     * no density. */
    bool points;
};

/* A central interval pair. */
struct pv_interval {
    double low80, high80, low95, high95;
};

/*
 * What is known about one customer's future. Money in major units, undiscounted within the horizon,
 * discounted for clv. Predictive intervals hold what this customer will do: chance of the purchases
 * and of the spend, unknown rates, unknown parameters. `*_mean_of` intervals hold only how well the
 * expectation is known (delta method on the parameters' covariance). NaN where no model is usable.
 */
struct pv_value {
    double p_alive;
    double expected_orders; /* in the horizon */
    double expected_spend;  /* per purchase */
    double expected_money;  /* in the horizon */
    double dert;            /* discounted expected residual transactions */
    double clv;             /* dert x expected_spend: residual lifetime value */
    double clv_median;
    struct pv_interval orders;         /* predictive, whole numbers */
    struct pv_interval money;          /* predictive, horizon */
    struct pv_interval clv_range;      /* predictive */
    struct pv_interval orders_mean_of; /* of the expectation */
    struct pv_interval clv_mean_of;    /* of the expectation */
};

struct pv_equity {
    double amount; /* sum of clv */
    struct pv_interval range;
    double money; /* sum of expected_money */
    struct pv_interval money_range;
    double orders; /* sum of expected_orders */
    double alive;  /* sum of p_alive */
    uint64_t customers;
};

/*
 * Holds what customers share: tables by (x, T), and quantiles of simulated futures on knots of (x,
 * T) between which it interpolates. rows: the customers to be valued later (any superset). Tables
 * grow with distinct (x, T), not with customers. gamma_gamma may be NULL (no usable spend model):
 * money is then NaN. PV_ERR_ARGUMENT when `buying` is not a usable fit of repeat purchases.
 */
struct pv_valuer;
PV_API PV_WARN_UNUSED int pv_valuer_new(const struct pv_fit *buying,
                                        const struct pv_fit *gamma_gamma,
                                        const struct pv_valuer_options *options,
                                        const struct pv_customer *rows, size_t n,
                                        struct pv_valuer **ret_valuer);
PV_API void pv_valuer_free(struct pv_valuer *valuer);

/* Values of n customers, in any slices. Rows with T = -1 get zeros and NaN p_alive. */
PV_API PV_WARN_UNUSED int pv_value_customers(const struct pv_valuer *valuer,
                                             const struct pv_customer *rows, size_t n,
                                             struct pv_value *ret_values);

/* Sum over customers; the interval joins the chance of each customer (independent given the
 * parameters) and the common uncertainty of the parameters; log-normal. */
PV_API PV_WARN_UNUSED int pv_value_equity(const struct pv_valuer *valuer,
                                          const struct pv_customer *rows, size_t n,
                                          struct pv_equity *ret_equity);

struct pv_holdout {
    uint64_t customers;
    double actual, predicted;
    double mae, rmse;
    double coverage80, coverage95; /* share of customers whose x_star lies in orders' intervals */
};

/* Predictions against x_star; the valuer's horizon must be the length of the hold-out. */
PV_API PV_WARN_UNUSED int pv_value_holdout(const struct pv_valuer *valuer,
                                           const struct pv_customer *rows, size_t n,
                                           struct pv_holdout *ret_holdout);

/* ---- Choosing a model ---- */

/* A choice looks at PV_CHOICE_CUSTOMERS at most: that many tell models apart which differ in
 * anything that matters. */
enum { PV_MAX_CANDIDATES = 32, PV_CHOICE_CUSTOMERS = 100000 };

struct pv_candidate {
    struct pv_fit fit;
    double bic;                /* params ln(customers) - 2 ln L; NaN when the fit is not usable */
    struct pv_holdout holdout; /* customers = 0: not tried */
};

struct pv_choice {
    struct pv_candidate candidate[PV_MAX_CANDIDATES]; /* in the order of pv_model_at() */
    size_t candidates;
    int best; /* -1: none is usable */
    int like; /* the next one when its BIC is less than 2 larger, so that the data cannot tell the
                 two apart; else -1 */
    uint64_t customers, of; /* looked at, of how many there are */
};

/*
 * Fits every model of repeat purchases to `rows` and, when holdout_units > 0, tries the usable ones
 * on the x_star of that many units. Of those within 1 % of the smallest root mean squared error in
 * the hold-out (of all, without one), the smallest BIC wins. Models of regular buyers take part
 * when options->gaps is there (of just these rows): of both forms k = 2, 3, ... are fitted as long
 * as ln L grows, and the last that was better is tried. options->stop is asked between the steps.
 *
 * Of more than PV_CHOICE_CUSTOMERS customers that many, about, are drawn by their index, the same
 * every time; not by the rows alone when gaps are there, which are those of all: use
 * pv_choose_history.
 */
PV_API PV_WARN_UNUSED int pv_choose_model(const struct pv_customer *rows, size_t n,
                                          const struct pv_fit_options *options,
                                          double holdout_units, struct pv_choice *ret_choice);
/* The same from a history: fitted to what came up to the end of day `end`, tried on what came until
 * holdout_end (PV_NO_DAY: nothing is held out). options->gaps is not used: it is counted. */
PV_API PV_WARN_UNUSED int pv_choose_history(const struct pv_history *history, int32_t end,
                                            int32_t holdout_end,
                                            const struct pv_fit_options *options,
                                            struct pv_choice *ret_choice);

/*
 * Density of one customer's residual value: `points` pairs of value and height (of the part of the
 * distribution above zero; it integrates to about *ret_alive). 1 - *ret_alive is the probability
 * that nothing more comes. 4,096 simulated futures.
 */
PV_API PV_WARN_UNUSED int pv_value_density(const struct pv_valuer *valuer,
                                           const struct pv_customer *row, size_t points,
                                           double *ret_value, double *ret_height,
                                           double *ret_alive);

/* P(alive) on each of n ascending dates from the customer's own ascending purchase days; NaN before
 * the first purchase. */
PV_API PV_WARN_UNUSED int pv_value_alive_curve(const struct pv_fit *buying, const int32_t *day,
                                               size_t days, const int32_t *date, size_t n,
                                               double *ret_p);

enum pv_reason {
    PV_REASON_FREQUENCY,
    PV_REASON_RECENCY,
    PV_REASON_SPEND,
    PV_REASON_AGE,
    PV_REASONS
};
PV_API const char *
pv_reason_code(enum pv_reason reason); /* "frequency", "recency", "spend", "age" */

/*
 * Why this customer differs from the average customer of the base. From the average (mean x, mean
 * time of silence, mean spend per repeat purchase, mean age) to the customer's own values one input
 * is replaced at a time; what a step changes is that reason's part. Which part falls to whom
 * depends on the order of replacing (many purchases next to an average silence look like a lost
 * customer), therefore the parts are averaged over all 24 orders (Shapley, A value for n-person
 * games, 1953). They add up to the whole difference. About 2 ms: for a page, not for a base.
 */
struct pv_reasons {
    double purchases[PV_REASONS]; /* in the horizon */
    double money[PV_REASONS];     /* of clv; NaN without a spend model */
    double base_purchases, base_money;
    double purchases_total, money_total; /* the customer's own */
};
PV_API PV_WARN_UNUSED int pv_value_reasons(const struct pv_valuer *valuer,
                                           const struct pv_customer *row,
                                           struct pv_reasons *ret_reasons);

/* ---- Tracking -------------------------------------------------------------------------------- */

struct pv_track {
    int32_t day;   /* last day of the period */
    double actual; /* repeat transactions in the period */
    double expected;
    double low80, high80, low95, high95; /* of the actual number, given the parameters */
};

/*
 * Expected against actual repeat transactions in periods of `period` days from `from`: n periods.
 * The cohorts are all customers first seen on or before `cohort_end`; the expectation is the
 * unconditional one of new customers by day of first purchase, so that it can be read across the
 * end of the calibration. O(transactions + cohorts x n).
 */
PV_API PV_WARN_UNUSED int pv_track_periods(const struct pv_history *history,
                                           const struct pv_fit *buying, int32_t from,
                                           int32_t period, int32_t cohort_end, size_t n,
                                           struct pv_track *ret_periods);

#ifdef __cplusplus
}
#endif

#endif
