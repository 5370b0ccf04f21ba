/*
 * table_write.h - a table written row by row as CSV or as a workbook (XLSX), in constant memory.
 *
 * The columns are given first: their titles are the first row, and what a column holds decides how
 * its cells look in a workbook. Then the cells of a row from left to right, then table_row_end.
 *
 * CSV is UTF-8 with a byte order mark (or Excel takes it for something else), comma, CRLF. A text
 * that a spreadsheet would take for a formula gets an apostrophe in front. In a workbook a text is
 * a text, whatever it begins with; numbers are numbers and days are days. What does not fit a sheet
 * goes on in the next one, under the same titles.
 *
 * Thread: any; one writer belongs to one thread.
 */
#ifndef PATRON_IO_TABLE_WRITE_H
#define PATRON_IO_TABLE_WRITE_H

#include "base/buf.h"

enum table_format { TABLE_CSV, TABLE_XLSX, TABLE_FORMATS };
/* "csv"; -1 for no such format. */
const char *table_format_name(enum table_format f);
int table_format_find(struct str name);
const char *table_media_type(enum table_format f);

enum table_look { LOOK_TEXT, LOOK_NUMBER, LOOK_MONEY, LOOK_DAY, LOOK_TIME };

struct table_column {
    struct str title;
    enum table_look look;
};

enum { TABLE_MAX_COLUMNS = 500 };

struct table_writer;

/* Onto an empty file, which stays the caller's. `sheet`: name of the workbook's sheets. The columns
   and texts are borrowed until the end. NULL when memory is short. */
struct table_writer *table_new(enum table_format format, int fd, struct str sheet,
                               const struct table_column *columns, size_t n);
void table_free(struct table_writer *w);

/* The next cell. */
void table_empty(struct table_writer *w);
void table_text(struct table_writer *w, struct str text);
/* value / 10^places, written exactly. */
void table_number(struct table_writer *w, int64_t value, unsigned places);
void table_real(struct table_writer *w, double value);
void table_day(struct table_writer *w, int32_t day); /* since 1970-01-01 */
void table_time(struct table_writer *w, int64_t ms); /* since 1970, as a clock on the wall shows */
void table_row_end(struct table_writer *w);

/* 0, or the errno of the first failure, which also all calls after it have kept quiet about.
   table_finish writes what is missing; the file is complete then. */
int table_failed(const struct table_writer *w);
int table_finish(struct table_writer *w);

/* One CSV cell as table_text writes it, without a comma; and one for programs, where nothing is
   taken for a formula. */
void csv_write_cell(struct buf *out, struct str text);
void csv_write_plain(struct buf *out, struct str text);

#endif
