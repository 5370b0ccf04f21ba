/*
 * cmd_value.c - `patron value FILE.csv`: what every customer in a file of orders is worth.
 */
#include "app/value_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cmd_value(int argc, char **argv);

enum { MAX_MAPPINGS = 16, SEED = 20240229 };

struct options {
    struct value_input input;
    struct value_mapping mapping[MAX_MAPPINGS];
    int32_t until, calibrate_to;
    double unit_days, horizon_days, discount;
    bool json, help;
    const char *out, *model; /* NULL: choose one */
    int threads;
    enum lang lang;
};

/* The compiler checks both texts where they are formats. */
static const char *say(enum lang lang, const char *en, const char *zh)
    __attribute__((format_arg(2), format_arg(3)));

static const char *say(enum lang lang, const char *en, const char *zh)
{
    return lang == LANG_ZH ? zh : en;
}

static const char usage_en[] =
    "Usage: patron value FILE.csv [options]\n"
    "\n"
    "  --until DATE             last day of the observation (default: the last order in the file)\n"
    "  --calibrate-to DATE      fit to this day, test on the rest\n"
    "  --unit week|day          time unit of the models (week)\n"
    "  --model NAME|auto        model of purchases (bg-nbd); auto: by hold-out error, then BIC\n"
    "  --horizon 52w            how far to forecast: weeks (w) or days (d)\n"
    "  --discount 0.15          yearly effective rate of discount\n"
    "  --returns net|drop|error what to do with amounts of zero or less (net)\n"
    "  --map COLUMN=FIELD       FIELD is customer, date or amount; COLUMN a header or a number\n"
    "  --out per-customer.csv   one row per customer; clv_low and clv_high hold 95 %\n"
    "  --json                   print JSON\n"
    "  --threads N              same result with any number (1)\n"
    "  --lang en|zh\n";
static const char usage_zh[] =
    "用法：patron value 文件.csv [选项]\n"
    "\n"
    "  --until 日期             观察截止日（默认：文件中最后一笔订单的日期）\n"
    "  --calibrate-to 日期      用此日之前的数据拟合，其后的数据检验\n"
    "  --unit week|day          模型的时间单位（week）\n"
    "  --model 名称|auto        购买模型（bg-nbd）；auto：先比留出误差，再比 BIC\n"
    "  --horizon 52w            预测多远：周（w）或天（d）\n"
    "  --discount 0.15          年有效折现率\n"
    "  --returns net|drop|error 零元及负数金额的处理（net）\n"
    "  --map 列=字段            字段为 customer、date 或 amount；列为列名或序号\n"
    "  --out 每位客户.csv       每位客户一行；clv_low 与 clv_high 为 95% 区间\n"
    "  --json                   输出 JSON\n"
    "  --threads N              线程数，结果不变（1）\n"
    "  --lang en|zh             语言\n";

static int usage_error(const struct options *o, const char *option, const char *why)
{
    fprintf(stderr, say(o->lang, "patron value: %s: %s\n", "patron value：%s：%s\n"), option, why);
    fputs(say(o->lang, "Try: patron value --help\n", "请看：patron value --help\n"), stderr);
    return 2;
}

static bool read_number(const char *text, double *ret_value, const char **ret_rest)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || !isfinite(value))
        return false;
    *ret_value = value;
    *ret_rest = end;
    return true;
}

static bool read_day(const char *text, int32_t *ret_day)
{
    return csv_parse_date((struct csv_slice){text, strlen(text)}, CSV_DATE_YMD, ret_day) ==
           CSV_CELL_OK;
}

static int read_mapping(struct options *o, const char *text)
{
    static const struct {
        const char *name;
        enum value_field field;
    } fields[] = {
        {"customer", VALUE_CUSTOMER}, {"customer_id", VALUE_CUSTOMER}, {"date", VALUE_DATE},
        {"ordered_on", VALUE_DATE},   {"amount", VALUE_AMOUNT},
    };
    const char *equal = strrchr(text, '=');
    if (!equal || equal == text || o->input.mappings == MAX_MAPPINGS)
        return usage_error(o, "--map", say(o->lang, "COLUMN=FIELD expected", "应为 列=字段"));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(equal + 1, fields[i].name) == 0) {
            o->mapping[o->input.mappings++] =
                (struct value_mapping){text, (size_t)(equal - text), fields[i].field};
            return 0;
        }
    }
    return usage_error(o, text,
                       say(o->lang, "the field must be customer, date or amount",
                           "字段必须是 customer、date 或 amount"));
}

/* Models of purchases by name. */
static int read_model(struct options *o, const char *text)
{
    const struct pv_model *m = pv_model_find(text);
    char known[512];
    int n = 0;
    o->model = text;
    if (strcmp(text, "auto") == 0)
        o->model = NULL;
    if (!o->model || (m && pv_model_kind(m) == PV_KIND_BUYING))
        return 0;
    for (size_t i = 0; (m = pv_model_at(i)) && n < (int)sizeof known; i++)
        if (pv_model_kind(m) == PV_KIND_BUYING)
            n += snprintf(known + n, sizeof known - (size_t)n, "%s%s", n ? ", " : "",
                          pv_model_name(m));
    fprintf(stderr,
            say(o->lang, "patron value: --model: %s is not one of %s, auto\n",
                "patron value：--model：%s 不在 %s、auto 之中\n"),
            text, known);
    return 2;
}

static int read_option(struct options *o, const char *name, const char *value)
{
    const char *bad = say(o->lang, "not understood", "无法理解");
    const char *rest = "";
    double number;
    if (strcmp(name, "--until") == 0)
        return read_day(value, &o->until) ? 0 : usage_error(o, name, bad);
    if (strcmp(name, "--calibrate-to") == 0)
        return read_day(value, &o->calibrate_to) ? 0 : usage_error(o, name, bad);
    if (strcmp(name, "--unit") == 0) {
        o->unit_days = strcmp(value, "week") == 0 ? 7.0 : 1.0;
        return o->unit_days == 7.0 || strcmp(value, "day") == 0 ? 0 : usage_error(o, name, bad);
    }
    if (strcmp(name, "--horizon") == 0) {
        if (!read_number(value, &number, &rest) || !(number > 0.0) || number > 100000.0)
            return usage_error(o, name, bad);
        if (strcmp(rest, "w") == 0 || strcmp(rest, "d") == 0 || *rest == '\0') {
            /* A bare number counts units; settled when the unit is known. */
            o->horizon_days = *rest == 'w' ? 7.0 * number : *rest == 'd' ? number : -number;
            return 0;
        }
        return usage_error(o, name, bad);
    }
    if (strcmp(name, "--discount") == 0) {
        if (!read_number(value, &number, &rest) || *rest || !(number > 0.0) || number > 10.0)
            return usage_error(o, name,
                               say(o->lang, "a yearly rate above 0, such as 0.15",
                                   "应为大于 0 的年利率，例如 0.15"));
        o->discount = number;
        return 0;
    }
    if (strcmp(name, "--returns") == 0) {
        static const char *const names[] = {"net", "drop", "error"};
        for (int i = 0; i < 3; i++) {
            if (strcmp(value, names[i]) == 0) {
                o->input.returns = (enum pv_returns)i;
                return 0;
            }
        }
        return usage_error(o, name, bad);
    }
    if (strcmp(name, "--threads") == 0) {
        if (!read_number(value, &number, &rest) || *rest || number < 1.0 || number > 64.0)
            return usage_error(o, name, bad);
        o->threads = (int)number;
        return 0;
    }
    if (strcmp(name, "--lang") == 0) {
        o->lang = strcmp(value, "zh") == 0 ? LANG_ZH : LANG_EN;
        return o->lang == LANG_ZH || strcmp(value, "en") == 0 ? 0 : usage_error(o, name, bad);
    }
    if (strcmp(name, "--out") == 0) {
        o->out = value;
        return *value ? 0 : usage_error(o, name, bad);
    }
    if (strcmp(name, "--model") == 0)
        return read_model(o, value);
    if (strcmp(name, "--map") == 0)
        return read_mapping(o, value);
    return usage_error(o, name, say(o->lang, "unknown option", "未知选项"));
}

static int read_options(int argc, char **argv, struct options *o)
{
    const char *lang = getenv("LC_ALL");
    if (!lang || !*lang)
        lang = getenv("LC_MESSAGES");
    if (!lang || !*lang)
        lang = getenv("LANG");
    *o = (struct options){.until = PV_NO_DAY,
                          .calibrate_to = PV_NO_DAY,
                          .unit_days = 7.0,
                          .horizon_days = 364.0,
                          .discount = 0.15,
                          .model = "bg-nbd",
                          .threads = 1,
                          .lang = lang && strncmp(lang, "zh", 2) == 0 ? LANG_ZH : LANG_EN};
    o->input.mapping = o->mapping;
    for (int i = 1; i + 1 < argc; i++) /* first, so that every message is in it */
        if (strcmp(argv[i], "--lang") == 0)
            o->lang = strcmp(argv[i + 1], "zh") == 0 ? LANG_ZH : LANG_EN;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (strcmp(arg, "--json") == 0) {
            o->json = true;
        } else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            o->help = true;
        } else if (strncmp(arg, "--", 2) == 0) {
            if (i + 1 >= argc)
                return usage_error(o, arg, say(o->lang, "needs a value", "缺少参数值"));
            int rc = read_option(o, arg, argv[++i]);
            if (rc)
                return rc;
        } else if (o->input.path) {
            return usage_error(o, arg, say(o->lang, "one file only", "只能有一个文件"));
        } else {
            o->input.path = arg;
        }
    }
    if (o->horizon_days < 0.0)
        o->horizon_days = -o->horizon_days * o->unit_days;
    o->input.lang = o->lang;
    if (!o->help && !o->input.path)
        return usage_error(o, "FILE.csv", say(o->lang, "missing", "缺少文件"));
    return 0;
}

/* ---- Work ---- */

struct work {
    struct pv_customer *now, *calibration;
    double *number;
};

static int failed(const struct options *o, int error)
{
    fprintf(stderr, "%s: %s\n", o->input.path,
            error == PV_ERR_NO_MEMORY ? say(o->lang, "not enough memory", "内存不足")
                                      : pv_error_code(error));
    return 1;
}

static int settle_dates(const struct options *o, const struct pv_history_view *h,
                        struct value_result *r)
{
    r->until = o->until == PV_NO_DAY ? h->last_day : o->until;
    r->calibrate_to = o->calibrate_to;
    if (r->until < h->first_day) {
        fprintf(stderr,
                say(o->lang, "%s: --until lies before the first order\n",
                    "%s：--until 早于第一笔订单\n"),
                o->input.path);
        return 1;
    }
    if (r->calibrate_to != PV_NO_DAY &&
        (r->calibrate_to >= r->until || r->calibrate_to < h->first_day)) {
        fprintf(stderr,
                say(o->lang, "%s: --calibrate-to must lie between the first order and the end\n",
                    "%s：--calibrate-to 必须在第一笔订单与截止日之间\n"),
                o->input.path);
        return 1;
    }
    return 0;
}

/* The last third of a history of 26 weeks and more is long enough to try the models on. */
static int32_t part_of(const struct pv_history_view *h, int32_t until)
{
    int32_t span = until - h->first_day;
    return span >= 182 ? until - span / 3 / 7 * 7 : PV_NO_DAY;
}

static int choose_model(const struct options *o, const struct work *w,
                        const struct pv_history *history, struct value_result *r)
{
    struct pv_history_view h = pv_history_columns(history);
    struct pv_fit_options fit = {o->unit_days, r->money_scale, o->threads};
    struct pv_customer *part = NULL;
    const struct pv_customer *rows = w->calibration ? w->calibration : w->now;
    double held_out = w->calibration ? r->holdout_units : 0.0;
    int rc = 0;
    r->tried_from = w->calibration ? r->calibrate_to : part_of(&h, r->until);
    struct pv_gaps gaps = pv_history_gaps(
        history, r->tried_from == PV_NO_DAY ? r->until : r->tried_from, o->unit_days);
    fit.gaps = &gaps;
    if (!w->calibration && r->tried_from != PV_NO_DAY) {
        part = malloc((r->n + 1) * sizeof *part);
        rc = part ? pv_summarise(history, r->tried_from, r->until, part) : PV_ERR_NO_MEMORY;
        rows = part;
        held_out = (r->until - r->tried_from) / o->unit_days;
    }
    if (rc == 0)
        rc = pv_choose_model(rows, r->n, &fit, held_out, r->candidate, &r->candidates, &r->best,
                             &r->like);
    free(part);
    return rc;
}

static int fit_models(const struct options *o, const struct pv_customer *rows, const struct work *w,
                      const struct pv_history *history, struct value_result *r)
{
    struct pv_gaps gaps = pv_history_gaps(
        history, r->calibrate_to == PV_NO_DAY ? r->until : r->calibrate_to, o->unit_days);
    struct pv_fit_options fit = {o->unit_days, r->money_scale, o->threads, &gaps};
    const char *model = o->model;
    struct pv_cells *cells;
    int rc = model ? 0 : choose_model(o, w, history, r);
    if (rc)
        return rc;
    if (!model)
        model = r->best >= 0 ? r->candidate[r->best].fit.model : "bg-nbd";
    rc = pv_cells_new(rows, r->n, &cells);
    if (rc)
        return rc;
    rc = pv_fit_model(pv_model_find(model), cells, &fit, &r->buying);
    pv_cells_free(cells);
    return rc ? rc : pv_fit_gamma_gamma(rows, r->n, &fit, &r->gamma_gamma);
}

static int value_base(const struct options *o, const struct work *w, struct value_result *r)
{
    if (!r->buying.usable)
        return 0;
    struct pv_valuer_options options = {.unit_days = o->unit_days,
                                        .money_scale = r->money_scale,
                                        .horizon = r->horizon,
                                        .discount = o->discount,
                                        .seed = SEED,
                                        .threads = o->threads};
    struct pv_valuer *valuer;
    int rc;
    if (w->calibration) {
        options.horizon = r->holdout_units;
        /* Numbers of purchases only: no spend model, so nothing is simulated. */
        rc = pv_valuer_new(&r->buying, NULL, &options, w->calibration, r->n, &valuer);
        if (rc)
            return rc;
        rc = pv_value_holdout(valuer, w->calibration, r->n, &r->holdout);
        pv_valuer_free(valuer);
        if (rc)
            return rc;
        r->has_holdout = true;
        options.horizon = r->horizon;
    }
    rc = pv_valuer_new(&r->buying, &r->gamma_gamma, &options, w->now, r->n, &valuer);
    if (rc)
        return rc;
    r->values = malloc((r->n + 1) * sizeof *r->values);
    rc = r->values ? pv_value_customers(valuer, w->now, r->n, r->values) : PV_ERR_NO_MEMORY;
    if (rc == 0)
        rc = pv_value_equity(valuer, w->now, r->n, &r->equity);
    pv_valuer_free(valuer);
    r->has_values = rc == 0;
    r->has_money = rc == 0 && r->gamma_gamma.usable;
    return rc;
}

static int describe(struct work *w, struct value_result *r)
{
    size_t n = 0;
    int rc = PV_ERR_NO_MEMORY;
    r->rfm = calloc(r->n + 1, sizeof *r->rfm);
    r->abc = calloc(r->n + 1, 1);
    w->number = malloc((r->n + 1) * sizeof *w->number);
    if (!r->rfm || !r->abc || !w->number)
        return rc;
    rc = pv_rfm_scores(w->now, r->n, r->rfm, NULL);
    /* Grades go by what a customer will bring, as in the program; without money by the past. */
    for (size_t i = 0; i < r->n; i++)
        w->number[i] = w->now[i].T < 0 ? 0.0
                       : r->has_money  ? r->values[i].clv
                                       : (double)w->now[i].revenue / r->money_scale;
    if (rc == 0)
        rc = pv_abc_grades(w->number, r->n, 0.80, 0.95, r->abc);
    for (size_t i = 0; i < r->n; i++)
        w->number[i] = (double)w->now[i].revenue / r->money_scale;
    for (size_t i = 0; i < r->n; i++) /* not yet customers do not dilute the shares */
        if (w->now[i].T >= 0)
            w->number[n++] = w->number[i];
    if (rc == 0)
        rc = pv_concentration(w->number, n, 0, NULL, &r->by_revenue);
    if (rc || !r->has_money)
        return rc;
    n = 0;
    for (size_t i = 0; i < r->n; i++)
        if (w->now[i].T >= 0)
            w->number[n++] = r->values[i].clv;
    return pv_concentration(w->number, n, 0, NULL, &r->by_clv);
}

static int run(const struct options *o, const struct value_data *data, struct work *w,
               struct value_result *r)
{
    struct pv_history_view h = pv_history_columns(data->history);
    r->data = data;
    r->n = h.customers;
    r->unit_days = o->unit_days;
    r->horizon = o->horizon_days / o->unit_days;
    r->discount = o->discount;
    r->money_scale = pow(10.0, data->decimals);
    if (settle_dates(o, &h, r))
        return 1;
    w->now = malloc((r->n + 1) * sizeof *w->now);
    if (!w->now)
        return failed(o, PV_ERR_NO_MEMORY);
    r->rows = w->now;
    int rc = pv_summarise(data->history, r->until, PV_NO_DAY, w->now);
    if (rc)
        return failed(o, rc);
    for (size_t i = 0; i < r->n; i++) {
        if (w->now[i].T < 0)
            continue;
        r->customers++;
        r->orders += (uint64_t)w->now[i].x + 1;
        r->revenue += w->now[i].revenue;
    }
    const struct pv_customer *fit_rows = w->now;
    if (r->calibrate_to != PV_NO_DAY) {
        w->calibration = malloc((r->n + 1) * sizeof *w->calibration);
        if (!w->calibration)
            return failed(o, PV_ERR_NO_MEMORY);
        rc = pv_summarise(data->history, r->calibrate_to, r->until, w->calibration);
        if (rc)
            return failed(o, rc);
        r->holdout_units = (r->until - r->calibrate_to) / o->unit_days;
        fit_rows = w->calibration;
    }
    rc = fit_models(o, fit_rows, w, data->history, r);
    if (rc == 0)
        rc = value_base(o, w, r);
    if (rc == 0)
        rc = describe(w, r);
    return rc ? failed(o, rc) : 0;
}

int cmd_value(int argc, char **argv)
{
    struct options o;
    int rc = read_options(argc, argv, &o);
    if (rc)
        return rc;
    if (o.help) {
        fputs(say(o.lang, usage_en, usage_zh), stdout);
        return 0;
    }
    struct value_data data;
    rc = value_read_file(&o.input, &data);
    if (rc)
        return rc;
    struct work work = {0};
    struct value_result result = {0};
    rc = run(&o, &data, &work, &result);
    if (rc == 0 && o.out)
        rc = value_report_csv(&result, o.out, o.lang);
    if (rc == 0)
        rc = o.json ? value_report_json(&result) : value_report_text(&result, o.input.path, o.lang);
    free(work.now);
    free(work.calibration);
    free(work.number);
    free(result.values);
    free(result.rfm);
    free(result.abc);
    value_data_free(&data);
    return rc;
}
