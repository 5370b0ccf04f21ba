/* cmd_value.c - `patron value FILE.csv`: what every customer in a file of orders is worth. */
#include "app/value_tool.h"

#include <math.h>
#include <stdlib.h>

static int value_all(const struct value_options *o, const struct value_base *b,
                     struct value_result *r)
{
    if (!r->buying.usable)
        return 0;
    struct pv_valuer_options options = {.unit_days = o->unit_days,
                                        .money_scale = r->money_scale,
                                        .horizon = r->horizon,
                                        .discount = o->discount,
                                        .seed = VALUE_SEED,
                                        .threads = o->threads};
    struct pv_valuer *valuer;
    int rc;
    if (b->calibration) {
        options.horizon = b->holdout_units;
        /* Numbers of purchases only: no spend model, so nothing is simulated. */
        rc = pv_valuer_new(&r->buying, NULL, &options, b->calibration, r->n, &valuer);
        if (rc)
            return rc;
        rc = pv_value_holdout(valuer, b->calibration, r->n, &r->holdout);
        pv_valuer_free(valuer);
        if (rc)
            return rc;
        r->has_holdout = true;
        options.horizon = r->horizon;
    }
    rc = pv_valuer_new(&r->buying, &r->gamma_gamma, &options, b->now, r->n, &valuer);
    if (rc)
        return rc;
    r->values = malloc((r->n + 1) * sizeof *r->values);
    rc = r->values ? pv_value_customers(valuer, b->now, r->n, r->values) : PV_ERR_NO_MEMORY;
    if (rc == 0)
        rc = pv_value_equity(valuer, b->now, r->n, &r->equity);
    pv_valuer_free(valuer);
    r->has_values = rc == 0;
    r->has_money = rc == 0 && r->gamma_gamma.usable;
    return rc;
}

static int describe(const struct value_base *b, double **number, struct value_result *r)
{
    size_t n = 0;
    int rc = PV_ERR_NO_MEMORY;
    r->rfm = calloc(r->n + 1, sizeof *r->rfm);
    r->abc = calloc(r->n + 1, 1);
    double *v = *number = malloc((r->n + 1) * sizeof *v);
    if (!r->rfm || !r->abc || !v)
        return rc;
    rc = pv_rfm_scores(b->now, r->n, r->rfm, NULL);
    /* Grades go by what a customer will bring, as in the program; without money by the past. */
    for (size_t i = 0; i < r->n; i++)
        v[i] = b->now[i].T < 0 ? 0.0
               : r->has_money  ? r->values[i].clv
                               : (double)b->now[i].revenue / r->money_scale;
    if (rc == 0)
        rc = pv_abc_grades(v, r->n, 0.80, 0.95, r->abc);
    for (size_t i = 0; i < r->n; i++)
        v[i] = (double)b->now[i].revenue / r->money_scale;
    for (size_t i = 0; i < r->n; i++) /* not yet customers do not dilute the shares */
        if (b->now[i].T >= 0)
            v[n++] = v[i];
    if (rc == 0)
        rc = pv_concentration(v, n, 0, NULL, &r->by_revenue);
    if (rc || !r->has_money)
        return rc;
    n = 0;
    for (size_t i = 0; i < r->n; i++)
        if (b->now[i].T >= 0)
            v[n++] = r->values[i].clv;
    return pv_concentration(v, n, 0, NULL, &r->by_clv);
}

static int run(struct value_options *o)
{
    struct value_result r = {0};
    struct value_base b;
    double *number = NULL;
    int rc = value_base_load(o, &b);
    if (rc)
        return rc;
    r.holdout_units = b.holdout_units;
    rc = value_base_fit(o, &b, &r);
    rc = rc ? rc : value_base_check(o, &b, &r);
    value_progress_say(o->shown, value_say(o->lang, "valuing", "估值"));
    int error = rc ? 0 : value_all(o, &b, &r);
    if (rc == 0 && error == 0)
        error = describe(&b, &number, &r);
    if (error)
        rc = value_failed(o, error);
    value_progress_end(o->shown);
    if (rc == 0 && o->out)
        rc = value_report_csv(&r, o->out);
    if (rc == 0)
        rc = o->json ? value_report_json(&r) : value_report_text(&r, o->input.path, o->lang);
    free(number);
    free(r.values);
    free(r.rfm);
    free(r.abc);
    value_base_free(&b);
    return rc;
}

const struct value_command value_command_report = {
    .name = "",
    .file = "FILE.csv",
    .what = {"What every customer in a file of orders is worth", "订单文件中每位客户的价值"},
    .options = VALUE_READS | VALUE_BIT(CALIBRATE) | VALUE_BIT(MODEL) | VALUE_BIT(HORIZON) |
               VALUE_BIT(DISCOUNT) | VALUE_BIT(ROWS),
    .example = {"orders.csv --out customers.csv", "orders.csv --model auto --json"},
    .run = run,
};
