/* The books of customers: everything adds up to the cent, and uncertain relations agree with what
   can be worked out by hand. */
#include "value_test.h"

#include "patron_accounting.h"

/* ---- costs ----------------------------------------------------------------------------------- */

static void pools_are_spread_to_the_cent(void **state)
{
    (void)state;
    const double three[] = {1, 1, 1}, some[] = {0, 2, 0, 1}, none[] = {0, 0};
    int64_t part[4];
    assert_int_equal(pv_allocate(100, three, 3, part), 0);
    assert_true(part[0] == 34 && part[1] == 33 && part[2] == 33);
    assert_int_equal(pv_allocate(-100, three, 3, part), 0);
    assert_true(part[0] == -34 && part[1] == -33 && part[2] == -33);
    assert_int_equal(pv_allocate(1, some, 4, part), 0);
    assert_true(part[0] == 0 && part[1] == 1 && part[2] == 0 && part[3] == 0);
    assert_int_equal(pv_allocate(5, none, 2, part), PV_ERR_EMPTY);
    assert_int_equal(pv_allocate(5, (const double[]){1, -1}, 2, part), PV_ERR_ARGUMENT);
    assert_int_equal(pv_allocate(INT64_MAX, three, 3, part), PV_ERR_OVERFLOW);
    struct pv_rng rng;
    pv_rng_start(&rng, 5, 5);
    for (int trial = 0; trial < 2000; trial++) {
        double w[40];
        int64_t p[40], pool = (int64_t)(pv_rng_uniform(&rng) * 1e12), sum = 0;
        size_t n = 1 + (size_t)trial % 40;
        double total = 0;
        for (size_t i = 0; i < n; i++)
            total += w[i] = i % 5 == 3 ? 0 : pv_rng_gamma(&rng, 0.1);
        if (total == 0)
            continue;
        assert_int_equal(pv_allocate(pool, w, n, p), 0);
        for (size_t i = 0; i < n; i++) {
            sum += p[i];
            assert_true(w[i] > 0 || p[i] == 0);
            assert_true(fabs((double)p[i] - (double)pool * (w[i] / total)) <= 1.001);
        }
        assert_true(sum == pool);
    }
}

static void profit_by_activity(void **state)
{
    (void)state;
    const struct pv_cost_row rows[] = {
        {1000000, 600000, 90001, 3, 1, {10, 10, 2, 1, 0}},
        {800000, 500000, 0, 1, 1, {80, 95, 30, 12, 9}}, /* sells nearly as much, and costs a lot */
    };
    const int64_t pools[PV_ACTIVITIES] = {9000, 42001, 64000, 26000, 18000};
    struct pv_cost_profit p[2];
    assert_int_equal(pv_customer_profit(rows, 2, pools, p), 0);
    for (int a = 0; a < PV_ACTIVITIES; a++)
        assert_true(p[0].activity[a] + p[1].activity[a] == pools[a]);
    assert_true(p[0].activity[PV_ACTIVITY_ORDER] == 1000 &&
                p[0].activity[PV_ACTIVITY_SERVICE] == 4000);
    assert_true(p[0].acquisition == 30000);
    assert_true(p[0].profit ==
                400000 - 1000 - 4000 - 4000 - 2000 - 30000); /* 42001 / 10.5 = 4000 */
    assert_true(p[1].profit == 300000 - 8000 - 38001 - 60000 - 24000 - 18000);
    /* What winning a customer cost is written off once, whatever the rounding. */
    int64_t sum = 0;
    for (int32_t period = 1; period <= 5; period++) {
        struct pv_cost_row r = rows[0];
        const int64_t nothing[PV_ACTIVITIES] = {0};
        r.period = period;
        assert_int_equal(pv_customer_profit(&r, 1, nothing, p), 0);
        sum += p[0].acquisition;
        assert_true(period <= 3 || p[0].acquisition == 0);
    }
    assert_true(sum == 90001);
    struct pv_cost_row idle = {.acquisition_periods = 1, .period = 1};
    assert_int_equal(pv_customer_profit(&idle, 1, pools, p), PV_ERR_EMPTY);
    assert_string_equal(pv_activity_code(PV_ACTIVITY_VISIT), "visit");
}

/* ---- sources --------------------------------------------------------------------------------- */

static void sources_add_up(void **state)
{
    (void)state;
    const struct pv_margin_line lines[] = {
        /* customer 0: two lines on the first day, then the same, then something new, dearer */
        {0, 10, 1, 1000, 1000, 600, 50, 50},
        {0, 10, 2, 500, 500, 300, 20, 20},
        {0, 40, 1, 900, 1000, 600, 30, 50},
        {0, 70, 7, 2200, 2000, 1500, 40, 60},
        {0, 90, 7, 2200, 2000, 1500, 40, 60},
        /* customer 2: only once; customer 1 has nothing */
        {2, 15, 4, 700, 650, 400, 80, 50},
    };
    int64_t s[3 * PV_SOURCES];
    assert_int_equal(pv_margin_sources(lines, 6, 3, s), 0);
    assert_true(s[PV_SOURCE_FIRST] == 350 + 180);
    assert_true(s[PV_SOURCE_REPEAT] == 350);
    assert_true(s[PV_SOURCE_CROSS] == 440 + 440); /* new since the first day stays cross-selling */
    assert_true(s[PV_SOURCE_SAVING] == 20 + 20 + 20);
    assert_true(s[PV_SOURCE_PREMIUM] == -100 + 200 + 200);
    assert_true(s[PV_SOURCE_REFERRAL] == 0);
    int64_t of[3] = {0}, actual[3] = {0};
    for (int c = 0; c < 3; c++)
        for (int k = 0; k < PV_SOURCES; k++)
            of[c] += s[c * PV_SOURCES + k];
    for (int i = 0; i < 6; i++)
        actual[lines[i].customer] += lines[i].revenue - lines[i].product_cost - lines[i].serve;
    assert_memory_equal(of, actual, sizeof of);
    const struct pv_margin_line wrong[] = {{0, 10, 1, 0, 0, 0, 0, 0}, {0, 9, 1, 0, 0, 0, 0, 0}};
    assert_int_equal(pv_margin_sources(wrong, 2, 1, s), PV_ERR_ORDER);
    const struct pv_margin_line huge = {0, 1, 1, INT64_MAX, INT64_MAX, -1, 0, 0};
    assert_int_equal(pv_margin_sources(&huge, 1, 1, s), PV_ERR_OVERFLOW);
    assert_string_equal(pv_source_code(PV_SOURCE_CROSS), "cross");
}

static void referrals(void **state)
{
    (void)state;
    const struct pv_referred r[] = {{365.25, false, 500, 120, 90}, {0, true, 800, 10, 90}};
    double v;
    assert_int_equal(pv_referral_value(r, 2, 0.1, &v), 0);
    near_relative(v, 470 / 1.1 + 90, 1e-14, "referred");
    assert_int_equal(pv_referral_value(r, 0, 0.1, &v), 0);
    assert_true(v == 0);
    assert_int_equal(pv_referral_value(r, 1, -1, &v), PV_ERR_ARGUMENT);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void the_bridge_stands(void **state)
{
    (void)state;
    enum { N = 500 };
    int64_t a[N], b[N];
    struct pv_bridge g;
    struct pv_rng rng;
    pv_rng_start(&rng, 9, 9);
    for (int i = 0; i < N; i++) {
        a[i] = i % 7 == 0 ? PV_NO_VALUE : (int64_t)(pv_rng_normal(&rng) * 1e6);
        b[i] = i % 5 == 0 ? PV_NO_VALUE : i % 3 == 0 ? a[i] : (int64_t)(pv_rng_normal(&rng) * 1e6);
    }
    assert_int_equal(pv_equity_bridge(a, b, N, &g), 0);
    assert_true(g.start == g.kept + g.shrunk + g.lost);
    assert_true(g.end == g.kept + g.grown + g.gained);
    int64_t start = 0;
    for (int i = 0; i < N; i++)
        start += a[i] == PV_NO_VALUE ? 0 : a[i];
    assert_true(g.start == start);
    const int64_t x[] = {100, 50, PV_NO_VALUE, 70, PV_NO_VALUE},
                  y[] = {130, 20, 10, PV_NO_VALUE, PV_NO_VALUE};
    assert_int_equal(pv_equity_bridge(x, y, 5, &g), 0);
    assert_true(g.kept == 120 && g.grown == 30 && g.shrunk == 30 && g.gained == 10 && g.lost == 70);
    assert_true(g.n_grown == 1 && g.n_shrunk == 1 && g.n_gained == 1 && g.n_lost == 1);
    const int64_t big[] = {INT64_MAX, INT64_MAX};
    assert_int_equal(pv_equity_bridge(big, big, 2, &g), PV_ERR_OVERFLOW);
}

static void the_whale_and_its_payback(void **state)
{
    (void)state;
    const int64_t profit[] = {-30, 100, 0, 50, -70, 50};
    struct pv_whale w;
    double curve[4];
    assert_int_equal(pv_whale_curve(profit, 6, 3, curve, &w), 0);
    assert_true(w.total == 100 && w.peak == 200 && w.peak_at == 3 && w.losing == 2);
    assert_true(curve[0] == 0 && curve[1] == 150 && curve[2] == 200 && curve[3] == 100);
    assert_int_equal(pv_whale_curve(profit, 0, 1, curve, &w), 0);
    assert_true(w.total == 0 && curve[1] == 0);
    const int32_t day[] = {5, 9, 30};
    const int64_t margin[] = {40, -10, 80};
    int32_t when;
    assert_int_equal(pv_acquisition_payback(100, day, margin, 3, &when), 0);
    assert_int_equal(when, 30);
    assert_int_equal(pv_acquisition_payback(40, day, margin, 3, &when), 0);
    assert_int_equal(when, 5);
    assert_int_equal(pv_acquisition_payback(111, day, margin, 3, &when), 0);
    assert_int_equal(when, PV_NO_DAY);
}

/* ---- uncertain relations ----------------------------------------------------------------------
 */

#define FIXED(v)                                                                                   \
    {                                                                                              \
        PV_SHAPE_FIXED, (v), 0, 0                                                                  \
    }

static void a_certain_relation_is_its_npv(void **state)
{
    (void)state;
    const struct pv_element e[] = {
        {false, FIXED(500), FIXED(5), FIXED(0), FIXED(1)},
        {true, FIXED(10), FIXED(5), FIXED(0), FIXED(1)},
        {false, FIXED(100), FIXED(3), FIXED(0.09), FIXED(0.5)},
    };
    struct pv_erv v;
    double part[3], share[3];
    assert_int_equal(pv_relation_erv(e, 3, 0.09, 1, 100, &v, part, share), 0);
    near_relative(v.mean, 490 * 3.889651263 + 0.5 * 3 * 100 / 1.09, 1e-9, "npv");
    assert_true(v.sd < 1e-9 && v.p_negative == 0 && isnan(share[0]));
    near_relative(part[1], -10 * 3.889651263, 1e-9, "cost");
}

static void an_uncertain_relation(void **state)
{
    (void)state;
    const struct pv_element e[] = {
        {false, {PV_SHAPE_NORMAL, 1000, 300, 0}, FIXED(1), FIXED(0), FIXED(1)},
        {true, {PV_SHAPE_TRIANGULAR, 200, 400, 900}, FIXED(1), FIXED(0), FIXED(1)},
        {true, FIXED(300), FIXED(1), FIXED(0), FIXED(1)},
    };
    struct pv_erv v, again, longer;
    double part[3], share[3];
    enum { DRAWS = 200000 };
    assert_int_equal(pv_relation_erv(e, 3, 0, 7, DRAWS, &v, part, share), 0);
    /* triangular: mean (a+b+c)/3, variance (a2+b2+c2-ab-ac-bc)/18 */
    double tv = (200. * 200 + 400 * 400 + 900 * 900 - 200 * 400 - 200 * 900 - 400 * 900) / 18;
    double sd = sqrt(300 * 300 + tv), error = sd / sqrt(DRAWS);
    assert_true(fabs(v.mean - (1000 - 500 - 300)) < 4 * error);
    near_relative(v.sd, sd, 0.01, "sd");
    near_relative(share[0], 90000 / (90000 + tv), 0.02, "variance of the benefit");
    assert_true(fabs(share[0] + share[1] + share[2] - 1) < 1e-9 && fabs(share[2]) < 1e-12);
    near_relative(part[0] + part[1] + part[2], v.mean, 1e-9, "parts");
    assert_true(v.range.low95 < v.range.low80 && v.range.low80 < v.range.high80 &&
                v.range.high80 < v.range.high95);
    assert_true(fabs(v.p_negative - 0.5 * erfc(200 / sd / sqrt(2))) < 0.01);
    assert_int_equal(pv_relation_erv(e, 3, 0, 7, DRAWS, &again, part, NULL), 0);
    assert_memory_equal(&v, &again, sizeof v);
    /* An element more changes no draw of the others. */
    double first = part[0], four[4];
    const struct pv_element more[] = {e[0], e[1], e[2], e[0]};
    assert_int_equal(pv_relation_erv(more, 4, 0, 7, DRAWS, &longer, four, NULL), 0);
    assert_true(four[0] == first);
    struct pv_element bad = e[1];
    bad.amount.b = 1000; /* a mode above the most */
    assert_int_equal(pv_relation_erv(&bad, 1, 0, 7, 100, &v, NULL, NULL), PV_ERR_ARGUMENT);
}

/* ---- elasticity ------------------------------------------------------------------------------ */

static void elasticities_come_back(void **state)
{
    (void)state;
    enum { SEGMENTS = 6, EACH = 120, N = SEGMENTS * EACH };
    static double q[N], p[N];
    static uint32_t s[N];
    const double truth[SEGMENTS] = {-1.6, -1.9, -1.2, -1.5, -2.1, -1.4};
    struct pv_elasticity e[SEGMENTS], all;
    struct pv_rng rng;
    pv_rng_start(&rng, 4, 4);
    for (int i = 0; i < N; i++) {
        s[i] = (uint32_t)(i % SEGMENTS);
        p[i] = 100 * exp(0.2 * pv_rng_normal(&rng));
        q[i] = exp(8 + truth[s[i]] * log(p[i]) + 0.3 * pv_rng_normal(&rng));
    }
    assert_int_equal(pv_price_elasticity(q, p, s, N, SEGMENTS, e, &all), 0);
    int inside = 0;
    for (int k = 0; k < SEGMENTS; k++) {
        assert_true(e[k].told && fabs(e[k].value - truth[k]) < 4 * e[k].std_error);
        inside += e[k].low95 <= truth[k] && truth[k] <= e[k].high95;
    }
    assert_true(inside >= 5);
    assert_true(fabs(all.value + 1.62) < 0.3);
    /* One price only: nothing can be told, of all others it still can. */
    for (int i = 0; i < N; i++)
        if (s[i] == 2)
            p[i] = 100 + 0.1 * (i % 3);
    assert_int_equal(pv_price_elasticity(q, p, s, N, SEGMENTS, e, &all), 0);
    assert_true(!e[2].told && isnan(e[2].value) && e[1].told && all.told);
    for (int i = 0; i < N; i++)
        p[i] = 100;
    assert_int_equal(pv_price_elasticity(q, p, s, N, SEGMENTS, e, &all), 0);
    assert_true(!all.told && isnan(all.low95));
    p[5] = 0;
    assert_int_equal(pv_price_elasticity(q, p, s, N, SEGMENTS, e, &all), PV_ERR_ARGUMENT);
}

static void the_lifecycle_is_the_margin(void **state)
{
    (void)state;
    const int64_t dear[PV_SOURCES] = {70000, 30000, 12000, 4000, 0, -2500};
    struct pv_lifecycle l;
    assert_int_equal(pv_lifecycle_profit(dear, 9000, 20000, 500, &l), 0);
    assert_int_equal(l.base, 100000);
    assert_int_equal(l.growth, 12000);
    assert_int_equal(l.premium, 0);
    assert_int_equal(l.concession, 2500);
    assert_int_equal(l.profit, 113500 + 9000 - 20000 - 500);
    const int64_t loyal[PV_SOURCES] = {10, 0, 0, 0, 7, 3};
    assert_int_equal(pv_lifecycle_profit(loyal, 0, 0, 0, &l), 0);
    assert_int_equal(l.premium, 3);
    assert_int_equal(l.referral, 7);
    assert_int_equal(l.profit, 20);
    assert_int_equal(pv_lifecycle_profit(loyal, 0, -1, 0, &l), PV_ERR_ARGUMENT);
    const int64_t much[PV_SOURCES] = {INT64_MAX, 1, 0, 0, 0, 0};
    assert_int_equal(pv_lifecycle_profit(much, 0, 0, 0, &l), PV_ERR_OVERFLOW);
    assert_int_equal(l.profit, 20); /* untouched */
    int64_t total = 0;
    const struct pv_engagement e = {100, 20, 3, -4, 5};
    assert_int_equal(pv_engagement_value(&e, &total), 0);
    assert_int_equal(total, 124);
    const struct pv_engagement most = {INT64_MAX, 1, 0, 0, 0};
    assert_int_equal(pv_engagement_value(&most, &total), PV_ERR_OVERFLOW);
}

/* 100.00 two years ago and 50.00 one year ago at 10 %: 121.00 + 55.00. */
static void what_was_and_what_comes(void **state)
{
    (void)state;
    const int64_t cash[] = {10000, 5000, -1};
    const int32_t day[] = {0, 365, 731}; /* years of 365.25 days: 2.00137, 1.00205 and 0 */
    struct pv_lifetime_value v;
    double want = 10000 * pow(1.1, 731 / 365.25) + 5000 * pow(1.1, 366 / 365.25) - 1;
    assert_int_equal(pv_lifetime_split(cash, day, 3, 731, 0.1, 20.01, 100.0, &v), 0);
    assert_int_equal(v.realised, llround(want));
    assert_int_equal(v.residual, 2001);
    assert_int_equal(v.lifetime, v.realised + v.residual);
    assert_int_equal(pv_lifetime_split(cash, day, 3, 731, 0.0, 0.0, 100.0, &v), 0);
    assert_int_equal(v.lifetime, 14999);
    const int64_t large[] = {INT64_C(9007199254740993)}; /* no double */
    assert_int_equal(pv_lifetime_split(large, day, 1, 731, 0.0, 0.0, 100.0, &v), 0);
    assert_int_equal(v.realised, large[0]);
    assert_int_equal(pv_lifetime_split(cash, day, 3, 730, 0.1, 0.0, 100.0, &v), PV_ERR_ARGUMENT);
    assert_int_equal(pv_lifetime_split(cash, day, 3, 731, NAN, 0.0, 100.0, &v), PV_ERR_ARGUMENT);
    assert_int_equal(pv_lifetime_split(cash, day, 3, 731, 0.1, 1e30, 100.0, &v), PV_ERR_OVERFLOW);
    struct pv_win_keep k;
    assert_int_equal(pv_win_to_keep(600000, 20, 120000, 24, &k), 0);
    assert_true(k.win == 30000 && k.keep == 5000 && k.ratio == 6);
    assert_int_equal(pv_win_to_keep(600000, 0, 120000, 24, &k), PV_ERR_EMPTY);
    assert_int_equal(pv_win_to_keep(600000, 20, 0, 24, &k), PV_ERR_EMPTY);
    assert_int_equal(pv_win_to_keep(-1, 20, 1, 24, &k), PV_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lifecycle_is_the_margin),
        cmocka_unit_test(what_was_and_what_comes),
        cmocka_unit_test(pools_are_spread_to_the_cent),
        cmocka_unit_test(profit_by_activity),
        cmocka_unit_test(sources_add_up),
        cmocka_unit_test(referrals),
        cmocka_unit_test(the_bridge_stands),
        cmocka_unit_test(the_whale_and_its_payback),
        cmocka_unit_test(a_certain_relation_is_its_npv),
        cmocka_unit_test(an_uncertain_relation),
        cmocka_unit_test(elasticities_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
