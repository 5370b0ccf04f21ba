/*
 * cmd_value_measures.c - what is counted rather than predicted: `patron value rfm` and `cohort`;
 * and `equity`, why the worth of the whole base changed between two days.
 */
#include "app/value_tool.h"

#include "base/json.h"
#include "patron_accounting.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static double major(const struct value_base *b, int64_t minor)
{
    return (double)minor / b->money_scale;
}

/* ---- rfm ---- */

struct scores {
    const struct value_base *base;
    struct pv_rfm *rfm;
    uint8_t *segment;
    struct pv_rfm_edges edges;
    struct pv_segment_sum sums[256];
};

static bool put_scores(FILE *f, void *context)
{
    const struct scores *s = context;
    const struct value_base *b = s->base;
    fputs("customer_id,r,f,m,segment,days_since,purchases,revenue\n", f);
    for (size_t i = 0; i < b->n; i++) {
        const struct pv_customer *c = &b->now[i];
        if (c->T < 0)
            continue;
        value_put_text(f, intern_text(b->data.ids, (uint32_t)i));
        fprintf(f, ",%d,%d,%d,%s,%" PRId32 ",%" PRId32, s->rfm[i].r, s->rfm[i].f, s->rfm[i].m,
                pv_segment_code((enum pv_segment)s->segment[i]), c->T - c->t_x, c->x + 1);
        value_put_minor(f, c->revenue, b->data.decimals);
        putc('\n', f);
    }
    return true;
}

static int score(const struct value_options *o, struct scores *s)
{
    const struct value_base *b = s->base;
    s->rfm = malloc((b->n + 1) * sizeof *s->rfm);
    s->segment = malloc(b->n + 1);
    if (!s->rfm || !s->segment)
        return PV_ERR_NO_MEMORY;
    int rc;
    if (o->given & VALUE_BIT(CUTS)) {
        s->edges = o->cuts;
        for (int i = 0; i < 4; i++) /* they were kept in millionths */
            s->edges.money[i] = llrint((double)o->cuts.money[i] * b->money_scale / 1e6);
        rc = pv_rfm_by_edges(b->now, b->n, &s->edges, s->rfm);
    } else {
        rc = pv_rfm_scores(b->now, b->n, s->rfm, &s->edges);
    }
    return rc ? rc : pv_rfm_segments(&pv_segment_usual, s->rfm, b->now, b->n, s->segment, s->sums);
}

static int scores_json(const struct scores *s)
{
    struct buf out = BUF_INIT(BUF_MAX_DEFAULT);
    struct jw w = jw_new(&out);
    jw_obj(&w);
    jw_key(&w, "segments");
    jw_arr(&w);
    for (int k = 1; k < PV_SEGMENTS; k++) {
        jw_obj(&w);
        jw_kcstr(&w, "segment", pv_segment_code((enum pv_segment)k));
        jw_ki64(&w, "customers", (int64_t)s->sums[k].customers);
        jw_kf64(&w, "revenue", major(s->base, s->sums[k].revenue));
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    jw_key(&w, "edges");
    jw_obj(&w);
    for (int k = 0; k < 3; k++) {
        static const char *const names[] = {"recency", "frequency", "money"};
        jw_key(&w, names[k]);
        jw_arr(&w);
        for (int i = 0; i < 4; i++)
            jw_f64(&w, k == 0   ? s->edges.recency[i]
                       : k == 1 ? s->edges.frequency[i]
                                : major(s->base, s->edges.money[i]));
        jw_arr_end(&w);
    }
    jw_obj_end(&w);
    jw_obj_end(&w);
    return value_print_json(&out);
}

static int scores_text(const struct value_options *o, const struct scores *s)
{
    static const char *const words[PV_SEGMENTS][LANGS] = {
        [PV_SEGMENT_CHAMPIONS] = {"champions", "冠军客户"},
        [PV_SEGMENT_LOYAL] = {"loyal", "忠诚客户"},
        [PV_SEGMENT_POTENTIAL] = {"potential", "潜力客户"},
        [PV_SEGMENT_NEW] = {"new", "新客户"},
        [PV_SEGMENT_PROMISING] = {"promising", "有希望的客户"},
        [PV_SEGMENT_ATTENTION] = {"need attention", "需要关注"},
        [PV_SEGMENT_SLEEPING] = {"about to sleep", "即将沉睡"},
        [PV_SEGMENT_AT_RISK] = {"at risk", "有流失风险"},
        [PV_SEGMENT_CANNOT_LOSE] = {"cannot lose them", "不能失去"},
        [PV_SEGMENT_HIBERNATING] = {"hibernating", "沉睡"},
        [PV_SEGMENT_LOST] = {"lost", "已流失"},
    };
    uint64_t customers = 0;
    int64_t revenue = 0;
    for (int k = 1; k < PV_SEGMENTS; k++) {
        customers += s->sums[k].customers;
        revenue += s->sums[k].revenue;
    }
    value_cell_left("", 20);
    value_cell(value_say(o->lang, "customers", "客户数"), 12);
    value_cell("%", 8);
    value_cell(value_say(o->lang, "revenue", "收入"), 16);
    value_cell("%", 8);
    putchar('\n');
    for (int k = 1; k < PV_SEGMENTS; k++) {
        char text[64];
        value_cell_left("  ", 2);
        value_cell_left(words[k][o->lang], 18);
        value_cell(value_grouped((double)s->sums[k].customers, 0, text, sizeof text), 12);
        value_number_cell(100.0 * (double)s->sums[k].customers / (double)customers, 1, 8);
        value_cell(value_grouped(major(s->base, s->sums[k].revenue), 2, text, sizeof text), 16);
        value_number_cell(100.0 * (double)s->sums[k].revenue / (double)revenue, 1, 8);
        putchar('\n');
    }
    if (o->out)
        value_line(value_say(o->lang, "One row per customer in", "每位客户一行，见"), o->out);
    return fflush(stdout) == 0 ? 0 : 1;
}

static int run_rfm(struct value_options *o)
{
    struct value_base b;
    int rc = value_base_load(o, &b);
    if (rc)
        return rc;
    struct scores s = {.base = &b};
    int error = score(o, &s);
    value_progress_end(o->shown);
    if (error)
        rc = value_failed(o, error);
    else if (o->out)
        rc = value_write(o->out, put_scores, &s);
    if (rc == 0)
        rc = o->json ? scores_json(&s) : scores_text(o, &s);
    free(s.rfm);
    free(s.segment);
    value_base_free(&b);
    return rc;
}

const struct value_command value_command_rfm = {
    .name = "rfm",
    .file = "FILE.csv",
    .what = {"Scores of recency, frequency and money, and the usual segments",
             "最近购买、频率与金额的评分，以及常用分群"},
    .options =
        (VALUE_READS & ~VALUE_BIT(THREADS)) | VALUE_BIT(CUTS) | VALUE_BIT(SUMMARY) | VALUE_BIT(OUT),
    .example = {"rfm orders.csv", "rfm orders.csv --out rfm.csv",
                "rfm orders.csv --cuts 30,60,90,180/2,3,5,10/50,100,250,1000 --json"},
    .run = run_rfm,
};

/* ---- cohort ---- */

struct cohorts {
    const struct value_base *base;
    const struct pv_cohort_table *table;
};

static bool put_cohorts(FILE *f, void *context)
{
    const struct cohorts *k = context;
    const struct pv_cohort_table *t = k->table;
    char date[16];
    fputs("cohort,age,customers,active,purchases,revenue\n", f);
    for (size_t c = 0; c < t->periods; c++) {
        for (size_t age = 0; t->customers[c] && age + c < t->periods; age++) {
            const struct pv_cohort_cell *cell = &t->cell[c * t->periods + age];
            fprintf(f, "%s,%zu,%" PRIu64 ",%" PRIu64 ",%" PRIu64,
                    value_date(t->first_day[c], date, sizeof date), age, t->customers[c],
                    cell->active, cell->purchases);
            value_put_minor(f, cell->revenue, k->base->data.decimals);
            putc('\n', f);
        }
    }
    return true;
}

static int cohorts_json(const struct cohorts *k)
{
    const struct pv_cohort_table *t = k->table;
    char date[16];
    struct buf out = BUF_INIT(BUF_MAX_DEFAULT);
    struct jw w = jw_new(&out);
    jw_obj(&w);
    jw_kbool(&w, "last_complete", t->last_complete);
    jw_key(&w, "cohorts");
    jw_arr(&w);
    for (size_t c = 0; c < t->periods; c++) {
        if (!t->customers[c])
            continue;
        jw_obj(&w);
        jw_kcstr(&w, "from", value_date(t->first_day[c], date, sizeof date));
        jw_ki64(&w, "customers", (int64_t)t->customers[c]);
        static const char *const names[] = {"active", "purchases", "revenue"};
        for (int what = 0; what < 3; what++) {
            jw_key(&w, names[what]);
            jw_arr(&w);
            for (size_t age = 0; age + c < t->periods; age++) {
                const struct pv_cohort_cell *cell = &t->cell[c * t->periods + age];
                jw_f64(&w, what == 0   ? (double)cell->active
                           : what == 1 ? (double)cell->purchases
                                       : major(k->base, cell->revenue));
            }
            jw_arr_end(&w);
        }
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    jw_obj_end(&w);
    return value_print_json(&out);
}

/* Share of each cohort that bought in the periods after, as many as fit on a line. */
static int cohorts_text(const struct value_options *o, const struct cohorts *k)
{
    enum { AGES = 12 };
    const struct pv_cohort_table *t = k->table;
    char text[64];
    value_cell_left(value_say(o->lang, "% who bought, by age", "各期购买者占比（%）"), 12);
    printf("\n");
    value_cell_left("", 12);
    value_cell(value_say(o->lang, "customers", "客户数"), 10);
    for (size_t age = 0; age < t->periods && age <= AGES; age++) {
        snprintf(text, sizeof text, "%zu", age);
        value_cell(text, 6);
    }
    putchar('\n');
    for (size_t c = 0; c < t->periods; c++) {
        if (!t->customers[c])
            continue;
        value_cell_left(value_date(t->first_day[c], text, sizeof text), 12);
        value_cell(value_grouped((double)t->customers[c], 0, text, sizeof text), 10);
        for (size_t age = 0; age + c < t->periods && age <= AGES; age++)
            value_number_cell(100.0 * (double)t->cell[c * t->periods + age].active /
                                  (double)t->customers[c],
                              1, 6);
        putchar('\n');
    }
    if (!t->last_complete)
        puts(value_say(o->lang, "The last period is not over yet.", "最后一期尚未结束。"));
    if (o->out)
        value_line(value_say(o->lang, "Everything in", "全部数据见"), o->out);
    return fflush(stdout) == 0 ? 0 : 1;
}

static int run_cohort(struct value_options *o)
{
    struct value_base b;
    struct pv_cohort_table *table = NULL;
    int rc = value_base_load(o, &b);
    if (rc)
        return rc;
    int error = pv_cohort_table_new(b.data.history, o->calendar, 1, b.until, &table);
    value_progress_end(o->shown);
    struct cohorts k = {&b, table};
    if (error)
        rc = value_failed(o, error);
    if (rc == 0 && o->out)
        rc = value_write(o->out, put_cohorts, &k);
    if (rc == 0)
        rc = o->json ? cohorts_json(&k) : cohorts_text(o, &k);
    pv_cohort_table_free(table);
    value_base_free(&b);
    return rc;
}

const struct value_command value_command_cohort = {
    .name = "cohort",
    .file = "FILE.csv",
    .what = {"Customers by when they came, and how many of them buy in each period after",
             "按首次购买时期分组，其后各期的购买者、次数与收入"},
    .options =
        (VALUE_READS & ~VALUE_BIT(THREADS) & ~VALUE_BIT(UNIT)) | VALUE_BIT(BY) | VALUE_BIT(OUT),
    .example = {"cohort orders.csv --by quarter", "cohort orders.csv --by month --out cohorts.csv"},
    .run = run_cohort,
};

/* ---- equity ---- */

struct bridge {
    int32_t day[2];
    struct pv_bridge sums;
    double beyond[2]; /* worth of those who are too unlikely to be customers still */
    uint64_t customers[2];
    const char *model;
};

/* Residual value of everybody on a day, in minor units. */
static int values_on(const struct value_options *o, const struct value_base *b,
                     const struct pv_model_file *f, int32_t day, int64_t *ret_value,
                     double *ret_beyond, uint64_t *ret_customers)
{
    struct pv_valuer_options options = {.unit_days = f->fit.unit_days,
                                        .money_scale = b->money_scale,
                                        .horizon = o->horizon_days / f->fit.unit_days,
                                        .discount = o->discount,
                                        .seed = VALUE_SEED,
                                        .threads = o->threads,
                                        .points = true};
    struct pv_customer *rows = malloc((b->n + 1) * sizeof *rows);
    struct pv_value *values = malloc((b->n + 1) * sizeof *values);
    struct pv_valuer *valuer = NULL;
    int rc =
        rows && values ? pv_summarise(b->data.history, day, PV_NO_DAY, rows) : PV_ERR_NO_MEMORY;
    if (rc == 0)
        rc = pv_valuer_new(&f->fit, &f->spend, &options, rows, b->n, &valuer);
    if (rc == 0)
        rc = pv_value_customers(valuer, rows, b->n, values);
    for (size_t i = 0; rc == 0 && i < b->n; i++) {
        double worth = rint(values[i].clv * b->money_scale);
        ret_value[i] = PV_NO_VALUE;
        if (rows[i].T < 0)
            continue;
        if (!(worth < 9e18))
            rc = PV_ERR_OVERFLOW;
        else if (values[i].p_alive >= o->alive)
            ret_value[i] = (int64_t)worth;
        else
            *ret_beyond += values[i].clv;
        *ret_customers += ret_value[i] != PV_NO_VALUE;
    }
    pv_valuer_free(valuer);
    free(rows);
    free(values);
    return rc;
}

static int bridge_json(const struct value_base *b, const struct bridge *k)
{
    const struct pv_bridge *s = &k->sums;
    char date[16];
    struct buf out = BUF_INIT(BUF_MAX_DEFAULT);
    struct jw w = jw_new(&out);
    jw_obj(&w);
    jw_kcstr(&w, "model", k->model);
    for (int i = 0; i < 2; i++) {
        jw_key(&w, i ? "after" : "before");
        jw_obj(&w);
        jw_kcstr(&w, "day", value_date(k->day[i], date, sizeof date));
        jw_kf64(&w, "equity", major(b, i ? s->end : s->start));
        jw_ki64(&w, "customers", (int64_t)k->customers[i]);
        jw_kf64(&w, "not_counted", k->beyond[i]);
        jw_obj_end(&w);
    }
    jw_kf64(&w, "kept", major(b, s->kept));
    jw_kf64(&w, "grown", major(b, s->grown));
    jw_kf64(&w, "shrunk", major(b, s->shrunk));
    jw_kf64(&w, "new", major(b, s->gained));
    jw_kf64(&w, "lost", major(b, s->lost));
    jw_ki64(&w, "n_grown", (int64_t)s->n_grown);
    jw_ki64(&w, "n_shrunk", (int64_t)s->n_shrunk);
    jw_ki64(&w, "n_same", (int64_t)s->n_same);
    jw_ki64(&w, "n_new", (int64_t)s->n_gained);
    jw_ki64(&w, "n_lost", (int64_t)s->n_lost);
    jw_obj_end(&w);
    return value_print_json(&out);
}

static void step(const char *label, double amount, uint64_t customers)
{
    char a[64], n[64];
    value_cell_left("  ", 2);
    value_cell_left(label, 34);
    value_cell(value_grouped(amount, 2, a, sizeof a), 18);
    value_cell(value_grouped((double)customers, 0, n, sizeof n), 12);
    putchar('\n');
}

static int bridge_text(const struct value_options *o, const struct value_base *b,
                       const struct bridge *k)
{
    const struct pv_bridge *s = &k->sums;
    char text[64], date[16];
    value_cell_left("", 36);
    value_cell(value_say(o->lang, "worth", "价值"), 18);
    value_cell(value_say(o->lang, "customers", "客户数"), 12);
    putchar('\n');
    snprintf(text, sizeof text, value_say(o->lang, "Equity on %s", "客户资产 %s"),
             value_date(k->day[0], date, sizeof date));
    step(text, major(b, s->start), k->customers[0]);
    step(value_say(o->lang, "lost", "流失"), -major(b, s->lost), s->n_lost);
    step(value_say(o->lang, "shrunk", "减少"), -major(b, s->shrunk), s->n_shrunk);
    step(value_say(o->lang, "grown", "增长"), major(b, s->grown), s->n_grown);
    step(value_say(o->lang, "new", "新增"), major(b, s->gained), s->n_gained);
    snprintf(text, sizeof text, value_say(o->lang, "Equity on %s", "客户资产 %s"),
             value_date(k->day[1], date, sizeof date));
    step(text, major(b, s->end), k->customers[1]);
    printf(
        value_say(o->lang,
                  "\nModel %s. A customer is who is one still with a probability of %g or more;\n"
                  "those below are worth %s and %s besides.\n",
                  "\n模型 %s。存活概率不低于 %g 者计为客户；其余的价值另为 %s 与 %s。\n"),
        k->model, o->alive, value_grouped(k->beyond[0], 2, text, sizeof text),
        value_grouped(k->beyond[1], 2, (char[64]){""}, 64));
    return fflush(stdout) == 0 ? 0 : 1;
}

/* One model for both days, so that what changes is the customers. */
static int model_of(struct value_options *o, const struct value_base *b,
                    struct pv_model_file *ret_file)
{
    struct value_result r = {0};
    int rc = 0;
    if (o->using) {
        rc = value_model_load(o, o->using, ret_file);
        if (rc == 0)
            value_model_warn(o, b, ret_file);
    } else {
        rc = value_base_fit(o, b, &r);
        *ret_file =
            (struct pv_model_file){.fit = r.buying, .has_spend = true, .spend = r.gamma_gamma};
    }
    if (rc)
        return rc;
    const struct pv_fit *bad = !ret_file->fit.usable ? &ret_file->fit : &ret_file->spend;
    if (ret_file->fit.usable && ret_file->has_spend && ret_file->spend.usable)
        return 0;
    fprintf(stderr,
            value_say(o->lang, "%s: %s must not be trusted (%s): there is no worth to compare\n",
                      "%s：%s 不可信（%s），无法比较价值\n"),
            o->using ? o->using : o->input.path, bad->model ? bad->model : "gamma-gamma",
            bad->model ? pv_verdict_code(bad->verdict) : "missing");
    return VALUE_UNUSABLE;
}

static int run_equity(struct value_options *o)
{
    struct value_base b;
    struct pv_model_file file = {0};
    struct bridge k = {.day = {o->between[0], o->between[1]}};
    int64_t *value[2] = {NULL, NULL};
    if (k.day[1] != PV_NO_DAY)
        o->until = k.day[1];
    int rc = value_base_load(o, &b);
    if (rc)
        return rc;
    k.day[1] = b.until;
    if (k.day[0] == PV_NO_DAY)
        k.day[0] = b.until - 365;
    rc = model_of(o, &b, &file);
    k.model = file.fit.model;
    for (int i = 0; i < 2 && rc == 0; i++) {
        value_progress_say(o->shown, value_say(o->lang, "valuing", "估值"));
        value[i] = malloc((b.n + 1) * sizeof *value[i]);
        int error = value[i]
                        ? values_on(o, &b, &file, k.day[i], value[i], &k.beyond[i], &k.customers[i])
                        : PV_ERR_NO_MEMORY;
        if (error)
            rc = value_failed(o, error);
    }
    int error = rc ? 0 : pv_equity_bridge(value[0], value[1], b.n, &k.sums);
    if (error)
        rc = value_failed(o, error);
    value_progress_end(o->shown);
    if (rc == 0)
        rc = o->json ? bridge_json(&b, &k) : bridge_text(o, &b, &k);
    free(value[0]);
    free(value[1]);
    value_base_free(&b);
    return rc;
}

const struct value_command value_command_equity = {
    .name = "equity",
    .file = "FILE.csv",
    .what = {"Why the worth of all customers changed between two days: new, grown, shrunk, lost",
             "两个日期之间客户资产为何变化：新增、增长、减少、流失"},
    .options = (VALUE_READS & ~VALUE_BIT(UNTIL)) | VALUE_BIT(BETWEEN) | VALUE_BIT(MODEL) |
               VALUE_BIT(USING) | VALUE_BIT(DISCOUNT) | VALUE_BIT(ALIVE),
    .example = {"equity orders.csv", "equity orders.csv --between 2025-01-01 2025-06-30 --json"},
    .run = run_equity,
};
