/* One sheet, cell by cell, as CSV. */
#include "io/xlsx_internal.h"

#include "base/clock.h"
#include "io/table_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CELL = 1 << 20, OUT_BLOCK = 1 << 16 };
/* A text of a megabyte that a million cells share is a terabyte of CSV. */
#define MAX_OUT ((uint64_t)4 << 30)
#define MAX_ROW ((size_t)64 << 20)

enum cell_type { CELL_NUMBER, CELL_SHARED, CELL_TEXT, CELL_BOOL, CELL_DATE, CELL_ERROR };

struct cell_place {
    size_t at, n; /* in `row`; n = 0: empty */
};

struct sheet_reading {
    xlsx_out_fn *fn;
    void *arg;
    struct buf out, row, cell;
    struct cell_place *cells;
    size_t ncells; /* up to the last one that is not empty */
    uint32_t line; /* of the output, from 1: the next one to be written */
    uint32_t at_row, column;
    uint32_t last; /* row with something in it */
    enum cell_type type;
    unsigned style;
    int phonetic;
    bool in_cell, in_value, only_first;
    uint64_t written;
};

/* --- values -------------------------------------------------------------------------------- */

/* 15 digits are what a spreadsheet shows and keeps; more are the noise of binary fractions. */
static void number_text(struct str in, struct buf *out)
{
    size_t digits = 0;
    bool plain = in.n > 0 && in.n < 40;
    for (size_t i = 0; i < in.n && plain; i++) {
        bool digit = in.p[i] >= '0' && in.p[i] <= '9';
        digits += digit;
        plain = digit || in.p[i] == '.' || (in.p[i] == '-' && i == 0);
    }
    if ((plain && digits <= 15) || in.n >= 40 || in.n == 0) {
        buf_add_str(out, in);
        return;
    }
    char text[400];
    memcpy(text, in.p, in.n);
    text[in.n] = 0;
    char *end;
    double v = strtod(text, &end);
    if (*end || !isfinite(v)) {
        buf_add_str(out, in);
        return;
    }
    int n = snprintf(text, sizeof text, "%.15g", v);
    if (memchr(text, 'e', (size_t)n)) {
        /* 1E+15 and 1E-7 are numbers of people, too, and 1E-300 is nothing. */
        n = snprintf(text, sizeof text, fabs(v) >= 1 ? "%.0f" : "%.12f", v);
        while (memchr(text, '.', (size_t)n) && (text[n - 1] == '0' || text[n - 1] == '.'))
            if (text[--n] == '.')
                break;
    }
    buf_add(out, text, (size_t)n);
}

static void clock_text(int64_t seconds, struct buf *out)
{
    buf_printf(out, "%02d:%02d:%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60),
               (int)(seconds % 60));
}

/* A number of days as a date, with the time of day when there is one. False: it is none. */
static bool date_text(const struct xlsx_book *b, double serial, bool clock, struct buf *out)
{
    if (!(serial >= 0) || serial >= 2958466) /* 10000-01-01 */
        return false;
    int64_t day = (int64_t)serial, seconds = (int64_t)((serial - (double)day) * 86400 + .5);
    if (seconds == 86400) {
        day++;
        seconds = 0;
    }
    if (clock && day == 0) {
        clock_text(seconds, out);
        return true;
    }
    char text[DATE_TEXT];
    if (!b->from_1904 && day == 60) { /* a day that was not, as Lotus 1-2-3 had it */
        buf_add_cstr(out, "1900-02-29");
    } else {
        int64_t epoch = b->from_1904 ? 24107 : day < 60 ? 25568 : 25569;
        date_format((int32_t)(day - epoch), text);
        buf_add_cstr(out, text);
    }
    if (seconds) {
        buf_add_char(out, ' ');
        clock_text(seconds, out);
    }
    return true;
}

static void number_cell(const struct xlsx_book *b, const struct sheet_reading *r, struct str in,
                        struct buf *out)
{
    enum xlsx_kind kind = r->style < b->nkinds ? (enum xlsx_kind)b->kinds[r->style] : XLSX_NUMBER;
    if (kind != XLSX_NUMBER && in.n < 40) {
        char text[40], *end;
        memcpy(text, in.p, in.n);
        text[in.n] = 0;
        double serial = strtod(text, &end);
        if (*end == 0 && date_text(b, serial, kind == XLSX_CLOCK, out))
            return;
    }
    number_text(in, out);
}

/* 2024-02-29T00:00:00 is a day. */
static struct str iso_date(struct str in)
{
    return in.n > 10 && str_find(in, 'T') == 10 &&
                   strncmp(in.p + 10, "T00:00:00", in.n - 10 < 9 ? in.n - 10 : 9) == 0
               ? str_from(in.p, 10)
               : in;
}

static void shared_text(struct part *p, struct str in, struct buf *out)
{
    const struct xlsx_texts *t = &p->book->texts;
    int64_t i;
    if (!str_to_i64(in, &i) || i < 0 || (uint64_t)i >= t->n) {
        part_fail(p, XLSX_ERR_BROKEN);
        return;
    }
    uint64_t from = i ? t->end[i - 1] : 0;
    if (t->end[i] > from)
        buf_add(out, t->bytes.p + from, t->end[i] - from);
}

static void take_cell(struct part *p)
{
    struct sheet_reading *r = p->own;
    struct str raw = buf_str(&r->cell);
    size_t at = r->row.n;
    if (r->cell.overflow) {
        part_fail(p, XLSX_ERR_TOO_LARGE);
        return;
    }
    switch (r->type) {
    case CELL_SHARED:
        shared_text(p, str_trim(raw), &r->row);
        break;
    case CELL_TEXT:
        raw.n = r->cell.n ? xlsx_unescape(r->cell.p, r->cell.n) : 0;
        buf_add_str(&r->row, raw);
        break;
    case CELL_BOOL:
        buf_add_cstr(&r->row, raw.n == 0 ? "" : str_is(str_trim(raw), "1") ? "true" : "false");
        break;
    case CELL_DATE:
        buf_add_str(&r->row, iso_date(str_trim(raw)));
        break;
    case CELL_ERROR:
        buf_add_str(&r->row, raw);
        break;
    case CELL_NUMBER:
        number_cell(p->book, r, str_trim(raw), &r->row);
    }
    if (r->row.overflow || r->row.n - at > MAX_CELL) {
        part_fail(p, XLSX_ERR_TOO_LARGE);
        return;
    }
    r->cells[r->column] = (struct cell_place){at, r->row.n - at};
    if (r->row.n > at && r->column + 1 > r->ncells)
        r->ncells = r->column + 1;
}

/* --- rows ---------------------------------------------------------------------------------- */

static void flush(struct part *p, size_t least)
{
    struct sheet_reading *r = p->own;
    if (r->out.n < least || r->out.n == 0)
        return;
    r->written += r->out.n;
    int rc = r->written > MAX_OUT ? XLSX_ERR_TOO_LARGE : r->fn(r->arg, r->out.p, r->out.n);
    buf_clear(&r->out);
    if (rc)
        part_fail(p, rc);
}

static void end_row(struct part *p)
{
    struct sheet_reading *r = p->own;
    if (r->ncells == 0)
        return;
    r->last = r->at_row;
    if (r->only_first) {
        part_done(p);
        return;
    }
    for (; r->line < r->at_row; r->line++) {
        buf_add_char(&r->out, '\n');
        if (r->out.n >= OUT_BLOCK)
            flush(p, OUT_BLOCK);
    }
    for (size_t i = 0; i < r->ncells; i++) {
        if (i)
            buf_add_char(&r->out, ',');
        if (r->cells[i].n)
            csv_write_plain(&r->out, str_from(r->row.p + r->cells[i].at, r->cells[i].n));
    }
    buf_add_char(&r->out, '\n');
    r->line++;
    if (r->out.overflow)
        part_fail(p, XLSX_ERR_TOO_LARGE);
    flush(p, OUT_BLOCK);
}

static void begin_row(struct part *p, const char **attributes)
{
    struct sheet_reading *r = p->own;
    const char *number = xml_attribute(attributes, "r");
    int64_t at = r->at_row + 1;
    if (number && (!str_to_i64(str_of(number), &at) || at <= r->at_row)) {
        part_fail(p, XLSX_ERR_BROKEN);
        return;
    }
    if (at > XLSX_MAX_ROWS) {
        part_fail(p, XLSX_ERR_TOO_LARGE);
        return;
    }
    r->at_row = (uint32_t)at;
    memset(r->cells, 0, r->ncells * sizeof *r->cells);
    r->ncells = 0;
    r->column = UINT32_MAX; /* before the first */
    buf_clear(&r->row);
}

static enum cell_type type_of(const char *t)
{
    static const struct {
        const char *name;
        enum cell_type type;
    } types[] = {{"n", CELL_NUMBER},       {"s", CELL_SHARED}, {"str", CELL_TEXT},
                 {"inlineStr", CELL_TEXT}, {"b", CELL_BOOL},   {"d", CELL_DATE},
                 {"e", CELL_ERROR}};
    for (size_t i = 0; t && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, t) == 0)
            return types[i].type;
    return CELL_NUMBER;
}

static void begin_cell(struct part *p, const char **attributes)
{
    struct sheet_reading *r = p->own;
    const char *where = xml_attribute(attributes, "r"), *style = xml_attribute(attributes, "s");
    uint32_t column = 0;
    if (where) {
        for (; *where >= 'A' && *where <= 'Z' && column < XLSX_MAX_COLUMNS; where++)
            column = column * 26 + (uint32_t)(*where - 'A') + 1;
        column--;
    } else {
        column = r->column + 1;
    }
    if (column >= XLSX_MAX_COLUMNS) {
        part_fail(p, XLSX_ERR_BROKEN);
        return;
    }
    r->column = column;
    r->type = type_of(xml_attribute(attributes, "t"));
    r->style = style ? (unsigned)strtoul(style, NULL, 10) : 0;
    r->in_cell = true;
    buf_clear(&r->cell);
    r->cell.overflow = false;
}

static void sheet_start(void *arg, const char *name, const char **attributes)
{
    struct part *p = arg;
    struct sheet_reading *r = p->own;
    name = xml_local(name);
    if (strcmp(name, "c") == 0 && r->at_row)
        begin_cell(p, attributes);
    else if (strcmp(name, "row") == 0)
        begin_row(p, attributes);
    else if (r->in_cell && strcmp(name, "rPh") == 0)
        r->phonetic++;
    else if (r->in_cell)
        r->in_value = r->phonetic == 0 && (strcmp(name, "v") == 0 || strcmp(name, "t") == 0);
}

static void sheet_end(void *arg, const char *name)
{
    struct part *p = arg;
    struct sheet_reading *r = p->own;
    name = xml_local(name);
    if (p->failed || p->done)
        return;
    r->in_value = false;
    if (strcmp(name, "c") == 0 && r->in_cell) {
        r->in_cell = false;
        r->phonetic = 0;
        take_cell(p);
    } else if (strcmp(name, "row") == 0) {
        end_row(p);
    } else if (strcmp(name, "rPh") == 0 && r->phonetic) {
        r->phonetic--;
    } else if (strcmp(name, "sheetData") == 0) {
        part_done(p); /* what follows is how it looks */
    }
}

static void sheet_text(void *arg, const char *s, int n)
{
    struct part *p = arg;
    struct sheet_reading *r = p->own;
    if (r->in_value)
        buf_add(&r->cell, s, (size_t)n);
}

static int read_sheet(struct xlsx_book *b, size_t sheet, struct sheet_reading *r)
{
    r->out = BUF_INIT(MAX_ROW * 3);
    r->row = BUF_INIT(MAX_ROW);
    r->cell = BUF_INIT(MAX_CELL);
    r->line = 1;
    r->cells = calloc(XLSX_MAX_COLUMNS, sizeof *r->cells);
    int rc = r->cells ? xlsx_load(b) : XLSX_ERR_NO_MEMORY;
    if (rc == 0)
        rc = part_read(b, b->parts[sheet], sheet_start, sheet_end, sheet_text, r);
    if (rc == 0 && r->out.n)
        rc = r->fn(r->arg, r->out.p, r->out.n);
    free(r->cells);
    buf_free(&r->out);
    buf_free(&r->row);
    buf_free(&r->cell);
    return rc;
}

int xlsx_to_csv(struct xlsx_book *b, size_t sheet, xlsx_out_fn *out, void *arg, uint32_t *ret_row)
{
    struct sheet_reading r = {.fn = out, .arg = arg};
    int rc = sheet < b->nsheets ? read_sheet(b, sheet, &r) : XLSX_ERR_NOT_XLSX;
    if (ret_row)
        *ret_row = rc ? r.at_row : r.last;
    return rc;
}

static int nowhere(void *arg, const char *p, size_t n)
{
    (void)arg;
    (void)p;
    (void)n;
    return 0;
}

int xlsx_first_sheet(struct xlsx_book *b, size_t *ret_sheet)
{
    *ret_sheet = 0;
    for (size_t i = 0; i < b->nsheets; i++) {
        struct sheet_reading r = {.fn = nowhere, .only_first = true};
        if (b->sheets[i].hidden)
            continue;
        int rc = read_sheet(b, i, &r);
        if (rc)
            return rc;
        if (r.last) {
            *ret_sheet = i;
            return 0;
        }
    }
    return 0;
}
