/*
 * xlsx_read.h - the sheets of a workbook (ECMA-376, "XLSX") as CSV.
 *
 * A sheet becomes the CSV (UTF-8, comma) that its owner would have saved, only without the losses:
 * days as 2024-02-29 whatever the cell looks like, numbers with all their 15 digits and without
 * grouping, shared and rich texts put together. Row n of the sheet is line n of the file, counted
 * in records: rows that are not there are blank lines. So whoever reads CSV reads workbooks.
 *
 * A file from outside may be anything: parts are streamed, a document type or entities are refused,
 * and what unpacks to far more than it should (a zip bomb) is XLSX_ERR_TOO_LARGE.
 *
 * Thread: any; one workbook belongs to one thread.
 */
#ifndef PATRON_IO_XLSX_READ_H
#define PATRON_IO_XLSX_READ_H

#include "base/buf.h"

enum xlsx_error {
    XLSX_OK = 0,
    XLSX_ERR_READ = -1, /* the file cannot be read, or the output not written: errno */
    XLSX_ERR_NO_MEMORY = -2,
    XLSX_ERR_NOT_XLSX = -3,  /* a zip file, but no workbook */
    XLSX_ERR_BROKEN = -4,    /* damaged: zip or XML; the row it happened in, if it was in a sheet */
    XLSX_ERR_TOO_LARGE = -5, /* more than it may unpack to, or cells longer than 1 MiB */
};
const char *xlsx_error_code(int error);

enum { XLSX_MAX_SHEETS = 256, XLSX_MAX_ROWS = 1048576, XLSX_MAX_COLUMNS = 16384 };

struct xlsx_sheet {
    struct str name;
    bool hidden;
};

struct xlsx_book;

/* Does a file beginning with these bytes want to be a workbook? At least 4 bytes. */
bool xlsx_looks_like(const char *data, size_t n);

__attribute__((warn_unused_result)) int xlsx_open(const char *path, struct xlsx_book **ret_book);
/* From memory, which stays the caller's. */
__attribute__((warn_unused_result)) int xlsx_open_memory(const void *data, size_t n,
                                                         struct xlsx_book **ret_book);
void xlsx_close(struct xlsx_book *b);

size_t xlsx_sheets(const struct xlsx_book *b, const struct xlsx_sheet **ret_sheets);
/* The first sheet that is not hidden and holds something; 0 when none does. */
__attribute__((warn_unused_result)) int xlsx_first_sheet(struct xlsx_book *b, size_t *ret_sheet);

/* Writes a sheet as CSV: `out` gets pieces and returns 0 or a negative error of its own choice,
   which ends it and is returned. *ret_row (may be NULL): the last row with something in it, or the
   one that could not be read. */
typedef int xlsx_out_fn(void *arg, const char *p, size_t n);
__attribute__((warn_unused_result)) int xlsx_to_csv(struct xlsx_book *b, size_t sheet,
                                                    xlsx_out_fn *out, void *arg, uint32_t *ret_row);

#endif
