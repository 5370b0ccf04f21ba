/*
 * value_read.c - reads orders for `patron value`. A first look at some hundred rows settles
 * columns, date format and decimals; then the file is read in one pass.
 */
#include "app/value_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAMPLES = 256, SHOWN_ERRORS = 10 };

/* The compiler checks both texts where they are formats. */
static const char *say(enum lang lang, const char *en, const char *zh)
    __attribute__((format_arg(2), format_arg(3)));

static const char *say(enum lang lang, const char *en, const char *zh)
{
    return lang == LANG_ZH ? zh : en;
}

/* Headers people use, lower case, blanks and hyphens as underscores. */
static const char *const header_names[VALUE_FIELDS][40] = {
    [VALUE_CUSTOMER] = {"customer_id",
                        "customerid",
                        "customer",
                        "cust_id",
                        "client_id",
                        "client",
                        "user_id",
                        "userid",
                        "user",
                        "member_id",
                        "member",
                        "buyer_id",
                        "buyer",
                        "account_id",
                        "account",
                        "customer_no",
                        "customer_number",
                        "ext_id",
                        "external_id",
                        "客户编号",
                        "客户id",
                        "客户",
                        "客户号",
                        "客户代码",
                        "客户名称",
                        "会员编号",
                        "会员id",
                        "会员号",
                        "会员",
                        "用户id",
                        "用户编号",
                        "用户",
                        "买家",
                        "买家id",
                        "顾客",
                        "顾客编号",
                        NULL},
    [VALUE_DATE] =
        {"date",         "order_date",       "ordered_on",   "orderdate",   "purchase_date",
         "purchased_on", "transaction_date", "invoice_date", "invoicedate", "sale_date",
         "day",          "order_time",       "ordered_at",   "created_at",  "日期",
         "订单日期",     "下单日期",         "下单时间",     "购买日期",    "购买时间",
         "交易日期",     "交易时间",         "成交日期",     "成交时间",    "订单时间",
         "付款时间",     "支付时间",         "销售日期",     "时间",        NULL},
    [VALUE_AMOUNT] = {"amount",      "order_amount", "total",      "total_amount",
                      "order_total", "revenue",      "sales",      "spend",
                      "value",       "price",        "net_amount", "paid",
                      "paid_amount", "金额",         "订单金额",   "实付金额",
                      "销售额",      "总额",         "总金额",     "成交金额",
                      "付款金额",    "支付金额",     "交易金额",   "消费金额",
                      "销售金额",    "应付金额",     NULL},
};
static const char *const field_names[VALUE_FIELDS] = {"customer", "date", "amount"};

static size_t normalise(struct csv_slice text, char *out, size_t room)
{
    text = csv_trim(text);
    size_t n = 0;
    for (size_t i = 0; i < text.len && n + 1 < room; i++) {
        char c = text.ptr[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        out[n++] = c == ' ' || c == '-' ? '_' : c;
    }
    out[n] = '\0';
    return n;
}

struct columns {
    size_t index[VALUE_FIELDS]; /* SIZE_MAX: not found */
    char name[VALUE_FIELDS][64];
};

bool value_read_same(struct csv_slice header, const char *name, size_t len)
{
    char a[128], b[128];
    normalise(header, a, sizeof a);
    normalise((struct csv_slice){name, len}, b, sizeof b);
    return strcmp(a, b) == 0;
}

static void name_column(struct columns *c, enum value_field f, size_t index, struct csv_slice text)
{
    c->index[f] = index;
    text = csv_trim(text);
    size_t n = text.len < sizeof c->name[f] - 1 ? text.len : sizeof c->name[f] - 1;
    memcpy(c->name[f], text.ptr, n);
    c->name[f][n] = '\0';
}

bool value_read_names(enum value_field field, struct csv_slice header)
{
    for (size_t k = 0; header_names[field][k]; k++)
        if (value_read_same(header, header_names[field][k], strlen(header_names[field][k])))
            return true;
    return false;
}

static int map_columns(const struct value_input *in, const struct csv_record *head,
                       struct columns *c)
{
    for (size_t i = 0; i < head->fields; i++) {
        struct csv_slice a = csv_trim(head->field[i]);
        for (size_t k = 0; k < i && a.len > 0; k++) {
            if (value_read_same(head->field[k], a.ptr, a.len)) {
                fprintf(stderr,
                        say(in->lang,
                            "%s:1: the column \"%.*s\" appears twice (columns %zu and %zu)\n",
                            "%s:1：列名“%.*s”出现了两次（第 %zu 列和第 %zu 列）\n"),
                        in->path, (int)a.len, a.ptr, k + 1, i + 1);
                return 1;
            }
        }
    }
    for (int f = 0; f < VALUE_FIELDS; f++)
        c->index[f] = SIZE_MAX;
    for (size_t m = 0; m < in->mappings; m++) {
        const struct value_mapping *map = &in->mapping[m];
        size_t found = SIZE_MAX;
        for (size_t i = 0; i < head->fields && found == SIZE_MAX; i++)
            if (value_read_same(head->field[i], map->column, map->column_len))
                found = i;
        if (found == SIZE_MAX) {
            size_t number = 0;
            for (size_t i = 0; i < map->column_len; i++)
                number = map->column[i] >= '0' && map->column[i] <= '9' && number < 100000
                             ? number * 10 + (size_t)(map->column[i] - '0')
                             : 1000000;
            if (number >= 1 && number <= head->fields)
                found = number - 1;
        }
        if (found == SIZE_MAX) {
            fprintf(stderr,
                    say(in->lang, "%s:1: no column \"%.*s\" (from --map)\n",
                        "%s:1：没有名为“%.*s”的列（来自 --map）\n"),
                    in->path, (int)map->column_len, map->column);
            return 2;
        }
        name_column(c, map->field, found, head->field[found]);
    }
    bool missing = false;
    for (int f = 0; f < VALUE_FIELDS; f++) {
        for (size_t k = 0; header_names[f][k] && c->index[f] == SIZE_MAX; k++)
            for (size_t i = 0; i < head->fields && c->index[f] == SIZE_MAX; i++)
                if (value_read_same(head->field[i], header_names[f][k], strlen(header_names[f][k])))
                    name_column(c, (enum value_field)f, i, head->field[i]);
        if (c->index[f] == SIZE_MAX) {
            fprintf(stderr,
                    say(in->lang,
                        "%s:1: no column looks like the %s; say which with --map COLUMN=%s\n",
                        "%s:1：找不到“%s”对应的列；请用 --map 列名=%s 指定\n"),
                    in->path, field_names[f], field_names[f]);
            missing = true;
        }
    }
    return missing ? 1 : 0;
}

int value_read_failed(const struct value_input *in, const struct csv_reader *reader)
{
    struct csv_problem p = csv_problem(reader);
    static const struct {
        int code;
        const char *en, *zh;
    } texts[] = {
        {CSV_ERR_TRUNCATED, "a quoted field is not closed: the file is cut off",
         "引号没有闭合：文件不完整"},
        {CSV_ERR_QUOTE, "text after a closing quote", "右引号后还有文字"},
        {CSV_ERR_FIELD_TOO_LONG, "the field is too long", "字段过长"},
        {CSV_ERR_RECORD_TOO_LONG, "the record is too long", "记录过长"},
        {CSV_ERR_TOO_MANY_FIELDS, "too many fields", "字段过多"},
        {CSV_ERR_ENCODING, "neither UTF-8 nor GB18030", "既不是 UTF-8 也不是 GB18030 编码"},
        {CSV_ERR_BINARY, "a zero byte: this is not a text file", "含有零字节：这不是文本文件"},
        {CSV_ERR_NO_MEMORY, "not enough memory", "内存不足"},
    };
    const char *why = csv_error_code(p.code);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].code == p.code)
            why = say(in->lang, texts[i].en, texts[i].zh);
    if (p.code == CSV_ERR_READ)
        why = strerror(p.detail);
    fprintf(stderr, say(in->lang, "%s:%llu: byte %llu", "%s:%llu：字节 %llu"), in->path,
            (unsigned long long)p.record, (unsigned long long)p.byte);
    if (p.field > 0)
        fprintf(stderr, say(in->lang, ", column %zu", "，第 %zu 列"), p.field);
    fprintf(stderr, say(in->lang, ": %s [%s]\n", "：%s [%s]\n"), why, csv_error_code(p.code));
    return 1;
}

const char *value_read_cell_text(enum lang lang, enum csv_cell cell)
{
    static const char *const texts[][LANGS] = {
        [CSV_CELL_OK] = {"", ""},
        [CSV_CELL_EMPTY] = {"is empty", "为空"},
        [CSV_CELL_NUMBER] = {"is not a number", "不是数字"},
        [CSV_CELL_TOO_MANY_DECIMALS] = {"has too many decimals", "小数位数过多"},
        [CSV_CELL_OUT_OF_RANGE] = {"is too large", "数值过大"},
        [CSV_CELL_DATE] = {"is not a date", "不是日期"},
        [CSV_CELL_NO_SUCH_DAY] = {"is a day that does not exist", "这一天不存在"},
    };
    return texts[cell][lang];
}

/* Prints a wrong cell; a number and a date say what they say in UTF-8, cut to 40 bytes. */
void value_read_cell(const struct value_input *in, const char *column, uint64_t row,
                     struct csv_slice text, const char *why, const char *code)
{
    size_t n = text.len;
    if (n > 40)
        for (n = 40; n > 0 && ((unsigned char)text.ptr[n] & 0xC0) == 0x80; n--) {
        }
    fprintf(stderr,
            say(in->lang, "%s:%llu: column \"%s\": \"%.*s\" %s [%s]\n",
                "%s:%llu：列“%s”：“%.*s”%s [%s]\n"),
            in->path, (unsigned long long)row, column, (int)n, text.ptr, why, code);
}

static int too_short(const struct value_input *in, const struct csv_record *r, size_t need)
{
    fprintf(stderr,
            say(in->lang, "%s:%llu: %zu fields, at least %zu expected [missing-column]\n",
                "%s:%llu：只有 %zu 个字段，至少需要 %zu 个 [missing-column]\n"),
            in->path, (unsigned long long)r->number, r->fields, need);
    return 1;
}

/* The first look: columns, date format, decimals, and how many bytes a row has. */
static int look(const struct value_input *in, struct csv_reader *reader, struct columns *c,
                struct value_data *d, double *ret_row_bytes)
{
    struct csv_record r;
    int rc = csv_next(reader, &r);
    if (rc < 0)
        return value_read_failed(in, reader);
    if (rc == 0) {
        fprintf(stderr,
                say(in->lang, "%s: the file is empty [empty]\n", "%s：文件是空的 [empty]\n"),
                in->path);
        return 1;
    }
    rc = map_columns(in, &r, c);
    if (rc)
        return rc;
    struct csv_slice sample[SAMPLES];
    char *copy = malloc(SAMPLES * 64);
    if (!copy)
        return 1;
    size_t n = 0;
    d->decimals = 2;
    while (n < SAMPLES && csv_next(reader, &r) == 1) {
        if (r.fields > c->index[VALUE_AMOUNT]) {
            int64_t minor;
            while (d->decimals < 6 && csv_parse_amount(r.field[c->index[VALUE_AMOUNT]], d->decimals,
                                                       &minor) == CSV_CELL_TOO_MANY_DECIMALS)
                d->decimals++;
        }
        if (r.fields <= c->index[VALUE_DATE] || r.field[c->index[VALUE_DATE]].len > 64)
            continue;
        struct csv_slice text = r.field[c->index[VALUE_DATE]];
        memcpy(copy + n * 64, text.ptr, text.len);
        sample[n] = (struct csv_slice){copy + n * 64, text.len};
        n++;
    }
    d->date_format = csv_detect_date(sample, n, &d->date_ambiguous);
    *ret_row_bytes = n > 0 ? (double)r.byte / (double)(r.number - 1) : 0.0;
    free(copy);
    return 0; /* problems further down are met again, and reported, in the real pass */
}

struct block {
    struct intern_key key[INTERN_BLOCK];
    char text[INTERN_BLOCK][40]; /* of keys that are not short */
    int32_t day[INTERN_BLOCK];
    int64_t amount[INTERN_BLOCK];
    size_t n;
};

static int out_of_memory(const struct value_input *in)
{
    fprintf(stderr, say(in->lang, "%s: not enough memory\n", "%s：内存不足\n"), in->path);
    return 1;
}

static int flush(const struct value_input *in, struct block *b, struct intern *ids,
                 struct pv_builder *builder)
{
    uint32_t number[INTERN_BLOCK];
    if (intern_block(ids, b->key, b->n, number) ||
        pv_builder_add_rows(builder, b->n, number, b->day, b->amount, NULL))
        return out_of_memory(in);
    b->n = 0;
    return 0;
}

/* One row into the block; the number of wrong cells. */
static int take_row(const struct value_input *in, const struct columns *c,
                    const struct csv_record *r, struct value_data *d, struct block *b)
{
    int wrong = 0;
    struct csv_slice id = csv_trim(r->field[c->index[VALUE_CUSTOMER]]);
    struct csv_slice date = r->field[c->index[VALUE_DATE]];
    struct csv_slice money = r->field[c->index[VALUE_AMOUNT]];
    size_t i = b->n;
    if (id.len == 0) {
        value_read_cell(in, c->name[VALUE_CUSTOMER], r->number, id,
                        value_read_cell_text(in->lang, CSV_CELL_EMPTY), "empty");
        wrong++;
    }
    enum csv_cell cell = csv_parse_date(date, d->date_format, &b->day[i]);
    if (cell != CSV_CELL_OK) {
        value_read_cell(in, c->name[VALUE_DATE], r->number, date,
                        value_read_cell_text(in->lang, cell), csv_cell_code(cell));
        wrong++;
    }
    cell = csv_parse_amount(money, d->decimals, &b->amount[i]);
    if (cell != CSV_CELL_OK) {
        value_read_cell(in, c->name[VALUE_AMOUNT], r->number, money,
                        value_read_cell_text(in->lang, cell), csv_cell_code(cell));
        wrong++;
    } else if (b->amount[i] <= 0 && in->returns == PV_RETURNS_ERROR) {
        value_read_cell(
            in, c->name[VALUE_AMOUNT], r->number, money,
            say(in->lang, "is zero or less (--returns error)", "小于等于零（--returns error）"),
            "return-not-allowed");
        wrong++;
    }
    if (wrong)
        return wrong;
    if (b->day[i] < d->first.day)
        d->first = (struct value_day){b->day[i], r->number};
    if (b->day[i] > d->last.day)
        d->last = (struct value_day){b->day[i], r->number};
    if (id.len > INTERN_SHORT && id.len <= sizeof b->text[i])
        id.ptr = memcpy(b->text[i], id.ptr, id.len);
    intern_ask(d->ids, id, &b->key[i]);
    b->n++;
    return 0;
}

static int read_rows(const struct value_input *in, struct csv_reader *reader, double size,
                     const struct columns *c, struct pv_builder *builder, struct value_data *d)
{
    struct block *b = calloc(1, sizeof *b);
    if (!b)
        return out_of_memory(in);
    size_t need = 0;
    for (int f = 0; f < VALUE_FIELDS; f++)
        need = c->index[f] + 1 > need ? c->index[f] + 1 : need;
    struct csv_record r;
    uint64_t errors = 0;
    bool head = true;
    int rc, failed = 0;
    while ((rc = csv_next(reader, &r)) == 1 && errors < SHOWN_ERRORS) {
        if (head) {
            head = false;
            continue;
        }
        d->rows++;
        if (r.fields < need) {
            errors += (uint64_t)too_short(in, &r, need);
            continue;
        }
        errors += (uint64_t)take_row(in, c, &r, d, b);
        /* A key that was too long to copy lies in the reader's buffer: look it up now. */
        bool borrowed = b->n > 0 && b->key[b->n - 1].text.len > sizeof b->text[0];
        if (b->n == INTERN_BLOCK || borrowed) {
            failed = flush(in, b, d->ids, builder);
            if (failed)
                break;
            if (in->progress && (d->rows & 0x3fff) < INTERN_BLOCK)
                in->progress(in->context, (double)csv_bytes_read(reader) / size);
        }
    }
    if (!failed && rc < 0)
        failed = value_read_failed(in, reader);
    if (!failed && errors > 0) {
        if (errors >= SHOWN_ERRORS)
            fprintf(stderr,
                    say(in->lang, "%s: more may follow; stopped after %d\n",
                        "%s：可能还有更多错误；已在 %d 个后停止\n"),
                    in->path, SHOWN_ERRORS);
        failed = 1;
    }
    if (!failed && b->n > 0)
        failed = flush(in, b, d->ids, builder);
    d->encoding = csv_encoding_of(reader);
    d->delimiter = csv_delimiter(reader);
    free(b);
    return failed;
}

static int open_reader(const struct value_input *in, int fd, struct csv_reader **ret_reader)
{
    if (lseek(fd, 0, SEEK_SET) < 0) {
        fprintf(stderr, "%s: %s\n", in->path, strerror(errno));
        return 1;
    }
    return csv_new_fd(fd, NULL, ret_reader) ? out_of_memory(in) : 0;
}

int value_read_file(const struct value_input *in, struct value_data *ret_data)
{
    struct value_data d = {.first = {INT32_MAX, 0}, .last = {INT32_MIN, 0}};
    struct columns columns = {0};
    struct csv_reader *reader = NULL;
    struct pv_builder *builder = NULL;
    struct stat st;
    int fd = open(in->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "%s: %s\n", in->path, strerror(errno));
        return 1;
    }
    int rc = open_reader(in, fd, &reader);
    if (rc)
        goto out;
    double row_bytes = 0.0;
    double size = fstat(fd, &st) == 0 ? (double)st.st_size : 0.0;
    rc = look(in, reader, &columns, &d, &row_bytes);
    csv_free(reader);
    reader = NULL;
    if (rc)
        goto out;
    rc = open_reader(in, fd, &reader);
    if (rc)
        goto out;
    if (intern_new(&d.ids) || pv_builder_new(in->returns, &builder)) {
        rc = out_of_memory(in);
        goto out;
    }
    if (row_bytes > 0.0)
        pv_builder_expect(builder, (size_t)(1.02 * size / row_bytes) + 1024);
    rc = read_rows(in, reader, size > 0.0 ? size + 1.0 : 1e300, &columns, builder, &d);
    if (rc)
        goto out;
    intern_seal(d.ids);
    csv_free(reader);
    reader = NULL;
    int error = pv_builder_finish(builder, intern_count(d.ids), &d.history, &d.report);
    if (error) {
        fprintf(stderr, "%s: %s\n", in->path,
                error == PV_ERR_OVERFLOW ? say(in->lang, "sums of money are too large [overflow]",
                                               "金额之和过大 [overflow]")
                                         : say(in->lang, "not enough memory", "内存不足"));
        rc = 1;
        goto out;
    }
    if (pv_history_columns(d.history).transactions == 0) {
        fprintf(stderr,
                say(in->lang, "%s: no purchases in it [empty]\n", "%s：其中没有任何购买 [empty]\n"),
                in->path);
        rc = 1;
        goto out;
    }
    *ret_data = d;
out:
    csv_free(reader);
    pv_builder_free(builder);
    close(fd);
    if (rc)
        value_data_free(&d);
    return rc;
}

void value_data_free(struct value_data *d)
{
    intern_free(d->ids);
    pv_history_free(d->history);
    d->ids = NULL;
    d->history = NULL;
}
