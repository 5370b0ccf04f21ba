/* A workbook (ECMA-376), with as little in it as every spreadsheet needs: sheets with their texts
   in the cells, a style for each look, the titles fixed on top. */
#include "io/table_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_ROWS = 1048576,
    MAX_SHEETS = 250,
    MAX_TEXT = 32767, /* UTF-16 units in a cell */
    NUMBERS_FROM = 3, /* the first style of numbers with fixed places */
    FIXED_PLACES = 5, /* styles for 0 to 4 places */
};
/* A sheet ends before a part of the zip file reaches 4 GB. */
#define MAX_SHEET_BYTES ((uint64_t)3500 << 20)

enum style { STYLE_PLAIN, STYLE_TITLE, STYLE_DAY, STYLE_TIME = NUMBERS_FROM + FIXED_PLACES };

struct workbook {
    struct zip_writer *zip;
    int sheets;
    uint32_t row; /* the one being written, from 1 */
    bool in_row;
    uint64_t sheet_bytes;
    char row_text[12];
    size_t row_n;
    struct {
        char name[4];
        unsigned char n;
    } letters[TABLE_MAX_COLUMNS];
};

static void text_to_xml(struct buf *out, struct str s, size_t max_units)
{
    size_t units = 0, from = 0;
    buf_reserve(out, s.n + 64);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        const char *escape = NULL;
        char hex[12];
        if ((c & 0xc0) != 0x80 && (units += c >= 0xf0 ? 2 : 1) > max_units) {
            s.n = i;
            break;
        }
        if (c == '&')
            escape = "&amp;";
        else if (c == '<')
            escape = "&lt;";
        else if (c == '>')
            escape = "&gt;";
        else if (c == '"')
            escape = "&quot;";
        else if (c == '_' && i + 6 < s.n && s.p[i + 1] == 'x' && s.p[i + 6] == '_')
            escape = "_x005F_"; /* or "_x0041_" would be read as A */
        else if (c < 0x20 && c != '\t' && c != '\n') {
            snprintf(hex, sizeof hex, "_x%04X_", c); /* XML has no such characters */
            escape = hex;
        } else if (c == 0xef && i + 2 < s.n && (unsigned char)s.p[i + 1] == 0xbf &&
                   (unsigned char)s.p[i + 2] >= 0xbe) {
            snprintf(hex, sizeof hex, "_xFFF%c_", (unsigned char)s.p[i + 2] == 0xbe ? 'E' : 'F');
            buf_add(out, s.p + from, i - from);
            buf_add_cstr(out, hex);
            i += 2;
            from = i + 1;
            continue;
        }
        if (!escape)
            continue;
        buf_add(out, s.p + from, i - from);
        buf_add_cstr(out, escape);
        from = i + 1;
    }
    if (s.n > from)
        buf_add(out, s.p + from, s.n - from);
}

/* --- parts besides the sheets -------------------------------------------------------------- */

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define OFFICE "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define PACKAGE "http://schemas.openxmlformats.org/package/2006/"
#define SHEET_ML "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#define MEDIA "application/vnd.openxmlformats-officedocument.spreadsheetml."

/* In the order of enum style. Formats below 164 are built in. */
static const char styles[] = HEAD
    "<styleSheet xmlns=\"" SHEET_ML "\"><numFmts count=\"7\">"
    "<numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\"/>"
    "<numFmt numFmtId=\"165\" formatCode=\"yyyy\\-mm\\-dd\\ hh:mm:ss\"/>"
    "<numFmt numFmtId=\"166\" formatCode=\"#,##0\"/><numFmt numFmtId=\"167\" "
    "formatCode=\"#,##0.0\"/><numFmt numFmtId=\"168\" formatCode=\"#,##0.00\"/>"
    "<numFmt numFmtId=\"169\" formatCode=\"#,##0.000\"/><numFmt numFmtId=\"170\" "
    "formatCode=\"#,##0.0000\"/></numFmts>"
    "<fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/><family val=\"2\"/></font>"
    "<font><b/><sz val=\"11\"/><name val=\"Calibri\"/><family val=\"2\"/></font></fonts>"
    "<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill>"
    "<fill><patternFill patternType=\"gray125\"/></fill></fills>"
    "<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
    "<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/>"
    "</cellStyleXfs><cellXfs count=\"9\">"
    "<xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>"
    "<xf numFmtId=\"0\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyFont=\"1\"/>"
#define NUMBER(id)                                                                                 \
    "<xf numFmtId=\"" id "\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" "                 \
    "applyNumberFormat=\"1\"/>"
    NUMBER("164") NUMBER("166") NUMBER("167") NUMBER("168") NUMBER("169") NUMBER("170")
        NUMBER("165") "</cellXfs><cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" "
                      "builtinId=\"0\"/></cellStyles></styleSheet>";

static void part(struct workbook *wb, const char *name, struct str text)
{
    zip_begin(wb->zip, name);
    zip_add(wb->zip, text.p, text.n);
    zip_end(wb->zip);
}

/* What a sheet may be called: 31 characters, none of []:*?/\. */
static void sheet_name(const struct table_writer *w, int number, struct buf *out)
{
    static const char no[] = {'[', ']', ':', '*', '?', '/', '\\', '\''};
    struct str s = w->sheet;
    char name[120];
    struct buf clean = {.p = name, .cap = sizeof name, .max = sizeof name};
    size_t chars = 0, room = number > 1 ? 26 : 31;
    for (size_t i = 0; i < s.n && clean.n < 100; i++) {
        if (((unsigned char)s.p[i] & 0xc0) != 0x80 && chars++ == room)
            break;
        bool refused = memchr(no, s.p[i], sizeof no) || (unsigned char)s.p[i] < 0x20;
        buf_add_char(&clean, refused ? ' ' : s.p[i]);
    }
    if (clean.n == 0)
        buf_add_cstr(&clean, "Sheet");
    if (number > 1)
        buf_printf(&clean, " %d", number);
    text_to_xml(out, buf_str(&clean), 31);
}

static void write_rest(struct table_writer *w)
{
    struct workbook *wb = w->own;
    struct buf b = BUF_INIT(1 << 20);
    part(wb, "xl/styles.xml", str_from(styles, sizeof styles - 1));
    buf_add_cstr(&b, HEAD "<workbook xmlns=\"" SHEET_ML "\" xmlns:r=\"" OFFICE "\"><sheets>");
    for (int i = 1; i <= wb->sheets; i++) {
        buf_add_cstr(&b, "<sheet name=\"");
        sheet_name(w, i, &b);
        buf_printf(&b, "\" sheetId=\"%d\" r:id=\"rId%d\"/>", i, i);
    }
    buf_add_cstr(&b, "</sheets></workbook>");
    part(wb, "xl/workbook.xml", buf_str(&b));
    buf_clear(&b);
    buf_add_cstr(&b, HEAD "<Relationships xmlns=\"" PACKAGE "relationships\">");
    for (int i = 1; i <= wb->sheets; i++)
        buf_printf(&b,
                   "<Relationship Id=\"rId%d\" Type=\"" OFFICE
                   "/worksheet\" Target=\"worksheets/sheet%d.xml\"/>",
                   i, i);
    buf_printf(&b,
               "<Relationship Id=\"rId%d\" Type=\"" OFFICE
               "/styles\" Target=\"styles.xml\"/></Relationships>",
               wb->sheets + 1);
    part(wb, "xl/_rels/workbook.xml.rels", buf_str(&b));
    part(wb, "_rels/.rels",
         STR(HEAD "<Relationships xmlns=\"" PACKAGE "relationships\"><Relationship Id=\"rId1\" "
                  "Type=\"" OFFICE "/officeDocument\" Target=\"xl/workbook.xml\"/>"
                  "</Relationships>"));
    buf_clear(&b);
    buf_add_cstr(&b, HEAD "<Types xmlns=\"" PACKAGE "content-types\"><Default Extension=\"rels\" "
                          "ContentType=\"application/vnd.openxmlformats-package.relationships+xml"
                          "\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/>"
                          "<Override PartName=\"/xl/workbook.xml\" ContentType=\"" MEDIA
                          "sheet.main+xml\"/><Override PartName=\"/xl/styles.xml\" "
                          "ContentType=\"" MEDIA "styles+xml\"/>");
    for (int i = 1; i <= wb->sheets; i++)
        buf_printf(&b,
                   "<Override PartName=\"/xl/worksheets/sheet%d.xml\" ContentType=\"" MEDIA
                   "worksheet+xml\"/>",
                   i);
    buf_add_cstr(&b, "</Types>");
    part(wb, "[Content_Types].xml", buf_str(&b));
    if (b.overflow)
        table_fail(w, ENOMEM);
    buf_free(&b);
}

/* --- sheets -------------------------------------------------------------------------------- */

static void flush(struct table_writer *w)
{
    struct workbook *wb = w->own;
    zip_add(wb->zip, w->out.p, w->out.n);
    wb->sheet_bytes += w->out.n;
    buf_clear(&w->out);
}

static void begin_cell(struct table_writer *w, unsigned style, const char *type)
{
    struct workbook *wb = w->own;
    if (!wb->in_row) {
        buf_add(&w->out, "<row r=\"", 8);
        buf_add(&w->out, wb->row_text, wb->row_n);
        buf_add(&w->out, "\">", 2);
        wb->in_row = true;
    }
    buf_add(&w->out, "<c r=\"", 6);
    buf_add(&w->out, wb->letters[w->column].name, wb->letters[w->column].n);
    buf_add(&w->out, wb->row_text, wb->row_n);
    if (style) {
        buf_add(&w->out, "\" s=\"", 5);
        buf_add_char(&w->out, (char)('0' + style));
    }
    if (type) {
        buf_add(&w->out, "\" t=\"", 5);
        buf_add_cstr(&w->out, type);
    }
    buf_add(&w->out, "\">", 2);
}

static void text_cell(struct table_writer *w, struct str text, unsigned style)
{
    begin_cell(w, style, "inlineStr");
    buf_add_cstr(&w->out, "<is><t xml:space=\"preserve\">");
    text_to_xml(&w->out, text, MAX_TEXT);
    buf_add_cstr(&w->out, "</t></is></c>");
}

static void xlsx_text(struct table_writer *w, struct str text)
{
    text_cell(w, text, STYLE_PLAIN);
}

static void number_cell(struct table_writer *w, const char *digits, size_t n, unsigned style)
{
    begin_cell(w, style, NULL);
    buf_add(&w->out, "<v>", 3);
    buf_add(&w->out, digits, n);
    buf_add(&w->out, "</v></c>", 8);
}

static void xlsx_number(struct table_writer *w, const char *digits, size_t n, unsigned places)
{
    bool fixed = w->columns[w->column].look == LOOK_MONEY && places < FIXED_PLACES;
    number_cell(w, digits, n, fixed ? NUMBERS_FROM + places : STYLE_PLAIN);
}

enum { EPOCH = 25569, FIRST_DAY = 61 }; /* 1970-01-01; 1900-03-01, before which Excel is wrong */

static void xlsx_day(struct table_writer *w, int32_t day)
{
    char text[16];
    if (day + EPOCH < FIRST_DAY) {
        table_day_text(day, text);
        xlsx_text(w, str_of(text));
        return;
    }
    int n = snprintf(text, sizeof text, "%d", day + EPOCH);
    number_cell(w, text, (size_t)n, STYLE_DAY);
}

static void xlsx_time(struct table_writer *w, int64_t ms)
{
    char text[32];
    if (ms / 86400000 + EPOCH < FIRST_DAY) {
        table_time_text(ms, text);
        xlsx_text(w, str_of(text));
        return;
    }
    int n = snprintf(text, sizeof text, "%.9f", (double)ms / 86400000.0 + EPOCH);
    number_cell(w, text, (size_t)n, STYLE_TIME);
}

static void xlsx_empty(struct table_writer *w)
{
    (void)w; /* what is not there is empty */
}

static void next_row(struct workbook *wb)
{
    wb->row++;
    wb->in_row = false;
    wb->row_n = (size_t)snprintf(wb->row_text, sizeof wb->row_text, "%u", wb->row);
}

static void begin_sheet(struct table_writer *w)
{
    static const unsigned char wide[] = {
        [LOOK_TEXT] = 18, [LOOK_NUMBER] = 12, [LOOK_MONEY] = 16, [LOOK_DAY] = 12, [LOOK_TIME] = 20};
    struct workbook *wb = w->own;
    char name[40];
    if (++wb->sheets > MAX_SHEETS) {
        table_fail(w, EFBIG);
        return;
    }
    snprintf(name, sizeof name, "xl/worksheets/sheet%d.xml", wb->sheets);
    zip_begin(wb->zip, name);
    wb->row = 0;
    wb->sheet_bytes = 0;
    next_row(wb);
    buf_add_cstr(&w->out, HEAD "<worksheet xmlns=\"" SHEET_ML "\"><sheetViews><sheetView "
                               "workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" "
                               "activePane=\"bottomLeft\" state=\"frozen\"/></sheetView>"
                               "</sheetViews><cols>");
    for (size_t i = 0; i < w->ncolumns; i++)
        buf_printf(&w->out, "<col min=\"%zu\" max=\"%zu\" width=\"%d\" customWidth=\"1\"/>", i + 1,
                   i + 1,
                   i == 0 && w->columns[i].look == LOOK_TEXT ? 30 : wide[w->columns[i].look]);
    buf_add_cstr(&w->out, "</cols><sheetData>");
    for (w->column = 0; w->column < w->ncolumns; w->column++)
        text_cell(w, w->columns[w->column].title, STYLE_TITLE);
    w->column = 0;
    buf_add_cstr(&w->out, "</row>");
    next_row(wb);
}

static void end_sheet(struct table_writer *w)
{
    struct workbook *wb = w->own;
    buf_add_cstr(&w->out, "</sheetData></worksheet>");
    flush(w);
    zip_end(wb->zip);
}

static void xlsx_row_end(struct table_writer *w)
{
    struct workbook *wb = w->own;
    if (wb->in_row)
        buf_add(&w->out, "</row>", 6);
    next_row(wb);
    if (w->out.n >= TABLE_BLOCK)
        flush(w);
    if (wb->row <= MAX_ROWS && wb->sheet_bytes < MAX_SHEET_BYTES)
        return;
    end_sheet(w);
    begin_sheet(w);
}

static int xlsx_open(struct table_writer *w)
{
    struct workbook *wb = w->own = calloc(1, sizeof *wb);
    if (!wb || !(wb->zip = zip_new(w)))
        return ENOMEM;
    for (size_t i = 0; i < w->ncolumns; i++) {
        char *at = wb->letters[i].name;
        size_t n = 0;
        if (i >= 26 * 27)
            at[n++] = (char)('A' + (i - 26 * 27) / 676);
        if (i >= 26)
            at[n++] = (char)('A' + (i / 26 - 1) % 26);
        at[n++] = (char)('A' + i % 26);
        wb->letters[i].n = (unsigned char)n;
    }
    begin_sheet(w);
    return w->failed;
}

static int xlsx_finish(struct table_writer *w)
{
    struct workbook *wb = w->own;
    end_sheet(w);
    write_rest(w);
    zip_finish(wb->zip);
    return w->failed;
}

static void xlsx_close(struct table_writer *w)
{
    struct workbook *wb = w->own;
    if (wb)
        zip_free(wb->zip);
    free(wb);
}

const struct table_form table_xlsx = {
    "xlsx",     "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    xlsx_open,  xlsx_close,
    xlsx_text,  xlsx_number,
    xlsx_day,   xlsx_time,
    xlsx_empty, xlsx_row_end,
    xlsx_finish};
