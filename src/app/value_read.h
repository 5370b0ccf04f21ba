/*
 * value_read.h - a file of orders becomes a history: column guesses, formats, errors by row and
 * column.
 */
#ifndef PATRON_APP_VALUE_READ_H
#define PATRON_APP_VALUE_READ_H

#include "core/registry/registry.h"
#include "io/csv.h"
#include "io/intern.h"
#include "patron_value.h"

enum value_field { VALUE_CUSTOMER, VALUE_DATE, VALUE_AMOUNT, VALUE_FIELDS };

struct value_mapping {
    const char *column; /* header text, or a number counting from 1; not terminated */
    size_t column_len;
    enum value_field field;
};

struct value_input {
    const char *path;
    enum pv_returns returns;
    const struct value_mapping *mapping;
    size_t mappings;
    enum lang lang; /* of error texts */
    /* May be NULL: told now and then how much of the file is read, 0 .. 1. */
    void (*progress)(void *context, double share);
    void *context;
};

/* A day, and the row of the file it stands in. */
struct value_day {
    int32_t day;
    uint64_t row;
};

struct value_data {
    struct intern *ids;
    struct pv_history *history;
    struct pv_history_report report;
    uint64_t rows;
    struct value_day first, last; /* the earliest day, and the latest */
    int decimals;                 /* 2, or more when the amounts have more */
    enum csv_encoding encoding;
    char delimiter;
    enum csv_date_format date_format;
    bool date_ambiguous;
};

/* 0, or an exit code (1 data, 2 usage) after the reason was printed to stderr. */
int value_read_file(const struct value_input *input, struct value_data *ret_data);
/* Reasons of the reader and of cells, for other tables of customers: print, return an exit code. */
int value_read_failed(const struct value_input *input, const struct csv_reader *reader);
void value_read_cell(const struct value_input *input, const char *column, uint64_t row,
                     struct csv_slice text, const char *why, const char *code);
const char *value_read_cell_text(enum lang lang, enum csv_cell cell);
/* Whether a column of this name is likely to hold the field. */
bool value_read_names(enum value_field field, struct csv_slice header);
bool value_read_same(struct csv_slice header, const char *name, size_t len);
void value_data_free(struct value_data *data);

#endif
