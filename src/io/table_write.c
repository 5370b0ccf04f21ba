/* A table as a file: what both formats share, and CSV. */
#include "io/table_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct table_form *const forms[TABLE_FORMATS] = {
    [TABLE_CSV] = &table_csv, [TABLE_XLSX] = &table_xlsx};

const char *table_format_name(enum table_format f)
{
    return forms[f]->name;
}

int table_format_find(struct str name)
{
    for (int i = 0; i < TABLE_FORMATS; i++)
        if (str_is(name, forms[i]->name))
            return i;
    return -1;
}

const char *table_media_type(enum table_format f)
{
    return forms[f]->media_type;
}

void table_fail(struct table_writer *w, int error)
{
    if (!w->failed)
        w->failed = error;
}

void table_write_out(struct table_writer *w, const char *p, size_t n)
{
    while (n && !w->failed) {
        ssize_t got = write(w->fd, p, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            table_fail(w, errno);
            return;
        }
        p += got;
        n -= (size_t)got;
    }
}

struct table_writer *table_new(enum table_format format, int fd, struct str sheet,
                               const struct table_column *columns, size_t n)
{
    struct table_writer *w = n <= TABLE_MAX_COLUMNS ? calloc(1, sizeof *w) : NULL;
    if (!w)
        return NULL;
    *w = (struct table_writer){.form = forms[format],
                               .fd = fd,
                               .sheet = sheet,
                               .columns = columns,
                               .ncolumns = n,
                               .out = BUF_INIT((size_t)64 << 20)};
    if (w->form->open(w) != 0) {
        table_free(w);
        return NULL;
    }
    return w;
}

void table_free(struct table_writer *w)
{
    if (!w)
        return;
    w->form->close(w);
    buf_free(&w->out);
    free(w);
}

void table_empty(struct table_writer *w)
{
    w->form->empty(w);
    w->column++;
}

void table_text(struct table_writer *w, struct str text)
{
    if (text.n)
        w->form->text(w, text);
    else
        w->form->empty(w);
    w->column++;
}

void table_number(struct table_writer *w, int64_t value, unsigned places)
{
    char text[40];
    char *at = text + sizeof text;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    unsigned written = 0;
    do {
        if (places && written == places)
            *--at = '.';
        *--at = (char)('0' + left % 10);
        left /= 10;
        written++;
    } while (left || written <= places);
    if (value < 0)
        *--at = '-';
    w->form->number(w, at, (size_t)(text + sizeof text - at), places);
    w->column++;
}

void table_real(struct table_writer *w, double value)
{
    char text[40];
    int n = snprintf(text, sizeof text, "%.15g", value);
    if (value - value != 0) /* what is no number is nothing */
        w->form->empty(w);
    else
        w->form->number(w, text, (size_t)n, UINT32_MAX);
    w->column++;
}

void table_day(struct table_writer *w, int32_t day)
{
    w->form->day(w, day);
    w->column++;
}

void table_time(struct table_writer *w, int64_t ms)
{
    w->form->time(w, ms);
    w->column++;
}

void table_row_end(struct table_writer *w)
{
    w->form->row_end(w);
    w->column = 0;
    if (w->out.overflow)
        table_fail(w, ENOMEM);
}

int table_failed(const struct table_writer *w)
{
    return w->failed;
}

int table_finish(struct table_writer *w)
{
    int rc = w->form->finish(w);
    return w->failed ? w->failed : rc;
}

void table_day_text(int32_t day, char out[16])
{
    date_format(day, out);
}

void table_time_text(int64_t ms, char out[32])
{
    int64_t days = ms / 86400000 - (ms % 86400000 < 0), seconds = (ms - days * 86400000) / 1000;
    date_format((int32_t)days, out);
    snprintf(out + 10, 22, " %02d:%02d:%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60),
             (int)(seconds % 60));
}

/* --- CSV ----------------------------------------------------------------------------------- */

/* What a spreadsheet would take for a formula: a cell that begins like one and is no plain number.
 */
static bool is_formula(struct str s)
{
    static const char begins[] = {'=', '+', '-', '@', '\t', '\r'};
    if (s.n == 0 || !memchr(begins, s.p[0], sizeof begins))
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (!(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '.' && s.p[i] != ',')
            return true;
    return s.p[0] != '-' && s.p[0] != '+';
}

static void quoted(struct buf *out, struct str s, bool formula)
{
    buf_add_char(out, '"');
    if (formula)
        buf_add_char(out, '\'');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, s.p[i]);
    }
    buf_add_char(out, '"');
}

void csv_write_plain(struct buf *out, struct str s)
{
    bool quote = false;
    for (size_t i = 0; i < s.n && !quote; i++)
        quote = s.p[i] == '"' || s.p[i] == ',' || s.p[i] == '\n' || s.p[i] == '\r';
    if (quote)
        quoted(out, s, false);
    else
        buf_add_str(out, s);
}

void csv_write_cell(struct buf *out, struct str s)
{
    if (is_formula(s))
        quoted(out, s, true);
    else
        csv_write_plain(out, s);
}

static void csv_comma(struct table_writer *w)
{
    if (w->column)
        buf_add_char(&w->out, ',');
}

static void csv_text(struct table_writer *w, struct str text)
{
    csv_comma(w);
    csv_write_cell(&w->out, text);
}

static void csv_number(struct table_writer *w, const char *digits, size_t n, unsigned places)
{
    (void)places;
    csv_comma(w);
    buf_add(&w->out, digits, n);
}

static void csv_day(struct table_writer *w, int32_t day)
{
    char text[16];
    table_day_text(day, text);
    csv_comma(w);
    buf_add_cstr(&w->out, text);
}

static void csv_time(struct table_writer *w, int64_t ms)
{
    char text[32];
    table_time_text(ms, text);
    csv_comma(w);
    buf_add_cstr(&w->out, text);
}

static void csv_row_end(struct table_writer *w)
{
    buf_add(&w->out, "\r\n", 2);
    if (w->out.n < TABLE_BLOCK)
        return;
    table_write_out(w, w->out.p, w->out.n);
    buf_clear(&w->out);
}

static int csv_open(struct table_writer *w)
{
    buf_add_cstr(&w->out, "\xef\xbb\xbf");
    for (size_t i = 0; i < w->ncolumns; i++)
        table_text(w, w->columns[i].title);
    table_row_end(w);
    return w->failed;
}

static int csv_finish(struct table_writer *w)
{
    table_write_out(w, w->out.p, w->out.n);
    buf_clear(&w->out);
    return w->failed;
}

static void csv_close(struct table_writer *w)
{
    (void)w;
}

const struct table_form table_csv = {"csv",     "text/csv; charset=utf-8",
                                     csv_open,  csv_close,
                                     csv_text,  csv_number,
                                     csv_day,   csv_time,
                                     csv_comma, csv_row_end,
                                     csv_finish};
