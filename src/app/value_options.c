/*
 * value_options.c - the options of `patron value …`: one row each, with its help in both languages
 * and the function that reads it. A command names those it understands.
 */
#include "app/value_tool.h"

#include "app/app.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef int read_fn(struct value_options *o, const char *name, const char *const *text);

struct option_row {
    const char *name;
    int values;
    const char *argument[LANGS], *help[LANGS];
    read_fn *read;
};

static const char *name_of(const struct value_options *o, char *out, size_t room)
{
    snprintf(out, room, "patron value%s%s", o->command->name[0] ? " " : "", o->command->name);
    return out;
}

int value_usage_error(const struct value_options *o, const char *option, const char *why)
{
    char name[64];
    name_of(o, name, sizeof name);
    fprintf(stderr, value_say(o->lang, "%s: %s: %s\n", "%s：%s：%s\n"), name, option, why);
    fprintf(stderr, value_say(o->lang, "Try: %s --help\n", "请看：%s --help\n"), name);
    return 2;
}

static int not_understood(const struct value_options *o, const char *name)
{
    return value_usage_error(o, name, value_say(o->lang, "not understood", "无法理解"));
}

static bool number_in(const char *text, double low, double high, double *ret_value,
                      const char **ret_rest)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || !(value >= low && value <= high))
        return false;
    *ret_value = value;
    *ret_rest = end;
    return true;
}

/* The whole text is a number in a range. */
static bool number_is(const char *text, double low, double high, double *ret_value)
{
    const char *rest;
    return number_in(text, low, high, ret_value, &rest) && *rest == '\0';
}

static bool day_is(const char *text, int32_t *ret_day)
{
    return csv_parse_date((struct csv_slice){text, strlen(text)}, CSV_DATE_YMD, ret_day) ==
           CSV_CELL_OK;
}

static bool one_of(const char *text, const char *const *names, int n, int *ret_index)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

#define READ_DAY(FUNCTION, MEMBER)                                                                 \
    static int FUNCTION(struct value_options *o, const char *name, const char *const *text)        \
    {                                                                                              \
        return day_is(text[0], &o->MEMBER) ? 0 : not_understood(o, name);                          \
    }
READ_DAY(read_until, until)
READ_DAY(read_from, from)
READ_DAY(read_calibrate, calibrate_to)

#define READ_NUMBER(FUNCTION, MEMBER, LOW, HIGH)                                                   \
    static int FUNCTION(struct value_options *o, const char *name, const char *const *text)        \
    {                                                                                              \
        return number_is(text[0], LOW, HIGH, &o->MEMBER) ? 0 : not_understood(o, name);            \
    }
READ_NUMBER(read_alive, alive, 0.0, 1.0)
READ_NUMBER(read_penalty, penalty, 0.0, 1e12)
READ_NUMBER(read_x, x, 0.0, 1e6)
READ_NUMBER(read_t_x, t_x, 0.0, 1e7)
READ_NUMBER(read_T, T, 0.0, 1e7)

#define READ_TEXT(FUNCTION, MEMBER)                                                                \
    static int FUNCTION(struct value_options *o, const char *name, const char *const *text)        \
    {                                                                                              \
        o->MEMBER = text[0];                                                                       \
        return *text[0] ? 0 : not_understood(o, name);                                             \
    }
READ_TEXT(read_covariates, covariates)
READ_TEXT(read_params, params)
READ_TEXT(read_spend, spend)
READ_TEXT(read_using, using)
READ_TEXT(read_save, save)
READ_TEXT(read_out, out)
READ_TEXT(read_what, what)

static int read_between(struct value_options *o, const char *name, const char *const *text)
{
    if (!day_is(text[0], &o->between[0]) || !day_is(text[1], &o->between[1]))
        return not_understood(o, name);
    return o->between[0] < o->between[1]
               ? 0
               : value_usage_error(
                     o, name, value_say(o->lang, "the earlier day comes first", "先写较早的日期"));
}

static int read_unit(struct value_options *o, const char *name, const char *const *text)
{
    o->unit_days = strcmp(text[0], "week") == 0 ? 7.0 : 1.0;
    return o->unit_days == 7.0 || strcmp(text[0], "day") == 0 ? 0 : not_understood(o, name);
}

/* Weeks (w), days (d), or units: settled when the unit is known. */
static int read_horizon(struct value_options *o, const char *name, const char *const *text)
{
    double n;
    const char *rest;
    if (!number_in(text[0], 0.0, 100000.0, &n, &rest) || !(n > 0.0) ||
        (strcmp(rest, "w") != 0 && strcmp(rest, "d") != 0 && *rest))
        return not_understood(o, name);
    o->horizon_days = *rest == 'w' ? 7.0 * n : *rest == 'd' ? n : -n;
    return 0;
}

static int read_join(struct value_options *o, const char *name, const char *const *text)
{
    double n;
    const char *rest;
    if (!number_in(text[0], 0.0, 100000.0, &n, &rest) || n != floor(n) ||
        (strcmp(rest, "w") != 0 && strcmp(rest, "d") != 0))
        return not_understood(o, name);
    o->join_days = (int32_t)(*rest == 'w' ? 7.0 * n : n);
    return 0;
}

static int read_discount(struct value_options *o, const char *name, const char *const *text)
{
    if (number_is(text[0], 0.0, 10.0, &o->discount) && o->discount > 0.0)
        return 0;
    return value_usage_error(o, name,
                             value_say(o->lang, "a yearly rate above 0, such as 0.15",
                                       "应为大于 0 的年利率，例如 0.15"));
}

static int read_returns(struct value_options *o, const char *name, const char *const *text)
{
    static const char *const names[] = {"net", "drop", "error"};
    int i;
    if (!one_of(text[0], names, 3, &i))
        return not_understood(o, name);
    o->input.returns = (enum pv_returns)i;
    return 0;
}

static int read_by(struct value_options *o, const char *name, const char *const *text)
{
    static const char *const names[] = {"month", "quarter", "year"};
    int i;
    if (!one_of(text[0], names, 3, &i))
        return not_understood(o, name);
    o->calendar = (enum pv_calendar)i;
    return 0;
}

static int read_threads(struct value_options *o, const char *name, const char *const *text)
{
    double n;
    if (!number_is(text[0], 1.0, 64.0, &n))
        return not_understood(o, name);
    o->threads = (int)n;
    return 0;
}

static int read_customers(struct value_options *o, const char *name, const char *const *text)
{
    double n;
    if (!number_is(text[0], 1.0, 1e9, &n) || n != floor(n))
        return not_understood(o, name);
    o->customers = (uint64_t)n;
    return 0;
}

static int read_seed(struct value_options *o, const char *name, const char *const *text)
{
    double n;
    if (!number_is(text[0], 0.0, 9007199254740992.0, &n) || n != floor(n))
        return not_understood(o, name);
    o->seed = (uint64_t)n;
    return 0;
}

static int read_lang(struct value_options *o, const char *name, const char *const *text)
{
    o->lang = strcmp(text[0], "zh") == 0 ? LANG_ZH : LANG_EN;
    return o->lang == LANG_ZH || strcmp(text[0], "en") == 0 ? 0 : not_understood(o, name);
}

static int read_json(struct value_options *o, const char *name, const char *const *text)
{
    (void)name;
    (void)text;
    o->json = true;
    return 0;
}

static int read_summary(struct value_options *o, const char *name, const char *const *text)
{
    (void)name;
    (void)text;
    o->summary = true;
    return 0;
}

static int read_progress(struct value_options *o, const char *name, const char *const *text)
{
    (void)name;
    (void)text;
    o->progress = true;
    return 0;
}

static int read_mapping(struct value_options *o, const char *name, const char *const *text)
{
    static const struct {
        const char *name;
        enum value_field field;
    } fields[] = {
        {"customer", VALUE_CUSTOMER}, {"customer_id", VALUE_CUSTOMER}, {"date", VALUE_DATE},
        {"ordered_on", VALUE_DATE},   {"amount", VALUE_AMOUNT},
    };
    const char *equal = strrchr(text[0], '=');
    if (!equal || equal == text[0] || o->input.mappings == VALUE_MAX_MAPPINGS)
        return value_usage_error(o, name,
                                 value_say(o->lang, "COLUMN=FIELD expected", "应为 列=字段"));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(equal + 1, fields[i].name) == 0) {
            o->mapping[o->input.mappings++] =
                (struct value_mapping){text[0], (size_t)(equal - text[0]), fields[i].field};
            return 0;
        }
    }
    return value_usage_error(o, text[0],
                             value_say(o->lang, "the field must be customer, date or amount",
                                       "字段必须是 customer、date 或 amount"));
}

/* Models of purchases by name; where parameters are given, all but those of spend. */
static bool takes(const struct value_options *o, const struct pv_model *m)
{
    return o->command->options & VALUE_BIT(NAME) ? pv_model_kind(m) != PV_KIND_SPEND
                                                 : pv_model_kind(m) == PV_KIND_BUYING;
}

static int read_model(struct value_options *o, const char *option, const char *const *text)
{
    const struct pv_model *m = pv_model_find(text[0]);
    char known[512], name[64];
    int n = 0;
    o->model = text[0];
    if (strcmp(text[0], "auto") == 0 && !(o->command->options & VALUE_BIT(NAME)))
        o->model = NULL; /* to choose takes data */
    if (!o->model || (m && takes(o, m)))
        return 0;
    for (size_t i = 0; (m = pv_model_at(i)) && n < (int)sizeof known; i++)
        if (takes(o, m))
            n += snprintf(known + n, sizeof known - (size_t)n, "%s%s", n ? ", " : "",
                          pv_model_name(m));
    fprintf(stderr,
            value_say(o->lang, "%s: %s: %s is not one of %s%s\n", "%s：%s：%s 不在 %s%s 之中\n"),
            name_of(o, name, sizeof name), option, text[0], known,
            o->command->options & VALUE_BIT(NAME) ? "" : value_say(o->lang, ", auto", "、auto"));
    return 2;
}

/* Four numbers, comma between them. */
static bool read_four(const char **text, double ret[4])
{
    for (int i = 0; i < 4; i++) {
        if (i && *(*text)++ != ',')
            return false;
        if (!number_in(*text, 0.0, 1e12, &ret[i], text))
            return false;
    }
    return true;
}

/* Recency/frequency/money; money in major units, made minor when the decimals are known. */
static int read_cuts(struct value_options *o, const char *name, const char *const *text)
{
    const char *at = text[0];
    double r[4], f[4], m[4];
    bool good = read_four(&at, r) && *at++ == '/' && read_four(&at, f) && *at++ == '/' &&
                read_four(&at, m) && !*at;
    for (int i = 0; good && i < 4; i++) {
        good = r[i] < 1e6 && f[i] < 1e6 &&
               (i == 0 || (r[i] >= r[i - 1] && f[i] >= f[i - 1] && m[i] >= m[i - 1]));
        o->cuts.recency[i] = (int32_t)r[i];
        o->cuts.frequency[i] = (int32_t)f[i];
        o->cuts.money[i] = llrint(m[i] * 1e6);
    }
    return good ? 0
                : value_usage_error(
                      o, name,
                      value_say(o->lang,
                                "four ascending days, purchases and amounts expected, such as "
                                "30,60,90,180/2,3,5,10/50,100,250,1000",
                                "应为各四个递增的天数、次数与金额，例如 "
                                "30,60,90,180/2,3,5,10/50,100,250,1000"));
}

static const struct option_row rows[VALUE_OPTIONS] = {
    [VALUE_OPT_UNTIL] = {"--until",
                         1,
                         {"DATE", "日期"},
                         {"last day of the observation (default: the last order in the file)",
                          "观察截止日（默认：文件中最后一笔订单的日期）"},
                         read_until},
    [VALUE_OPT_LAST] =
        {"--until", 1, {"DATE", "日期"}, {"last day of the observation", "观察截止日"}, read_until},
    [VALUE_OPT_FROM] = {"--from",
                        1,
                        {"DATE", "日期"},
                        {"day of the first purchases (two years before the end)",
                         "首次购买的起始日（截止日前两年）"},
                        read_from},
    [VALUE_OPT_CALIBRATE] = {"--calibrate-to",
                             1,
                             {"DATE", "日期"},
                             {"fit to this day, test on the rest",
                              "用此日之前的数据拟合，其后的数据检验"},
                             read_calibrate},
    [VALUE_OPT_BETWEEN] = {"--between",
                           2,
                           {"DATE DATE", "日期 日期"},
                           {"the two days to compare (a year before the end, and the end)",
                            "要比较的两个日期（截止日的一年前与截止日）"},
                           read_between},
    [VALUE_OPT_UNIT] = {"--unit",
                        1,
                        {"week|day", "week|day"},
                        {"time unit of the models (week)", "模型的时间单位（week）"},
                        read_unit},
    [VALUE_OPT_MODEL] = {"--model",
                         1,
                         {"NAME|auto", "名称|auto"},
                         {"model of purchases (bg-nbd); auto: by hold-out error, then BIC",
                          "购买模型（bg-nbd）；auto：先比留出误差，再比 BIC"},
                         read_model},
    [VALUE_OPT_COVARIATES] = {"--covariates",
                              1,
                              {"FILE.csv", "文件.csv"},
                              {"what else is known: a row per customer, numbers or categories",
                               "客户的其他已知特征：每位客户一行，数字或类别"},
                              read_covariates},
    [VALUE_OPT_PENALTY] = {"--penalty",
                           1,
                           {"0", "0"},
                           {"L2 on the effect of one standard deviation of a covariate (0: none)",
                            "对协变量每一标准差效应的 L2 惩罚（0：无）"},
                           read_penalty},
    [VALUE_OPT_NAME] =
        {"--model", 1, {"NAME", "名称"}, {"model (bg-nbd)", "模型（bg-nbd）"}, read_model},
    [VALUE_OPT_PARAMS] = {"--params",
                          1,
                          {"A,B,…", "甲,乙,…"},
                          {"parameters of the model, in order or as name=number",
                           "模型参数，按顺序或写作 名称=数值"},
                          read_params},
    [VALUE_OPT_SPEND] = {"--spend",
                         1,
                         {"p,q,gamma", "p,q,gamma"},
                         {"gamma-gamma of what a purchase brings",
                          "每次消费金额的 gamma-gamma 参数"},
                         read_spend},
    [VALUE_OPT_USING] = {"--using",
                         1,
                         {"model.json", "model.json"},
                         {"a model that was saved, instead of fitting one",
                          "使用已保存的模型，不再拟合"},
                         read_using},
    [VALUE_OPT_SAVE] =
        {"--save", 1, {"model.json", "model.json"}, {"keep the model", "保存模型"}, read_save},
    [VALUE_OPT_CUSTOMERS] =
        {"--customers", 1, {"N", "N"}, {"how many (1000)", "客户数（1000）"}, read_customers},
    [VALUE_OPT_JOIN] = {"--join",
                        1,
                        {"26w", "26w"},
                        {"their first purchases are spread over so long (0d)",
                         "首次购买分布在多长时间内（0d）"},
                        read_join},
    [VALUE_OPT_SEED] = {"--seed",
                        1,
                        {"N", "N"},
                        {"another seed, other customers (1)", "随机种子（1）"},
                        read_seed},
    [VALUE_OPT_HORIZON] = {"--horizon",
                           1,
                           {"52w", "52w"},
                           {"how far to forecast: weeks (w) or days (d)",
                            "预测多远：周（w）或天（d）"},
                           read_horizon},
    [VALUE_OPT_DISCOUNT] = {"--discount",
                            1,
                            {"0.15", "0.15"},
                            {"yearly effective rate of discount", "年有效折现率"},
                            read_discount},
    [VALUE_OPT_RETURNS] = {"--returns",
                           1,
                           {"net|drop|error", "net|drop|error"},
                           {"what to do with amounts of zero or less (net)",
                            "零元及负数金额的处理（net）"},
                           read_returns},
    [VALUE_OPT_MAP] = {"--map",
                       1,
                       {"COLUMN=FIELD", "列=字段"},
                       {"FIELD is customer, date or amount; COLUMN a header or a number",
                        "字段为 customer、date 或 amount；列为列名或序号"},
                       read_mapping},
    [VALUE_OPT_SUMMARY] = {"--summary",
                           0,
                           {"", ""},
                           {"the file has a row per customer (known by its columns x, t_x, T)",
                            "文件每位客户一行（凭列 x、t_x、T 识别）"},
                           read_summary},
    [VALUE_OPT_CUTS] = {"--cuts",
                        1,
                        {"R/F/M", "R/F/M"},
                        {"fixed cuts instead of fifths: days, purchases, amounts, four each",
                         "固定分界，代替五等分：天数、次数、金额各四个"},
                        read_cuts},
    [VALUE_OPT_BY] = {"--by",
                      1,
                      {"month|quarter|year", "month|quarter|year"},
                      {"calendar of the cohorts (month)", "群组的日历周期（month）"},
                      read_by},
    [VALUE_OPT_ALIVE] = {"--alive",
                         1,
                         {"0.5", "0.5"},
                         {"least probability of somebody who counts as a customer",
                          "计为客户的最低存活概率"},
                         read_alive},
    [VALUE_OPT_X] = {"--x", 1, {"N", "N"}, {"repeat purchases (0)", "重复购买次数（0）"}, read_x},
    [VALUE_OPT_TX] = {"--tx",
                      1,
                      {"TIME", "时间"},
                      {"from the first purchase to the last, in units (0)",
                       "首次至末次购买的时间，以单位计（0）"},
                      read_t_x},
    [VALUE_OPT_T] = {"--T",
                     1,
                     {"TIME", "时间"},
                     {"from the first purchase to now (0)", "首次购买至今的时间（0）"},
                     read_T},
    [VALUE_OPT_WHAT] =
        {"--what",
         1,
         {"KIND", "种类"},
         {"tracking, frequency, alive, spend; survival (sbg), recency (bg-bb) (tracking)",
          "tracking、frequency、alive、spend；survival（sbg）、recency（bg-bb）（tracking）"},
         read_what},
    [VALUE_OPT_ROWS] = {"--out",
                        1,
                        {"per-customer.csv", "每位客户.csv"},
                        {"one row per customer; clv_low and clv_high hold 95 %",
                         "每位客户一行；clv_low 与 clv_high 为 95% 区间"},
                        read_out},
    [VALUE_OPT_OUT] = {"--out",
                       1,
                       {"FILE", "文件"},
                       {"into this file, whole or not at all (standard output)",
                        "写入该文件，要么完整要么不写（标准输出）"},
                       read_out},
    [VALUE_OPT_JSON] = {"--json", 0, {"", ""}, {"print JSON", "输出 JSON"}, read_json},
    [VALUE_OPT_THREADS] = {"--threads",
                           1,
                           {"N", "N"},
                           {"same result with any number (1)", "线程数，结果不变（1）"},
                           read_threads},
    [VALUE_OPT_PROGRESS] = {"--progress",
                            0,
                            {"", ""},
                            {"say what is being done, also where no terminal is",
                             "显示进度（即使不在终端）"},
                            read_progress},
    [VALUE_OPT_LANG] = {"--lang", 1, {"en|zh", "en|zh"}, {"", "语言"}, read_lang},
};

/* ---- Help ---- */

static size_t shown_width(const char *text)
{
    size_t width = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if ((*p & 0xC0) != 0x80)
            width += *p >= 0xE3 ? 2 : 1;
    return width;
}

void value_options_help(const struct value_command *c, enum lang lang)
{
    if (c->name[0])
        printf("%s\n\n", c->what[lang]);
    printf(value_say(lang, "Usage: patron value%s%s%s%s [options]\n\n",
                     "用法：patron value%s%s%s%s [选项]\n\n"),
           c->name[0] ? " " : "", c->name, c->file ? " " : "",
           c->file ? value_say(lang, "FILE.csv", "文件.csv") : "");
    for (int i = 0; i < VALUE_OPTIONS; i++) {
        const struct option_row *row = &rows[i];
        char left[96];
        if (!(c->options & UINT64_C(1) << i))
            continue;
        snprintf(left, sizeof left, "%s%s%s", row->name, row->values ? " " : "",
                 row->argument[lang]);
        printf("  %s", left);
        for (size_t w = shown_width(left); *row->help[lang] && w < 25; w++)
            putchar(' ');
        printf("%s\n", row->help[lang]);
    }
    if (c->example[0])
        puts(value_say(lang, "\nExamples:", "\n示例："));
    for (int i = 0; i < VALUE_EXAMPLES && c->example[i]; i++)
        printf("  patron value %s\n", c->example[i]);
}

/* ---- The command line ---- */

enum lang value_options_lang(int argc, char **argv)
{
    for (int i = 0; i + 1 < argc; i++)
        if (strcmp(argv[i], "--lang") == 0)
            return strcmp(argv[i + 1], "zh") == 0 ? LANG_ZH : LANG_EN;
    return app_lang();
}

static int read_one(struct value_options *o, int argc, char **argv, int *i)
{
    const char *arg = argv[*i];
    int id = 0;
    while (id < VALUE_OPTIONS &&
           (!(o->command->options & UINT64_C(1) << id) || strcmp(rows[id].name, arg) != 0))
        id++;
    if (id == VALUE_OPTIONS)
        return value_usage_error(o, arg, value_say(o->lang, "unknown option", "未知选项"));
    const struct option_row *row = &rows[id];
    if (*i + row->values >= argc)
        return value_usage_error(o, arg, value_say(o->lang, "needs a value", "缺少参数值"));
    o->given |= UINT64_C(1) << id;
    int rc = row->read(o, arg, (const char *const *)&argv[*i + 1]);
    *i += row->values;
    return rc;
}

int value_options_read(const struct value_command *command, int argc, char **argv,
                       struct value_options *ret_options)
{
    struct value_options *o = ret_options;
    *o = (struct value_options){.command = command,
                                .until = PV_NO_DAY,
                                .from = PV_NO_DAY,
                                .calibrate_to = PV_NO_DAY,
                                .between = {PV_NO_DAY, PV_NO_DAY},
                                .unit_days = 7.0,
                                .horizon_days = 364.0,
                                .discount = 0.15,
                                .alive = 0.5,
                                .model = "bg-nbd",
                                .what = "tracking",
                                .customers = 1000,
                                .seed = 1,
                                .threads = 1,
                                .lang = value_options_lang(argc, argv)};
    o->input.mapping = o->mapping;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        int rc = 0;
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
            o->help = true;
        else if (strncmp(arg, "--", 2) == 0)
            rc = read_one(o, argc, argv, &i);
        else if (!command->file)
            rc = value_usage_error(o, arg, value_say(o->lang, "no file is read", "不读取文件"));
        else if (o->input.path)
            rc = value_usage_error(o, arg, value_say(o->lang, "one file only", "只能有一个文件"));
        else
            o->input.path = arg;
        if (rc)
            return rc;
    }
    if (o->horizon_days < 0.0)
        o->horizon_days = -o->horizon_days * o->unit_days;
    o->input.lang = o->lang;
    if (o->given & VALUE_BIT(PENALTY) && !o->covariates)
        return value_usage_error(o, "--penalty",
                                 value_say(o->lang, "needs --covariates", "需要 --covariates"));
    if (!o->help && command->file && !o->input.path)
        return value_usage_error(o, command->file, value_say(o->lang, "missing", "缺少文件"));
    return 0;
}

/* ---- Lists of named numbers ---- */

/* `text` holds n numbers above zero, all in order or all with their names. */
static int read_named(const struct value_options *o, const char *option, const char *text, int n,
                      const char *const *names, double *ret)
{
    char wanted[128] = "", why[256];
    unsigned seen = 0;
    int count = 0;
    size_t used = 0;
    for (int i = 0; i < n && used < sizeof wanted; i++)
        used +=
            (size_t)snprintf(wanted + used, sizeof wanted - used, "%s%s", i ? "," : "", names[i]);
    snprintf(why, sizeof why,
             value_say(o->lang, "numbers above 0 expected: %s", "应为大于 0 的数：%s"), wanted);
    for (const char *at = text; *at; count++) {
        size_t name = strcspn(at, "=,");
        int k = count;
        if (at[name] == '=') {
            for (k = 0; k < n && (strncmp(at, names[k], name) != 0 || names[k][name]); k++) {
            }
            at += name + 1;
        }
        if (k >= n || seen & 1u << k || !number_in(at, 0.0, 1e12, &ret[k], &at) || !(ret[k] > 0.0))
            return value_usage_error(o, option, why);
        seen |= 1u << k;
        if (*at && (*at++ != ',' || !*at))
            return value_usage_error(o, option, why);
    }
    return count == n ? 0 : value_usage_error(o, option, why);
}

int value_options_params(const struct value_options *o, const struct pv_model *model,
                         double *ret_param)
{
    const char *names[PV_MAX_PARAMS];
    int n = pv_model_params(model);
    for (int i = 0; i < n; i++)
        names[i] = pv_model_param(model, i);
    return read_named(o, "--params", o->params ? o->params : "", n, names, ret_param);
}

int value_options_spend(const struct value_options *o, struct pv_gamma_gamma *ret_spend,
                        bool *ret_has)
{
    static const char *const names[] = {"p", "q", "gamma"};
    double value[3] = {0.0};
    *ret_has = o->spend != NULL;
    int rc = o->spend ? read_named(o, "--spend", o->spend, 3, names, value) : 0;
    *ret_spend = (struct pv_gamma_gamma){value[0], value[1], value[2]};
    return rc;
}
