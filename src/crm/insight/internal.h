/* Shared by the files of this feature only. */
#ifndef PATRON_CRM_INSIGHT_INTERNAL_H
#define PATRON_CRM_INSIGHT_INTERNAL_H

#include "crm/insight/insight.h"
#include "patron_accounting.h"
#include "patron_check.h"
#include "patron_cohorts.h"
#include "patron_value.h"

enum { SEED = 20261124, UNIT_DAYS = 7 };

/* Customers that bring this share of all value together are graded A; up to the second, B. */
static const double GRADE_A = 0.80, GRADE_B = 0.95;

/* How a customer stood a month before, and what silence is usual for it. */
struct standing {
    int32_t usual_days;    /* the middle one of its gaps; -1: fewer than two orders */
    double silence_share;  /* pv_rhythm's `usual`; NaN without gaps */
    double p_alive_before; /* NaN: was no customer then */
    double clv_before;     /* major units */
    char grade_before;     /* 0: none */
};
enum { STANDING_DAYS = 30 };

/* One valuation in memory. Arrays have n entries, one per living customer, sorted by id. */
struct valuation {
    struct tenant *t;
    struct arena *a;
    int64_t run_id, change_seq;
    size_t n;
    int64_t *ids;
    struct pv_history *history;
    struct pv_history_report report;
    struct pv_customer *rows; /* to as_of */
    struct pv_customer *past; /* to calibrate_to, with hold-out */
    struct pv_value *values;
    struct pv_rfm *rfm;
    char *grades;
    uint32_t *rank; /* 0 = worth most */
    int32_t as_of, calibrate_to;
    unsigned decimals;
    double scale; /* minor units in one major */
    double discount;
    int64_t horizon_weeks;
    const struct pv_model *wanted; /* NULL: the one that predicts best */
    struct pv_choice choice;       /* without candidates when a model was asked for */
    struct pv_fit buying, gg, past_buying;
    struct pv_finding finding[PV_CHECKS];
    struct pv_equity equity;
    struct pv_holdout holdout;
    bool has_values, has_money, has_holdout;
    struct standing *standing;
    uint8_t *segment; /* enum pv_segment */
    struct pv_segment_sum segments[256];
    uint64_t customers, orders;
    int64_t revenue;
};

void valuation_free(struct valuation *v);

/* fit.c: the model, the values, how it would have done, what is wrong with the base. */
int fit_all(struct valuation *v, struct job *j, struct err *e) must_check;
int library_error(int rc, struct err *e) must_check;
struct pv_valuer_options options_of(const struct valuation *v, double horizon);

/* store.c */
int store_read_orders(struct db_conn *c, struct valuation *v, struct job *j,
                      struct err *e) must_check;
int store_begin_run(struct db_conn *c, const struct valuation *v, struct str models,
                    struct str findings, struct err *e) must_check;
/* The run is whole: its overview is what pages read. Texts of runs that need not be kept go. */
int store_end_run(struct db_conn *c, const struct valuation *v, struct str overview,
                  const int32_t *keep, struct err *e) must_check;
/* Value record and current figures of customer i. */
int store_value(struct db_conn *c, const struct valuation *v, size_t i, struct err *e) must_check;
/* Of all customers after `from` up to `to`: what they are worth today is kept by date; dates that
 * need not be kept are dropped. `keep`: KEPT_DATES dates, see snapshot_dates. */
int store_snapshots(struct db_conn *c, const struct valuation *v, int64_t from, int64_t to,
                    const int32_t *keep, struct err *e) must_check;
/* The dates to keep, v->as_of and that of the last run among them: the eight latest, and the last
 * of each month for two years. What is left over repeats the first. */
enum { KEPT_DATES = 32 };
int snapshot_dates(struct db_conn *c, const struct valuation *v, int32_t ret_keep[KEPT_DATES],
                   struct err *e) must_check;
/* The names of some customers, for the map; texts in the arena. */
int store_names(struct db_conn *c, const int64_t *ids, size_t n, struct arena *a,
                struct str *ret_names, struct err *e) must_check;

/* overview.c */
int overview_json(const struct valuation *v, const struct str *map_names, const uint32_t *map,
                  size_t nmap, struct str *ret, struct err *e) must_check;
/* trends.c: parts of the overview. */
void write_cohorts(const struct valuation *v, struct jw *w);
void write_segments(const struct valuation *v, struct jw *w);
int write_bridges(const struct valuation *v, struct jw *w, struct err *e) must_check;
/* From one date that was valued to another, by what was said on each: an object. */
int bridge_between(struct db_conn *c, int32_t from, int32_t to, unsigned decimals, struct jw *w,
                   struct err *e) must_check;
void write_date(struct jw *w, const char *key, int32_t day); /* null without one */
size_t overview_pick_map(const struct valuation *v, uint32_t out[400]);

/* standing.c: v->standing. */
int standing_of_all(struct valuation *v) must_check;
/* Everybody as they stood on a day, by the model of today: what changes is the customers. */
int value_on(const struct valuation *v, int32_t day, struct pv_customer *ret_rows,
             struct pv_value *ret_values) must_check;

/* models.c: fits as JSON, and the valuer kept in memory for the customer pages. */
void fit_to_json(const struct pv_fit *f, const struct tenant *t, enum lang lang, struct arena *a,
                 bool whole, struct jw *w);
struct model {
    int64_t run_id;
    int32_t as_of;
    double scale, horizon, discount;
    unsigned decimals;
    uint64_t customers;
    struct pv_fit buying, gg;
    enum pv_verdict finding[PV_CHECKS];
    size_t findings;
    struct pv_valuer *valuer; /* NULL when no model is usable */
};
/* Borrowed until model_done. ERR_NO_VALUE_YET. On a worker: may read all value records. */
int model_get(struct tenant *t, const struct model **ret_model, struct err *e) must_check;
void model_done(struct tenant *t);

/* Money of a double in major units. */
struct str amount_text(double major, unsigned decimals, struct arena *a);
void jw_amount(struct jw *w, const char *key, double major, unsigned decimals);

#endif
