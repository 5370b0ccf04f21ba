/* value_report.c - what `patron value FILE` found, as JSON, as text, as one row per customer. */
#include "app/value_tool.h"

#include "base/json.h"

#include <inttypes.h>
#include <math.h>

/* ---- JSON ---- */

static void put_money(struct jw *w, const char *key, double value)
{
    char text[64];
    if (!isfinite(value)) {
        jw_knull(w, key);
        return;
    }
    int n = snprintf(text, sizeof text, "%.2f", value);
    jw_key(w, key);
    jw_raw(w, (struct str){text, (size_t)n});
}

static void put_interval(struct jw *w, const struct pv_interval *i)
{
    put_money(w, "low80", i->low80);
    put_money(w, "high80", i->high80);
    put_money(w, "low95", i->low95);
    put_money(w, "high95", i->high95);
}

static void put_concentration(struct jw *w, const char *key, const struct pv_concentration *c)
{
    jw_key(w, key);
    jw_obj(w);
    put_money(w, "total", c->total);
    jw_kf64(w, "gini", c->gini);
    jw_kf64(w, "top20_share", c->top20_share);
    jw_obj_end(w);
}

static void put_rows(struct jw *w, const struct value_data *d)
{
    const struct pv_history_report *r = &d->report;
    jw_key(w, "rows");
    jw_obj(w);
    jw_ki64(w, "read", (int64_t)d->rows);
    jw_ki64(w, "merged", (int64_t)r->merged);
    jw_ki64(w, "zero", (int64_t)r->zero);
    jw_ki64(w, "negative", (int64_t)r->negative);
    jw_ki64(w, "dropped", (int64_t)r->dropped);
    jw_ki64(w, "returned", (int64_t)r->returned);
    jw_ki64(w, "unmatched_returns", (int64_t)r->unmatched);
    jw_kcstr(w, "encoding", csv_encoding_name(d->encoding));
    jw_kcstr(w, "date_format", csv_date_format_name(d->date_format));
    jw_kbool(w, "date_ambiguous", d->date_ambiguous);
    jw_obj_end(w);
}

static void put_equity(struct jw *w, const struct value_result *r)
{
    jw_key(w, "equity");
    if (!r->has_money) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    put_money(w, "amount", r->equity.amount);
    put_interval(w, &r->equity.range);
    put_money(w, "horizon_money", r->equity.money);
    put_money(w, "horizon_money_low95", r->equity.money_range.low95);
    put_money(w, "horizon_money_high95", r->equity.money_range.high95);
    jw_obj_end(w);
}

/* Only when there was a choice. */
static void put_candidates(struct jw *w, const struct value_result *r)
{
    char text[32];
    if (r->choice.candidates == 0)
        return;
    jw_key(w, "choice");
    jw_obj(w);
    jw_key(w, "fitted_to");
    if (r->tried_from == PV_NO_DAY)
        jw_null(w);
    else
        jw_cstr(w, value_date(r->tried_from, text, sizeof text));
    jw_key(w, "as_good");
    if (r->choice.like < 0)
        jw_null(w);
    else
        jw_cstr(w, r->choice.candidate[r->choice.like].fit.model);
    jw_key(w, "candidates");
    jw_arr(w);
    for (size_t i = 0; i < r->choice.candidates; i++) {
        const struct pv_candidate *c = &r->choice.candidate[i];
        bool tried = c->holdout.customers > 0;
        jw_obj(w);
        jw_kcstr(w, "model", c->fit.model);
        jw_kcstr(w, "verdict", pv_verdict_code(c->fit.verdict));
        jw_kf64(w, "loglik", c->fit.loglik);
        jw_kf64(w, "bic", c->bic);
        jw_kf64(w, "predicted", tried ? c->holdout.predicted : NAN);
        jw_kf64(w, "actual", tried ? c->holdout.actual : NAN);
        jw_kf64(w, "rmse", tried ? c->holdout.rmse : NAN);
        jw_kbool(w, "chosen", (int)i == r->choice.best);
        jw_obj_end(w);
    }
    jw_arr_end(w);
    jw_obj_end(w);
}

int value_report_json(const struct value_result *r)
{
    char text[32];
    struct buf out = BUF_INIT(BUF_MAX_DEFAULT);
    struct jw w = jw_new(&out);
    jw_obj(&w);
    jw_ki64(&w, "customers", (int64_t)r->customers);
    jw_ki64(&w, "orders", (int64_t)r->orders);
    put_money(&w, "revenue", (double)r->revenue / r->money_scale);
    jw_kcstr(&w, "until", value_date(r->until, text, sizeof text));
    jw_key(&w, "calibrate_to");
    if (r->calibrate_to == PV_NO_DAY)
        jw_null(&w);
    else
        jw_cstr(&w, value_date(r->calibrate_to, text, sizeof text));
    jw_kcstr(&w, "unit", r->unit_days == 7.0 ? "week" : "day");
    jw_kf64(&w, "horizon", r->horizon);
    jw_kf64(&w, "discount", r->discount);
    jw_kcstr(&w, "model", r->buying.model);
    put_candidates(&w, r);
    jw_key(&w, "models");
    jw_obj(&w);
    value_put_fit_json(&w, &r->buying);
    value_put_fit_json(&w, &r->gamma_gamma);
    jw_obj_end(&w);
    value_put_findings_json(&w, r);
    jw_key(&w, "holdout");
    if (r->has_holdout) {
        const struct pv_holdout *h = &r->holdout;
        jw_obj(&w);
        jw_kf64(&w, "actual", h->actual);
        jw_kf64(&w, "predicted", h->predicted);
        jw_kf64(&w, "mae", h->mae);
        jw_kf64(&w, "rmse", h->rmse);
        jw_kf64(&w, "coverage80", h->coverage80);
        jw_kf64(&w, "coverage95", h->coverage95);
        jw_ki64(&w, "customers", (int64_t)h->customers);
        jw_kf64(&w, "length", r->holdout_units);
        jw_obj_end(&w);
    } else {
        jw_null(&w);
    }
    put_equity(&w, r);
    jw_key(&w, "alive");
    if (r->has_values)
        jw_f64(&w, r->equity.alive);
    else
        jw_null(&w);
    jw_key(&w, "expected_orders");
    if (r->has_values)
        jw_f64(&w, r->equity.orders);
    else
        jw_null(&w);
    jw_key(&w, "concentration");
    jw_obj(&w);
    put_concentration(&w, "revenue", &r->by_revenue);
    if (r->has_money)
        put_concentration(&w, "clv", &r->by_clv);
    else
        jw_knull(&w, "clv");
    size_t grade[3] = {0};
    for (size_t i = 0; i < r->n; i++)
        if (r->rows[i].T >= 0)
            grade[r->abc[i] - 'A']++;
    jw_key(&w, "abc");
    jw_obj(&w);
    jw_ki64(&w, "A", (int64_t)grade[0]);
    jw_ki64(&w, "B", (int64_t)grade[1]);
    jw_ki64(&w, "C", (int64_t)grade[2]);
    jw_obj_end(&w);
    jw_obj_end(&w);
    put_rows(&w, r->data);
    jw_obj_end(&w);
    return value_print_json(&out);
}

/* ---- Text ---- */

struct texts {
    const char *customers, *orders, *revenue, *until, *models, *calibrated, *verdict, *alive, *next;
    const char *next_money, *equity, *holdout, *coverage, *concentration;
    const char *rows, *no_money, *trust;
};

static const struct texts texts[LANGS] = {
    [LANG_EN] = {"Customers", "Purchases (days with an order)", "Revenue", "Observed until",
                 "What the models say", "fitted to", "Verdict", "Still customers, expected",
                 "Purchases in the horizon", "Money in the horizon", "Customer equity",
                 "Held-out purchases", "Intervals hold", "Concentration", "Rows",
                 "No money forecast: the spend model is not usable.",
                 "The model must not be trusted here; no forecast is given."},
    [LANG_ZH] = {"客户数", "购买次数（有订单的日子）", "收入", "观察截止", "模型结果", "拟合截止",
                 "判定", "预计仍为客户", "预测期内购买次数", "预测期内金额",
                 "客户资产（剩余价值合计）", "留出期购买次数", "区间覆盖率", "集中度", "数据行",
                 "没有金额预测：消费金额模型不可用。", "此处模型不可信，因此不给出预测。"},
};

/* The table of what was compared, the chosen one with an arrow. */
static void show_candidates(const struct value_result *r, enum lang lang)
{
    static const char *const head[LANGS][5] = {
        [LANG_EN] = {"ln L", "BIC", "held out", "RMSE", "verdict"},
        [LANG_ZH] = {"对数似然", "BIC", "留出误差", "均方根误差", "判定"}};
    char text[64];
    if (r->choice.candidates == 0)
        return;
    printf("  %-16s", "");
    for (int i = 0; i < 5; i++)
        value_cell(head[lang][i], i < 4 ? 14 : 14 + 4);
    putchar('\n');
    for (size_t i = 0; i < r->choice.candidates; i++) {
        const struct pv_candidate *c = &r->choice.candidate[i];
        const struct pv_holdout *h = &c->holdout;
        bool tried = h->customers > 0;
        printf("%s%-16s", (int)i == r->choice.best ? "→ " : "  ", c->fit.model);
        value_number_cell(c->fit.loglik, 1, 14);
        value_number_cell(c->bic, 1, 14);
        snprintf(text, sizeof text, "%+.1f %%", 100.0 * (h->predicted / h->actual - 1.0));
        value_cell(tried && h->actual > 0.0 ? text : "–", 14);
        value_number_cell(tried ? h->rmse : NAN, 4, 14);
        value_cell(pv_verdict_code(c->fit.verdict), 18);
        putchar('\n');
    }
    if (r->choice.like >= 0)
        printf(lang == LANG_ZH ? "  这些数据分不清 %s 与 %s。\n"
                               : "  These data cannot tell %s from %s.\n",
               r->choice.candidate[r->choice.best].fit.model,
               r->choice.candidate[r->choice.like].fit.model);
    putchar('\n');
}

static void show_money(const char *label, double amount, const struct pv_interval *range,
                       enum lang lang)
{
    char a[64], b[64], c[64], value[256];
    snprintf(value, sizeof value,
             lang == LANG_ZH ? "%s  (95%% 区间：%s 至 %s)" : "%s  (95 %%: %s to %s)",
             value_grouped(amount, 0, a, sizeof a), value_grouped(range->low95, 0, b, sizeof b),
             value_grouped(range->high95, 0, c, sizeof c));
    value_line(label, value);
}

static void show_values(const struct value_result *r, const struct texts *t, enum lang lang)
{
    char a[64], b[64], value[256];
    snprintf(value, sizeof value, "%s / %s", value_grouped(r->equity.alive, 0, a, sizeof a),
             value_grouped((double)r->customers, 0, b, sizeof b));
    value_line(t->alive, value);
    snprintf(value, sizeof value, "%s  (%g %s)", value_grouped(r->equity.orders, 1, a, sizeof a),
             r->horizon, r->unit_days == 7.0 ? "w" : "d");
    value_line(t->next, value);
    if (!r->has_money) {
        printf("  %s\n", t->no_money);
        return;
    }
    show_money(t->next_money, r->equity.money, &r->equity.money_range, lang);
    show_money(t->equity, r->equity.amount, &r->equity.range, lang);
}

int value_report_text(const struct value_result *r, const char *path, enum lang lang)
{
    const struct texts *t = &texts[lang];
    char a[64], b[64], value[256];
    printf("%s\n\n", path);
    value_line(t->customers, value_grouped((double)r->customers, 0, a, sizeof a));
    value_line(t->orders, value_grouped((double)r->orders, 0, a, sizeof a));
    value_line(t->revenue, value_grouped((double)r->revenue / r->money_scale, 2, a, sizeof a));
    value_line(t->until, value_date(r->until, a, sizeof a));
    const struct pv_history_report *h = &r->data->report;
    snprintf(value, sizeof value,
             lang == LANG_ZH ? "%" PRIu64 "（同日合并 %" PRIu64 "，零元 %" PRIu64 "，退货 %" PRIu64
                               "，舍去 %" PRIu64 "，无对应购买的退货 %" PRIu64 "）"
                             : "%" PRIu64 " (same day merged %" PRIu64 ", zero %" PRIu64
                               ", returns %" PRIu64 ", dropped %" PRIu64
                               ", returns without a purchase %" PRIu64 ")",
             r->data->rows, h->merged, h->zero, h->negative, h->dropped, h->unmatched);
    value_line(t->rows, value);
    snprintf(value, sizeof value,
             lang == LANG_ZH ? "前 20%% 的客户贡献了 %.0f%% 的收入（基尼系数 %.2f）"
                             : "Top 20 %% of customers hold %.0f %% of the revenue (Gini %.2f)",
             100.0 * r->by_revenue.top20_share, r->by_revenue.gini);
    value_line(t->concentration, value);
    printf("\n%s", t->models);
    if (r->calibrate_to != PV_NO_DAY)
        printf(" (%s %s)", t->calibrated, value_date(r->calibrate_to, a, sizeof a));
    printf("\n\n");
    show_candidates(r, lang);
    value_show_fit(&r->buying, lang);
    value_show_fit(&r->gamma_gamma, lang);
    value_show_findings(r, lang);
    printf("\n");
    if (r->has_values)
        show_values(r, t, lang);
    else
        printf("  %s\n", t->trust);
    if (r->has_holdout) {
        double error = 100.0 * (r->holdout.predicted / fmax(r->holdout.actual, 1e-9) - 1.0);
        snprintf(value, sizeof value,
                 lang == LANG_ZH ? "预测 %s，实际 %s（误差 %+.1f%%）"
                                 : "predicted %s, actual %s (error %+.1f %%)",
                 value_grouped(r->holdout.predicted, 1, a, sizeof a),
                 value_grouped(r->holdout.actual, 0, b, sizeof b), error);
        value_line(t->holdout, value);
        snprintf(value, sizeof value, "80 %%: %.1f %%, 95 %%: %.1f %%",
                 100.0 * r->holdout.coverage80, 100.0 * r->holdout.coverage95);
        value_line(t->coverage, value);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

/* ---- One row per customer ---- */

static void put_customer(FILE *f, const struct value_result *r, size_t i)
{
    const struct pv_customer *c = &r->rows[i];
    value_put_text(f, intern_text(r->data->ids, (uint32_t)i));
    fprintf(f, ",%" PRId32, c->x + 1);
    value_put_minor(f, c->revenue, r->data->decimals);
    fprintf(f, ",%" PRId32 ",%.4f,%.4f", c->x, c->t_x / r->unit_days, c->T / r->unit_days);
    value_put_number(f, c->x > 0 ? (double)c->spend / r->money_scale / c->x : NAN, 2);
    static const struct pv_value none = {.p_alive = NAN,
                                         .expected_orders = NAN,
                                         .expected_spend = NAN,
                                         .clv = NAN,
                                         .clv_range = {NAN, NAN, NAN, NAN}};
    const struct pv_value *v = r->values ? &r->values[i] : &none;
    value_put_number(f, v->p_alive, 6);
    value_put_number(f, v->expected_orders, 6);
    value_put_number(f, v->expected_spend, 2);
    value_put_number(f, v->clv, 2);
    value_put_number(f, v->clv_range.low95, 2);
    value_put_number(f, v->clv_range.high95, 2);
    fprintf(f, ",%d%d%d,%c\n", r->rfm[i].r, r->rfm[i].f, r->rfm[i].m, r->abc[i]);
}

static bool put_customers(FILE *f, void *context)
{
    const struct value_result *r = context;
    fputs("customer_id,orders,revenue,x,t_x,T,mean_spend,p_alive,expected_orders,expected_spend,"
          "clv,clv_low,clv_high,rfm,abc\n",
          f);
    for (size_t i = 0; i < r->n; i++)
        if (r->rows[i].T >= 0)
            put_customer(f, r, i);
    return !ferror(f) && fflush(f) == 0;
}

int value_report_csv(const struct value_result *r, const char *path)
{
    return value_write(path, put_customers, (void *)r);
}
