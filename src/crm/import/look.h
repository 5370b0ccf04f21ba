/* A file as it is found: what it is written in, which sheets it has, its headers and first cells.
 */
#ifndef PATRON_CRM_IMPORT_LOOK_H
#define PATRON_CRM_IMPORT_LOOK_H

#include "crm/import/internal.h"

enum { LOOK_ROWS = 500 };

struct look {
    struct arena *a;
    struct err *e;
    /* what somebody chose; CSV_DETECT and -1 = find out */
    enum csv_encoding chosen_encoding;
    int64_t chosen_sheet;
    /* what was found */
    struct import_format format;
    bool workbook;
    bool remembered; /* the mapping is that of an import before */
    struct str sheets[64];
    size_t nsheets;
    int64_t sheet;
    struct str headers[MAX_COLUMNS];
    size_t ncolumns;
    int64_t rows;
    struct csv_slice *samples[MAX_COLUMNS]; /* the first cells of each column, for guessing */
    size_t nsamples[MAX_COLUMNS];
};

/* Reads all of the file `from` and writes it as CSV in UTF-8 to `to`, which takes its place when it
   is complete. Errors as import_take. */
int look_at(struct look *l, const char *from, const char *to) must_check;

/* A header as it is compared: lower case, without blanks, underscores, hyphens and dots. */
struct str header_plain(struct str s, struct arena *a);

/* The best pairs of a column and a target first; a target is given once. -1 = none. */
void look_guess(const struct look *l, const struct target *targets, size_t n, int *ret_target,
                double *ret_confidence);

#endif
