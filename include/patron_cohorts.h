/*
 * patron_cohorts.h - libpatron-value: segments of RFM scores, cohorts by first purchase, and each
 * customer's own rhythm. Measures, no model. Conventions as in patron_value.h.
 */
#ifndef PATRON_COHORTS_H
#define PATRON_COHORTS_H

#include "patron_value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- RFM by fixed cuts, and segments -----------------------------------------------------------
 */

/* Scores by given edges instead of fifths of the base; each list of edges must be in order
 * (recency ascending, frequency and money not descending): PV_ERR_ARGUMENT. O(n). */
PV_API PV_WARN_UNUSED int pv_rfm_by_edges(const struct pv_customer *rows, size_t n,
                                          const struct pv_rfm_edges *edges,
                                          struct pv_rfm *ret_scores);

/* The eleven segments that are usual in the trade. */
enum pv_segment {
    PV_SEGMENT_NONE, /* no customer at that date */
    PV_SEGMENT_CHAMPIONS,
    PV_SEGMENT_LOYAL,
    PV_SEGMENT_POTENTIAL,
    PV_SEGMENT_NEW,
    PV_SEGMENT_PROMISING,
    PV_SEGMENT_ATTENTION,
    PV_SEGMENT_SLEEPING,
    PV_SEGMENT_AT_RISK,
    PV_SEGMENT_CANNOT_LOSE,
    PV_SEGMENT_HIBERNATING,
    PV_SEGMENT_LOST,
    PV_SEGMENTS
};
PV_API const char *pv_segment_code(enum pv_segment segment); /* "champions", "loyal", ... */

/* [r - 1][fm - 1] with fm the mean of f and m, halves upwards. Any numbers > 0 do for a grid of
 * one's own. */
struct pv_segment_grid {
    uint8_t cell[5][5];
};
PV_API extern const struct pv_segment_grid pv_segment_usual;

struct pv_segment_sum {
    uint64_t customers;
    int64_t revenue; /* minor units */
};
/* Segment of each score (0 for scores of 0) and, when ret_sums is not NULL, what they hold: 256
 * sums, by segment. */
PV_API PV_WARN_UNUSED int pv_rfm_segments(const struct pv_segment_grid *grid,
                                          const struct pv_rfm *scores,
                                          const struct pv_customer *rows, size_t n,
                                          uint8_t *ret_segment, struct pv_segment_sum *ret_sums);

/* ---- Cohorts --------------------------------------------------------------------------------- */

enum pv_calendar { PV_CALENDAR_MONTH, PV_CALENDAR_QUARTER, PV_CALENDAR_YEAR };

struct pv_cohort_cell {
    uint64_t active;    /* customers of the cohort with a purchase in the period */
    uint64_t purchases; /* days with a purchase */
    int64_t revenue;
};

/* Customers by the calendar period of their first purchase, followed through the periods after. */
struct pv_cohort_table {
    enum pv_calendar calendar;
    unsigned first_month; /* 1..12: quarters and years begin with it */
    size_t periods;       /* from the first purchase of all to the end: cohorts, and ages at most */
    int32_t *first_day;   /* periods: of each */
    uint64_t *customers;  /* periods: how many came in it */
    /* periods x periods, [cohort * periods + age]; age < periods - cohort. */
    struct pv_cohort_cell *cell;
    bool last_complete; /* the last period is over at the end */
};
/* Quarters and years are counted from `first_month` on: 1, or the month that a fiscal year begins
 * with. Purchases after `end` are left out. PV_ERR_EMPTY: none is left. At most 1,200 periods:
 * PV_ERR_ARGUMENT, as for a month that is none. O(transactions + periods^2). */
PV_API PV_WARN_UNUSED int pv_cohort_table_new(const struct pv_history *history,
                                              enum pv_calendar calendar, unsigned first_month,
                                              int32_t end, struct pv_cohort_table **ret_table);
PV_API void pv_cohort_table_free(struct pv_cohort_table *table);

/* ---- Rhythm ---------------------------------------------------------------------------------- */

struct pv_rhythm {
    uint32_t gaps;       /* between purchases */
    double mean, median; /* of them, days; NaN without any */
    double silence;      /* days since the last purchase; NaN: never bought */
    double ratio;        /* silence / mean */
    /* How often so long a silence, or a longer one, was followed by a purchase: among the
     * customer's own gaps, with the weight of two gaps for what is usual in the base (gaps in units
     * of their customer's mean). Small: overdue. NaN without gaps. */
    double usual;
};
/* ret_rhythms: history.customers rows. O(transactions log transactions). */
PV_API PV_WARN_UNUSED int pv_rhythms(const struct pv_history *history, int32_t end,
                                     struct pv_rhythm *ret_rhythms);

#ifdef __cplusplus
}
#endif

#endif
