/* Shared by the writers of tables. */
#ifndef PATRON_IO_TABLE_INTERNAL_H
#define PATRON_IO_TABLE_INTERNAL_H

#include "io/table_write.h"

/* What a format does differently. A cell comes as text that is already in its final form. */
struct table_form {
    const char *name, *media_type;
    int (*open)(struct table_writer *w);
    void (*close)(struct table_writer *w);
    void (*text)(struct table_writer *w, struct str text);
    void (*number)(struct table_writer *w, const char *digits, size_t n, unsigned places);
    void (*day)(struct table_writer *w, int32_t day);
    void (*time)(struct table_writer *w, int64_t ms);
    void (*empty)(struct table_writer *w);
    void (*row_end)(struct table_writer *w);
    int (*finish)(struct table_writer *w);
};
extern const struct table_form table_csv, table_xlsx;

struct table_writer {
    const struct table_form *form;
    int fd, failed;
    struct str sheet;
    const struct table_column *columns;
    size_t ncolumns, column; /* of the next cell */
    struct buf out;          /* not yet written, or not yet packed */
    void *own;               /* of the form */
};

enum { TABLE_BLOCK = 1 << 16 };

/* Writes all of it, or keeps the error. */
void table_write_out(struct table_writer *w, const char *p, size_t n);
/* "2026-11-26" and "2026-11-26 13:05:00" */
void table_day_text(int32_t day, char out[16]);
void table_time_text(int64_t ms, char out[32]);
void table_fail(struct table_writer *w, int error);

/* --- zip_write.c: parts of a zip file, packed as they come --------------------------------- */

struct zip_writer;
struct zip_writer *zip_new(struct table_writer *w);
void zip_free(struct zip_writer *z);
void zip_begin(struct zip_writer *z, const char *name);
void zip_add(struct zip_writer *z, const char *p, size_t n);
void zip_end(struct zip_writer *z);
/* The list of all parts, which ends the file. */
void zip_finish(struct zip_writer *z);

#endif
