/* `patron value textbook FORM`: lifetime value in the forms that managers are taught, from numbers
   on the command line. A form is one row: its options, what it computes, its examples. */
#include "app/app.h"

#include "base/jw.h"
#include "patron_textbook.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 16, MAX_NUMBERS = 64 * 64, MAX_LINES = 160 };

/* What an option holds; a rate is 0.09 or 9%. */
enum kind { END, NUMBER, RATE, YEARS, TIMING, FIRST, LIST, MATRIX, FLAG };

struct form_option {
    const char *name, *value; /* "--rate", "0.09"; the value that stands when none is given */
    enum kind kind;
};

struct given {
    double number[MAX_OPTIONS]; /* NaN: not given */
    double *list[MAX_OPTIONS];
    size_t n[MAX_OPTIONS];
};

/* A line of the answer: a word for programs, one for people in each language, the number. */
struct line {
    char code[48];
    const char *en, *zh;
    double value;
};
struct answer {
    struct line line[MAX_LINES];
    size_t n;
    unsigned missing;
};

struct form {
    const char *name, *what_en, *what_zh, *example;
    struct form_option option[MAX_OPTIONS];
    int (*run)(const struct given *g, struct answer *ret);
};

static void say(struct answer *a, const char *code, const char *en, const char *zh, double value)
{
    if (a->n == MAX_LINES)
        return;
    struct line *l = &a->line[a->n++];
    snprintf(l->code, sizeof l->code, "%s", code);
    l->en = en;
    l->zh = zh;
    l->value = value;
}

static void say_each(struct answer *a, const char *code, const char *en, const char *zh,
                     const double *value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char numbered[48];
        snprintf(numbered, sizeof numbered, "%s-%zu", code, i + 1);
        say(a, numbered, en, zh, value[i]);
    }
}

/* ---- the forms ------------------------------------------------------------------------------- */

enum {
    A_YEARS,
    A_RATE,
    A_FIRST,
    A_INCOME,
    A_ACQ,
    A_SERVICE,
    A_FIRST_COST,
    A_COST,
    A_OVER,
    A_TIMING
};

static int run_account(const struct given *g, struct answer *a)
{
    const double *v = g->number;
    struct pv_account account = {.years = (int)v[A_YEARS],
                                 .rate = v[A_RATE],
                                 .timing = (enum pv_timing)v[A_TIMING],
                                 .first_income = v[A_FIRST],
                                 .first_product_cost = v[A_FIRST_COST],
                                 .acquisition = v[A_ACQ],
                                 .income = {.same = v[A_INCOME]},
                                 .product_cost = {.same = v[A_COST]},
                                 .service = {.same = v[A_SERVICE]},
                                 .overhead = {.same = v[A_OVER]}};
    double income, contribution, profit, change;
    unsigned missing;
    int rc = pv_account_value(PV_ACCOUNT_INCOME, &account, &income, &missing);
    if (rc == 0)
        rc = pv_account_value(PV_ACCOUNT_CONTRIBUTION, &account, &contribution, &missing);
    if (rc == 0)
        rc = pv_account_break_even(PV_ACCOUNT_CONTRIBUTION, &account, PV_INPUT_SERVICE, 0, &change);
    if (rc == 0)
        rc = pv_account_value(PV_ACCOUNT_PROFIT, &account, &profit, &a->missing);
    if (rc)
        return rc;
    say(a, "income", "Income", "收入模型", income);
    say(a, "contribution", "Contribution", "贡献模型", contribution);
    say(a, "break-even-service", "Service cost a year at which it just pays", "保本的年服务成本",
        account.service.same + change);
    say(a, "profit", "Profit", "利润模型", profit);
    return 0;
}

enum { R_YEARS, R_RATE, R_RETENTION, R_MARGIN, R_PROMOTION, R_ACQ };

static int run_retention(const struct given *g, struct answer *a)
{
    const double *v = g->number;
    struct pv_retention r = {.years = (int)v[R_YEARS],
                             .rate = v[R_RATE],
                             .retention = v[R_RETENTION],
                             .margin = v[R_MARGIN],
                             .promotion = v[R_PROMOTION],
                             .acquisition = v[R_ACQ]};
    double value;
    int rc = pv_retention_value(&r, &value);
    if (rc == 0)
        say(a, "value", "Lifetime value", "终身价值", value);
    return rc;
}

enum { M_BUY, M_REWARDS, M_RATE, M_PERIODS };

static int run_migration(const struct given *g, struct answer *a)
{
    size_t n = g->n[M_BUY];
    double transition[64 * 64], value[64], buyers[13];
    if (g->n[M_REWARDS] != n + 1)
        return PV_ERR_ARGUMENT;
    int rc = pv_migration_of_recency(n, g->list[M_BUY], transition);
    if (rc == 0)
        rc = pv_migration_value(n + 1, transition, g->list[M_REWARDS], g->number[M_RATE],
                                (int)g->number[M_PERIODS], value);
    if (rc == 0)
        rc = pv_migration_buyers(n, g->list[M_BUY], 12, buyers);
    if (rc)
        return rc;
    say_each(a, "value", "Value, last purchase so many periods ago", "价值（最近购买距今期数）",
             value, n);
    say_each(a, "buyers", "Buyers of one at the start, after so many periods",
             "初始一位客户在第几期的购买者", buyers + 1, 12);
    return 0;
}

enum {
    S_SHARES,
    S_MATRIX,
    S_EACH,
    S_RATE,
    S_PURCHASES,
    S_PER_YEAR,
    S_TIMING,
    S_FIRST,
    S_CURRENT,
    S_CONSTANT
};

static int run_switching(const struct given *g, struct answer *a)
{
    const double *v = g->number;
    size_t n = g->n[S_SHARES];
    struct pv_switching s = {.brands = n,
                             .share = g->list[S_SHARES],
                             .matrix = g->list[S_MATRIX],
                             .contribution = v[S_EACH],
                             .per_year = v[S_PER_YEAR],
                             .rate = v[S_RATE],
                             .purchases = (int)v[S_PURCHASES],
                             .timing = (enum pv_timing)v[S_TIMING],
                             .first = (int)v[S_FIRST],
                             .current = v[S_CURRENT] > 0,
                             .advance = !(v[S_CONSTANT] > 0)};
    double value[64], share[64];
    if (g->n[S_MATRIX] != n * n)
        return PV_ERR_ARGUMENT;
    int rc = pv_switching_value(&s, value);
    if (rc)
        return rc;
    say_each(a, "value", "Value of the brand", "品牌的客户价值", value, n);
    if (pv_switching_share(&s, 1, share) == 0)
        say_each(a, "next", "Share after one purchase", "下一次购买后的份额", share, n);
    if (pv_switching_share(&s, PV_FOREVER, share) == 0)
        say_each(a, "steady", "Share in the steady state", "稳态份额", share, n);
    return 0;
}

enum {
    T_YEARS,
    T_RATE,
    T_RETENTION,
    T_INCOME,
    T_MARGIN,
    T_GROWTH,
    T_REFERRAL,
    T_REFERRED,
    T_KEEP,
    T_MARKET,
    T_ACQ,
    T_TIMING,
    T_STEP
};

static int run_tornado(const struct given *g, struct answer *a)
{
    static const struct {
        const char *en, *zh;
    } words[PV_DRIVERS] = {
        [PV_DRIVER_HORIZON] = {"Horizon", "年限"},
        [PV_DRIVER_DISCOUNT] = {"Discount rate", "折现率"},
        [PV_DRIVER_RETENTION] = {"Retention", "保持率"},
        [PV_DRIVER_REFERRAL] = {"Referral rate", "推荐率"},
        [PV_DRIVER_GROWTH] = {"Growth of income", "收入增长"},
        [PV_DRIVER_MAINTENANCE] = {"Maintenance cost", "维系成本"},
        [PV_DRIVER_MARKETING] = {"Marketing cost", "营销成本"},
        [PV_DRIVER_MARGIN] = {"Margin", "毛利率"},
    };
    const double *v = g->number;
    struct pv_relation r = {.driver = {v[T_YEARS], v[T_RATE], v[T_RETENTION], v[T_REFERRAL],
                                       v[T_GROWTH], v[T_KEEP], v[T_MARKET], v[T_MARGIN]},
                            .income = v[T_INCOME],
                            .acquisition = v[T_ACQ],
                            .referred_value = v[T_REFERRED],
                            .timing = (enum pv_timing)v[T_TIMING]};
    double low[PV_DRIVERS], high[PV_DRIVERS], value;
    struct pv_swing swings[PV_DRIVERS];
    for (int i = 0; i < PV_DRIVERS; i++) {
        low[i] = r.driver[i] * (1 - v[T_STEP]);
        high[i] = r.driver[i] * (1 + v[T_STEP]);
    }
    low[PV_DRIVER_HORIZON] = fmax(v[T_YEARS] - 1, 1); /* whole years */
    high[PV_DRIVER_HORIZON] = v[T_YEARS] + 1;
    high[PV_DRIVER_RETENTION] = fmin(high[PV_DRIVER_RETENTION], 1);
    int rc = pv_relation_value(&r, &value);
    if (rc == 0)
        rc = pv_relation_tornado(&r, low, high, swings);
    if (rc)
        return rc;
    say(a, "value", "Lifetime value", "终身价值", value);
    for (int i = 0; i < PV_DRIVERS; i++) {
        char code[48];
        const char *name = pv_driver_code(swings[i].driver);
        snprintf(code, sizeof code, "%s-low", name);
        say(a, code, words[swings[i].driver].en, words[swings[i].driver].zh, swings[i].value_low);
        snprintf(code, sizeof code, "%s-high", name);
        say(a, code, "  … and higher", "  … 调高", swings[i].value_high);
    }
    return 0;
}

static const struct form forms[] = {
    {"account",
     "Income, contribution and profit over some years",
     "若干年的收入、贡献与利润模型",
     "--years 5 --rate 9% --first 2000 --income 500 --acquisition 400 --service 10",
     {[A_YEARS] = {"--years", NULL, YEARS},
      [A_RATE] = {"--rate", NULL, RATE},
      [A_FIRST] = {"--first", "0", NUMBER},
      [A_INCOME] = {"--income", NULL, NUMBER},
      [A_ACQ] = {"--acquisition", "0", NUMBER},
      [A_SERVICE] = {"--service", "0", NUMBER},
      [A_FIRST_COST] = {"--first-product-cost", "", NUMBER},
      [A_COST] = {"--product-cost", "", NUMBER},
      [A_OVER] = {"--overhead", "", NUMBER},
      [A_TIMING] = {"--timing", "end", TIMING}},
     run_account},
    {"retention",
     "Customers who are lost for good",
     "一去不返的客户（保持模型）",
     "--years 10 --rate 20% --retention 75% --margin 260 --promotion 50",
     {[R_YEARS] = {"--years", NULL, YEARS},
      [R_RATE] = {"--rate", NULL, RATE},
      [R_RETENTION] = {"--retention", NULL, RATE},
      [R_MARGIN] = {"--margin", NULL, NUMBER},
      [R_PROMOTION] = {"--promotion", "0", NUMBER},
      [R_ACQ] = {"--acquisition", "0", NUMBER}},
     run_retention},
    {"migration",
     "Customers who may come back, by recency",
     "可能回来的客户（迁移模型）",
     "--buy .3,.2,.15,.05 --rewards 36,-4,-4,-4,0 --rate 20% --periods forever",
     {[M_BUY] = {"--buy", NULL, LIST},
      [M_REWARDS] = {"--rewards", NULL, LIST},
      [M_RATE] = {"--rate", NULL, RATE},
      [M_PERIODS] = {"--periods", "forever", YEARS}},
     run_migration},
    {"switching",
     "What brands share among them",
     "品牌转换下的客户价值",
     "--shares .6,.3,.1 --matrix '.7,.2,.1;.1,.8,.1;.25,.15,.6' --contribution 500 --rate 9% "
     "--purchases 2",
     {[S_SHARES] = {"--shares", NULL, LIST},
      [S_MATRIX] = {"--matrix", NULL, MATRIX},
      [S_EACH] = {"--contribution", NULL, NUMBER},
      [S_RATE] = {"--rate", NULL, RATE},
      [S_PURCHASES] = {"--purchases", NULL, YEARS},
      [S_PER_YEAR] = {"--per-year", "1", NUMBER},
      [S_TIMING] = {"--timing", "end", TIMING},
      [S_FIRST] = {"--first", "1", FIRST},
      [S_CURRENT] = {"--current", "", FLAG},
      [S_CONSTANT] = {"--constant", "", FLAG}},
     run_switching},
    {"tornado",
     "A relation by its drivers, and what each does alone",
     "关系的各项因素与敏感性",
     "--years 5 --rate 9% --retention 80% --income 500 --margin 40% --growth 5% --maintenance 10",
     {[T_YEARS] = {"--years", NULL, YEARS},
      [T_RATE] = {"--rate", NULL, RATE},
      [T_RETENTION] = {"--retention", NULL, RATE},
      [T_INCOME] = {"--income", NULL, NUMBER},
      [T_MARGIN] = {"--margin", NULL, RATE},
      [T_GROWTH] = {"--growth", "0", RATE},
      [T_REFERRAL] = {"--referral", "0", RATE},
      [T_REFERRED] = {"--referred-value", "0", NUMBER},
      [T_KEEP] = {"--maintenance", "0", NUMBER},
      [T_MARKET] = {"--marketing", "0", NUMBER},
      [T_ACQ] = {"--acquisition", "0", NUMBER},
      [T_TIMING] = {"--timing", "end", TIMING},
      [T_STEP] = {"--step", "10%", RATE}},
     run_tornado},
};

/* ---- reading --------------------------------------------------------------------------------- */

static bool read_number(const char *text, const char *ends, double *ret, const char **ret_rest)
{
    char *rest;
    double v = strtod(text, &rest);
    if (rest == text || !isfinite(v))
        return false;
    if (*rest == '%') {
        v /= 100;
        rest++;
    }
    *ret = v;
    *ret_rest = rest;
    return *rest == '\0' || strchr(ends, *rest);
}

static bool read_list(const char *text, const char *ends, double **ret, size_t *ret_n)
{
    double *list = malloc(MAX_NUMBERS * sizeof *list);
    size_t n = 0;
    bool ok = list != NULL;
    while (ok && *text) {
        ok = n < MAX_NUMBERS && read_number(text, ends, &list[n], &text);
        n += ok;
        if (ok && *text)
            ok = *++text != '\0'; /* no comma at the end */
    }
    *ret = list;
    *ret_n = n;
    return ok && n > 0;
}

static bool read_value(const struct form_option *o, const char *text, struct given *g, size_t at)
{
    static const char *const timings[] = {"start", "middle", "end"};
    double *v = &g->number[at];
    const char *rest;
    switch (o->kind) {
    case NUMBER:
    case RATE:
        return read_number(text, "", v, &rest);
    case YEARS:
        if (strcmp(text, "forever") == 0) {
            *v = PV_FOREVER;
            return true;
        }
        return read_number(text, "", v, &rest) && *v >= 1 && *v <= 1000 && *v == floor(*v);
    case FIRST:
        return read_number(text, "", v, &rest) && (*v == 0 || *v == 1);
    case TIMING:
        for (int i = 0; i < 3; i++) {
            if (strcmp(text, timings[i]) == 0) {
                *v = i;
                return true;
            }
        }
        return false;
    case LIST:
        return read_list(text, ",", &g->list[at], &g->n[at]);
    case MATRIX:
        return read_list(text, ",;", &g->list[at], &g->n[at]);
    case FLAG:
        *v = 1;
        return true;
    case END:
        break;
    }
    return false;
}

static int wrong(enum lang lang, const char *option, const char *text)
{
    if (!text)
        fprintf(stderr,
                lang == LANG_ZH ? "patron value textbook：缺少 %s\n"
                                : "patron value textbook: %s is missing\n",
                option);
    else
        fprintf(stderr,
                lang == LANG_ZH ? "patron value textbook：%s：无法理解「%s」\n"
                                : "patron value textbook: %s: '%s' is not understood\n",
                option, text);
    return 2;
}

static int read_form(const struct form *f, enum lang lang, const struct args *args, struct given *g)
{
    for (size_t i = 0; f->option[i].name; i++) {
        const struct form_option *o = &f->option[i];
        const char *text = args->values[i] ? args->values[i] : o->value;
        g->number[i] = NAN;
        if (!text)
            return wrong(lang, o->name, NULL);
        if (*text && !read_value(o, text, g, i))
            return wrong(lang, o->name, text);
        if (!*text && args->values[i])
            return wrong(lang, o->name, text);
    }
    return 0;
}

/* ---- printing -------------------------------------------------------------------------------- */

static const struct {
    unsigned bit;
    const char *option;
} missing_options[] = {{PV_MISSING_FIRST_INCOME, "--first"},
                       {PV_MISSING_INCOME, "--income"},
                       {PV_MISSING_ACQUISITION, "--acquisition"},
                       {PV_MISSING_PRODUCT_COST, "--product-cost, --first-product-cost"},
                       {PV_MISSING_SERVICE, "--service"},
                       {PV_MISSING_OVERHEAD, "--overhead"}};

static void print_json(const struct form *f, const struct answer *a)
{
    struct buf out = BUF_INIT(1 << 20);
    struct jw w = jw_new(&out);
    jw_obj(&w);
    jw_kcstr(&w, "form", f->name);
    for (size_t i = 0; i < a->n; i++) {
        jw_key(&w, a->line[i].code);
        if (isnan(a->line[i].value))
            jw_null(&w);
        else
            jw_f64(&w, a->line[i].value);
    }
    jw_obj_end(&w);
    printf(STR_FMT "\n", STR_ARG(buf_str(&out)));
    buf_free(&out);
}

static void print_lines(enum lang lang, const struct answer *a)
{
    for (size_t i = 0; i < a->n; i++) {
        const struct line *l = &a->line[i];
        const char *words = lang == LANG_ZH ? l->zh : l->en;
        if (isnan(l->value))
            printf("  %-20s %16s  %s", l->code, "-", words);
        else
            printf("  %-20s %16.4f  %s", l->code, l->value, words);
        for (size_t k = 0; isnan(l->value) && k < sizeof missing_options / sizeof *missing_options;
             k++)
            if (a->missing & missing_options[k].bit)
                printf(lang == LANG_ZH ? "；需要 %s" : "; needs %s", missing_options[k].option);
        putchar('\n');
    }
}

static void print_help(enum lang lang)
{
    puts(lang == LANG_ZH ? "用法：patron value textbook 形式 [选项] [--json] [--lang en|zh]\n"
                           "比率写作 0.09 或 9%，年数可写 forever（永续）。\n"
                         : "Usage: patron value textbook FORM [options] [--json] [--lang en|zh]\n"
                           "Rates are 0.09 or 9%; years may be forever.\n");
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const struct form *f = &forms[i];
        printf("  %-10s %s\n            ", f->name, lang == LANG_ZH ? f->what_zh : f->what_en);
        for (size_t k = 0; f->option[k].name; k++) {
            const struct form_option *o = &f->option[k];
            if (!o->value)
                printf(" %s", o->name);
            else if (*o->value)
                printf(" [%s %s]", o->name, o->value);
            else
                printf(" [%s]", o->name);
        }
        printf("\n             patron value textbook %s %s\n\n", f->name, f->example);
    }
}

/* ---- the command ------------------------------------------------------------------------------
 */

static int run_form(const struct form *f, enum lang lang, const struct args *args, bool json)
{
    struct given *g = calloc(1, sizeof *g);
    struct answer *a = calloc(1, sizeof *a);
    int exit_code = g && a ? read_form(f, lang, args, g) : 1;
    if (exit_code == 0) {
        int rc = f->run(g, a);
        if (rc) {
            fprintf(stderr, "patron value textbook %s: %s\n", f->name,
                    lang == LANG_ZH
                        ? "这些数字超出了该形式的定义范围（概率之和须为 1，折现率须大于 "
                          "−1，永续须收敛）"
                        : "these numbers lie outside of what the form is defined for "
                          "(probabilities sum to 1, rates are above -1, what is forever "
                          "has a sum)");
            exit_code = 1;
        } else if (json) {
            print_json(f, a);
        } else {
            print_lines(lang, a);
        }
    }
    for (size_t i = 0; g && i < MAX_OPTIONS; i++)
        free(g->list[i]);
    free(g);
    free(a);
    return exit_code;
}

int cmd_textbook(int argc, char **argv)
{
    enum { LANG = MAX_OPTIONS - 3, JSON, HELP };
    struct option_def defs[MAX_OPTIONS] = {
        [LANG] = {"--lang"}, [JSON] = {"--json", true}, [HELP] = {"--help", true}};
    const struct form *f = NULL;
    struct args args;
    for (size_t i = 0; argc && i < sizeof forms / sizeof *forms; i++)
        if (strcmp(argv[0], forms[i].name) == 0)
            f = &forms[i];
    for (size_t i = 0; i < LANG; i++) /* a name that nobody types fills the places left */
        defs[i] = f && f->option[i].name
                      ? (struct option_def){f->option[i].name, f->option[i].kind == FLAG}
                      : (struct option_def){"-", false};
    if (!args_read(defs, MAX_OPTIONS, argc, argv, &args))
        return 2;
    enum lang lang =
        args.values[LANG] ? strcmp(args.values[LANG], "zh") == 0 ? LANG_ZH : LANG_EN : app_lang();
    if (args.values[HELP] || argc == 0) {
        print_help(lang);
        return argc == 0 ? 2 : 0;
    }
    if (!f || args.nwords != 1)
        return wrong(lang, "FORM", args.nwords ? args.words[args.nwords - 1] : NULL);
    return run_form(f, lang, &args, args.values[JSON] != NULL);
}
