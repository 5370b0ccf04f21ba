/* Histories: merging, returns, both builders against each other, summaries against brute force. */
#include "value_test.h"

struct line {
    uint32_t customer;
    int32_t day;
    int64_t amount;
};

static struct pv_history *build(const struct line *lines, size_t n, enum pv_returns returns,
                                bool ordered, size_t customers, struct pv_history_report *report)
{
    struct pv_builder *b;
    struct pv_history *h = NULL;
    assert_int_equal(ordered ? pv_builder_new_ordered(returns, &b) : pv_builder_new(returns, &b),
                     0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(pv_builder_add(b, lines[i].customer, lines[i].day, lines[i].amount), 0);
    assert_int_equal(pv_builder_finish(b, customers, &h, report), 0);
    pv_builder_free(b);
    return h;
}

static void same_day_is_one_purchase(void **state)
{
    (void)state;
    const struct line lines[] = {
        {1, 20, 500}, {0, 12, 1200}, {0, 12, 7700}, {0, 3, 0}, {1, 10, 100}};
    struct pv_history_report report;
    struct pv_history *h = build(lines, 5, PV_RETURNS_NET, false, 4, &report);
    struct pv_history_view v = pv_history_columns(h);
    assert_int_equal(v.customers, 4);
    assert_int_equal(v.transactions, 4);
    assert_int_equal(v.start[1], 2);
    assert_int_equal(v.start[4], 4);
    assert_int_equal(v.day[0], 3);
    assert_int_equal(v.amount[1], 8900);
    assert_int_equal(v.day[2], 10);
    assert_int_equal(v.first_day, 3);
    assert_int_equal(v.last_day, 20);
    assert_int_equal(report.merged, 1);
    assert_int_equal(report.zero, 1);
    struct pv_customer rows[4];
    assert_int_equal(pv_summarise(h, 15, 30, rows), 0);
    assert_int_equal(rows[0].x, 1);
    assert_int_equal(rows[0].t_x, 9);
    assert_int_equal(rows[0].T, 12);
    assert_int_equal(rows[0].spend, 8900);
    assert_int_equal(rows[1].x, 0);
    assert_int_equal(rows[1].x_star, 1);
    assert_int_equal(rows[1].spend_star, 500);
    assert_int_equal(rows[2].T, -1);
    pv_history_free(h);
}

static void returns_take_back_the_latest(void **state)
{
    (void)state;
    const struct line lines[] = {
        {0, 1, 100}, {0, 5, 300},  {0, 7, -350}, /* takes all of day 5 and half of day 1 */
        {1, 1, 100}, {1, 1, -100},               /* undone on its own day */
        {2, 1, -50}, {2, 3, 70},                 /* a return before any purchase */
        {3, 1, 100}, {3, 2, 80},   {3, 2, -30},  /* part of a day */
    };
    for (int ordered = 0; ordered < 2; ordered++) {
        struct pv_history_report report;
        struct pv_history *h = build(lines, 10, PV_RETURNS_NET, ordered, 0, &report);
        struct pv_history_view v = pv_history_columns(h);
        assert_int_equal(v.start[1] - v.start[0], 1);
        assert_int_equal(v.amount[0], 50);
        assert_int_equal(v.start[2] - v.start[1], 0);
        assert_int_equal(v.start[3] - v.start[2], 1);
        assert_int_equal(v.amount[v.start[3] + 1], 50);
        assert_int_equal(report.negative, 4);
        assert_int_equal(report.returned, 2);
        assert_int_equal(report.unmatched, 1);
        assert_int_equal(report.unmatched_money, 50);
        pv_history_free(h);
        h = build(lines, 10, PV_RETURNS_DROP, ordered, 0, &report);
        assert_int_equal(report.dropped, 4);
        assert_int_equal(pv_history_columns(h).transactions, 6);
        pv_history_free(h);
    }
    struct pv_builder *b;
    assert_int_equal(pv_builder_new(PV_RETURNS_ERROR, &b), 0);
    const uint32_t c[] = {0, 0};
    const int32_t d[] = {1, 2};
    const int64_t a[] = {5, 0};
    size_t at = 9;
    assert_int_equal(pv_builder_add_rows(b, 2, c, d, a, &at), PV_ERR_RETURN);
    assert_int_equal(at, 1);
    pv_builder_free(b);
}

static void ordered_streams_must_be_ordered(void **state)
{
    (void)state;
    struct pv_builder *b;
    assert_int_equal(pv_builder_new_ordered(PV_RETURNS_NET, &b), 0);
    assert_int_equal(pv_builder_add(b, 3, 1, 1), 0);
    assert_int_equal(pv_builder_add(b, 2, 1, 1), PV_ERR_ORDER);
    assert_int_equal(pv_builder_add(b, 3, 0, 1), 0);
    struct pv_history *h = NULL;
    assert_int_equal(pv_builder_finish(b, 2, &h, NULL), PV_ERR_ARGUMENT);
    assert_int_equal(pv_builder_finish(b, 6, &h, NULL), 0);
    assert_int_equal(pv_history_columns(h).start[3], 0);
    assert_int_equal(pv_history_columns(h).start[6], 2);
    pv_history_free(h);
    pv_builder_free(b);
}

static void sums_beyond_int64_are_refused(void **state)
{
    (void)state;
    struct pv_builder *b;
    struct pv_history *h = NULL;
    assert_int_equal(pv_builder_new(PV_RETURNS_NET, &b), 0);
    assert_int_equal(pv_builder_add(b, 0, 1, INT64_MAX), 0);
    assert_int_equal(pv_builder_add(b, 0, 1, 1), 0);
    assert_int_equal(pv_builder_finish(b, 0, &h, NULL), PV_ERR_OVERFLOW);
    assert_null(h);
    pv_builder_free(b);
    const struct line far[] = {{0, 1, INT64_MAX}, {1, 1, 1}};
    h = build(far, 2, PV_RETURNS_NET, false, 0, NULL);
    struct pv_customer rows[2] = {{.x = 77}};
    assert_int_equal(pv_summarise(h, 5, PV_NO_DAY, rows), PV_ERR_OVERFLOW);
    assert_int_equal(rows[0].x, 77);
    pv_history_free(h);
}

static void an_empty_history_is_possible(void **state)
{
    (void)state;
    struct pv_history *h = build(NULL, 0, PV_RETURNS_NET, false, 3, NULL);
    assert_int_equal(pv_history_columns(h).transactions, 0);
    struct pv_customer rows[3];
    assert_int_equal(pv_summarise(h, 5, PV_NO_DAY, rows), 0);
    assert_int_equal(rows[2].T, -1);
    pv_history_free(h);
    h = build(NULL, 0, PV_RETURNS_NET, true, 3, NULL);
    assert_int_equal(pv_history_columns(h).start[3], 0);
    pv_history_free(h);
}

static int by_customer(const void *l, const void *r)
{
    const struct line *a = l, *b = r;
    return (a->customer > b->customer) - (a->customer < b->customer);
}

/* Random orders: any order of rows, either builder, and a count by hand give the same. */
/* A guess that comes late and is too low changes nothing but where the rows lie. */
static void a_guess_changes_nothing(void **state)
{
    (void)state;
    enum { ROWS = 200000, GUESS = 150000, CUSTOMERS = 7000 };
    struct pv_history *h[2];
    for (int guess = 0; guess < 2; guess++) {
        struct pv_builder *b;
        struct pv_rng rng;
        pv_rng_start(&rng, 5, 0);
        assert_int_equal(pv_builder_new(PV_RETURNS_NET, &b), 0);
        for (size_t i = 0; i < ROWS; i++) {
            if (guess && i == 10)
                pv_builder_expect(b, GUESS);
            uint64_t bits = pv_rng_next(&rng);
            assert_int_equal(pv_builder_add(b, (uint32_t)(bits % CUSTOMERS), (bits >> 20) % 1000,
                                            (int64_t)(bits >> 50)),
                             0);
        }
        pv_builder_expect(b, SIZE_MAX); /* not to be had */
        assert_int_equal(pv_builder_finish(b, CUSTOMERS, &h[guess], NULL), 0);
        pv_builder_free(b);
    }
    struct pv_history_view v = pv_history_columns(h[0]), w = pv_history_columns(h[1]);
    assert_true(v.transactions > ROWS / 2);
    assert_int_equal(v.transactions, w.transactions);
    assert_memory_equal(v.start, w.start, (CUSTOMERS + 1) * sizeof *v.start);
    assert_memory_equal(v.day, w.day, v.transactions * sizeof *v.day);
    assert_memory_equal(v.amount, w.amount, v.transactions * sizeof *v.amount);
    pv_history_free(h[0]);
    pv_history_free(h[1]);
}

static void builders_agree_with_brute_force(void **state)
{
    (void)state;
    struct pv_rng rng;
    pv_rng_start(&rng, 5, 0);
    const size_t sizes[] = {1, 50, 3000, 60000};
    for (int round = 0; round < 4; round++) {
        size_t n = sizes[round], customers = n / 7 + 1;
        struct line *lines = calloc(n, sizeof *lines);
        assert_non_null(lines);
        for (size_t i = 0; i < n; i++) {
            uint64_t u = pv_rng_next(&rng);
            /* One customer with very many rows, the others with few. */
            lines[i].customer = i % 10 == 0 ? 0 : (uint32_t)(u % customers);
            lines[i].day = (int32_t)((u >> 32) % 400) - 50;
            lines[i].amount = (int64_t)((u >> 45) % 1000);
        }
        struct pv_history *any = build(lines, n, PV_RETURNS_NET, false, customers, NULL);
        qsort(lines, n, sizeof *lines, by_customer);
        struct pv_history *stream = build(lines, n, PV_RETURNS_NET, true, customers, NULL);
        struct pv_history_view a = pv_history_columns(any), b = pv_history_columns(stream);
        assert_int_equal(a.transactions, b.transactions);
        assert_memory_equal(a.start, b.start, (customers + 1) * sizeof *a.start);
        assert_memory_equal(a.day, b.day, a.transactions * sizeof *a.day);
        assert_memory_equal(a.amount, b.amount, a.transactions * sizeof *a.amount);
        struct pv_customer *rows = calloc(customers, sizeof *rows);
        assert_non_null(rows);
        assert_int_equal(pv_summarise(any, 200, 300, rows), 0);
        size_t from = 0;
        for (size_t c = 0; c < customers; c++) {
            size_t to = from;
            int32_t first = INT32_MAX, last = INT32_MIN;
            int64_t money[451] = {0}, revenue = 0, later = 0;
            bool seen[451] = {false};
            for (; to < n && lines[to].customer == c; to++) {
                seen[lines[to].day + 50] = true;
                money[lines[to].day + 50] += lines[to].amount;
            }
            int32_t count = 0, star = 0;
            for (int32_t d = 0; d <= 350; d++) {
                if (!seen[d])
                    continue;
                if (d - 50 <= 200) {
                    first = first == INT32_MAX ? d : first;
                    last = d;
                    count++;
                    revenue += money[d];
                } else if (d - 50 <= 300 && first != INT32_MAX) {
                    star++;
                    later += money[d];
                }
            }
            if (first == INT32_MAX) {
                assert_int_equal(rows[c].T, -1);
            } else {
                assert_int_equal(rows[c].x, count - 1);
                assert_int_equal(rows[c].t_x, last - first);
                assert_int_equal(rows[c].T, 250 - first);
                assert_int_equal(rows[c].revenue, revenue);
                assert_int_equal(rows[c].spend, revenue - money[first]);
                assert_int_equal(rows[c].x_star, star);
                assert_int_equal(rows[c].spend_star, later);
            }
            from = to;
        }
        free(rows);
        free(lines);
        pv_history_free(any);
        pv_history_free(stream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_day_is_one_purchase),
        cmocka_unit_test(returns_take_back_the_latest),
        cmocka_unit_test(ordered_streams_must_be_ordered),
        cmocka_unit_test(sums_beyond_int64_are_refused),
        cmocka_unit_test(an_empty_history_is_possible),
        cmocka_unit_test(a_guess_changes_nothing),
        cmocka_unit_test(builders_agree_with_brute_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
