/* Ids: increasing from any thread, and never back, whatever the clock does. */
#include "unit.h"

#include "base/clock.h"
#include "base/ids.h"

#include <pthread.h>

static void increase(void **state)
{
    (void)state;
    struct id_source *s = id_source_new(3, 0);
    int64_t last = 0;
    for (int i = 0; i < 100000; i++) {
        int64_t id = id_next(s);
        assert_true(id > last);
        assert_int_equal(3, id >> 12 & 1023);
        last = id;
    }
    assert_int_equal(last, id_last(s));
    id_source_free(s);
}

/* The clock jumped back by years: the largest key stored lies in the future. */
static void a_clock_that_jumps_back(void **state)
{
    (void)state;
    int64_t year = INT64_C(365) * 86400000;
    int64_t floor = (clock_now_ms() - INT64_C(1577836800000) + 3 * year) << 22 | 5 << 12 | 4095;
    struct id_source *s = id_source_new(5, floor);
    int64_t last = floor;
    for (int i = 0; i < 10000; i++) {
        int64_t id = id_next(s);
        assert_true(id > last);
        last = id;
    }
    id_source_free(s);
    /* Another node above the same floor does not give the floor again, either. */
    s = id_source_new(1, floor);
    assert_true(id_next(s) > floor);
    id_source_free(s);
}

static void ranges(void **state)
{
    (void)state;
    struct id_source *s = id_source_new(0, 0);
    int64_t last = 0;
    for (int i = 0; i < 200; i++) {
        unsigned n = i % 3 == 0 ? 4096 : 1000;
        int64_t first = id_take(s, n);
        assert_true(first > last);
        last = first + n - 1;
        assert_int_equal(last, id_last(s));
        assert_int_equal(first >> 22, last >> 22); /* one millisecond: consecutive as numbers */
    }
    id_source_free(s);
}

enum { THREADS = 4, EACH = 20000 };

struct taker {
    struct id_source *s;
    int64_t ids[EACH];
};

static void *take(void *arg)
{
    struct taker *t = arg;
    for (int i = 0; i < EACH; i++)
        t->ids[i] = id_next(t->s);
    return NULL;
}

static int by_value(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return a < b ? -1 : a > b;
}

static void threads(void **state)
{
    (void)state;
    static struct taker takers[THREADS];
    static int64_t all[THREADS * EACH];
    pthread_t t[THREADS];
    struct id_source *s = id_source_new(1, 0);
    for (int i = 0; i < THREADS; i++) {
        takers[i].s = s;
        pthread_create(&t[i], NULL, take, &takers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        memcpy(&all[i * EACH], takers[i].ids, sizeof takers[i].ids);
    }
    qsort(all, THREADS * EACH, sizeof all[0], by_value);
    for (int i = 1; i < THREADS * EACH; i++)
        assert_true(all[i] > all[i - 1]);
    id_source_free(s);
}

static void texts(void **state)
{
    (void)state;
    int64_t id = 0;
    assert_true(id_parse(STR("9223372036854775807"), &id) && id == INT64_MAX);
    static const char *const wrong[] = {"",  "0", "-1", "01", "1x", " 1", "9223372036854775808",
                                        "１"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(id_parse(str_of(wrong[i]), &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(increase), cmocka_unit_test(a_clock_that_jumps_back),
        cmocka_unit_test(ranges), cmocka_unit_test(threads), cmocka_unit_test(texts)};
    return cmocka_run_group_tests_name("base_ids", tests, NULL, NULL);
}
