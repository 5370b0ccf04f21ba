/* cmd_value_fit.c - `patron value fit`: a model and whether to trust it; `compare`: all of them. */
#include "app/value_tool.h"

#include "base/json.h"

#include <math.h>

/* ---- fit ---- */

static void put_head(struct jw *w, const struct value_result *r)
{
    char text[16];
    jw_ki64(w, "customers", (int64_t)r->customers);
    jw_key(w, "until");
    if (r->until == PV_NO_DAY)
        jw_null(w);
    else
        jw_cstr(w, value_date(r->until, text, sizeof text));
    jw_kcstr(w, "unit", r->unit_days == 7.0 ? "week" : "day");
}

static int fit_json(const struct value_result *r)
{
    struct buf out = BUF_INIT(BUF_MAX_DEFAULT);
    struct jw w = jw_new(&out);
    jw_obj(&w);
    put_head(&w, r);
    jw_kcstr(&w, "model", r->buying.model);
    jw_key(&w, "models");
    jw_obj(&w);
    value_put_fit_json(&w, &r->buying);
    value_put_fit_json(&w, &r->gamma_gamma);
    jw_obj_end(&w);
    value_covariates_json(&w, r);
    value_put_findings_json(&w, r);
    jw_obj_end(&w);
    return value_print_json(&out);
}

static int fit_text(const struct value_options *o, const struct value_result *r)
{
    char text[64];
    value_line(value_say(o->lang, "Customers", "客户数"),
               value_grouped((double)r->customers, 0, text, sizeof text));
    if (r->until != PV_NO_DAY)
        value_line(value_say(o->lang, "Observed until", "观察截止"),
                   value_date(r->until, text, sizeof text));
    if (r->calibrate_to != PV_NO_DAY)
        value_line(value_say(o->lang, "Fitted to", "拟合截止"),
                   value_date(r->calibrate_to, text, sizeof text));
    value_show_fit(&r->buying, o->lang);
    snprintf(text, sizeof text, "%.2f", r->buying.loglik);
    value_line("ln L", isfinite(r->buying.loglik) ? text : "–");
    value_show_fit(&r->gamma_gamma, o->lang);
    value_covariates_show(r, o->lang);
    value_show_findings(r, o->lang);
    if (o->save)
        value_line(value_say(o->lang, "Saved as", "已保存为"), o->save);
    return fflush(stdout) == 0 ? 0 : 1;
}

static int run_fit(struct value_options *o)
{
    struct value_base b;
    struct value_result r = {0};
    int rc = value_base_load(o, &b);
    if (rc)
        return rc;
    rc = value_base_fit(o, &b, &r);
    rc = rc ? rc : value_base_check(o, &b, &r);
    value_progress_end(o->shown);
    if (rc == 0 && o->save)
        rc = value_model_save(o, &b, &r);
    if (rc == 0)
        rc = o->json ? fit_json(&r) : fit_text(o, &r);
    value_covariates_done(&r);
    value_base_free(&b);
    return rc == 0 && !r.buying.usable ? VALUE_UNUSABLE : rc;
}

const struct value_command value_command_fit = {
    .name = "fit",
    .file = "FILE.csv",
    .what = {"A model of purchases and one of spend: parameters, standard errors, verdict",
             "拟合购买模型与消费金额模型：参数、标准误、判定"},
    .options = VALUE_READS | VALUE_BIT(CALIBRATE) | VALUE_BIT(MODEL) | VALUE_BIT(COVARIATES) |
               VALUE_BIT(PENALTY) | VALUE_BIT(SAVE) | VALUE_BIT(SUMMARY),
    .example = {"fit orders.csv --save model.json", "fit orders.csv --model auto --json",
                "fit orders.csv --model pareto-nbd --until 2025-06-30",
                "fit orders.csv --covariates customers.csv --penalty 1 --save channels.json"},
    .run = run_fit,
};

/* ---- compare ---- */

static const struct pv_candidate *chosen(const struct value_result *r)
{
    return r->choice.best >= 0 ? &r->choice.candidate[r->choice.best] : NULL;
}

/* Those that were tried, and how many of them are as good as the one with the smallest error. */
static int as_good(const struct value_result *r, int *ret_tried)
{
    double least = INFINITY;
    int tried = 0, good = 0;
    for (size_t i = 0; i < r->choice.candidates; i++) {
        const struct pv_candidate *c = &r->choice.candidate[i];
        bool counts = c->holdout.customers > 0;
        tried += counts;
        if (counts)
            least = fmin(least, c->holdout.rmse);
    }
    for (size_t i = 0; i < r->choice.candidates; i++) {
        const struct pv_candidate *c = &r->choice.candidate[i];
        good += c->holdout.customers > 0 && c->holdout.rmse <= 1.01 * least;
    }
    *ret_tried = tried;
    return good;
}

static int usable(const struct value_result *r)
{
    int n = 0;
    for (size_t i = 0; i < r->choice.candidates; i++)
        n += r->choice.candidate[i].fit.usable;
    return n;
}

static void why(const struct value_options *o, const struct value_result *r, char *out, size_t room)
{
    const struct pv_candidate *c = chosen(r);
    int tried, good = as_good(r, &tried);
    if (!c)
        snprintf(out, room, "%s",
                 value_say(o->lang, "No model may be trusted here.", "没有可信的模型。"));
    else if (c->holdout.customers > 0)
        snprintf(
            out, room,
            value_say(o->lang,
                      "%s: of %d models that were tried %d predict as well as the best (root mean "
                      "squared error within 1 %%); of these it has the smallest BIC.",
                      "%s：%d 个经检验的模型中有 %d 个预测得与最好的一样好（均方根误差相差不到 "
                      "1%%），其中它的 BIC 最小。"),
            c->fit.model, tried, good);
    else
        snprintf(out, room,
                 value_say(o->lang,
                           "%s: the smallest BIC of %d usable models; there is no hold-out to try "
                           "them on.",
                           "%s：%d 个可用模型中 BIC 最小；没有留出期可供检验。"),
                 c->fit.model, usable(r));
}

static int compare_json(const struct value_options *o, const struct value_result *r)
{
    char text[320];
    struct buf out = BUF_INIT(BUF_MAX_DEFAULT);
    struct jw w = jw_new(&out);
    jw_obj(&w);
    put_head(&w, r);
    jw_key(&w, "fitted_to");
    if (r->tried_from == PV_NO_DAY)
        jw_null(&w);
    else
        jw_cstr(&w, value_date(r->tried_from, text, sizeof text));
    jw_kcstr(&w, "chosen", chosen(r) ? chosen(r)->fit.model : NULL);
    jw_kcstr(&w, "as_good",
             r->choice.like >= 0 ? r->choice.candidate[r->choice.like].fit.model : NULL);
    why(o, r, text, sizeof text);
    jw_kcstr(&w, "why", text);
    jw_ki64(&w, "compared_on", (int64_t)r->choice.customers);
    jw_key(&w, "candidates");
    jw_arr(&w);
    for (size_t i = 0; i < r->choice.candidates; i++) {
        const struct pv_candidate *c = &r->choice.candidate[i];
        const struct pv_holdout *h = &c->holdout;
        bool tried = h->customers > 0;
        jw_obj(&w);
        jw_kcstr(&w, "model", c->fit.model);
        jw_kcstr(&w, "verdict", pv_verdict_code(c->fit.verdict));
        jw_kbool(&w, "usable", c->fit.usable);
        jw_kf64(&w, "loglik", c->fit.loglik);
        jw_kf64(&w, "bic", c->bic);
        jw_kf64(&w, "predicted", tried ? h->predicted : NAN);
        jw_kf64(&w, "actual", tried ? h->actual : NAN);
        jw_kf64(&w, "mae", tried ? h->mae : NAN);
        jw_kf64(&w, "rmse", tried ? h->rmse : NAN);
        jw_kf64(&w, "coverage80", tried ? h->coverage80 : NAN);
        jw_kf64(&w, "coverage95", tried ? h->coverage95 : NAN);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    jw_obj_end(&w);
    return value_print_json(&out);
}

static int compare_text(const struct value_options *o, const struct value_result *r)
{
    static const char *const head[LANGS][8] = {
        [LANG_EN] = {"ln L", "BIC", "held out", "MAE", "RMSE", "in 80 %", "in 95 %", "verdict"},
        [LANG_ZH] = {"对数似然", "BIC", "留出误差", "MAE", "RMSE", "80% 内", "95% 内", "判定"}};
    static const size_t width[8] = {12, 12, 10, 9, 9, 9, 9, 18};
    char text[320], some[32];
    if (r->tried_from != PV_NO_DAY)
        printf(value_say(o->lang, "Fitted to %s, tried on what came after.\n\n",
                         "拟合至 %s，用其后的数据检验。\n\n"),
               value_date(r->tried_from, text, sizeof text));
    if (r->choice.customers < r->choice.of)
        printf(value_say(o->lang, "Compared on %s of %s customers, drawn by chance.\n\n",
                         "比较所用的客户：随机抽取 %s 位，共 %s 位。\n\n"),
               value_grouped((double)r->choice.customers, 0, some, sizeof some),
               value_grouped((double)r->choice.of, 0, text, sizeof text));
    value_cell_left("", 16);
    for (int i = 0; i < 8; i++)
        value_cell(head[o->lang][i], width[i]);
    putchar('\n');
    for (size_t i = 0; i < r->choice.candidates; i++) {
        const struct pv_candidate *c = &r->choice.candidate[i];
        const struct pv_holdout *h = &c->holdout;
        bool tried = h->customers > 0;
        value_cell_left((int)i == r->choice.best ? "→" : " ", 2);
        value_cell_left(c->fit.model, 14);
        value_number_cell(c->fit.loglik, 1, width[0]);
        value_number_cell(c->bic, 1, width[1]);
        snprintf(text, sizeof text, "%+.1f %%", 100.0 * (h->predicted / h->actual - 1.0));
        value_cell(tried && h->actual > 0.0 ? text : "–", width[2]);
        value_number_cell(tried ? h->mae : NAN, 4, width[3]);
        value_number_cell(tried ? h->rmse : NAN, 4, width[4]);
        value_number_cell(tried ? 100.0 * h->coverage80 : NAN, 1, width[5]);
        value_number_cell(tried ? 100.0 * h->coverage95 : NAN, 1, width[6]);
        value_cell(pv_verdict_code(c->fit.verdict), width[7]);
        putchar('\n');
    }
    why(o, r, text, sizeof text);
    printf("\n%s\n", text);
    if (r->choice.best >= 0 && r->choice.like >= 0)
        printf(value_say(o->lang, "These data cannot tell %s from %s.\n",
                         "这些数据分不清 %s 与 %s。\n"),
               r->choice.candidate[r->choice.best].fit.model,
               r->choice.candidate[r->choice.like].fit.model);
    return fflush(stdout) == 0 ? 0 : 1;
}

static int run_compare(struct value_options *o)
{
    struct value_base b;
    struct value_result r = {0};
    int rc = value_base_load(o, &b);
    if (rc)
        return rc;
    rc = value_base_choose(o, &b, &r);
    value_progress_end(o->shown);
    if (rc == 0)
        rc = o->json ? compare_json(o, &r) : compare_text(o, &r);
    value_base_free(&b);
    return rc == 0 && r.choice.best < 0 ? VALUE_UNUSABLE : rc;
}

const struct value_command value_command_compare = {
    .name = "compare",
    .file = "FILE.csv",
    .what = {"All models of purchases side by side, tried on what they have not seen, and a choice",
             "并列比较所有购买模型：用未见过的数据检验，并作出选择"},
    .options = VALUE_READS | VALUE_BIT(CALIBRATE) | VALUE_BIT(SUMMARY),
    .example = {"compare orders.csv", "compare orders.csv --calibrate-to 2024-12-31 --json"},
    .run = run_compare,
};
