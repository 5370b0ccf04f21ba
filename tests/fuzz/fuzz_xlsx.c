/*
 * The reader of workbooks: whatever the bytes are, it ends, and what it wrote is CSV of as many
 * records as the row it says it came to. The first byte says what the rest is: a whole zip file, or
 * the rows of a sheet, which are put into a good one, so that XML is tried and not only checksums.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "io/csv.h"
#include "io/table_write.h"
#include "io/xlsx_read.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

const char *const fuzz_words[] = {"<row r=\"2\">",
                                  "</row>",
                                  "<c r=\"B2\" t=\"s\">",
                                  "<c t=\"inlineStr\">",
                                  "</c>",
                                  "<v>",
                                  "</v>",
                                  "<is>",
                                  "</is>",
                                  "<t>",
                                  "</t>",
                                  "<rPh>",
                                  "t=\"b\"",
                                  "t=\"d\"",
                                  "t=\"e\"",
                                  "s=\"1\"",
                                  "_x000D_",
                                  "&amp;",
                                  "<!DOCTYPE a [<!ENTITY b \"c\">]>",
                                  "45351.5",
                                  "1E+300",
                                  "-1",
                                  "XFD1048576",
                                  "<sheetData>",
                                  "</sheetData>",
                                  "&#0;",
                                  NULL};

static int keep(void *arg, const char *p, size_t n)
{
    struct buf *out = arg;
    buf_add(out, p, n);
    return out->overflow ? XLSX_ERR_TOO_LARGE : 0;
}

static void read_all(const void *data, size_t size)
{
    struct xlsx_book *book;
    const struct xlsx_sheet *sheets;
    size_t first;
    if (xlsx_open_memory(data, size, &book) != 0)
        return;
    size_t n = xlsx_sheets(book, &sheets);
    fuzz_must(n >= 1 && n <= XLSX_MAX_SHEETS);
    if (xlsx_first_sheet(book, &first) == 0)
        fuzz_must(first < n);
    for (size_t i = 0; i < n && i < 3; i++) {
        struct buf out = BUF_INIT(8 << 20);
        uint32_t row = 0;
        if (xlsx_to_csv(book, i, keep, &out, &row) == 0 && out.n) {
            struct csv_reader *reader;
            struct csv_record record;
            uint64_t last = 0;
            struct csv_options o = {.delimiter = ',', .encoding = CSV_UTF8, .max_fields = 20000};
            fuzz_must(csv_new_memory(out.p, out.n, &o, &reader) == 0);
            while (csv_next(reader, &record) == 1)
                last = record.number;
            int problem = csv_problem(reader).code;
            fuzz_must(problem == CSV_OK || problem == CSV_ERR_BINARY);
            fuzz_must(problem || last == row);
            csv_free(reader);
        }
        buf_free(&out);
    }
    xlsx_close(book);
}

/* The workbook that the rows stand in: the program's own, with its sheet taken out for another. */
static void with_rows(const uint8_t *rows, size_t n)
{
    static const char head[] = "<worksheet><sheetData>", tail[] = "</sheetData></worksheet>";
    struct table_column column = {STR("a"), LOOK_TEXT};
    char path[] = "/tmp/fuzz_xlsx_XXXXXX";
    int fd = mkstemp(path), why = 0;
    fuzz_must(fd >= 0);
    struct table_writer *w = table_new(TABLE_XLSX, fd, STR("a"), &column, 1);
    fuzz_must(w && table_finish(w) == 0);
    table_free(w);
    struct buf sheet = BUF_INIT(1 << 20);
    buf_add(&sheet, head, sizeof head - 1);
    buf_add(&sheet, (const char *)rows, n);
    buf_add(&sheet, tail, sizeof tail - 1);
    zip_t *zip = zip_open(path, 0, &why);
    fuzz_must(zip);
    zip_source_t *source = zip_source_buffer(zip, sheet.p, sheet.n, 0);
    fuzz_must(source &&
              zip_file_add(zip, "xl/worksheets/sheet1.xml", source, ZIP_FL_OVERWRITE) >= 0);
    fuzz_must(zip_close(zip) == 0);
    struct xlsx_book *book;
    fuzz_must(xlsx_open(path, &book) == 0);
    xlsx_close(book);
    close(fd);
    FILE *f = fopen(path, "rb");
    fuzz_must(f && fseek(f, 0, SEEK_END) == 0);
    long size = ftell(f);
    rewind(f);
    char *all = malloc((size_t)size);
    fuzz_must(all && fread(all, 1, (size_t)size, f) == (size_t)size);
    fclose(f);
    unlink(path);
    read_all(all, (size_t)size);
    free(all);
    buf_free(&sheet);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    if (size < 2)
        return;
    if (data[0] == 'R')
        with_rows(data + 1, size - 1);
    else
        read_all(data, size);
}
