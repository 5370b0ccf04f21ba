/* Segments, cohorts and rhythms, counted by hand. */
#include "value_test.h"

#include "patron_cohorts.h"

#include <time.h>

static int32_t day_of(int y, int m, int d)
{
    struct tm t = {.tm_year = y - 1900, .tm_mon = m - 1, .tm_mday = d};
    return (int32_t)(timegm(&t) / 86400);
}

struct order {
    uint32_t customer;
    int y, m, d;
    int64_t amount;
};

static struct pv_history *history_of(const struct order *o, size_t n, size_t customers)
{
    struct pv_builder *b = NULL;
    struct pv_history *h = NULL;
    assert_int_equal(pv_builder_new(PV_RETURNS_NET, &b), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(
            pv_builder_add(b, o[i].customer, day_of(o[i].y, o[i].m, o[i].d), o[i].amount), 0);
    assert_int_equal(pv_builder_finish(b, customers, &h, NULL), 0);
    pv_builder_free(b);
    return h;
}

/* ---- RFM ------------------------------------------------------------------------------------- */

static void own_edges_give_the_same_scores(void **state)
{
    (void)state;
    enum { N = 400 };
    static struct pv_customer rows[N];
    static struct pv_rfm by_fifths[N], by_edges[N];
    struct pv_rfm_edges edges;
    struct pv_rng rng;
    pv_rng_start(&rng, 12, 1);
    for (int i = 0; i < N; i++) {
        int32_t T = 30 + (int32_t)(pv_rng_uniform(&rng) * 600);
        int32_t x = (int32_t)pv_rng_poisson(&rng, 2.0);
        rows[i] = (struct pv_customer){.x = x,
                                       .T = i % 50 == 0 ? -1 : T,
                                       .t_x = x ? (int32_t)(pv_rng_uniform(&rng) * T) : 0,
                                       .revenue = (int64_t)(pv_rng_gamma(&rng, 2) * 1e4)};
    }
    assert_int_equal(pv_rfm_scores(rows, N, by_fifths, &edges), 0);
    assert_int_equal(pv_rfm_by_edges(rows, N, &edges, by_edges), 0);
    assert_memory_equal(by_fifths, by_edges, sizeof by_edges);
    edges.money[3] = edges.money[2] - 1;
    assert_int_equal(pv_rfm_by_edges(rows, N, &edges, by_edges), PV_ERR_ARGUMENT);
}

static void segments_and_what_they_hold(void **state)
{
    (void)state;
    const struct pv_rfm s[] = {{5, 5, 5}, {1, 5, 5}, {5, 1, 1}, {1, 1, 1},
                               {3, 2, 3}, {0, 0, 0}, {5, 4, 5}};
    struct pv_customer rows[7] = {{0}};
    uint8_t got[7];
    struct pv_segment_sum sums[256];
    for (int i = 0; i < 7; i++)
        rows[i].revenue = 100 << i;
    assert_int_equal(pv_rfm_segments(&pv_segment_usual, s, rows, 7, got, sums), 0);
    const uint8_t want[] = {PV_SEGMENT_CHAMPIONS, PV_SEGMENT_CANNOT_LOSE, PV_SEGMENT_NEW,
                            PV_SEGMENT_LOST,      PV_SEGMENT_ATTENTION,   PV_SEGMENT_NONE,
                            PV_SEGMENT_CHAMPIONS};
    assert_memory_equal(got, want, sizeof want);
    assert_true(sums[PV_SEGMENT_CHAMPIONS].customers == 2 &&
                sums[PV_SEGMENT_CHAMPIONS].revenue == 100 + 6400);
    unsigned seen = 0; /* each of the eleven has a cell */
    for (int r = 0; r < 5; r++)
        for (int c = 0; c < 5; c++)
            seen |= 1u << pv_segment_usual.cell[r][c];
    assert_int_equal(seen, (1u << PV_SEGMENTS) - 2);
    for (int k = 0; k < PV_SEGMENTS; k++)
        assert_true(pv_segment_code((enum pv_segment)k)[0]);
    struct pv_segment_grid own = {{{9, 9, 9, 9, 9},
                                   {9, 9, 9, 9, 9},
                                   {9, 9, 9, 9, 9},
                                   {9, 9, 9, 9, 9},
                                   {200, 200, 200, 200, 200}}};
    assert_int_equal(pv_rfm_segments(&own, s, rows, 7, got, sums), 0);
    assert_true(got[0] == 200 && sums[200].customers == 3 && sums[9].customers == 3);
}

/* ---- cohorts --------------------------------------------------------------------------------- */

static const struct order orders[] = {
    {0, 2023, 11, 30, 1000}, {0, 2023, 12, 1, 500}, {0, 2024, 2, 29, 700},
    {1, 2023, 12, 31, 100},  {1, 2023, 12, 31, 50}, {1, 2024, 1, 1, 60},
    {1, 2024, 1, 31, 40},    {2, 2024, 2, 1, 900},  {3, 2024, 3, 1, 999}, /* after the end */
};

static void cohorts_by_month(void **state)
{
    (void)state;
    struct pv_history *h = history_of(orders, 9, 5);
    struct pv_cohort_table *t = NULL;
    assert_int_equal(pv_cohort_table_new(h, PV_CALENDAR_MONTH, 1, day_of(2024, 2, 29), &t), 0);
    assert_int_equal(t->periods, 4);
    assert_true(t->last_complete);
    assert_int_equal(t->first_day[0], day_of(2023, 11, 1));
    assert_int_equal(t->first_day[3], day_of(2024, 2, 1));
    const uint64_t came[] = {1, 1, 0, 1};
    assert_memory_equal(t->customers, came, sizeof came);
    const struct pv_cohort_cell want[4][4] = {
        {{1, 1, 1000}, {1, 1, 500}, {0, 0, 0}, {1, 1, 700}},
        {{1, 1, 150}, {1, 2, 100}, {0, 0, 0}, {0, 0, 0}},
        {{0, 0, 0}},
        {{1, 1, 900}},
    };
    for (int c = 0; c < 4; c++)
        for (int a = 0; a < 4; a++) {
            const struct pv_cohort_cell *got = &t->cell[c * 4 + a];
            assert_true(got->active == want[c][a].active &&
                        got->purchases == want[c][a].purchases &&
                        got->revenue == want[c][a].revenue);
        }
    pv_cohort_table_free(t);
    assert_int_equal(pv_cohort_table_new(h, PV_CALENDAR_MONTH, 1, day_of(2024, 2, 28), &t), 0);
    assert_false(t->last_complete);
    pv_cohort_table_free(t);
    assert_int_equal(pv_cohort_table_new(h, PV_CALENDAR_QUARTER, 1, day_of(2024, 3, 31), &t), 0);
    assert_int_equal(t->periods, 2);
    assert_int_equal(t->first_day[0], day_of(2023, 10, 1));
    assert_int_equal(t->first_day[1], day_of(2024, 1, 1));
    assert_true(t->customers[0] == 2 && t->customers[1] == 2 && t->cell[1].active == 2);
    pv_cohort_table_free(t);
    assert_int_equal(pv_cohort_table_new(h, PV_CALENDAR_YEAR, 1, day_of(2024, 12, 31), &t), 0);
    assert_true(t->periods == 2 && t->last_complete && t->cell[0].revenue == 1650);
    pv_cohort_table_free(t);
    /* a year that begins in December, and one that begins in February */
    assert_int_equal(pv_cohort_table_new(h, PV_CALENDAR_QUARTER, 12, day_of(2024, 2, 29), &t), 0);
    assert_true(t->periods == 2 && t->last_complete && t->first_month == 12);
    assert_int_equal(t->first_day[0], day_of(2023, 9, 1));
    assert_int_equal(t->first_day[1], day_of(2023, 12, 1));
    assert_true(t->customers[0] == 1 && t->customers[1] == 2 && t->cell[1].revenue == 1200);
    pv_cohort_table_free(t);
    assert_int_equal(pv_cohort_table_new(h, PV_CALENDAR_YEAR, 2, day_of(2024, 2, 29), &t), 0);
    assert_true(t->periods == 2 && !t->last_complete);
    assert_int_equal(t->first_day[0], day_of(2023, 2, 1));
    assert_int_equal(t->first_day[1], day_of(2024, 2, 1));
    assert_true(t->customers[0] == 2 && t->customers[1] == 1 && t->cell[0].revenue == 1750);
    pv_cohort_table_free(t);
    for (unsigned month = 0; month <= 13; month += 13)
        assert_int_equal(pv_cohort_table_new(h, PV_CALENDAR_MONTH, month, day_of(2024, 2, 29), &t),
                         PV_ERR_ARGUMENT);
    assert_int_equal(pv_cohort_table_new(h, PV_CALENDAR_MONTH, 1, day_of(2020, 1, 1), &t),
                     PV_ERR_EMPTY);
    assert_int_equal(pv_cohort_table_new(h, PV_CALENDAR_MONTH, 1, day_of(2400, 1, 1), &t),
                     PV_ERR_ARGUMENT);
    pv_history_free(h);
}

/* Every day of four centuries lies in its month. */
static void the_calendar_is_right(void **state)
{
    (void)state;
    for (int y = 1970; y < 2370; y += 7) {
        struct order o[24];
        size_t n = 0;
        for (int m = 1; m <= 12; m++) {
            int next_y = m == 12 ? y + 1 : y, next_m = m == 12 ? 1 : m + 1;
            int last = day_of(next_y, next_m, 1) - day_of(y, m, 1);
            o[n++] = (struct order){0, y, m, 1, 1};
            o[n++] = (struct order){0, y, m, last, 1};
        }
        struct pv_history *h = history_of(o, n, 1);
        struct pv_cohort_table *t = NULL;
        assert_int_equal(pv_cohort_table_new(h, PV_CALENDAR_MONTH, 1, day_of(y, 12, 31), &t), 0);
        assert_true(t->periods == 12 && t->last_complete);
        for (size_t a = 0; a < 12; a++)
            assert_true(t->cell[a].purchases == 2 && t->first_day[a] == day_of(y, (int)a + 1, 1));
        pv_cohort_table_free(t);
        pv_history_free(h);
    }
}

/* ---- rhythm ---------------------------------------------------------------------------------- */

static void rhythms(void **state)
{
    (void)state;
    /* 0 buys every ten days and has been silent for 40; 1 once; 2 never until the end; 3 every 30
       days, silent for 15. */
    struct order o[40];
    size_t n = 0;
    for (int i = 0; i < 10; i++)
        o[n++] = (struct order){0, 2024, 1, 1 + 10 * i, 100};
    o[n++] = (struct order){1, 2024, 2, 1, 100};
    o[n++] = (struct order){2, 2024, 9, 1, 100};
    for (int i = 0; i < 4; i++)
        o[n++] = (struct order){3, 2024, 1, 26 + 30 * i, 100};
    struct pv_history *h = history_of(o, n, 5);
    struct pv_rhythm r[5];
    int32_t end = day_of(2024, 1, 1) + 130; /* day 0 + 90 + 40; 25 + 90 + 15 */
    assert_int_equal(pv_rhythms(h, end, r), 0);
    assert_true(r[0].gaps == 9 && r[0].mean == 10 && r[0].median == 10 && r[0].silence == 40 &&
                r[0].ratio == 4);
    assert_true(r[0].usual == 0); /* nobody of this base ever came back after so long */
    assert_true(r[1].gaps == 0 && isnan(r[1].mean) && isnan(r[1].usual) && r[1].silence == 99);
    assert_true(isnan(r[2].silence) && isnan(r[4].silence) && r[4].gaps == 0);
    assert_true(r[3].ratio == 0.5 && r[3].usual == 1);
    pv_history_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_edges_give_the_same_scores),
        cmocka_unit_test(segments_and_what_they_hold),
        cmocka_unit_test(cohorts_by_month),
        cmocka_unit_test(the_calendar_is_right),
        cmocka_unit_test(rhythms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
