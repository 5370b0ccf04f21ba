/*
 * history.c - purchase histories as columns.
 *
 * Rows in any order are kept as 16 bytes each, then partitioned by customer in place: a first pass
 * moves them into at most 1,024 ranges of customers (American flag sort: McIlroy, Bostic & McIlroy,
 * Computing Systems 6 (1993)), each of which fits a cache; within a range a counting sort by
 * customer and a sort of the few rows of each customer finish the job. The sorted rows are merged
 * by day, their money is compacted to the front of the same memory, and only the days need a new
 * column.
 */
#include "internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct row {
    int64_t amount;
    uint32_t customer;
    int32_t day;
};

struct pv_builder {
    enum pv_returns returns;
    bool ordered;
    struct row *rows; /* unordered: all rows; ordered: the rows of the current customer */
    size_t used, room;
    uint32_t highest; /* highest customer index + 1 */
    struct pv_history_report report;
    /* Ordered only: what is finished so far. */
    struct pv_history *done;
    size_t done_room, start_room;
};

struct pv_history {
    size_t customers;
    size_t transactions;
    uint64_t *start;
    int32_t *day;
    int64_t *amount;
    int32_t first_day, last_day;
};

static int new_builder(enum pv_returns returns, bool ordered, struct pv_builder **ret)
{
    if ((unsigned)returns > PV_RETURNS_ERROR)
        return PV_ERR_ARGUMENT;
    struct pv_builder *b = calloc(1, sizeof *b);
    if (!b)
        return PV_ERR_NO_MEMORY;
    b->returns = returns;
    b->ordered = ordered;
    *ret = b;
    return 0;
}

int pv_builder_new(enum pv_returns returns, struct pv_builder **ret_builder)
{
    return new_builder(returns, false, ret_builder);
}

int pv_builder_new_ordered(enum pv_returns returns, struct pv_builder **ret_builder)
{
    return new_builder(returns, true, ret_builder);
}

void pv_builder_free(struct pv_builder *builder)
{
    if (!builder)
        return;
    free(builder->rows);
    pv_history_free(builder->done);
    free(builder);
}

void pv_history_free(struct pv_history *history)
{
    if (!history)
        return;
    free(history->start);
    free(history->day);
    free(history->amount);
    free(history);
}

struct pv_history_view pv_history_columns(const struct pv_history *h)
{
    return (struct pv_history_view){h->customers, h->transactions, h->start,   h->day,
                                    h->amount,    h->first_day,    h->last_day};
}

/* The partition writes to a thousand places in turn: in small pages each step misses the cache of
 * the page table, too. The wish for large ones is only that. */
static void *new_large(size_t bytes)
{
    enum { LARGE = 2 << 20 };
    if (bytes < LARGE)
        return malloc(bytes);
    bytes = (bytes + LARGE - 1) / LARGE * LARGE;
    void *memory = aligned_alloc(LARGE, bytes);
    if (memory)
        (void)madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

void pv_builder_expect(struct pv_builder *b, size_t rows)
{
    if (b->ordered || rows <= b->room || rows > SIZE_MAX / 2 / sizeof *b->rows)
        return;
    struct row *larger = new_large(rows * sizeof *larger);
    if (!larger)
        return; /* what comes may still fit */
    if (b->used > 0)
        memcpy(larger, b->rows, b->used * sizeof *larger);
    free(b->rows);
    b->rows = larger;
    b->room = rows;
}

static int grow_rows(struct pv_builder *b)
{
    size_t room = b->room ? b->room + b->room / 2 : 1024;
    struct row *rows = realloc(b->rows, room * sizeof *rows);
    if (!rows)
        return PV_ERR_NO_MEMORY;
    b->rows = rows;
    b->room = room;
    return 0;
}

/* ---- Merging the rows of one customer -------------------------------------------------------- */

static void sort_days(struct row *rows, size_t n)
{
    if (n > 48) {
        /* Heap sort on the day: no memory, no bad case. */
        for (size_t top = n / 2, end = n; end > 1;) {
            struct row moved;
            if (top > 0) {
                moved = rows[--top];
            } else {
                end--;
                moved = rows[end];
                rows[end] = rows[0];
                if (end == 1) {
                    rows[0] = moved;
                    break;
                }
            }
            size_t hole = top, child;
            while ((child = 2 * hole + 1) < end) {
                if (child + 1 < end && rows[child + 1].day > rows[child].day)
                    child++;
                if (rows[child].day <= moved.day)
                    break;
                rows[hole] = rows[child];
                hole = child;
            }
            rows[hole] = moved;
        }
        return;
    }
    for (size_t i = 1; i < n; i++) {
        struct row moved = rows[i];
        size_t at = i;
        while (at > 0 && rows[at - 1].day > moved.day) {
            rows[at] = rows[at - 1];
            at--;
        }
        rows[at] = moved;
    }
}

static bool is_sorted(const struct row *rows, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (rows[i].day < rows[i - 1].day)
            return false;
    return true;
}

/*
 * Merges the day-sorted rows of one customer into at most n transactions, written to day[] and
 * amount[]; amount may alias the memory of rows from its beginning (it never overtakes the
 * reading). Returns the number of transactions or a negative error.
 */
static int64_t merge_customer(const struct row *rows, size_t n, int32_t *day, int64_t *amount,
                              struct pv_history_report *report)
{
    size_t out = 0;
    for (size_t i = 0; i < n;) {
        int32_t at = rows[i].day;
        int64_t bought = 0, returned = 0;
        size_t purchases = 0;
        for (; i < n && rows[i].day == at; i++) {
            int64_t money = rows[i].amount;
            if (money >= 0) {
                purchases++;
                if (__builtin_add_overflow(bought, money, &bought))
                    return PV_ERR_OVERFLOW;
            } else if (__builtin_sub_overflow(returned, money, &returned)) {
                return PV_ERR_OVERFLOW;
            }
        }
        if (purchases > 1)
            report->merged += purchases - 1;
        if (PV_LIKELY(returned == 0)) {
            day[out] = at;
            amount[out++] = bought;
            continue;
        }
        if (purchases > 0 && bought > returned) {
            day[out] = at;
            amount[out++] = bought - returned;
            continue;
        }
        report->returned += purchases > 0;
        int64_t left = returned - bought;
        while (left > 0 && out > 0) {
            if (amount[out - 1] > left) {
                amount[out - 1] -= left;
                left = 0;
            } else if (amount[out - 1] == 0) {
                /* A free purchase has no money to give back, and stands: look no further. */
                break;
            } else {
                left -= amount[out - 1];
                out--;
                report->returned++;
            }
        }
        if (left > 0) {
            report->unmatched++;
            if (__builtin_add_overflow(report->unmatched_money, left, &report->unmatched_money))
                return PV_ERR_OVERFLOW;
        }
    }
    return (int64_t)out;
}

/* ---- Ordered streams ------------------------------------------------------------------------- */

static int reserve_done(struct pv_builder *b, size_t transactions, size_t customers)
{
    struct pv_history *h = b->done;
    if (!h) {
        h = calloc(1, sizeof *h);
        if (!h)
            return PV_ERR_NO_MEMORY;
        b->done = h;
    }
    if (transactions > b->done_room || !h->day) {
        size_t room = b->done_room + b->done_room / 2 + 1024;
        if (room < transactions)
            room = transactions;
        int32_t *day = realloc(h->day, room * sizeof *day);
        if (!day)
            return PV_ERR_NO_MEMORY;
        h->day = day;
        int64_t *amount = realloc(h->amount, room * sizeof *amount);
        if (!amount)
            return PV_ERR_NO_MEMORY;
        h->amount = amount;
        b->done_room = room;
    }
    if (customers + 1 > b->start_room) {
        size_t room = b->start_room + b->start_room / 2 + 1024;
        if (room < customers + 1)
            room = customers + 1;
        uint64_t *start = realloc(h->start, room * sizeof *start);
        if (!start)
            return PV_ERR_NO_MEMORY;
        h->start = start;
        b->start_room = room;
    }
    return 0;
}

/* Opens the ranges of customers up to and including `customer`; everything so far precedes them. */
static void open_customers(struct pv_history *h, size_t customers)
{
    assert(h->start); /* reserve_done was there before */
    while (h->customers < customers)
        h->start[h->customers++] = h->transactions;
}

static int flush_customer(struct pv_builder *b)
{
    if (b->used == 0)
        return 0;
    size_t customer = b->rows[0].customer;
    size_t have = b->done ? b->done->transactions : 0;
    int rc = reserve_done(b, have + b->used, customer + 1);
    if (rc)
        return rc;
    if (!is_sorted(b->rows, b->used))
        sort_days(b->rows, b->used);
    struct pv_history *h = b->done;
    int64_t made = merge_customer(b->rows, b->used, h->day + have, h->amount + have, &b->report);
    if (made < 0)
        return (int)made;
    open_customers(h, customer + 1);
    h->transactions += (size_t)made;
    b->used = 0;
    return 0;
}

int pv_builder_add(struct pv_builder *b, uint32_t customer, int32_t day, int64_t amount)
{
    if (PV_UNLIKELY(customer == UINT32_MAX || day == PV_NO_DAY))
        return PV_ERR_ARGUMENT;
    if (PV_UNLIKELY(amount <= 0)) {
        if (b->returns == PV_RETURNS_ERROR)
            return PV_ERR_RETURN;
        if (amount == INT64_MIN)
            return PV_ERR_OVERFLOW;
    }
    if (b->ordered && b->used > 0 && b->rows[0].customer != customer) {
        if (customer < b->rows[0].customer)
            return PV_ERR_ORDER;
        int rc = flush_customer(b);
        if (rc)
            return rc;
    } else if (b->ordered && b->used == 0 && customer + 1 < b->highest) {
        return PV_ERR_ORDER;
    }
    if (PV_UNLIKELY(b->used == b->room)) {
        int rc = grow_rows(b);
        if (rc)
            return rc;
    }
    b->report.rows++;
    if (customer >= b->highest)
        b->highest = customer + 1;
    if (PV_UNLIKELY(amount <= 0)) {
        b->report.zero += amount == 0;
        b->report.negative += amount < 0;
        if (b->returns == PV_RETURNS_DROP) {
            b->report.dropped++;
            return 0;
        }
    }
    b->rows[b->used++] = (struct row){amount, customer, day};
    return 0;
}

int pv_builder_add_rows(struct pv_builder *builder, size_t n, const uint32_t *customer,
                        const int32_t *day, const int64_t *amount, size_t *ret_row)
{
    for (size_t i = 0; i < n; i++) {
        int rc = pv_builder_add(builder, customer[i], day[i], amount[i]);
        if (rc) {
            if (ret_row)
                *ret_row = i;
            return rc;
        }
    }
    return 0;
}

/* ---- Partition in place ---------------------------------------------------------------------- */

enum { MAX_RANGES = 1024 };

/* American flag sort by customer >> shift. begin[]: MAX_RANGES + 1 borders on return. */
static void partition(struct row *rows, size_t n, unsigned shift, size_t ranges, size_t *ret_begin)
{
    size_t next[MAX_RANGES];
    memset(ret_begin, 0, (ranges + 1) * sizeof *ret_begin);
    for (size_t i = 0; i < n; i++)
        ret_begin[(rows[i].customer >> shift) + 1]++;
    for (size_t r = 0; r < ranges; r++) {
        ret_begin[r + 1] += ret_begin[r];
        next[r] = ret_begin[r];
    }
    for (size_t r = 0; r < ranges; r++) {
        while (next[r] < ret_begin[r + 1]) {
            struct row moved = rows[next[r]];
            size_t to = moved.customer >> shift;
            while (to != r) {
                struct row *place = &rows[next[to]++], displaced = *place;
                /* Each step waits for the row before it: the range's next line is asked for now,
                 * hundreds of steps before it is needed. */
                __builtin_prefetch(place + 4, 1);
                *place = moved;
                moved = displaced;
                to = moved.customer >> shift;
            }
            rows[next[r]++] = moved;
        }
    }
}

struct range_work {
    struct row *copy;
    size_t copy_room;
    uint32_t *count; /* (1 << shift) + 1 */
};

/* Sorts one range by customer through a copy; counts[] then hold the ends of its customers. */
static int sort_range(struct row *rows, size_t n, uint32_t base, uint32_t width,
                      struct range_work *w)
{
    if (n > w->copy_room) {
        size_t room = n + n / 4 + 256;
        free(w->copy);
        w->copy = malloc(room * sizeof *w->copy);
        w->copy_room = w->copy ? room : 0;
        if (!w->copy)
            return PV_ERR_NO_MEMORY;
    }
    if (n >= UINT32_MAX)
        return PV_ERR_OVERFLOW;
    memset(w->count, 0, (width + 1) * sizeof *w->count);
    if (n > 0)
        memcpy(w->copy, rows, n * sizeof *rows);
    for (size_t i = 0; i < n; i++)
        w->count[w->copy[i].customer - base + 1]++;
    for (uint32_t c = 0; c < width; c++)
        w->count[c + 1] += w->count[c];
    for (size_t i = 0; i < n; i++)
        rows[w->count[w->copy[i].customer - base]++] = w->copy[i];
    return 0;
}

static int finish_unordered(struct pv_builder *b, size_t customers, struct pv_history *h)
{
    size_t n = b->used;
    unsigned shift = 0;
    while ((customers >> shift) >= MAX_RANGES)
        shift++;
    size_t ranges = (customers >> shift) + 1;
    size_t begin[MAX_RANGES + 1];
    struct range_work work = {0};
    int rc = PV_ERR_NO_MEMORY;
    h->start = malloc((customers + 1) * sizeof *h->start);
    work.count = malloc(((size_t)2 << shift) * sizeof *work.count);
    if (!h->start || !work.count)
        goto out;
    partition(b->rows, n, shift, ranges, begin);
    /* Days go to a column of their own, money to the front of the rows already read: 8 bytes are
     * written for every 16 read. Both columns are cut to size at the end. */
    int32_t *day = new_large((n + 1) * sizeof *day);
    if (!day)
        goto out;
    h->day = day;
    int64_t *amount = (int64_t *)(void *)b->rows;
    uint32_t width = 1u << shift;
    size_t made = 0;
    for (size_t r = 0; r < ranges; r++) {
        struct row *range = b->rows + begin[r];
        size_t count = begin[r + 1] - begin[r];
        uint32_t base = (uint32_t)(r << shift);
        rc = sort_range(range, count, base, width, &work);
        if (rc)
            goto out;
        size_t from = 0;
        for (uint32_t c = 0; c < width && base + c < customers; c++) {
            size_t end = work.count[c];
            struct row *own = range + from;
            if (!is_sorted(own, end - from))
                sort_days(own, end - from);
            h->start[base + c] = made;
            int64_t merged = merge_customer(own, end - from, day + made, amount + made, &b->report);
            if (merged < 0) {
                rc = (int)merged;
                goto out;
            }
            made += (size_t)merged;
            from = end;
        }
    }
    h->start[customers] = made;
    h->transactions = made;
    h->amount = realloc(b->rows, (made + 1) * sizeof *h->amount);
    if (!h->amount)
        h->amount = amount;
    b->rows = NULL;
    b->room = 0;
    int32_t *cut = realloc(h->day, (made + 1) * sizeof *cut);
    if (cut)
        h->day = cut;
    rc = 0;
out:
    free(work.copy);
    free(work.count);
    return rc;
}

int pv_builder_finish(struct pv_builder *b, size_t customers, struct pv_history **ret_history,
                      struct pv_history_report *ret_report)
{
    if (customers == 0)
        customers = b->highest;
    if (customers < b->highest || customers >= UINT32_MAX)
        return PV_ERR_ARGUMENT;
    struct pv_history *h = NULL;
    int rc;
    if (b->ordered) {
        rc = flush_customer(b);
        if (rc == 0)
            rc = reserve_done(b, b->done ? b->done->transactions : 0, customers);
        if (rc)
            return rc;
        h = b->done;
        open_customers(h, customers);
        h->start[customers] = h->transactions;
        b->done = NULL;
        b->done_room = b->start_room = 0;
    } else {
        h = calloc(1, sizeof *h);
        if (!h)
            return PV_ERR_NO_MEMORY;
        h->customers = customers;
        rc = finish_unordered(b, customers, h);
        if (rc) {
            pv_history_free(h);
            b->used = 0;
            return rc;
        }
    }
    for (size_t i = 0; i < h->transactions; i++) {
        if (i == 0 || h->day[i] < h->first_day)
            h->first_day = h->day[i];
        if (i == 0 || h->day[i] > h->last_day)
            h->last_day = h->day[i];
    }
    b->report.transactions = h->transactions;
    if (ret_report)
        *ret_report = b->report;
    memset(&b->report, 0, sizeof b->report);
    b->used = 0;
    b->highest = 0;
    *ret_history = h;
    return 0;
}
