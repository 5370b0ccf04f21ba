/*
 * cmd_value_predict.c - `patron value predict`: what a saved model says of each customer; `at`: of
 * one customer who is given by numbers.
 */
#include "app/value_tool.h"

#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

struct prediction {
    const struct value_base *base;
    struct pv_model_file file;
    struct pv_value *values;
    struct pv_equity equity;
    double horizon;
    bool money;
};

static bool put_rows(FILE *f, void *context)
{
    const struct prediction *p = context;
    fputs("customer_id,p_alive,expected_orders,orders_low,orders_high,expected_spend,"
          "expected_money,money_low,money_high,clv,clv_low,clv_high\n",
          f);
    for (size_t i = 0; i < p->base->n; i++) {
        const struct pv_value *v = &p->values[i];
        if (p->base->now[i].T < 0)
            continue;
        value_put_text(f, intern_text(p->base->data.ids, (uint32_t)i));
        value_put_number(f, v->p_alive, 6);
        value_put_number(f, v->expected_orders, 6);
        value_put_number(f, v->orders.low95, 0);
        value_put_number(f, v->orders.high95, 0);
        value_put_number(f, v->expected_spend, 2);
        value_put_number(f, v->expected_money, 2);
        value_put_number(f, v->money.low95, 2);
        value_put_number(f, v->money.high95, 2);
        value_put_number(f, v->clv, 2);
        value_put_number(f, v->clv_range.low95, 2);
        value_put_number(f, v->clv_range.high95, 2);
        putc('\n', f);
    }
    return true;
}

static int predict_json(const struct prediction *p)
{
    const struct pv_equity *e = &p->equity;
    struct buf out = BUF_INIT(BUF_MAX_DEFAULT);
    struct jw w = jw_new(&out);
    jw_obj(&w);
    jw_ki64(&w, "customers", (int64_t)e->customers);
    jw_kcstr(&w, "model", p->file.fit.model);
    jw_kf64(&w, "horizon", p->horizon);
    jw_kf64(&w, "alive", e->alive);
    jw_kf64(&w, "expected_orders", e->orders);
    jw_kf64(&w, "horizon_money", p->money ? e->money : NAN);
    jw_kf64(&w, "horizon_money_low95", p->money ? e->money_range.low95 : NAN);
    jw_kf64(&w, "horizon_money_high95", p->money ? e->money_range.high95 : NAN);
    jw_kf64(&w, "equity", p->money ? e->amount : NAN);
    jw_kf64(&w, "equity_low95", p->money ? e->range.low95 : NAN);
    jw_kf64(&w, "equity_high95", p->money ? e->range.high95 : NAN);
    jw_obj_end(&w);
    return value_print_json(&out);
}

static void show_range(const char *label, double amount, const struct pv_interval *range,
                       enum lang lang)
{
    char a[64], b[64], c[64], value[256];
    snprintf(value, sizeof value,
             value_say(lang, "%s  (95 %%: %s to %s)", "%s  (95%% 区间：%s 至 %s)"),
             value_grouped(amount, 0, a, sizeof a), value_grouped(range->low95, 0, b, sizeof b),
             value_grouped(range->high95, 0, c, sizeof c));
    value_line(label, value);
}

static int predict_text(const struct value_options *o, const struct prediction *p)
{
    char text[64];
    value_line(value_say(o->lang, "Customers", "客户数"),
               value_grouped((double)p->equity.customers, 0, text, sizeof text));
    value_line(value_say(o->lang, "Still customers, expected", "预计仍为客户"),
               value_grouped(p->equity.alive, 0, text, sizeof text));
    value_line(value_say(o->lang, "Purchases in the horizon", "预测期内购买次数"),
               value_grouped(p->equity.orders, 1, text, sizeof text));
    if (p->money) {
        show_range(value_say(o->lang, "Money in the horizon", "预测期内金额"), p->equity.money,
                   &p->equity.money_range, o->lang);
        show_range(value_say(o->lang, "Customer equity", "客户资产（剩余价值合计）"),
                   p->equity.amount, &p->equity.range, o->lang);
    } else {
        printf("  %s\n", value_say(o->lang, "No money forecast: the spend model is not usable.",
                                   "没有金额预测：消费金额模型不可用。"));
    }
    value_line(value_say(o->lang, "One row per customer in", "每位客户一行，见"), o->out);
    return fflush(stdout) == 0 ? 0 : 1;
}

static int load_usable(struct value_options *o, struct pv_model_file *ret_file)
{
    if (!o->using)
        return value_usage_error(o, "--using", value_say(o->lang, "missing", "缺失"));
    int rc = value_model_load(o, o->using, ret_file);
    if (rc)
        return rc;
    if (pv_model_kind(pv_model_find(ret_file->fit.model)) != PV_KIND_BUYING) {
        fprintf(stderr,
                value_say(o->lang, "%s: %s is no model of purchases in days\n",
                          "%s：%s 不是按天计的购买模型\n"),
                o->using, ret_file->fit.model);
        pv_model_file_free(ret_file);
        return 1;
    }
    if (!ret_file->fit.usable) {
        fprintf(stderr,
                value_say(o->lang,
                          "%s: this model must not be trusted (%s); nothing is predicted\n",
                          "%s：该模型不可信（%s），不作预测\n"),
                o->using, pv_verdict_code(ret_file->fit.verdict));
        pv_model_file_free(ret_file);
        return VALUE_UNUSABLE;
    }
    return 0;
}

/* Customers at parameters of their own. */
static int predict_with(const struct value_options *o, struct prediction *p,
                        const struct pv_valuer_options *options)
{
    const struct pv_model_covariates *m = p->file.covariates;
    struct value_covariates c;
    int rc = value_covariates_read(o, p->base, m, &c);
    if (rc)
        return rc;
    const struct pv_covariates covariates = {c.z, c.columns};
    value_progress_say(o->shown, value_say(o->lang, "predicting", "预测"));
    rc = pv_covariate_value(m->fit, p->money ? m->spend : NULL, options, p->base->now, p->base->n,
                            &covariates, p->values, &p->equity);
    value_covariates_free(&c);
    return rc ? value_failed(o, rc) : 0;
}

static int predict(const struct value_options *o, struct prediction *p)
{
    const struct value_base *b = p->base;
    const struct pv_model_file *f = &p->file;
    struct pv_valuer_options options = {.unit_days = f->fit.unit_days,
                                        .money_scale = b->money_scale,
                                        .horizon = o->horizon_days / f->fit.unit_days,
                                        .discount = o->discount,
                                        .seed = VALUE_SEED,
                                        .threads = o->threads};
    struct pv_valuer *valuer;
    p->horizon = options.horizon;
    p->money = f->has_spend && f->spend.usable;
    p->values = malloc((b->n + 1) * sizeof *p->values);
    if (!p->values)
        return value_failed(o, PV_ERR_NO_MEMORY);
    if (f->covariates)
        return predict_with(o, p, &options);
    value_progress_say(o->shown, value_say(o->lang, "predicting", "预测"));
    int rc = pv_valuer_new(&f->fit, p->money ? &f->spend : NULL, &options, b->now, b->n, &valuer);
    if (rc)
        return value_failed(o, rc);
    rc = pv_value_customers(valuer, b->now, b->n, p->values);
    if (rc == 0)
        rc = pv_value_equity(valuer, b->now, b->n, &p->equity);
    pv_valuer_free(valuer);
    return rc ? value_failed(o, rc) : 0;
}

static int check_covariates(const struct value_options *o, const struct pv_model_file *file)
{
    if (file->covariates && !o->covariates)
        return value_usage_error(
            o, "--covariates",
            value_say(o->lang, "missing: the model has some", "缺失：模型带协变量"));
    if (o->covariates && !file->covariates)
        return value_usage_error(o, "--covariates",
                                 value_say(o->lang, "the model has none", "模型不带协变量"));
    return 0;
}

static int run_predict(struct value_options *o)
{
    struct value_base b;
    struct prediction p = {.base = &b};
    int rc = load_usable(o, &p.file);
    if (rc)
        return rc;
    rc = check_covariates(o, &p.file);
    rc = rc ? rc : value_base_load(o, &b);
    if (rc) {
        pv_model_file_free(&p.file);
        return rc;
    }
    value_model_warn(o, &b, &p.file);
    rc = predict(o, &p);
    value_progress_end(o->shown);
    if (rc == 0 && (o->out || !o->json))
        rc = value_write(o->out, put_rows, &p);
    if (rc == 0 && o->json)
        rc = predict_json(&p);
    else if (rc == 0 && o->out)
        rc = predict_text(o, &p);
    free(p.values);
    value_base_free(&b);
    pv_model_file_free(&p.file);
    return rc;
}

const struct value_command value_command_predict = {
    .name = "predict",
    .file = "FILE.csv",
    .what = {"What a saved model says of each customer, without fitting it again",
             "用已保存的模型预测每位客户，不再拟合"},
    .options = VALUE_READS | VALUE_BIT(COVARIATES) | VALUE_BIT(USING) | VALUE_BIT(HORIZON) |
               VALUE_BIT(DISCOUNT) | VALUE_BIT(OUT) | VALUE_BIT(SUMMARY),
    .example = {"fit orders.csv --save model.json",
                "predict orders.csv --using model.json --out predictions.csv",
                "predict orders.csv --using model.json --horizon 26w --json",
                "predict orders.csv --using channels.json --covariates customers.csv"},
    .run = run_predict,
};

/* ---- at ---- */

enum { MAX_LINES = 8 };

struct answers {
    struct {
        const char *code, *words[LANGS];
        double value;
    } line[MAX_LINES];
    size_t n;
};

static void answer(struct answers *a, const char *code, const char *en, const char *zh,
                   double value)
{
    a->line[a->n].code = code;
    a->line[a->n].words[LANG_EN] = en;
    a->line[a->n].words[LANG_ZH] = zh;
    a->line[a->n++].value = value;
}

static void of_contract(const struct value_options *o, const struct pv_model *m, const double *p,
                        struct answers *a)
{
    double t = o->T;
    answer(a, "survival", "Still there after so many periods", "若干期后仍在",
           pv_contract_survival(m, p, t));
    answer(a, "retention", "Renewed at the end of the period, if there in it", "该期期末续约",
           pv_contract_retention(m, p, t));
    answer(a, "renewals", "Discounted expected renewals (a period is a year)",
           "折现预期续约次数（一期为一年）", pv_contract_renewals(m, p, t, log1p(o->discount)));
}

static void of_buyer(const struct value_options *o, const struct pv_model *m, const double *p,
                     struct answers *a)
{
    bool days = pv_model_kind(m) == PV_KIND_BUYING;
    double t = o->horizon_days / o->unit_days;
    double delta = days ? pv_discount_per_unit(o->discount, o->unit_days) : log1p(o->discount);
    answer(a, "loglik", "ln L of this history", "该历史的对数似然",
           pv_predict_loglik(m, p, o->x, o->t_x, o->T));
    answer(a, "alive", "Probability of being still a customer", "仍为客户的概率",
           pv_predict_alive(m, p, o->x, o->t_x, o->T, 0.0));
    answer(a, "expected", "Purchases in the horizon", "预测期内购买次数",
           pv_predict_expected(m, p, o->x, o->t_x, o->T, t));
    answer(a, "none", "Probability of none", "不再购买的概率",
           pv_predict_none(m, p, o->x, o->t_x, o->T, t));
    answer(a, "next", "Time until the next one, median (–: may never come)",
           "距下次购买的时间（中位数；–：可能不再购买）",
           pv_predict_next(m, p, o->x, o->t_x, o->T, 0.5));
    answer(a, "dert", "Discounted expected residual purchases", "折现预期剩余购买次数",
           pv_predict_dert(m, p, o->x, o->t_x, o->T, delta));
}

static int run_at(struct value_options *o)
{
    struct pv_model_file file;
    struct answers a = {.n = 0};
    double given[PV_MAX_PARAMS] = {0.0};
    const double *p = given;
    const struct pv_model *m = pv_model_find(o->model ? o->model : "bg-nbd");
    int rc = 0;
    if (o->using) {
        rc = load_usable(o, &file);
        if (rc)
            return rc;
        m = pv_model_find(file.fit.model);
        p = file.fit.param;
        o->unit_days = file.fit.unit_days;
    } else {
        rc = value_options_params(o, m, given);
        if (rc)
            return rc;
    }
    if (pv_model_kind(m) == PV_KIND_CONTRACT)
        of_contract(o, m, p, &a);
    else
        of_buyer(o, m, p, &a);
    bool known = false;
    for (size_t i = 0; i < a.n; i++)
        known = known || isfinite(a.line[i].value);
    if (!known) {
        fputs(value_say(o->lang, "patron value at: there is no such customer\n",
                        "patron value at：不存在这样的客户\n"),
              stderr);
        return 1;
    }
    if (o->json) {
        struct buf out = BUF_INIT(BUF_MAX_DEFAULT);
        struct jw w = jw_new(&out);
        jw_obj(&w);
        for (size_t i = 0; i < a.n; i++)
            jw_kf64(&w, a.line[i].code, a.line[i].value);
        jw_obj_end(&w);
        return value_print_json(&out);
    }
    for (size_t i = 0; i < a.n; i++) {
        printf("  %-10s", a.line[i].code);
        value_number_cell(a.line[i].value, 6, 14);
        printf("  %s\n", a.line[i].words[o->lang]);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

const struct value_command value_command_at = {
    .name = "at",
    .what = {"What a model says of one customer, given by numbers",
             "模型对一位以数字描述的客户的判断"},
    .options = VALUE_BIT(NAME) | VALUE_BIT(PARAMS) | VALUE_BIT(USING) | VALUE_BIT(UNIT) |
               VALUE_BIT(X) | VALUE_BIT(TX) | VALUE_BIT(T) | VALUE_BIT(HORIZON) |
               VALUE_BIT(DISCOUNT) | VALUE_BIT(JSON) | VALUE_BIT(LANG),
    .example = {"at --params .243,4.414,.793,2.426 --x 2 --tx 30.43 --T 38.86 --horizon 39w",
                "at --model pareto-nbd --params r=.553,alpha=10.578,s=.606,beta=11.669 --x 1 "
                "--tx 10 --T 30",
                "at --model sbg --params .668,3.806 --T 1"},
    .run = run_at,
};
