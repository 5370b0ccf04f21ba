/*
 * value_report.h - what `patron value` found, and its three forms: JSON, text, one row per
 * customer.
 */
#ifndef PATRON_APP_VALUE_REPORT_H
#define PATRON_APP_VALUE_REPORT_H

#include "app/value_read.h"
#include "patron_check.h"
#include "patron_model_file.h"

struct value_result {
    const struct value_data *data;
    const struct pv_customer *rows; /* at the end of the observation */
    size_t n;
    int32_t until, calibrate_to; /* PV_NO_DAY: no calibration */
    double unit_days, horizon, discount, money_scale;
    uint64_t customers, orders;
    int64_t revenue;
    struct pv_fit buying, gamma_gamma;
    struct pv_model_covariates *covariates; /* coefficients of both; NULL: none were asked for */
    struct pv_choice choice;                /* when the model was chosen; else without candidates */
    int32_t tried_from; /* they were fitted to this day; PV_NO_DAY: no hold-out */
    bool has_values, has_money, has_holdout;
    struct pv_value *values; /* n, NULL without a usable model */
    struct pv_equity equity;
    struct pv_holdout holdout;
    double holdout_units;
    struct pv_rfm *rfm;
    char *abc; /* of revenue */
    struct pv_concentration by_revenue, by_clv;
    struct pv_finding finding[PV_CHECKS]; /* of the base: value_base_check */
    int findings;                         /* 0: not asked */
};

/* All print to stdout or a file; 0 or an exit code after printing the reason to stderr. */
int value_report_json(const struct value_result *result);
int value_report_text(const struct value_result *result, const char *path, enum lang lang);
int value_report_csv(const struct value_result *result, const char *path);

#endif
