/* Textbook lifetime values against worked examples, recomputed by hand to the cent, and the laws of
   brand switching on random matrices. */
#include "value_test.h"

#include "patron_textbook.h"

static void near_cents(double got, double want, const char *what)
{
    if (!(fabs(got - want) < 0.00006))
        fail_msg("%s: got %.6f, want %.4f", what, got, want);
}

/* ---- accounts -------------------------------------------------------------------------------- */

static const struct pv_account example_1 = {.years = 5,
                                            .rate = 0.09,
                                            .timing = PV_TIMING_END,
                                            .first_income = 2000,
                                            .first_product_cost = NAN,
                                            .acquisition = 400,
                                            .income = {.same = 500},
                                            .product_cost = {.same = NAN},
                                            .service = {.same = 10},
                                            .overhead = {.same = NAN}};

static double account(enum pv_account_model model, const struct pv_account *a)
{
    double v = -1;
    unsigned missing = 99;
    assert_int_equal(pv_account_value(model, a, &v, &missing), 0);
    assert_int_equal(missing, 0);
    return v;
}

static void accounts_of_example_1(void **state)
{
    (void)state;
    struct pv_account a = example_1;
    near_cents(account(PV_ACCOUNT_INCOME, &a), 3944.8256, "income");
    near_cents(account(PV_ACCOUNT_CONTRIBUTION, &a), 3505.9291, "contribution");
    a.timing = PV_TIMING_START;
    near_cents(account(PV_ACCOUNT_INCOME, &a), 4119.8599, "income at the start of years");
    near_cents(account(PV_ACCOUNT_CONTRIBUTION, &a), 3677.4627, "contribution, start of years");
    a = example_1;
    a.acquisition = 0;
    near_cents(account(PV_ACCOUNT_CONTRIBUTION, &a), 3905.9291, "service cost only");
    a = example_1;
    a.service.same = 0;
    near_cents(account(PV_ACCOUNT_CONTRIBUTION, &a), 3544.8256, "acquisition only");
    const double grown[] = {500, 1000, 1500, 2000, 2500};
    a.income = (struct pv_yearly){.each = grown};
    near_cents(account(PV_ACCOUNT_INCOME, &a), 7500.3497, "each year its own income");
}

/* Whoever brings more may be worth less. */
static void the_ranking_turns_round(void **state)
{
    (void)state;
    struct pv_account a = example_1, b = example_1;
    a.first_income = a.acquisition = b.first_income = b.acquisition = 0;
    a.service.same = 200;
    b.income.same = 450;
    b.service.same = 100;
    near_cents(account(PV_ACCOUNT_INCOME, &a), 1944.8256, "A, income");
    near_cents(account(PV_ACCOUNT_INCOME, &b), 1750.3431, "B, income");
    near_cents(account(PV_ACCOUNT_CONTRIBUTION, &a), 1166.8954, "A, contribution");
    double of_b = account(PV_ACCOUNT_CONTRIBUTION, &b), change;
    near_cents(of_b, 1361.3779, "B, contribution");
    /* A is ahead only while its service costs less than 150. */
    assert_int_equal(
        pv_account_break_even(PV_ACCOUNT_CONTRIBUTION, &a, PV_INPUT_SERVICE, of_b, &change), 0);
    near_cents(a.service.same + change, 150, "break-even");
    assert_int_equal(pv_account_break_even(PV_ACCOUNT_INCOME, &a, PV_INPUT_SERVICE, of_b, &change),
                     0);
    assert_true(isnan(change)); /* does not enter that model */
}

static void without_costs_there_is_no_profit(void **state)
{
    (void)state;
    struct pv_account a = example_1;
    double v = 1;
    unsigned missing = 0;
    assert_int_equal(pv_account_value(PV_ACCOUNT_PROFIT, &a, &v, &missing), 0);
    assert_true(isnan(v));
    assert_int_equal(missing, PV_MISSING_PRODUCT_COST | PV_MISSING_OVERHEAD);
    a.first_product_cost = 900;
    a.product_cost.same = 200;
    a.overhead.same = 30;
    /* 2000 - 900 - 400 + (500 - 200 - 10 - 30) a5 */
    near_cents(account(PV_ACCOUNT_PROFIT, &a), 700 + 260 * 3.88965126, "profit");
    double change;
    assert_int_equal(pv_account_break_even(PV_ACCOUNT_PROFIT, &a, PV_INPUT_ACQUISITION, 0, &change),
                     0);
    near_cents(change, account(PV_ACCOUNT_PROFIT, &a), "the acquisition that just pays");
    int year = 0;
    a.acquisition = 1700; /* -600 now, then 238.53, 218.84, 200.77: in the third year */
    assert_int_equal(pv_account_payback(PV_ACCOUNT_PROFIT, &a, &year), 0);
    assert_int_equal(year, 3);
    a.acquisition = 1100;
    assert_int_equal(pv_account_payback(PV_ACCOUNT_PROFIT, &a, &year), 0);
    assert_int_equal(year, 0);
    a.acquisition = 1e6;
    assert_int_equal(pv_account_payback(PV_ACCOUNT_PROFIT, &a, &year), 0);
    assert_int_equal(year, -1);
    a.years = 0;
    assert_int_equal(pv_account_value(PV_ACCOUNT_PROFIT, &a, &v, &missing), PV_ERR_ARGUMENT);
    a.years = 5;
    a.rate = -1;
    assert_int_equal(pv_account_value(PV_ACCOUNT_PROFIT, &a, &v, &missing), PV_ERR_ARGUMENT);
}

/* ---- retention, migration, events, drivers ----------------------------------------------------
 */

static void retention_of_berger_and_nasr(void **state)
{
    (void)state;
    struct pv_retention r = {
        .years = 10, .rate = 0.2, .retention = 0.75, .margin = 260, .promotion = 50};
    double v, finite;
    assert_int_equal(pv_retention_value(&r, &v), 0);
    near_cents(v, 568.7831, "case 1"); /* published 568.78 */
    r.promotion = 0;
    assert_int_equal(pv_retention_value(&r, &v), 0);
    near_cents(v, 689.3922, "gross contribution");
    r.promotion = 50;
    r.years = PV_FOREVER;
    assert_int_equal(pv_retention_value(&r, &v), 0);
    r.years = 400;
    assert_int_equal(pv_retention_value(&r, &finite), 0);
    near_relative(v, finite, 1e-12, "forever");
    double margins[11];
    for (int i = 0; i < 11; i++)
        margins[i] = 260;
    r.years = 10;
    r.margins = margins;
    assert_int_equal(pv_retention_value(&r, &v), 0);
    near_cents(v, 568.7831, "margins by year");
    r.retention = 1.01;
    assert_int_equal(pv_retention_value(&r, &v), PV_ERR_ARGUMENT);
    r = (struct pv_retention){.years = PV_FOREVER, .rate = 0, .retention = 1, .margin = 1};
    assert_int_equal(pv_retention_value(&r, &v), PV_ERR_ARGUMENT); /* has no sum */
}

static void migration_of_dwyer_and_pfeifer(void **state)
{
    (void)state;
    const double buy[] = {.30, .20, .15, .05}, rewards[] = {36, -4, -4, -4, 0};
    const double buyers[] = {1, .3, .23, .195, .1397, .09567, .070113};
    double p[25], v[5], b[7];
    assert_int_equal(pv_migration_buyers(4, buy, 6, b), 0);
    for (int i = 0; i < 7; i++)
        assert_true(fabs(b[i] - buyers[i]) < 5e-7);
    assert_int_equal(pv_migration_of_recency(4, buy, p), 0);
    const double four[] = {50.1150, 4.2199, 0.5921, -1.9801, 0};
    const double forever[] = {52.3196, 5.5538, 1.2508, -1.8200, 0};
    assert_int_equal(pv_migration_value(5, p, rewards, 0.2, 4, v), 0);
    for (int i = 0; i < 5; i++)
        near_cents(v[i], four[i], "four periods");
    assert_int_equal(pv_migration_value(5, p, rewards, 0.2, PV_FOREVER, v), 0);
    for (int i = 0; i < 5; i++)
        near_cents(v[i], forever[i], "forever");
    p[0] = 0.31; /* a row that sums to 1.01 */
    assert_int_equal(pv_migration_value(5, p, rewards, 0.2, 4, v), PV_ERR_ARGUMENT);
}

static void events_by_month(void **state)
{
    (void)state;
    const struct pv_event e[] = {
        {0, 1, 100, 40}, {365.25, .5, 1000, 200}, {45, .25, 400, 0}, {40000, 1, 1e9, 0}};
    double months[14], v;
    assert_int_equal(pv_events_value(e, 3, 0.1, 14, months, &v), 0);
    near_relative(months[0], 60, 1e-14, "now");
    near_relative(months[1], 100 * pow(1.1, -45 / 365.25), 1e-14, "in 45 days");
    near_relative(months[12], 400 / 1.1, 1e-14, "in a year");
    near_relative(v, months[0] + months[1] + months[12], 1e-14, "sum");
    double all;
    assert_int_equal(pv_events_value(e, 4, 0.1, 14, months, &all), 0);
    assert_true(all > v); /* beyond the table, and counted */
    const struct pv_event bad = {1, 1.5, 1, 0};
    assert_int_equal(pv_events_value(&bad, 1, 0.1, 0, NULL, &v), PV_ERR_ARGUMENT);
}

static void drivers_and_their_tornado(void **state)
{
    (void)state;
    const struct pv_drivers d = {12, 250, 0.6, 70, 100, 140};
    double v, base;
    assert_int_equal(pv_drivers_profit(&d, &v), 0);
    near_cents(v, 12 * 250 * 0.6 * 0.3 - 140, "relationship profit");
    struct pv_relation r = {.driver = {[PV_DRIVER_HORIZON] = 5,
                                       [PV_DRIVER_DISCOUNT] = 0.09,
                                       [PV_DRIVER_RETENTION] = 1,
                                       [PV_DRIVER_MAINTENANCE] = 10,
                                       [PV_DRIVER_MARGIN] = 1},
                            .income = 500,
                            .acquisition = -1600, /* 2000 - 400 at once */
                            .timing = PV_TIMING_END};
    assert_int_equal(pv_relation_value(&r, &base), 0);
    near_cents(base, 3505.9291, "the same relation as an account");
    r.driver[PV_DRIVER_RETENTION] = 0.8;
    r.driver[PV_DRIVER_REFERRAL] = 0.1;
    r.driver[PV_DRIVER_MARKETING] = 20;
    r.driver[PV_DRIVER_GROWTH] = 0.05;
    r.referred_value = 300;
    assert_int_equal(pv_relation_value(&r, &base), 0);
    double sum = 1600; /* written out */
    for (int t = 1; t <= 5; t++)
        sum += pow(.8, t - 1) * (500 * pow(1.05, t - 1) + .1 * 300 - 30) / pow(1.09, t);
    near_relative(base, sum, 1e-14, "written out");
    double low[PV_DRIVERS], high[PV_DRIVERS];
    for (int i = 0; i < PV_DRIVERS; i++) {
        low[i] = r.driver[i] * 0.9;
        high[i] = r.driver[i] * 1.1;
    }
    low[PV_DRIVER_HORIZON] = 4;
    high[PV_DRIVER_HORIZON] = 6;
    struct pv_swing s[PV_DRIVERS];
    assert_int_equal(pv_relation_tornado(&r, low, high, s), 0);
    unsigned seen = 0;
    for (int i = 0; i < PV_DRIVERS; i++) {
        seen |= 1u << s[i].driver;
        assert_true(i == 0 || fabs(s[i].value_high - s[i].value_low) <=
                                  fabs(s[i - 1].value_high - s[i - 1].value_low));
    }
    assert_int_equal(seen, (1u << PV_DRIVERS) - 1);
    assert_int_equal(s[0].driver, PV_DRIVER_RETENTION);
    low[PV_DRIVER_HORIZON] = 4.5;
    assert_int_equal(pv_relation_tornado(&r, low, high, s), PV_ERR_ARGUMENT);
    assert_string_equal(pv_driver_code(PV_DRIVER_MARGIN), "margin");
    assert_string_equal(pv_timing_code(PV_TIMING_MIDDLE), "middle");
}

static void lifetime_of_a_group(void **state)
{
    (void)state;
    double v;
    assert_int_equal(pv_group_lifetime(20, 100, &v), 0);
    near_cents(v, 5, "a fifth a year");
    assert_int_equal(pv_group_lifetime(10, 100, &v), 0);
    near_cents(v, 10, "a tenth a year");
    assert_int_equal(pv_group_lifetime(0, 100, &v), 0);
    assert_true(isinf(v));
    assert_int_equal(pv_group_lifetime(101, 100, &v), PV_ERR_ARGUMENT);
}

/* ---- switching ------------------------------------------------------------------------------- */

static const double shares[] = {.6, .3, .1};
static const double matrix[] = {.7, .2, .1, .1, .8, .1, .25, .15, .6};
static const struct pv_switching example_4 = {.brands = 3,
                                              .share = shares,
                                              .matrix = matrix,
                                              .contribution = 500,
                                              .per_year = 1,
                                              .rate = .09,
                                              .purchases = 2,
                                              .timing = PV_TIMING_END,
                                              .first = 1,
                                              .advance = true};

static void shares_of_example_3(void **state)
{
    (void)state;
    const double want[][3] = {
        {.6, .3, .1}, {.475, .375, .15}, {.4075, .4175, .175}, {.37075, .44175, .1875}};
    double s[3];
    for (int k = 0; k < 4; k++) {
        assert_int_equal(pv_switching_share(&example_4, k, s), 0);
        for (int j = 0; j < 3; j++)
            assert_true(fabs(s[j] - want[k][j]) < 1e-15);
    }
    assert_int_equal(pv_switching_share(&example_4, PV_FOREVER, s), 0);
    assert_true(fabs(s[0] - 13. / 40) < 1e-14 && fabs(s[1] - 19. / 40) < 1e-14 &&
                fabs(s[2] - .2) < 1e-14);
    const double loyal[] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    struct pv_switching two_worlds = example_4;
    two_worlds.matrix = loyal; /* every share is steady */
    assert_int_equal(pv_switching_share(&two_worlds, PV_FOREVER, s), PV_ERR_ARGUMENT);
    const double turned[] = {.7, .1, .25, .2, .8, .15, .1, .1, .6}; /* columns for rows */
    two_worlds.matrix = turned;
    assert_int_equal(pv_switching_share(&two_worlds, 1, s), PV_ERR_ARGUMENT);
}

/* The readings of "two years, one purchase a year, 9 %". */
static void readings_of_example_4(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int purchases, first;
        enum pv_timing timing;
        bool current, constant;
        double want[3];
    } readings[] = {
        {"a", 2, 1, PV_TIMING_END, false, false, {389.3822, 347.7190, 142.4543}},
        {"b", 2, 0, PV_TIMING_START, false, false, {517.8899, 322.0183, 118.8073}},
        {"c", 2, 1, PV_TIMING_END, true, false, {689.3822, 497.7190, 192.4543}},
        {"d", 2, 1, PV_TIMING_START, false, false, {424.4266, 379.0138, 155.2752}},
        {"e", 2, 0, PV_TIMING_END, false, false, {475.1284, 295.4297, 108.9976}},
        {"f", 2, 0, PV_TIMING_END, false, true, {527.7334, 263.8667, 87.9556}},
        {"g", 2, 1, PV_TIMING_END, false, true, {417.7889, 329.8333, 131.9333}},
        {"h", 2, 1, PV_TIMING_MIDDLE, false, false, {406.5270, 363.0293, 148.7267}},
        {"a forever",
         PV_FOREVER,
         1,
         PV_TIMING_END,
         false,
         false,
         {1945.6455, 2541.1718, 1068.7382}},
    };
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        struct pv_switching s = example_4;
        double v[3];
        s.purchases = readings[i].purchases;
        s.first = readings[i].first;
        s.timing = readings[i].timing;
        s.current = readings[i].current;
        s.advance = !readings[i].constant;
        assert_int_equal(pv_switching_value(&s, v), 0);
        for (int j = 0; j < 3; j++)
            near_cents(v[j], readings[i].want[j], readings[i].name);
    }
}

static void value_after(size_t from, size_t to, double change, enum pv_give_way way, size_t giver,
                        size_t from2, double change2, double *v)
{
    double m[9];
    struct pv_switching s = example_4;
    memcpy(m, matrix, sizeof m);
    s.matrix = m;
    assert_int_equal(pv_switching_move(3, m, from, to, change, way, giver), 0);
    if (change2 > 0)
        assert_int_equal(pv_switching_move(3, m, from2, to, change2, PV_GIVE_WAY_ONE, 1), 0);
    assert_int_equal(pv_switching_value(&s, v), 0);
}

static void sensitivity_of_example_4(void **state)
{
    (void)state;
    static const struct {
        size_t from;
        double change;
        enum pv_give_way way;
        double change2, want[3];
    } lines[] = {
        {0, .1, PV_GIVE_WAY_ONE, 0, {454.5703, 282.5309, 142.4543}},
        {0, .1, PV_GIVE_WAY_PROPORTIONAL, 0, {453.3078, 304.6811, 121.5666}},
        {0, .1, PV_GIVE_WAY_EQUAL, 0, {452.6765, 315.7562, 111.1228}},
        {2, .05, PV_GIVE_WAY_ONE, 0, {396.0946, 341.0066, 142.4543}},
        {0, .1, PV_GIVE_WAY_ONE, .05, {461.4931, 275.6081, 142.4543}},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        double v[3];
        value_after(lines[i].from, 0, lines[i].change, lines[i].way, 1, 2, lines[i].change2, v);
        for (int j = 0; j < 3; j++)
            near_cents(v[j], lines[i].want[j], "sensitivity");
    }
    double slope[3];
    const double want[] = {614.006, -413.546, -200.460};
    assert_int_equal(pv_switching_slope(&example_4, 0, 0, PV_GIVE_WAY_PROPORTIONAL, 0, slope), 0);
    for (int j = 0; j < 3; j++)
        assert_true(fabs(slope[j] - want[j]) < 0.0006);
    double m[9];
    memcpy(m, matrix, sizeof m);
    assert_int_equal(pv_switching_move(3, m, 0, 0, .25, PV_GIVE_WAY_ONE, 1), PV_ERR_ARGUMENT);
    assert_memory_equal(m, matrix, sizeof m); /* nothing half done */
    assert_int_equal(pv_switching_move(3, m, 0, 0, .1, PV_GIVE_WAY_ONE, 0), PV_ERR_ARGUMENT);
}

/* ---- laws ------------------------------------------------------------------------------------ */

static size_t random_chain(struct pv_rng *rng, double *share, double *m)
{
    size_t n = 2 + (size_t)(pv_rng_uniform(rng) * 4);
    for (size_t i = 0; i <= n; i++) {
        double *row = i < n ? m + i * n : share, sum = 0;
        for (size_t j = 0; j < n; j++)
            sum += row[j] = pv_rng_gamma(rng, 0.7);
        for (size_t j = 0; j < n; j++)
            row[j] /= sum;
    }
    return n;
}

/* Moving probability in any row from B to A never lowers A nor raises B; the sum over brands is an
   annuity; slopes are what small moves make. */
static void laws_of_switching(void **state)
{
    (void)state;
    struct pv_rng rng;
    pv_rng_start(&rng, 20, 1);
    for (int trial = 0; trial < 4000; trial++) {
        double share[5], m[25], moved[25], v[5], w[5], slope[5];
        size_t n = random_chain(&rng, share, m);
        int horizon = trial % 11 == 0 ? PV_FOREVER : 1 + trial % 10;
        struct pv_switching s = {.brands = n,
                                 .share = share,
                                 .matrix = m,
                                 .contribution = 100,
                                 .per_year = 1 + trial % 3,
                                 .rate = 0.02 + 0.2 * pv_rng_uniform(&rng),
                                 .purchases = horizon,
                                 .timing = (enum pv_timing)(trial % 3),
                                 .first = trial / 3 % 2,
                                 .current = trial % 2,
                                 .advance = trial % 5 != 0};
        assert_int_equal(pv_switching_value(&s, v), 0);
        double sum = 0, step = pow(1 + s.rate, -1 / s.per_year);
        double first = pow(step, s.timing == PV_TIMING_START    ? 0
                                 : s.timing == PV_TIMING_MIDDLE ? .5
                                                                : 1);
        double annuity = horizon == PV_FOREVER ? first / (1 - step)
                                               : first * (1 - pow(step, horizon)) / (1 - step);
        for (size_t j = 0; j < n; j++)
            sum += v[j];
        near_relative(sum, 100 * (annuity + s.current), 1e-10, "annuity");

        size_t row = (size_t)(pv_rng_uniform(&rng) * (double)n), a = (size_t)trial % n;
        size_t b = (a + 1) % n;
        double move = m[row * n + b] * pv_rng_uniform(&rng);
        memcpy(moved, m, sizeof moved);
        assert_int_equal(pv_switching_move(n, moved, row, a, move, PV_GIVE_WAY_ONE, b), 0);
        s.matrix = moved;
        assert_int_equal(pv_switching_value(&s, w), 0);
        assert_true(w[a] >= v[a] - 1e-8 && w[b] <= v[b] + 1e-8);

        enum pv_give_way way = (enum pv_give_way)(trial / 7 % 3);
        double small = 1e-5 * m[row * n + b] * m[row * n + a];
        s.matrix = m;
        assert_int_equal(pv_switching_slope(&s, row, a, way, b, slope), 0);
        memcpy(moved, m, sizeof moved);
        if (small < 1e-9 || pv_switching_move(n, moved, row, a, small, way, b) != 0)
            continue;
        s.matrix = moved;
        assert_int_equal(pv_switching_value(&s, w), 0);
        for (size_t j = 0; j < n; j++)
            assert_true(fabs((w[j] - v[j]) / small - slope[j]) < 1e-3 * (1 + fabs(slope[j])));
    }
}

static void a_matrix_from_purchases(void **state)
{
    (void)state;
    const uint32_t bought[] = {0, 0, 1, 0, 2, 2, 2, 1, 0};
    const uint64_t start[] = {0, 4, 4, 8, 9};
    double m[9], sd[9];
    assert_int_equal(pv_switching_estimate(3, start, 4, bought, 0, m, sd), 0);
    const double want[] = {.5, .5, 0, 1, 0, 0, 0, 1. / 3, 2. / 3};
    for (int i = 0; i < 9; i++)
        assert_true(fabs(m[i] - want[i]) < 1e-15);
    assert_int_equal(pv_switching_estimate(3, start, 4, bought, 1, m, sd), 0);
    near_relative(m[0], 2. / 5, 1e-15, "smoothed");
    near_relative(sd[0], sqrt(.4 * .6 / 6), 1e-15, "its spread");
    const uint32_t nobody[] = {7};
    const uint64_t one[] = {0, 1};
    assert_int_equal(pv_switching_estimate(3, one, 1, nobody, 1, m, sd), PV_ERR_ARGUMENT);
    /* From enough purchases the true matrix comes back. */
    struct pv_rng rng;
    pv_rng_start(&rng, 3, 3);
    enum { N = 60000 };
    uint32_t *seq = calloc(N, sizeof *seq);
    for (int i = 1; i < N; i++) {
        double u = pv_rng_uniform(&rng);
        const double *row = matrix + 3 * seq[i - 1];
        seq[i] = u < row[0] ? 0 : u < row[0] + row[1] ? 1 : 2;
    }
    const uint64_t whole[] = {0, N};
    assert_int_equal(pv_switching_estimate(3, whole, 1, seq, 0.5, m, sd), 0);
    for (int i = 0; i < 9; i++)
        assert_true(fabs(m[i] - matrix[i]) < 4 * sd[i]);
    free(seq);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_of_example_1),
        cmocka_unit_test(the_ranking_turns_round),
        cmocka_unit_test(without_costs_there_is_no_profit),
        cmocka_unit_test(retention_of_berger_and_nasr),
        cmocka_unit_test(migration_of_dwyer_and_pfeifer),
        cmocka_unit_test(events_by_month),
        cmocka_unit_test(drivers_and_their_tornado),
        cmocka_unit_test(lifetime_of_a_group),
        cmocka_unit_test(shares_of_example_3),
        cmocka_unit_test(readings_of_example_4),
        cmocka_unit_test(sensitivity_of_example_4),
        cmocka_unit_test(laws_of_switching),
        cmocka_unit_test(a_matrix_from_purchases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
