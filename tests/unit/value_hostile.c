/*
 * What nobody should feed a model, and somebody will: inputs with the number, verdict or error that
 * must come out, and all models run over them. Whatever is called usable must be finite and lie
 * within its own intervals. To be run under sanitizers and valgrind, too.
 */
#include "value_world.h"

#include "patron_check.h"
#include "patron_diagnose.h"
#include "patron_interval.h"
#include "patron_refit.h"

static const struct pv_fit_options week = {7.0, 100.0, 1};

enum { ROOM = 3000, LOOK = 60 };
static struct pv_customer rows[ROOM];

/* ---- Numbers --------------------------------------------------------------------------------- */

enum quantity { LOGLIK, ALIVE, EXPECTED, DERT, SURVIVAL, SPEND };

/* Figures of 60-digit arithmetic: the papers' formulas off their singularities (a = 1 + 1e-25),
 * the integrals by quadrature. Times in weeks. NaN: nonsense must be called so. */
static const struct {
    const char *name, *model;
    double p[PV_MAX_PARAMS], x, t_x, T, t;
    enum quantity what;
    double want;
} numbers[] = {
    {"a is one",
     "bg-nbd",
     {0.243, 4.414, 1, 2.426},
     2,
     30.43,
     38.86,
     39,
     EXPECTED,
     1.102136786039956},
    {"a is one, new", "bg-nbd", {0.243, 4.414, 1, 2.426}, 0, 0, 0, 52, EXPECTED, 1.289988252484069},
    {"s is one",
     "pareto-nbd",
     {0.55, 10.58, 1, 11.67},
     2,
     30.43,
     38.86,
     39,
     EXPECTED,
     1.184700478159281},
    {"alpha is beta",
     "pareto-nbd",
     {0.55, 11, 0.61, 11},
     2,
     30.43,
     38.86,
     0,
     LOGLIK,
     -9.588303906652167},
    {"alpha is beta, alive",
     "pareto-nbd",
     {0.55, 11, 0.61, 11},
     2,
     30.43,
     38.86,
     0,
     ALIVE,
     0.8668824156318572},
    {"beta 10,000",
     "pareto-nbd",
     {0.55, 10.58, 0.61, 1e4},
     2,
     30.43,
     38.86,
     0,
     LOGLIK,
     -8.810802771305464},
    {"beta 10,000, expected",
     "pareto-nbd",
     {0.55, 10.58, 0.61, 1e4},
     2,
     30.43,
     38.86,
     39,
     EXPECTED,
     2.00784168695901},
    {"beta 10,000, DERT",
     "pareto-nbd",
     {0.55, 10.58, 0.61, 1e4},
     2,
     30.43,
     38.86,
     0,
     DERT,
     18.76764077617539},
    {"5,000 purchases",
     "bg-nbd",
     {0.243, 4.414, 0.793, 2.426},
     5000,
     990,
     1000,
     0,
     LOGLIK,
     3056.45994323113},
    {"5,000 purchases, then silence",
     "bg-nbd",
     {0.243, 4.414, 0.793, 2.426},
     5000,
     990,
     1000,
     0,
     ALIVE,
     1.177950484402542e-18},
    {"5,000 purchases, one more week",
     "bg-nbd",
     {0.243, 4.414, 0.793, 2.426},
     5000,
     1000,
     1000,
     1,
     EXPECTED,
     4.97551676361689},
    {"5,000 purchases, Pareto",
     "pareto-nbd",
     {0.55, 10.58, 0.61, 11.67},
     5000,
     990,
     1000,
     0,
     LOGLIK,
     3030.924233388161},
    {"5,000 purchases, Pareto alive",
     "pareto-nbd",
     {0.55, 10.58, 0.61, 11.67},
     5000,
     999,
     1000,
     0,
     ALIVE,
     0.9831870303815898},
    {"a and b next to nothing",
     "bg-nbd",
     {1, 10, 1e-6, 1e-6},
     2,
     10,
     20,
     0,
     LOGLIK,
     -7.901004676999991},
    {"by hand", "nbd", {1, 10}, 7, 20, 30, 20, EXPECTED, 4.0},
    {"no time yet", "nbd", {1, 10}, 0, 0, 0, 0, LOGLIK, 0.0},
    {"1,000 chances, none taken",
     "bg-bb",
     {1.204, 0.750, 0.657, 2.783},
     0,
     0,
     1000,
     0,
     LOGLIK,
     -1.247303200246276},
    {"1,000 chances, still there",
     "bg-bb",
     {1.204, 0.750, 0.657, 2.783},
     0,
     0,
     1000,
     0,
     ALIVE,
     1.366659512585312e-5},
    {"1,000 renewals", "sbg", {1, 2}, 0, 0, 1000, 0, SURVIVAL, 0.001996007984031936},
    {"alpha and beta next to nothing",
     "sbg",
     {1e-4, 1e-4},
     0,
     0,
     100,
     0,
     SURVIVAL,
     0.4997412103795307},
    {"mean spend", "gamma-gamma", {6.25, 3.74, 15.44}, 2, 0, 35, 0, SPEND, 35.03937007874016},
    {"no mean: q = 1", "gamma-gamma", {6.25, 1, 15.44}, 0, 0, 0, 0, SPEND, NAN},
    {"bought after the end", "bg-nbd", {0.243, 4.414, 0.793, 2.426}, 1, 9, 8, 0, LOGLIK, NAN},
    {"a negative parameter", "bg-nbd", {0.243, -4.414, 0.793, 2.426}, 1, 7, 8, 0, ALIVE, NAN},
    {"an infinite parameter", "pareto-nbd", {0.55, INFINITY, 0.6, 11}, 1, 7, 8, 9, EXPECTED, NAN},
    {"time is not a number", "pareto-nbd", {0.55, 10, 0.6, 11}, 1, 7, NAN, 9, EXPECTED, NAN},
    {"no end of time", "mbg-nbd", {0.55, 10, 0.6, 2}, 1, 7, INFINITY, 9, ALIVE, NAN},
    {"half a chance", "bg-bb", {1.2, 0.7, 0.6, 2.7}, 1, 1.5, 6, 0, LOGLIK, NAN},
};
enum { NUMBERS = sizeof numbers / sizeof numbers[0] };

static double quantity_of(int i)
{
    const struct pv_model *m = pv_model_find(numbers[i].model);
    const double *p = numbers[i].p;
    double x = numbers[i].x, t_x = numbers[i].t_x, T = numbers[i].T, t = numbers[i].t;
    switch (numbers[i].what) {
    case LOGLIK:
        return pv_predict_loglik(m, p, x, t_x, T);
    case ALIVE:
        return pv_predict_alive(m, p, x, t_x, T, t);
    case EXPECTED:
        return pv_predict_expected(m, p, x, t_x, T, t);
    case DERT:
        return pv_predict_dert(m, p, x, t_x, T, pv_discount_per_unit(0.15, 7.0));
    case SURVIVAL:
        return pv_contract_survival(m, p, T);
    default:
        return pv_gamma_gamma_mean(&(struct pv_gamma_gamma){p[0], p[1], p[2]}, x, T);
    }
}

static void numbers_are_right(void **state)
{
    (void)state;
    for (int i = 0; i < NUMBERS; i++) {
        double got = quantity_of(i), want = numbers[i].want;
        if (isnan(want) ? !isnan(got) : !(fabs(got - want) <= 1e-10 * fmax(fabs(want), 1e-300)))
            fail_msg("%s: %.16g, want %.16g", numbers[i].name, got, want);
    }
}

/* ---- Bases ----------------------------------------------------------------------------------- */

static size_t nobody(void)
{
    return 0;
}

static size_t one_customer(void)
{
    rows[0] = (struct pv_customer){.x = 3, .t_x = 50, .T = 100, .spend = 900, .revenue = 1200};
    return 1;
}

static size_t all_the_same(size_t n, struct pv_customer c)
{
    for (size_t i = 0; i < n; i++)
        rows[i] = c;
    return n;
}

static size_t one_time_buyers(void)
{
    return all_the_same(500, (struct pv_customer){.T = 300, .revenue = 100});
}

static size_t all_today(void)
{
    return all_the_same(500, (struct pv_customer){.T = 0, .revenue = 100});
}

static size_t identical(void)
{
    return all_the_same(
        2000, (struct pv_customer){.x = 4, .t_x = 80, .T = 100, .spend = 4000, .revenue = 5000});
}

static size_t last_purchase_today(void)
{
    return all_the_same(2000, (struct pv_customer){.x = 4, .t_x = 100, .T = 100, .spend = 4000});
}

/* One busy customer among ordinary ones. */
static size_t ordinary(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct pv_rng rng;
        pv_rng_start(&rng, 21, i);
        rows[i] = simulate_customer(&rng, &published, &(struct pv_gamma_gamma){6.25, 3.74, 15.44},
                                    272 - (int32_t)(i % 84), 0);
    }
    return n;
}

static size_t a_robot(void)
{
    ordinary(1500);
    rows[7] = (struct pv_customer){.x = 5000, .t_x = 6900, .T = 7000, .spend = 5000000};
    return 1500;
}

static size_t a_thousand_weeks(void)
{
    ordinary(1500);
    for (int i = 0; i < 20; i++)
        rows[i] =
            (struct pv_customer){.x = i, .t_x = i ? 6000 + i : 0, .T = 7000, .spend = 100 * i};
    return 1500;
}

static size_t all_new_today(void)
{
    ordinary(1000);
    for (int i = 0; i < 500; i++)
        rows[i] = (struct pv_customer){.T = 0, .revenue = 10};
    return 1000;
}

/* Bought every day, and still do. */
static size_t every_day(void)
{
    return all_the_same(200, (struct pv_customer){.x = 365, .t_x = 365, .T = 365, .spend = 36500});
}

/* Bought at once and never again: everybody is gone. */
static size_t gone_at_once(void)
{
    for (int i = 0; i < 1000; i++)
        rows[i] = (struct pv_customer){
            .x = 1 + i % 3, .t_x = 1 + i % 3, .T = 500 + i % 50, .spend = 1000 + i};
    return 1000;
}

/* Each customer stands there ten times. */
static size_t tenfold(void)
{
    ordinary(200);
    for (int i = 200; i < 2000; i++)
        rows[i] = rows[i % 200];
    return 2000;
}

static size_t huge_spend(void)
{
    ordinary(1000);
    for (int i = 0; i < 1000; i++)
        rows[i].spend = rows[i].x > 0 ? rows[i].spend * (INT64_C(1) << 30) : 0;
    return 1000;
}

static size_t tiny_spend(void)
{
    ordinary(1000);
    for (int i = 0; i < 1000; i++)
        rows[i].spend = rows[i].x;
    return 1000;
}

static size_t one_whale(void)
{
    ordinary(1000);
    for (int i = 0; i < 1000; i++)
        if (rows[i].x > 0) {
            rows[i].spend = INT64_MAX;
            break;
        }
    return 1000;
}

static size_t negative_spend(void)
{
    ordinary(1000);
    for (int i = 0; i < 1000; i++)
        rows[i].spend = -rows[i].spend;
    return 1000;
}

static size_t absent_only(void)
{
    return all_the_same(100, (struct pv_customer){.T = -1});
}

static size_t two_points(void)
{
    for (int i = 0; i < 1000; i++)
        rows[i] = i % 2 ? (struct pv_customer){.x = 1, .t_x = 1, .T = 2, .spend = 100}
                        : (struct pv_customer){.T = 2};
    return 1000;
}

static size_t after_the_end(void)
{
    ordinary(100);
    rows[50] = (struct pv_customer){.x = 2, .t_x = 101, .T = 100};
    return 100;
}

static size_t minus_one_purchase(void)
{
    ordinary(100);
    rows[50].x = -1;
    return 100;
}

static size_t time_without_purchase(void)
{
    ordinary(100);
    rows[50] = (struct pv_customer){.x = 0, .t_x = 5, .T = 100};
    return 100;
}

static size_t since_the_flood(void)
{
    ordinary(100);
    rows[50].T = INT32_MAX;
    return 100;
}

static size_t more_than_days(void)
{
    ordinary(100);
    rows[50] = (struct pv_customer){.x = INT32_MAX, .t_x = 5, .T = 100};
    return 100;
}

enum { ANY = -1 };

static const struct {
    const char *name;
    size_t (*make)(void);
    int error;   /* of pv_cells_new; then nothing follows */
    int verdict; /* of bg-nbd */
    int spend;   /* of gamma-gamma, or ANY */
} bases[] = {
    {"nobody", nobody, 0, PV_VERDICT_TOO_FEW_CUSTOMERS, PV_VERDICT_NO_SPEND},
    {"one customer", one_customer, 0, PV_VERDICT_TOO_FEW_CUSTOMERS, PV_VERDICT_TOO_FEW_CUSTOMERS},
    {"one-time buyers", one_time_buyers, 0, PV_VERDICT_NO_REPEAT_PURCHASES, PV_VERDICT_NO_SPEND},
    {"all today", all_today, 0, PV_VERDICT_SAME_DAY, PV_VERDICT_NO_SPEND},
    {"identical", identical, 0, PV_VERDICT_NOBODY_LEAVES, PV_VERDICT_CONSTANT_SPEND},
    {"last purchase today", last_purchase_today, 0, PV_VERDICT_NOBODY_LEAVES,
     PV_VERDICT_CONSTANT_SPEND},
    {"a robot", a_robot, 0, PV_VERDICT_OK, PV_VERDICT_OK},
    {"a thousand weeks", a_thousand_weeks, 0, PV_VERDICT_OK, PV_VERDICT_OK},
    {"half of all new today", all_new_today, 0, PV_VERDICT_OK, PV_VERDICT_OK},
    {"every day", every_day, 0, PV_VERDICT_NOBODY_LEAVES, PV_VERDICT_CONSTANT_SPEND},
    {"gone at once", gone_at_once, 0, ANY, ANY},
    {"tenfold", tenfold, 0, PV_VERDICT_OK, ANY},
    {"huge spend", huge_spend, 0, PV_VERDICT_OK, PV_VERDICT_OK},
    {"tiny spend", tiny_spend, 0, PV_VERDICT_OK, PV_VERDICT_CONSTANT_SPEND},
    {"one whale", one_whale, 0, PV_VERDICT_OK, ANY},
    {"negative spend", negative_spend, 0, PV_VERDICT_OK, PV_VERDICT_NO_SPEND},
    {"absent only", absent_only, 0, PV_VERDICT_TOO_FEW_CUSTOMERS, PV_VERDICT_NO_SPEND},
    {"two points", two_points, 0, ANY, PV_VERDICT_CONSTANT_SPEND},
    {"bought after the end", after_the_end, PV_ERR_ARGUMENT, ANY, ANY},
    {"minus one purchase", minus_one_purchase, PV_ERR_ARGUMENT, ANY, ANY},
    {"time without purchase", time_without_purchase, PV_ERR_ARGUMENT, ANY, ANY},
    {"since the flood", since_the_flood, PV_ERR_ARGUMENT, ANY, ANY},
    {"2^31 purchases", more_than_days, PV_ERR_ARGUMENT, ANY, ANY},
};
enum { BASES = sizeof bases / sizeof bases[0] };

static bool finite_params(const struct pv_fit *fit)
{
    for (int i = 0; i < fit->params; i++)
        if (!(fit->param[i] > 0.0) || !isfinite(fit->param[i]))
            return false;
    for (int i = 0; i < fit->params * fit->params; i++)
        if (!isfinite(fit->log_cov[i]))
            return false;
    return isfinite(fit->loglik);
}

static bool within(double low, double value, double high)
{
    return isfinite(low) && isfinite(high) && low <= high && value >= 0.0 && isfinite(value);
}

/* Values of the base with their intervals, as the program shows them. */
static void value_base(const char *name, const struct pv_fit *buying, const struct pv_fit *spend,
                       const struct pv_customer *own, size_t n)
{
    struct pv_valuer_options o = {.unit_days = 7.0,
                                  .money_scale = 100.0,
                                  .horizon = 26.0,
                                  .discount = 0.15,
                                  .seed = 1,
                                  .draws = 64};
    struct pv_valuer *v;
    struct pv_equity e;
    struct pv_value value[LOOK];
    assert_int_equal(pv_valuer_new(buying, spend, &o, own, n, &v), 0);
    assert_int_equal(pv_value_customers(v, own, n, value), 0);
    assert_int_equal(pv_value_equity(v, own, n, &e), 0);
    for (size_t i = 0; i < n; i++) {
        const struct pv_value *r = &value[i];
        struct pv_range range;
        if (own[i].T < 0)
            continue;
        if (!(r->p_alive >= 0.0 && r->p_alive <= 1.0) ||
            !within(r->orders.low95, r->expected_orders, r->orders.high95) ||
            !within(r->orders_mean_of.low95, r->dert, r->orders_mean_of.high95) ||
            (spend && !within(r->clv_range.low95, r->clv, r->clv_range.high95)) ||
            (spend && !within(r->money.low80, r->expected_money, r->money.high80)))
            fail_msg("%s, %s: customer %zu (%d, %d, %d): alive %g, orders %g, dert %g, clv %g",
                     name, buying->model, i, own[i].x, own[i].t_x, own[i].T, r->p_alive,
                     r->expected_orders, r->dert, r->clv);
        if (i % 20 == 0) {
            int rc = pv_value_predict_interval(v, buying, &own[i], 0.9, 256, &range, NULL, NULL);
            if (rc || !within(range.low, 0.0, range.high))
                fail_msg("%s, %s: interval of customer %zu: %s", name, buying->model, i,
                         pv_error_code(rc));
        }
    }
    pv_valuer_free(v);
}

/* Cells of the same customers for models of opportunities and contracts. */
static size_t cells_for(const struct pv_model *m, size_t n, struct pv_cell *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        struct pv_cell c = {rows[i].x, rows[i].t_x, rows[i].T, 1};
        if (rows[i].T < 0)
            continue;
        if (m->kind == PV_KIND_OPPORTUNITY) {
            c.T = c.T / 7 < 200 ? c.T / 7 : 200;
            c.t_x = c.t_x / 7 < c.T ? c.t_x / 7 : c.T;
            c.x = c.x < c.t_x ? c.x : c.t_x;
            c.t_x = c.x > 0 ? c.t_x : 0;
        } else if (m->kind == PV_KIND_CONTRACT) {
            c.T = c.T / 7;
            c.x = c.T > 0 && c.t_x < c.T;
            c.t_x = 0;
        }
        ret[count++] = c;
    }
    return count;
}

static void run_all_models(const char *name, size_t n)
{
    static struct pv_cell own[ROOM];
    struct pv_fit spend;
    size_t look = n < LOOK ? n : LOOK;
    assert_int_equal(pv_fit_gamma_gamma(rows, n, &week, &spend), 0);
    assert_true(!spend.usable || finite_params(&spend));
    for (size_t k = 0; pv_model_at(k); k++) {
        const struct pv_model *m = pv_model_at(k);
        struct pv_cells *cells;
        struct pv_fit fit;
        /* G/G/NBD goes through its ridge day by day: 5 s for a thousand weeks. */
        if (!m->starts || !stands_for_others(m) ||
            (strcmp(m->name, "ggompertz-nbd") == 0 && rows[0].T > 5000))
            continue;
        assert_int_equal(pv_cells_from(own, cells_for(m, n, own), &cells), 0);
        int rc = pv_fit_model(m, cells, &week, &fit);
        pv_cells_free(cells);
        if (rc || (unsigned)fit.verdict >= PV_VERDICTS || (fit.usable && !finite_params(&fit)))
            fail_msg("%s, %s: %s, %s", name, m->name, pv_error_code(rc),
                     pv_verdict_code(fit.verdict));
        if (fit.usable && m->kind == PV_KIND_BUYING)
            value_base(name, &fit, spend.usable ? &spend : NULL, rows, look);
    }
}

static void bases_get_their_answer(void **state)
{
    (void)state;
    for (int i = 0; i < BASES; i++) {
        struct pv_cells *cells = NULL;
        struct pv_fit fit, spend;
        size_t n = bases[i].make();
        int rc = pv_cells_new(rows, n, &cells);
        if (rc != bases[i].error)
            fail_msg("%s: %s, want %s", bases[i].name, pv_error_code(rc),
                     pv_error_code(bases[i].error));
        if (rc)
            continue;
        assert_int_equal(pv_fit_model(bg_model(), cells, &week, &fit), 0);
        pv_cells_free(cells);
        assert_int_equal(pv_fit_gamma_gamma(rows, n, &week, &spend), 0);
        if ((bases[i].verdict != ANY && (int)fit.verdict != bases[i].verdict) ||
            (bases[i].spend != ANY && (int)spend.verdict != bases[i].spend))
            fail_msg("%s: %s and %s, want %s and %s", bases[i].name, pv_verdict_code(fit.verdict),
                     pv_verdict_code(spend.verdict),
                     pv_verdict_code((enum pv_verdict)bases[i].verdict),
                     pv_verdict_code((enum pv_verdict)bases[i].spend));
        run_all_models(bases[i].name, n);
    }
}

/* ---- Histories ------------------------------------------------------------------------------- */

struct purchase {
    uint32_t customer;
    int32_t day;
    int64_t amount;
};

static const struct {
    const char *name;
    enum pv_returns returns;
    struct purchase row[4];
    int n;
    int32_t end;
    int add, finish, summary; /* errors; the first one ends it */
    int64_t revenue;          /* of customer 0 */
    int32_t T;                /* of customer 0 */
} histories[] = {
    {"nothing", PV_RETURNS_NET, {{0}}, 0, 0, 0, 0, 0, 0, -1},
    {"one free sample", PV_RETURNS_NET, {{0, 5, 0}}, 1, 9, 0, 0, 0, 0, 4},
    {"a return of nothing", PV_RETURNS_NET, {{0, 5, -100}}, 1, 9, 0, 0, 0, 0, -1},
    {"a return not allowed", PV_RETURNS_ERROR, {{0, 5, -1}}, 1, 9, PV_ERR_RETURN, 0, 0, 0, 0},
    {"the most negative return",
     PV_RETURNS_NET,
     {{0, 5, INT64_MIN}},
     1,
     9,
     PV_ERR_OVERFLOW,
     0,
     0,
     0,
     0},
    {"money over int64 in a day",
     PV_RETURNS_NET,
     {{0, 5, INT64_MAX}, {0, 5, 1}},
     2,
     9,
     0,
     PV_ERR_OVERFLOW,
     0,
     0,
     0},
    {"money over int64 in a life",
     PV_RETURNS_NET,
     {{0, 5, INT64_MAX}, {0, 6, 1}},
     2,
     9,
     0,
     0,
     PV_ERR_OVERFLOW,
     0,
     0},
    {"all the money of int64",
     PV_RETURNS_NET,
     {{0, 5, INT64_MAX - 1}, {0, 6, 1}},
     2,
     9,
     0,
     0,
     0,
     INT64_MAX,
     4},
    {"the last day", PV_RETURNS_NET, {{0, INT32_MAX, 100}}, 1, INT32_MAX, 0, 0, 0, 100, 0},
    {"the first day", PV_RETURNS_NET, {{0, INT32_MIN + 1, 100}}, 1, INT32_MIN + 1, 0, 0, 0, 100, 0},
    {"no day", PV_RETURNS_NET, {{0, PV_NO_DAY, 100}}, 1, 0, PV_ERR_ARGUMENT, 0, 0, 0, 0},
    {"from the first day to the last",
     PV_RETURNS_NET,
     {{0, INT32_MIN + 1, 100}, {0, INT32_MAX, 100}},
     2,
     INT32_MAX,
     0,
     0,
     PV_ERR_ARGUMENT,
     0,
     0},
    {"customer 2^32 - 1",
     PV_RETURNS_NET,
     {{UINT32_MAX, 5, 100}},
     1,
     9,
     PV_ERR_ARGUMENT,
     0,
     0,
     0,
     0},
    {"twice the same row", PV_RETURNS_NET, {{0, 5, 100}, {0, 5, 100}}, 2, 9, 0, 0, 0, 200, 4},
    {"returned in full", PV_RETURNS_NET, {{0, 5, 100}, {0, 6, -100}}, 2, 9, 0, 0, 0, 0, -1},
    {"returned twice",
     PV_RETURNS_NET,
     {{0, 5, 100}, {0, 6, -100}, {0, 7, -100}},
     3,
     9,
     0,
     0,
     0,
     0,
     -1},
    {"bought tomorrow", PV_RETURNS_NET, {{0, 10, 100}}, 1, 9, 0, 0, 0, 0, -1},
    {"dropped", PV_RETURNS_DROP, {{0, 5, 100}, {0, 6, -50}, {0, 7, 0}}, 3, 9, 0, 0, 0, 100, 4},
};
enum { HISTORIES = sizeof histories / sizeof histories[0] };

static void histories_get_their_answer(void **state)
{
    (void)state;
    for (int i = 0; i < HISTORIES; i++) {
        struct pv_builder *b;
        struct pv_history *h = NULL;
        struct pv_customer c[2] = {{.T = -1}};
        struct pv_finding f[PV_CHECKS];
        int rc = 0;
        assert_int_equal(pv_builder_new(histories[i].returns, &b), 0);
        for (int k = 0; k < histories[i].n && rc == 0; k++)
            rc = pv_builder_add(b, histories[i].row[k].customer, histories[i].row[k].day,
                                histories[i].row[k].amount);
        if (rc != histories[i].add)
            fail_msg("%s: adding %s", histories[i].name, pv_error_code(rc));
        rc = rc ? rc : pv_builder_finish(b, 1, &h, NULL);
        pv_builder_free(b);
        if (histories[i].add == 0 && rc != histories[i].finish)
            fail_msg("%s: finishing %s", histories[i].name, pv_error_code(rc));
        if (rc)
            continue;
        rc = pv_summarise(h, histories[i].end, PV_NO_DAY, c);
        if (rc != histories[i].summary ||
            pv_check_history(h, histories[i].end, NULL, NULL, 100.0, f) != rc)
            fail_msg("%s: summary %s", histories[i].name, pv_error_code(rc));
        pv_history_free(h);
        if (rc == 0 && (c[0].revenue != histories[i].revenue || c[0].T != histories[i].T))
            fail_msg("%s: revenue %lld, T %d", histories[i].name, (long long)c[0].revenue, c[0].T);
    }
}

/* Days as far apart as there are: no first purchase, rather than a negative time. */
static void one_life_from_end_to_end(void **state)
{
    (void)state;
    const int32_t day[] = {INT32_MIN + 1, INT32_MAX};
    const int64_t amount[] = {1, 1};
    struct pv_customer c = pv_summarise_one(day, amount, 2, INT32_MAX, PV_NO_DAY);
    assert_int_equal(c.T, -1);
    assert_int_equal(c.x, 0);
}

/* ---- Cells ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    struct pv_cell cell[3];
    size_t n;
    int error;
    enum pv_verdict verdict; /* of nbd */
} counts[] = {
    {"2^32 - 1 alike", {{2, 10, 20, UINT32_MAX}}, 1, 0, PV_VERDICT_RIDGE},
    {"2^32 - 1 twice", {{2, 10, 20, UINT32_MAX}, {2, 10, 20, 1}}, 2, PV_ERR_OVERFLOW, 0},
    {"2^32 - 1 of each", {{4, 10, 20, UINT32_MAX}, {0, 0, 20, UINT32_MAX}}, 2, 0, PV_VERDICT_OK},
    {"a count of none", {{2, 10, 20, 0}}, 1, 0, PV_VERDICT_TOO_FEW_CUSTOMERS},
    {"500 years", {{3, 100000, 200000, 40}, {0, 0, 200000, 40}}, 2, 0, PV_VERDICT_OK},
    {"2 million purchases", {{2000000, 20, 20, 40}, {0, 0, 20, 40}}, 2, 0, PV_VERDICT_BOUNDARY},
};
enum { COUNTS = sizeof counts / sizeof counts[0] };

static void counts_get_their_answer(void **state)
{
    (void)state;
    for (int i = 0; i < COUNTS; i++) {
        struct pv_cells *cells;
        struct pv_fit fit;
        int rc = pv_cells_from(counts[i].cell, counts[i].n, &cells);
        if (rc != counts[i].error)
            fail_msg("%s: %s", counts[i].name, pv_error_code(rc));
        if (rc)
            continue;
        assert_int_equal(pv_fit_model(pv_model_find("nbd"), cells, &week, &fit), 0);
        if (fit.verdict != counts[i].verdict)
            fail_msg("%s: %s (r %g, alpha %g)", counts[i].name, pv_verdict_code(fit.verdict),
                     fit.param[0], fit.param[1]);
        assert_true(!fit.usable || finite_params(&fit));
        pv_cells_free(cells);
    }
}

/* ---- Options --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    double unit_days, money_scale, discount, horizon;
    int buying, spend, valuer; /* errors of fits and of the valuer */
} options[] = {
    {"as it should be", 7, 100, 0.15, 52, 0, 0, 0},
    {"no unit", 0, 100, 0.15, 52, PV_ERR_ARGUMENT, PV_ERR_ARGUMENT, PV_ERR_ARGUMENT},
    {"a unit without end", INFINITY, 100, 0.15, 52, PV_ERR_ARGUMENT, PV_ERR_ARGUMENT,
     PV_ERR_ARGUMENT},
    {"a unit that is no number", NAN, 100, 0.15, 52, PV_ERR_ARGUMENT, PV_ERR_ARGUMENT,
     PV_ERR_ARGUMENT},
    {"no money", 7, 0, 0.15, 52, 0, PV_ERR_ARGUMENT, PV_ERR_ARGUMENT},
    {"money without end", 7, INFINITY, 0.15, 52, 0, PV_ERR_ARGUMENT, PV_ERR_ARGUMENT},
    {"money that is no number", 7, NAN, 0.15, 52, 0, PV_ERR_ARGUMENT, PV_ERR_ARGUMENT},
    {"money by the smallest coin", 7, 1e-310, 0.15, 52, 0, PV_ERR_OVERFLOW, ANY},
    {"no discount", 7, 100, 0, 52, 0, 0, PV_ERR_ARGUMENT},
    {"a discount that is no number", 7, 100, NAN, 52, 0, 0, PV_ERR_ARGUMENT},
    {"no horizon", 7, 100, 0.15, 0, 0, 0, PV_ERR_ARGUMENT},
    {"for ever", 7, 100, 0.15, INFINITY, 0, 0, PV_ERR_ARGUMENT},
};
enum { OPTIONS = sizeof options / sizeof options[0] };

static void options_get_their_answer(void **state)
{
    (void)state;
    size_t n = ordinary(800);
    struct pv_fit good = world_fit(bg_model(), rows, n, 7.0);
    struct pv_cells *cells;
    assert_int_equal(pv_cells_new(rows, n, &cells), 0);
    for (int i = 0; i < OPTIONS; i++) {
        struct pv_fit_options o = {options[i].unit_days, options[i].money_scale, 1};
        struct pv_valuer_options vo = {.unit_days = options[i].unit_days,
                                       .money_scale = options[i].money_scale,
                                       .horizon = options[i].horizon,
                                       .discount = options[i].discount};
        struct pv_fit fit;
        struct pv_valuer *v = NULL;
        int buying = pv_fit_model(bg_model(), cells, &o, &fit);
        int spend = pv_fit_gamma_gamma(rows, n, &o, &fit);
        int valuer = pv_valuer_new(&good, NULL, &vo, rows, 10, &v);
        if (valuer == 0)
            pv_valuer_free(v);
        if (buying != options[i].buying || spend != options[i].spend ||
            (options[i].valuer != ANY && valuer != options[i].valuer))
            fail_msg("%s: fits %s and %s, valuer %s", options[i].name, pv_error_code(buying),
                     pv_error_code(spend), pv_error_code(valuer));
    }
    pv_cells_free(cells);
}

/* A million rows of one kind are one cell, and the fit of a thousand of them. */
static void a_million_rows(void **state)
{
    (void)state;
    size_t n = 1000000, count;
    struct pv_customer *many = malloc(n * sizeof *many);
    struct pv_cells *cells;
    assert_non_null(many);
    for (size_t i = 0; i < n; i++)
        many[i] = (struct pv_customer){.x = 4, .t_x = 80, .T = 100, .spend = 4000};
    assert_int_equal(pv_cells_new(many, n, &cells), 0);
    const struct pv_cell *c = pv_cells_data(cells, &count);
    assert_int_equal(count, 1);
    assert_int_equal(c[0].count, n);
    pv_cells_free(cells);
    struct pv_fit fit = world_fit(bg_model(), many, n, 7.0);
    assert_int_not_equal(fit.verdict, PV_VERDICT_OK);
    assert_int_equal(pv_fit_gamma_gamma(many, n, &week, &fit), 0);
    assert_int_equal(fit.verdict, PV_VERDICT_CONSTANT_SPEND);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_right),
        cmocka_unit_test(bases_get_their_answer),
        cmocka_unit_test(histories_get_their_answer),
        cmocka_unit_test(one_life_from_end_to_end),
        cmocka_unit_test(counts_get_their_answer),
        cmocka_unit_test(options_get_their_answer),
        cmocka_unit_test(a_million_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
