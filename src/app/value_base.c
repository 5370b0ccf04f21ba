/*
 * value_base.c - what most commands of `patron value` begin with: customers read from a file,
 * and models fitted to them.
 */
#include "app/value_tool.h"

#include <math.h>
#include <stdlib.h>

int value_failed(const struct value_options *o, int error)
{
    fprintf(stderr, "%s: %s\n", o->input.path ? o->input.path : "patron value",
            error == PV_ERR_NO_MEMORY ? value_say(o->lang, "not enough memory", "内存不足")
                                      : pv_error_code(error));
    return 1;
}

static int settle_dates(const struct value_options *o, struct value_base *b)
{
    struct pv_history_view h = pv_history_columns(b->data.history);
    b->until = o->until == PV_NO_DAY ? h.last_day : o->until;
    b->calibrate_to = o->calibrate_to;
    if (b->until < h.first_day) {
        fprintf(stderr,
                value_say(o->lang, "%s: --until lies before the first order\n",
                          "%s：--until 早于第一笔订单\n"),
                o->input.path);
        return 1;
    }
    if ((int64_t)b->until - h.first_day > PV_MAX_DAYS) {
        char first[16], last[16], row[32] = "--until";
        if (o->until == PV_NO_DAY)
            snprintf(row, sizeof row, value_say(o->lang, "row %llu", "第 %llu 行"),
                     (unsigned long long)b->data.last.row);
        fprintf(stderr,
                value_say(o->lang,
                          "%s:%llu: %s lies more than %d days before %s (%s): one of the two days "
                          "is wrong [out-of-range]\n",
                          "%1$s:%2$llu：%3$s 比 %5$s（%6$s）早 %4$d 天以上：两个日期必有一错 "
                          "[out-of-range]\n"),
                o->input.path, (unsigned long long)b->data.first.row,
                value_date(b->data.first.day, first, sizeof first), PV_MAX_DAYS,
                value_date(b->until, last, sizeof last), row);
        return 1;
    }
    if (b->calibrate_to != PV_NO_DAY &&
        (b->calibrate_to >= b->until || b->calibrate_to < h.first_day)) {
        fprintf(stderr,
                value_say(o->lang,
                          "%s: --calibrate-to must lie between the first order and the end\n",
                          "%s：--calibrate-to 必须在第一笔订单与截止日之间\n"),
                o->input.path);
        return 1;
    }
    return 0;
}

static int summarise(struct value_options *o, struct value_base *b)
{
    int rc = settle_dates(o, b);
    if (rc)
        return rc;
    b->n = pv_history_columns(b->data.history).customers;
    b->money_scale = pow(10.0, b->data.decimals);
    b->now = malloc((b->n + 1) * sizeof *b->now);
    if (!b->now)
        return value_failed(o, PV_ERR_NO_MEMORY);
    rc = pv_summarise(b->data.history, b->until, PV_NO_DAY, b->now);
    if (rc == 0 && b->calibrate_to != PV_NO_DAY) {
        b->calibration = malloc((b->n + 1) * sizeof *b->calibration);
        if (!b->calibration)
            return value_failed(o, PV_ERR_NO_MEMORY);
        rc = pv_summarise(b->data.history, b->calibrate_to, b->until, b->calibration);
        b->holdout_units = (b->until - b->calibrate_to) / o->unit_days;
    }
    return rc ? value_failed(o, rc) : 0;
}

static void read_so_far(void *progress, double share)
{
    value_progress_share(progress, share);
}

int value_base_load(struct value_options *o, struct value_base *ret_base)
{
    struct value_base b = {.until = PV_NO_DAY, .calibrate_to = PV_NO_DAY};
    value_progress_say(o->shown, value_say(o->lang, "reading", "读取"));
    o->input.progress = read_so_far;
    o->input.context = o->shown;
    int rc;
    if (o->command->options & VALUE_BIT(SUMMARY) && value_summary_is(o)) {
        rc = value_summary_read(o, &b);
    } else {
        rc = value_read_file(&o->input, &b.data);
        if (rc == 0)
            rc = summarise(o, &b);
    }
    if (rc)
        value_base_free(&b);
    else
        *ret_base = b;
    return rc;
}

void value_base_free(struct value_base *b)
{
    free(b->now);
    free(b->calibration);
    value_data_free(&b->data);
}

/* ---- Models ---- */

/* The last third of a history of 26 weeks and more is long enough to try the models on. */
static int32_t part_of(const struct pv_history *history, int32_t until)
{
    int32_t span = until - pv_history_columns(history).first_day;
    return span >= 182 ? until - span / 3 / 7 * 7 : PV_NO_DAY;
}

static void describe(const struct value_options *o, const struct value_base *b,
                     struct value_result *r)
{
    r->data = &b->data;
    r->rows = b->now;
    r->n = b->n;
    r->until = b->until;
    r->calibrate_to = b->calibrate_to;
    r->unit_days = o->unit_days;
    r->horizon = o->horizon_days / o->unit_days;
    r->discount = o->discount;
    r->money_scale = b->money_scale;
    r->customers = r->orders = 0;
    r->revenue = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (b->now[i].T < 0)
            continue;
        r->customers++;
        r->orders += (uint64_t)b->now[i].x + 1;
        r->revenue += b->now[i].revenue;
    }
}

int value_base_choose(struct value_options *o, const struct value_base *b, struct value_result *r)
{
    const struct pv_history *history = b->data.history;
    struct pv_fit_options fit = {o->unit_days, b->money_scale, o->threads, NULL};
    int rc;
    describe(o, b, r);
    value_progress_say(o->shown, value_say(o->lang, "comparing all models", "比较所有模型"));
    r->tried_from = b->calibrate_to;
    if (!history) {
        rc = pv_choose_model(b->now, b->n, &fit, 0.0, &r->choice);
    } else {
        if (!b->calibration)
            r->tried_from = part_of(history, b->until);
        bool held = r->tried_from != PV_NO_DAY;
        rc = pv_choose_history(history, held ? r->tried_from : b->until,
                               held ? b->until : PV_NO_DAY, &fit, &r->choice);
    }
    return rc ? value_failed(o, rc) : 0;
}

int value_base_fit(struct value_options *o, const struct value_base *b, struct value_result *r)
{
    struct pv_fit_options fit = {o->unit_days, b->money_scale, o->threads, NULL};
    const struct pv_customer *rows = b->calibration ? b->calibration : b->now;
    const char *model = o->model;
    struct pv_cells *cells;
    struct pv_gaps gaps;
    int rc = model ? 0 : value_base_choose(o, b, r);
    if (rc)
        return rc;
    describe(o, b, r);
    if (b->data.history) {
        gaps = pv_history_gaps(b->data.history,
                               b->calibrate_to == PV_NO_DAY ? b->until : b->calibrate_to,
                               o->unit_days);
        fit.gaps = &gaps;
    }
    if (!model)
        model = r->choice.best >= 0 ? r->choice.candidate[r->choice.best].fit.model : "bg-nbd";
    value_progress_say(o->shown, model);
    rc = pv_cells_new(rows, b->n, &cells);
    if (rc)
        return value_failed(o, rc);
    rc = pv_fit_model(pv_model_find(model), cells, &fit, &r->buying);
    pv_cells_free(cells);
    if (rc == 0)
        rc = pv_fit_gamma_gamma(rows, b->n, &fit, &r->gamma_gamma);
    if (rc)
        return value_failed(o, rc);
    return o->covariates ? value_covariates_fit(o, b, rows, &fit, r) : 0;
}

int value_base_check(const struct value_options *o, const struct value_base *b,
                     struct value_result *r)
{
    int32_t end = b->calibrate_to == PV_NO_DAY ? b->until : b->calibrate_to;
    if (!b->data.history)
        return 0;
    int rc = pv_check_history(b->data.history, end, r->buying.usable ? &r->buying : NULL,
                              r->gamma_gamma.usable ? &r->gamma_gamma : NULL, b->money_scale,
                              r->finding);
    if (rc)
        return value_failed(o, rc);
    r->findings = PV_CHECKS;
    return 0;
}
