/*
 * cmd_value_plot.c - `patron value plot`: a picture of a model on customers made up from it, as a
 * small SVG for light and dark pages. The customers are fitted as if nobody knew where they came
 * from, so that a picture shows what the program finds, not what it was told. The same command
 * makes the same bytes.
 */
#include "app/value_world.h"

#include "base/buf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 640, HEIGHT = 300, LEFT = 56, RIGHT = 16, TOP = 40, BOTTOM = 40 };
enum { MAX_PERIODS = 400, COUNTS = 9, CURVES = 3, MAX_ROWS = 20000000 };

struct picture {
    const struct value_options *o;
    struct value_world world;
    struct pv_history *history;
    struct pv_customer *rows; /* at the end of the calibration */
    size_t n;
    int32_t calibrate_to;
    struct pv_fit fit;
    struct buf out;
    double x_high, y_high; /* what the axes reach to */
};

/* ---- Drawing ---- */

static double px(const struct picture *p, double x)
{
    return LEFT + x / p->x_high * (WIDTH - LEFT - RIGHT);
}

static double py(const struct picture *p, double y)
{
    return HEIGHT - BOTTOM - y / p->y_high * (HEIGHT - TOP - BOTTOM);
}

static void begin(struct picture *p, const char *title)
{
    buf_printf(&p->out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
               "font-family=\"sans-serif\" font-size=\"12\">\n"
               "<title>%s: %s</title>\n"
               "<style>\n"
               "text{fill:#333}.axis{stroke:#777;fill:none}.grid{stroke:#ddd}\n"
               ".a{stroke:#1f6feb;fill:none;stroke-width:2}.af{fill:#1f6feb}\n"
               ".b{stroke:#d1730a;fill:none;stroke-width:2;stroke-dasharray:6 4}.bf{fill:#d1730a}\n"
               ".c{stroke:#2a8a4a;fill:none;stroke-width:2}.cf{fill:#2a8a4a}\n"
               ".band{fill:#d1730a;opacity:.18}\n"
               "@media (prefers-color-scheme:dark){text{fill:#ddd}.axis{stroke:#999}"
               ".grid{stroke:#3a3a3a}\n"
               ".a{stroke:#6cb2ff}.af{fill:#6cb2ff}.b{stroke:#ffb057}.bf{fill:#ffb057}"
               ".c{stroke:#6fd39a}.cf{fill:#6fd39a}.band{fill:#ffb057}}\n"
               "</style>\n"
               "<text x=\"%d\" y=\"20\" font-size=\"14\">%s: %s</text>\n",
               WIDTH, HEIGHT, p->fit.model, title, LEFT, p->fit.model, title);
}

/* 1, 2 or 5 times a power of ten, about five of them up to `high`. */
static double step_of(double high)
{
    double least = high / 6.0, power = pow(10.0, floor(log10(least)));
    return power * (least <= power         ? 1.0
                    : least <= 2.0 * power ? 2.0
                    : least <= 5.0 * power ? 5.0
                                           : 10.0);
}

static void axes(struct picture *p, bool x_ticks, const char *x_label)
{
    double step = step_of(p->y_high);
    for (int i = 0; i * step <= p->y_high * 1.0001; i++)
        buf_printf(&p->out,
                   "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" "
                   "text-anchor=\"end\">%g</text>\n",
                   LEFT, py(p, i * step), WIDTH - RIGHT, LEFT - 6, py(p, i * step) + 4.0, i * step);
    step = step_of(p->x_high);
    for (int i = 0; x_ticks && i * step <= p->x_high * 1.0001; i++)
        buf_printf(&p->out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n",
                   px(p, i * step), HEIGHT - BOTTOM + 16, i * step);
    buf_printf(&p->out,
               "<path class=\"axis\" d=\"M%d %dV%dH%d\"/><text x=\"%d\" y=\"%d\" "
               "text-anchor=\"end\">%s</text>\n",
               LEFT, TOP, HEIGHT - BOTTOM, WIDTH - RIGHT, WIDTH - RIGHT, HEIGHT - 6, x_label);
}

static void legend(struct picture *p, int place, const char *class, const char *text)
{
    int x = LEFT + 190 * place;
    buf_printf(&p->out, "<path class=\"%s\" d=\"M%d 32h24\"/><text x=\"%d\" y=\"36\">%s</text>\n",
               class, x, x + 30, text);
}

static void line_of(struct picture *p, const char *class, const double *x, const double *y,
                    size_t n)
{
    buf_printf(&p->out, "<path class=\"%s\" d=\"", class);
    for (size_t i = 0; i < n; i++)
        buf_printf(&p->out, "%s%.1f %.1f", i ? "L" : "M", px(p, x[i]), py(p, y[i]));
    buf_printf(&p->out, "\"/>\n");
}

/* ---- Customers ---- */

static int add_customers(const struct picture *p, struct pv_builder *builder)
{
    int rc = 0;
    long rows = 0;
    for (uint64_t i = 0; rc == 0 && i < p->o->customers; i++) {
        struct pv_simulated c;
        int32_t day;
        int64_t amount;
        rc = pv_simulate_start(&p->world.world, i, value_world_first(p->o, &p->world, i), &c);
        while (rc == 0 && pv_simulate_next(&p->world.world, &c, &day, &amount))
            rc = rows++ < MAX_ROWS ? pv_builder_add(builder, (uint32_t)i, day, amount)
                                   : PV_ERR_OVERFLOW; /* such parameters make no picture */
    }
    return rc;
}

/* Two thirds of the time to learn from. */
static int make_customers(struct picture *p)
{
    struct pv_builder *builder = NULL;
    struct pv_cells *cells = NULL;
    int32_t until = p->o->until, span = until - p->world.from;
    int rc = pv_builder_new_ordered(PV_RETURNS_NET, &builder);
    p->calibrate_to =
        p->o->calibrate_to == PV_NO_DAY ? p->world.from + span * 2 / 3 : p->o->calibrate_to;
    p->n = (size_t)p->o->customers;
    if (rc == 0)
        rc = add_customers(p, builder);
    if (rc == 0)
        rc = pv_builder_finish(builder, p->n, &p->history, NULL);
    pv_builder_free(builder);
    p->rows = malloc((p->n + 1) * sizeof *p->rows);
    if (rc == 0)
        rc = p->rows ? pv_summarise(p->history, p->calibrate_to, until, p->rows) : PV_ERR_NO_MEMORY;
    if (rc == 0)
        rc = pv_cells_new(p->rows, p->n, &cells);
    if (rc)
        return rc;
    struct pv_gaps gaps = pv_history_gaps(p->history, p->calibrate_to, p->world.world.unit_days);
    struct pv_fit_options options = {p->world.world.unit_days, 100.0, p->o->threads, &gaps};
    rc = pv_fit_model(p->world.world.model, cells, &options, &p->fit);
    pv_cells_free(cells);
    return rc;
}

/* ---- The pictures ---- */

/* Expected against actual purchases, four weeks at a time. */
static int draw_tracking(struct picture *p)
{
    enum { PERIOD = 28 };
    enum lang lang = p->o->lang;
    struct pv_track track[MAX_PERIODS];
    double x[MAX_PERIODS], actual[MAX_PERIODS], expected[MAX_PERIODS];
    size_t n = (size_t)((p->o->until - p->world.from + 1) / PERIOD);
    if (n < 2 || n > MAX_PERIODS)
        return PV_ERR_ARGUMENT;
    int rc = pv_track_periods(p->history, &p->fit, p->world.from, PERIOD,
                              p->world.from + p->o->join_days, n, track);
    if (rc)
        return rc;
    p->x_high = 4.0 * (double)n;
    p->y_high = 1.0;
    for (size_t i = 0; i < n; i++) {
        x[i] = 4.0 * (double)(i + 1);
        actual[i] = track[i].actual;
        expected[i] = track[i].expected;
        p->y_high = fmax(p->y_high, 1.05 * fmax(track[i].actual, track[i].high80));
    }
    begin(p, value_say(lang, "repeat purchases in four weeks", "每四周的重复购买次数"));
    axes(p, true, value_say(lang, "weeks", "周"));
    buf_printf(&p->out, "<path class=\"band\" d=\"");
    for (size_t i = 0; i < n; i++)
        buf_printf(&p->out, "%s%.1f %.1f", i ? "L" : "M", px(p, x[i]), py(p, track[i].high80));
    for (size_t i = n; i-- > 0;)
        buf_printf(&p->out, "L%.1f %.1f", px(p, x[i]), py(p, track[i].low80));
    buf_printf(&p->out, "Z\"/>\n");
    line_of(p, "a", x, actual, n);
    line_of(p, "b", x, expected, n);
    double at = px(p, (p->calibrate_to - p->world.from + 1) / 7.0);
    buf_printf(&p->out, "<path class=\"axis\" stroke-dasharray=\"2 3\" d=\"M%.1f %dV%d\"/>\n", at,
               TOP, HEIGHT - BOTTOM);
    buf_printf(&p->out, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", at + 4.0, TOP + 12,
               value_say(lang, "predicted from here on", "此后为预测"));
    legend(p, 0, "a", value_say(lang, "actual", "实际"));
    legend(p, 1, "b", value_say(lang, "expected, with 80 %", "预期，含 80% 区间"));
    return 0;
}

static void bar(struct picture *p, const char *class, double x, double y)
{
    buf_printf(&p->out, "<path class=\"%s\" d=\"M%.1f %dV%.1fH%.1fV%d\"/>\n", class, px(p, x),
               HEIGHT - BOTTOM, py(p, y), px(p, x + 0.38), HEIGHT - BOTTOM);
}

/* How many came back how often until the end of the calibration. */
static int draw_frequency(struct picture *p)
{
    enum lang lang = p->o->lang;
    double actual[COUNTS] = {0.0}, expected[COUNTS] = {0.0}, pmf[COUNTS - 1];
    int32_t before = -1;
    for (size_t i = 0; i < p->n; i++) {
        const struct pv_customer *c = &p->rows[i];
        double rest = 1.0;
        if (c->T < 0)
            continue;
        if (c->T != before) { /* those who came on one day stand together */
            int rc = pv_predict_pmf(p->world.world.model, p->fit.param, 0.0, 0.0, 0.0,
                                    c->T / p->fit.unit_days, COUNTS - 1, pmf);
            if (rc)
                return rc;
            before = c->T;
        }
        for (int k = 0; k < COUNTS - 1; k++) {
            expected[k] += pmf[k];
            rest -= pmf[k];
        }
        expected[COUNTS - 1] += fmax(rest, 0.0);
        actual[c->x < COUNTS - 1 ? c->x : COUNTS - 1] += 1.0;
    }
    p->x_high = COUNTS;
    p->y_high = 1.0;
    for (int k = 0; k < COUNTS; k++)
        p->y_high = fmax(p->y_high, 1.05 * fmax(actual[k], expected[k]));
    begin(p, value_say(lang, "customers by repeat purchases", "按重复购买次数的客户数"));
    axes(p, false, value_say(lang, "repeat purchases", "重复购买次数"));
    for (int k = 0; k < COUNTS; k++) {
        bar(p, "af", k + 0.1, actual[k]);
        bar(p, "bf", k + 0.52, expected[k]);
        buf_printf(&p->out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d%s</text>\n",
                   px(p, k + 0.5), HEIGHT - BOTTOM + 16, k, k == COUNTS - 1 ? "+" : "");
    }
    legend(p, 0, "a", value_say(lang, "actual", "实际"));
    legend(p, 1, "b", value_say(lang, "expected", "预期"));
    return 0;
}

/* P(alive) of a busy customer, of a quiet one, and of one who has gone silent, week by week. */
static int draw_alive(struct picture *p)
{
    static const char *const classes[CURVES] = {"a", "b", "c"};
    static const char *const words[CURVES][LANGS] = {{"buys often", "购买频繁"},
                                                     {"often, then silent", "频繁后沉默"},
                                                     {"bought twice", "购买两次"}};
    struct pv_history_view h = pv_history_columns(p->history);
    size_t chosen[CURVES] = {0};
    int32_t best[CURVES] = {-1, -1, -1}, date[MAX_PERIODS];
    double x[MAX_PERIODS], alive[MAX_PERIODS];
    int32_t span = p->o->until - p->world.from;
    size_t n = (size_t)(span / 7 + 1);
    if (n < 2 || n > MAX_PERIODS)
        return PV_ERR_ARGUMENT;
    for (size_t i = 0; i < p->n; i++) {
        int32_t count = (int32_t)(h.start[i + 1] - h.start[i]);
        int32_t last = count ? h.day[h.start[i + 1] - 1] - p->world.from : 0;
        bool silent = last < span / 2;
        int32_t merit[CURVES] = {silent ? -1 : count, silent ? count : -1,
                                 count == 2 ? span - abs(last - span / 3) : -1};
        for (int k = 0; k < CURVES; k++) {
            if (merit[k] > best[k]) {
                best[k] = merit[k];
                chosen[k] = i;
            }
        }
    }
    p->x_high = (double)n - 1.0;
    p->y_high = 1.0;
    begin(p, value_say(p->o->lang, "probability of being a customer still", "仍为客户的概率"));
    axes(p, true, value_say(p->o->lang, "weeks", "周"));
    for (size_t i = 0; i < n; i++)
        date[i] = p->world.from + 7 * (int32_t)i;
    for (int k = 0; k < CURVES; k++) {
        uint64_t from = h.start[chosen[k]], to = h.start[chosen[k] + 1];
        size_t used = 0;
        int rc = pv_value_alive_curve(&p->fit, h.day + from, to - from, date, n, alive);
        if (rc)
            return rc;
        for (size_t i = 0; i < n; i++) {
            if (!isfinite(alive[i]))
                continue;
            x[used] = (double)i;
            alive[used++] = alive[i];
        }
        line_of(p, classes[k], x, alive, used);
        for (uint64_t d = from; d < to; d++)
            buf_printf(&p->out, "<circle class=\"%sf\" cx=\"%.1f\" cy=\"%.1f\" r=\"2\"/>\n",
                       classes[k], px(p, (h.day[d] - p->world.from) / 7.0),
                       py(p, 0.0) - 4.0 - 5.0 * k);
        legend(p, k, classes[k], words[k][p->o->lang]);
    }
    return 0;
}

/* First purchases by what they cost, and the density of the fitted gamma-gamma. */
static int draw_spend(struct picture *p)
{
    enum { BARS = 30, STEPS = 120 };
    enum lang lang = p->o->lang;
    struct pv_history_view h = pv_history_columns(p->history);
    struct pv_fit_options options = {p->world.world.unit_days, 100.0, p->o->threads, NULL};
    double count[BARS] = {0.0}, x[STEPS], y[STEPS];
    int rc = pv_fit_gamma_gamma(p->rows, p->n, &options, &p->fit);
    if (rc)
        return rc;
    struct pv_gamma_gamma g = pv_gamma_gamma_of(&p->fit);
    if (!p->fit.usable)
        return PV_ERR_ARGUMENT;
    double reach = 3.0 * pv_gamma_gamma_mean(&g, 0.0, 0.0), step = step_of(reach) / 5.0;
    double wide = step * ceil(reach / step / BARS), people = 0.0;
    for (size_t i = 0; i < p->n; i++) {
        double money = h.start[i + 1] > h.start[i] ? (double)h.amount[h.start[i]] / 100.0 : -1.0;
        people += money >= 0.0;
        if (money >= 0.0 && money < BARS * wide)
            count[(int)(money / wide)] += 1.0;
    }
    p->x_high = BARS * wide;
    p->y_high = 1.0;
    for (int k = 0; k < STEPS; k++) {
        x[k] = p->x_high * (k + 0.5) / STEPS;
        y[k] = people * wide * exp(pv_gamma_gamma_loglik(&g, 1.0, x[k]));
        p->y_high = fmax(p->y_high, 1.05 * y[k]);
    }
    for (int k = 0; k < BARS; k++)
        p->y_high = fmax(p->y_high, 1.05 * count[k]);
    begin(p, value_say(lang, "first purchases by amount", "首次购买的金额分布"));
    axes(p, true, value_say(lang, "amount", "金额"));
    for (int k = 0; k < BARS; k++)
        buf_printf(&p->out, "<path class=\"af\" opacity=\".6\" d=\"M%.1f %dV%.1fH%.1fV%d\"/>\n",
                   px(p, k * wide) + 1.0, HEIGHT - BOTTOM, py(p, count[k]),
                   px(p, (k + 1) * wide) - 1.0, HEIGHT - BOTTOM);
    line_of(p, "b", x, y, STEPS);
    legend(p, 0, "a", value_say(lang, "actual", "实际"));
    legend(p, 1, "b", value_say(lang, "expected from later ones", "由其后购买推得的预期"));
    return 0;
}

/* Of contracts: how many are still there, and how many of those renew. */
static int draw_survival(struct picture *p)
{
    enum { PERIODS = 12 };
    enum lang lang = p->o->lang;
    double x[PERIODS + 1], survival[PERIODS + 1], retention[PERIODS + 1];
    const struct pv_model *m = p->world.world.model;
    for (int t = 0; t <= PERIODS; t++) {
        x[t] = t;
        survival[t] = pv_contract_survival(m, p->world.param, t);
        retention[t] = t ? pv_contract_retention(m, p->world.param, t) : NAN;
        if (!isfinite(survival[t]))
            return PV_ERR_ARGUMENT;
    }
    p->x_high = PERIODS;
    p->y_high = 1.0;
    begin(p, value_say(lang, "contracts, period by period", "合约逐期情况"));
    axes(p, true, value_say(lang, "periods", "期"));
    line_of(p, "a", x, survival, PERIODS + 1);
    line_of(p, "b", x + 1, retention + 1, PERIODS);
    legend(p, 0, "a", value_say(lang, "still there", "仍在"));
    legend(p, 1, "b", value_say(lang, "renewed, of those there", "在者续约的比例"));
    return 0;
}

/* At counted opportunities: who is there still, by when the last purchase was. */
static int draw_recency(struct picture *p)
{
    enum { CHANCES = 10 };
    static const char *const classes[CURVES] = {"a", "b", "c"};
    static const int bought[CURVES] = {6, 3, 1};
    static const char *const words[CURVES][LANGS] = {
        {"bought at 6 of 10", "10 次机会买了 6 次"}, {"at 3", "买了 3 次"}, {"at 1", "买了 1 次"}};
    enum lang lang = p->o->lang;
    double x[CHANCES], alive[CHANCES];
    p->x_high = CHANCES;
    p->y_high = 1.0;
    begin(p, value_say(lang, "there at the next opportunity", "下一次机会时仍在的概率"));
    axes(p, true, value_say(lang, "last purchase at opportunity", "最近一次购买的机会序号"));
    for (int k = 0; k < CURVES; k++) {
        size_t n = 0;
        for (int last = bought[k]; last <= CHANCES; last++) {
            x[n] = last;
            alive[n] = pv_predict_alive(p->world.world.model, p->world.param, bought[k], last,
                                        CHANCES, 0.0);
            if (!isfinite(alive[n++]))
                return PV_ERR_ARGUMENT;
        }
        line_of(p, classes[k], x, alive, n);
        legend(p, k, classes[k], words[k][lang]);
    }
    return 0;
}

static const struct {
    const char *name;
    int (*draw)(struct picture *p);
    bool formula; /* no customers are made up */
    enum pv_model_kind kind;
} kinds[] = {{"tracking", draw_tracking, false, PV_KIND_BUYING},
             {"frequency", draw_frequency, false, PV_KIND_BUYING},
             {"alive", draw_alive, false, PV_KIND_BUYING},
             {"spend", draw_spend, false, PV_KIND_BUYING},
             {"survival", draw_survival, true, PV_KIND_CONTRACT},
             {"recency", draw_recency, true, PV_KIND_OPPORTUNITY}};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static int by_formula(struct picture *p, enum pv_model_kind kind)
{
    const struct pv_model *m = p->world.world.model = pv_model_find(p->o->model);
    if (pv_model_kind(m) != kind)
        return value_usage_error(
            p->o, "--model",
            value_say(p->o->lang,
                      "survival is of contracts (sbg), recency of opportunities (bg-bb)",
                      "survival 用于合约模型（sbg），recency 用于机会模型（bg-bb）"));
    p->fit.model = pv_model_name(m);
    p->fit.usable = true;
    return value_options_params(p->o, m, p->world.param);
}

static bool put_picture(FILE *f, void *context)
{
    const struct picture *p = context;
    struct str text = buf_str(&p->out);
    return !p->out.overflow && fwrite(text.p, 1, text.n, f) == text.n;
}

static int run_plot(struct value_options *o)
{
    struct picture p = {.o = o, .out = BUF_INIT(1 << 20)};
    size_t kind = 0;
    while (kind < KINDS && strcmp(kinds[kind].name, o->what) != 0)
        kind++;
    if (kind == KINDS)
        return value_usage_error(o, "--what", "tracking|frequency|alive|spend|survival|recency");
    if (o->customers > 1000000)
        return value_usage_error(o, "--customers",
                                 value_say(o->lang, "at most 1000000 here", "此处最多 1000000"));
    int rc = kinds[kind].formula ? by_formula(&p, kinds[kind].kind) : value_world_of(o, &p.world);
    if (rc)
        return rc;
    int error = kinds[kind].formula ? 0 : make_customers(&p);
    if (error == 0 && !p.fit.usable) {
        fprintf(stderr,
                value_say(o->lang, "patron value plot: the model must not be trusted here (%s)\n",
                          "patron value plot：此处模型不可信（%s）\n"),
                pv_verdict_code(p.fit.verdict));
        rc = VALUE_UNUSABLE;
    } else if (error == 0) {
        error = kinds[kind].draw(&p);
    }
    if (error)
        rc = value_failed(o, error);
    buf_printf(&p.out, "</svg>\n");
    if (rc == 0)
        rc = value_write(o->out, put_picture, &p);
    buf_free(&p.out);
    free(p.rows);
    pv_history_free(p.history);
    return rc;
}

const struct value_command value_command_plot = {
    .name = "plot",
    .what = {"A picture (SVG) of a model on customers made up from it",
             "用模型生成的客户绘制图像（SVG）"},
    .options = VALUE_BIT(WHAT) | VALUE_BIT(NAME) | VALUE_BIT(PARAMS) | VALUE_BIT(SPEND) |
               VALUE_BIT(USING) | VALUE_BIT(UNIT) | VALUE_BIT(CUSTOMERS) | VALUE_BIT(FROM) |
               VALUE_BIT(LAST) | VALUE_BIT(CALIBRATE) | VALUE_BIT(JOIN) | VALUE_BIT(SEED) |
               VALUE_BIT(OUT) | VALUE_BIT(THREADS) | VALUE_BIT(LANG),
    .example = {"plot --model pareto-nbd --params .8,6,.7,12 --customers 1000 --join 12w "
                "--until 2025-12-31 --out tracking.svg",
                "plot --what alive --model mbg-nbd --params .8,6,.9,2.5 --until 2025-12-31 "
                "--out alive.svg"},
    .run = run_plot,
};
