/*
 * value_summary.c - customers as one row each: `patron value summary` writes them, and every
 * command that needs no single orders reads them again.
 *
 * x counts repeat purchases; t_x and T are times from the first purchase in units, with as many
 * digits as bring the day back. first_order is not needed, but where it is there, the end of the
 * observation follows from it, and rows that tell of different ends, as those in another unit do,
 * are found out.
 */
#include "app/value_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum column { CUSTOMER, X, TX, T, SPEND, MEAN, REVENUE, FIRST, COLUMNS };
enum { SAMPLES = 256, SHOWN_ERRORS = 10 };

/* Ours, and what such tables are called elsewhere. */
static const char *const names[COLUMNS][5] = {
    [CUSTOMER] = {"customer_id", "customer", "id", "客户编号"},
    [X] = {"x", "frequency", "p1x"},
    [TX] = {"t_x", "recency"},
    [T] = {"T", "age"},
    [SPEND] = {"spend"},
    [MEAN] = {"mean_spend", "monetary_value", "zbar"},
    [REVENUE] = {"revenue"},
    [FIRST] = {"first_order"},
};

struct reading {
    const struct value_options *o;
    struct value_base *base;
    size_t at[COLUMNS]; /* SIZE_MAX: not there */
    const char *header[COLUMNS];
    size_t need, room;
    uint64_t wrong;
    int decimals;
};

static bool columns_of(const struct csv_record *r, size_t ret_at[COLUMNS])
{
    for (int c = 0; c < COLUMNS; c++) {
        ret_at[c] = SIZE_MAX;
        for (int k = 0; k < 5 && names[c][k]; k++)
            for (size_t i = 0; i < r->fields && ret_at[c] == SIZE_MAX; i++)
                if (value_read_same(r->field[i], names[c][k], strlen(names[c][k])))
                    ret_at[c] = i;
    }
    return ret_at[X] != SIZE_MAX && ret_at[TX] != SIZE_MAX && ret_at[T] != SIZE_MAX;
}

bool value_summary_is(const struct value_options *o)
{
    struct csv_reader *reader = NULL;
    struct csv_record r;
    size_t at[COLUMNS];
    int fd = open(o->input.path, O_RDONLY | O_CLOEXEC);
    bool is = o->summary;
    if (!is && fd >= 0 && csv_new_fd(fd, NULL, &reader) == 0 && csv_next(reader, &r) == 1)
        is = columns_of(&r, at) && at[X] != SIZE_MAX;
    csv_free(reader);
    if (fd >= 0)
        close(fd);
    return is;
}

static void wrong_cell(struct reading *g, enum column c, uint64_t row, struct csv_slice text,
                       const char *why, const char *code)
{
    value_read_cell(&g->o->input, names[c][0], row, text, why, code);
    g->wrong++;
}

/* A number >= 0. */
static double number(struct reading *g, enum column c, const struct csv_record *r)
{
    struct csv_slice text = csv_trim(r->field[g->at[c]]);
    char copy[64], *end = copy;
    double value = NAN;
    if (text.len > 0 && text.len < sizeof copy) {
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        value = strtod(copy, &end);
    }
    if (text.len == 0 || end != copy + text.len || !(value >= 0.0 && value <= 1e15)) {
        enum csv_cell cell = text.len == 0 ? CSV_CELL_EMPTY : CSV_CELL_NUMBER;
        wrong_cell(g, c, r->number, text, value_read_cell_text(g->o->lang, cell),
                   csv_cell_code(cell));
        return 0.0;
    }
    return value;
}

static int64_t money(struct reading *g, enum column c, const struct csv_record *r)
{
    struct csv_slice text = csv_trim(r->field[g->at[c]]);
    int64_t minor = 0;
    enum csv_cell cell = text.len ? csv_parse_amount(text, g->decimals, &minor) : CSV_CELL_OK;
    if (cell != CSV_CELL_OK)
        wrong_cell(g, c, r->number, text, value_read_cell_text(g->o->lang, cell),
                   csv_cell_code(cell));
    return minor;
}

/* The end of the observation, the same for all. */
static void check_end(struct reading *g, const struct csv_record *r, const struct pv_customer *c)
{
    struct csv_slice text = r->field[g->at[FIRST]];
    int32_t first;
    enum csv_cell cell = csv_parse_date(text, CSV_DATE_YMD, &first);
    if (cell != CSV_CELL_OK) {
        wrong_cell(g, FIRST, r->number, text, value_read_cell_text(g->o->lang, cell),
                   csv_cell_code(cell));
        return;
    }
    if (g->base->until == PV_NO_DAY)
        g->base->until = first + c->T;
    if (first + c->T != g->base->until)
        wrong_cell(g, T, r->number, r->field[g->at[T]],
                   value_say(g->o->lang, "does not end on the day of the others (another --unit?)",
                             "与其他行的截止日不同（--unit 不对？）"),
                   "end-differs");
}

static void read_row(struct reading *g, const struct csv_record *r, struct pv_customer *c)
{
    double unit = g->o->unit_days;
    double x = number(g, X, r), t_x = rint(number(g, TX, r) * unit),
           T_ = rint(number(g, T, r) * unit);
    *c = (struct pv_customer){
        .x = (int32_t)fmin(x, 1e9), .t_x = (int32_t)fmin(t_x, 1e9), .T = (int32_t)fmin(T_, 1e9)};
    if (x != floor(x) || x > PV_MAX_DAYS || T_ > PV_MAX_DAYS)
        wrong_cell(g, x != floor(x) || x > PV_MAX_DAYS ? X : T, r->number,
                   r->field[g->at[x != floor(x) || x > PV_MAX_DAYS ? X : T]],
                   value_read_cell_text(g->o->lang, CSV_CELL_OUT_OF_RANGE), "out-of-range");
    else if (t_x > T_ || (x == 0.0 && t_x > 0.0))
        wrong_cell(g, TX, r->number, r->field[g->at[TX]],
                   value_say(g->o->lang, "must lie between 0 and T, and be 0 where x is 0",
                             "必须介于 0 与 T 之间，x 为 0 时必须为 0"),
                   "out-of-range");
    if (g->at[SPEND] != SIZE_MAX)
        c->spend = money(g, SPEND, r);
    else if (g->at[MEAN] != SIZE_MAX && c->x > 0)
        c->spend = llrint(fmin(number(g, MEAN, r) * pow(10.0, g->decimals) * c->x, 9e17));
    c->revenue = g->at[REVENUE] != SIZE_MAX ? money(g, REVENUE, r) : c->spend;
    if (g->at[FIRST] != SIZE_MAX)
        check_end(g, r, c);
}

static int take_row(struct reading *g, const struct csv_record *r)
{
    struct value_base *b = g->base;
    uint32_t index;
    char made[32];
    if (b->n == g->room) {
        size_t room = g->room ? 2 * g->room : 1024;
        struct pv_customer *more = realloc(b->now, room * sizeof *more);
        if (!more)
            return value_failed(g->o, PV_ERR_NO_MEMORY);
        b->now = more;
        g->room = room;
    }
    read_row(g, r, &b->now[b->n]);
    int n = snprintf(made, sizeof made, "%zu", b->n + 1);
    struct csv_slice key = {made, (size_t)n};
    if (g->at[CUSTOMER] != SIZE_MAX)
        key = csv_trim(r->field[g->at[CUSTOMER]]);
    if (intern_one(b->data.ids, key, &index))
        return value_failed(g->o, PV_ERR_NO_MEMORY);
    if (index != b->n)
        wrong_cell(g, CUSTOMER, r->number, key, value_say(g->o->lang, "stands twice", "出现了两次"),
                   "duplicate");
    else
        b->n++;
    return 0;
}

/* The first look, as at a file of orders: how many decimals money has. */
static int look(struct reading *g, int fd)
{
    struct csv_reader *reader = NULL;
    struct csv_record r;
    int64_t minor;
    if (csv_new_fd(fd, NULL, &reader))
        return value_failed(g->o, PV_ERR_NO_MEMORY);
    g->decimals = 2;
    bool head = csv_next(reader, &r) == 1 && columns_of(&r, g->at);
    for (int i = 0; head && i < SAMPLES && csv_next(reader, &r) == 1; i++)
        for (int c = SPEND; c <= REVENUE; c++)
            while (c != MEAN && g->at[c] < r.fields && g->decimals < 6 &&
                   csv_parse_amount(r.field[g->at[c]], g->decimals, &minor) ==
                       CSV_CELL_TOO_MANY_DECIMALS)
                g->decimals++;
    csv_free(reader);
    return lseek(fd, 0, SEEK_SET) < 0 ? value_failed(g->o, PV_ERR_ARGUMENT) : 0;
}

static int read_rows(struct reading *g, struct csv_reader *reader)
{
    struct csv_record r;
    int rc = csv_next(reader, &r), code = 0;
    if (rc == 1 && !columns_of(&r, g->at)) {
        fprintf(stderr,
                value_say(g->o->lang, "%s:1: the columns x, t_x and T are needed\n",
                          "%s:1：需要列 x、t_x 与 T\n"),
                g->o->input.path);
        return 1;
    }
    for (int c = 0; c < COLUMNS; c++)
        if (g->at[c] != SIZE_MAX && g->at[c] + 1 > g->need)
            g->need = g->at[c] + 1;
    while (rc == 1 && code == 0 && g->wrong < SHOWN_ERRORS && (rc = csv_next(reader, &r)) == 1) {
        g->base->data.rows++;
        if (r.fields >= g->need) {
            code = take_row(g, &r);
            continue;
        }
        fprintf(stderr,
                value_say(g->o->lang,
                          "%s:%llu: %zu fields, at least %zu expected "
                          "[missing-column]\n",
                          "%s:%llu：只有 %zu 个字段，至少需要 %zu 个 [missing-column]\n"),
                g->o->input.path, (unsigned long long)r.number, r.fields, g->need);
        g->wrong++;
    }
    if (code == 0 && rc < 0)
        code = value_read_failed(&g->o->input, reader);
    if (code == 0 && g->wrong == 0 && g->base->n == 0) {
        fprintf(stderr,
                value_say(g->o->lang, "%s: no customers in it [empty]\n",
                          "%s：其中没有任何客户 [empty]\n"),
                g->o->input.path);
        code = 1;
    }
    return code ? code : g->wrong > 0;
}

int value_summary_read(const struct value_options *o, struct value_base *b)
{
    struct reading g = {.o = o, .base = b};
    struct csv_reader *reader = NULL;
    if (o->calibrate_to != PV_NO_DAY)
        return value_usage_error(
            o, "--calibrate-to",
            value_say(o->lang, "needs single orders, not a summary", "需要逐笔订单，而非汇总"));
    int rc, fd = open(o->input.path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "%s: %s\n", o->input.path, strerror(errno));
        return 1;
    }
    rc = look(&g, fd);
    if (rc == 0 && (csv_new_fd(fd, NULL, &reader) || intern_new(&b->data.ids)))
        rc = value_failed(o, PV_ERR_NO_MEMORY);
    if (rc == 0)
        rc = read_rows(&g, reader);
    if (rc == 0 && o->until != PV_NO_DAY) {
        if (b->until != PV_NO_DAY && b->until != o->until) {
            fprintf(stderr,
                    value_say(o->lang, "%s: --until is not the day the rows end on\n",
                              "%s：--until 与各行的截止日不符\n"),
                    o->input.path);
            rc = 1;
        }
        b->until = o->until;
    }
    if (rc == 0) {
        intern_seal(b->data.ids);
        b->data.decimals = g.decimals;
        b->data.encoding = csv_encoding_of(reader);
        b->data.delimiter = csv_delimiter(reader);
        b->money_scale = pow(10.0, g.decimals);
    }
    csv_free(reader);
    close(fd);
    return rc;
}

/* ---- Writing ---- */

struct writing {
    const struct value_options *o;
    const struct value_base *base;
};

static bool put_summary(FILE *f, void *context)
{
    const struct writing *w = context;
    const struct value_base *b = w->base;
    const struct pv_customer *rows = b->calibration ? b->calibration : b->now;
    struct pv_history_view h = pv_history_columns(b->data.history);
    int decimals = b->data.decimals;
    char date[16];
    fprintf(f, "customer_id,x,t_x,T,spend,revenue,first_order%s\n",
            b->calibration ? ",x_star,spend_star" : "");
    for (size_t i = 0; i < b->n; i++) {
        const struct pv_customer *c = &rows[i];
        if (c->T < 0)
            continue;
        value_put_text(f, intern_text(b->data.ids, (uint32_t)i));
        /* Five decimals of a week bring every day back, up to the longest history there can be. */
        fprintf(f, ",%" PRId32 ",%.*f,%.*f", c->x, w->o->unit_days == 1.0 ? 0 : 5,
                c->t_x / w->o->unit_days, w->o->unit_days == 1.0 ? 0 : 5, c->T / w->o->unit_days);
        value_put_minor(f, c->spend, decimals);
        value_put_minor(f, c->revenue, decimals);
        fprintf(f, ",%s", value_date(h.day[h.start[i]], date, sizeof date));
        if (b->calibration) {
            fprintf(f, ",%" PRId32, c->x_star);
            value_put_minor(f, c->spend_star, decimals);
        }
        putc('\n', f);
    }
    return true;
}

static int run_summary(struct value_options *o)
{
    struct value_base b;
    int rc = value_base_load(o, &b);
    if (rc)
        return rc;
    struct writing w = {o, &b};
    value_progress_end(o->shown);
    rc = value_write(o->out, put_summary, &w);
    value_base_free(&b);
    return rc;
}

const struct value_command value_command_summary = {
    .name = "summary",
    .file = "FILE.csv",
    .what = {"Orders as one row per customer: x, t_x, T and money, which the other commands read",
             "把订单汇总为每位客户一行：x、t_x、T 与金额，其他命令可直接读取"},
    .options = (VALUE_READS & ~VALUE_BIT(JSON) & ~VALUE_BIT(THREADS)) | VALUE_BIT(CALIBRATE) |
               VALUE_BIT(OUT),
    .example = {"summary orders.csv --out summary.csv", "fit summary.csv",
                "summary orders.csv --unit day --calibrate-to 2024-12-31"},
    .run = run_summary,
};
