/*
 * csv.h - a streaming CSV reader (RFC 4180) with exact diagnostics, and the cells people put into
 * it.
 *
 * One pass over blocks obtained from a read function; memory is one buffer, which grows only up to
 * the record limit. Fields are slices of that buffer: nothing is copied unless a field holds
 * doubled quotes, and those are closed up in place. Quoted fields may hold delimiters, line ends
 * and quotes; records end with LF, CRLF or CR; blank lines are counted but not delivered.
 *
 * Thread: any; one reader belongs to one thread.
 */
#ifndef PATRON_IO_CSV_H
#define PATRON_IO_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct csv_slice {
    const char *ptr; /* not terminated */
    size_t len;
};

enum csv_error {
    CSV_OK = 0,
    CSV_ERR_READ = -1,            /* "read": the source failed; system error in `detail` */
    CSV_ERR_NO_MEMORY = -2,       /* "no-memory" */
    CSV_ERR_TRUNCATED = -3,       /* "truncated": a quoted field is still open at the end */
    CSV_ERR_QUOTE = -4,           /* "quote": text between a closing quote and the next delimiter */
    CSV_ERR_FIELD_TOO_LONG = -5,  /* "field-too-long" */
    CSV_ERR_RECORD_TOO_LONG = -6, /* "record-too-long" */
    CSV_ERR_TOO_MANY_FIELDS = -7, /* "too-many-fields" */
    CSV_ERR_ENCODING = -8,        /* "encoding": neither UTF-8 nor GB18030 from here on */
    CSV_ERR_BINARY = -9,          /* "binary": a zero byte */
};

/* Stable machine string; static. */
const char *csv_error_code(int error);

enum csv_encoding {
    CSV_DETECT,
    CSV_UTF8,
    CSV_UTF8_BOM,
    CSV_GB18030,
    CSV_UTF16LE,
    CSV_UTF16BE,
    CSV_BIG5,
    CSV_ENCODINGS
};

/* "utf-8", "utf-8-bom", "gb18030", ... */
const char *csv_encoding_name(enum csv_encoding encoding);
/* What iconv calls it; NULL for CSV_DETECT. */
const char *csv_charset(enum csv_encoding encoding);

/* Which of them the beginning of a file (the more of it, the surer) is in: by its mark, by zeros in
   every other byte, by what is valid, and between GB18030 and Big5 by which one makes common
   characters of it. CSV_DETECT when it is all ASCII. A reader by itself takes neither Big5 nor
   UTF-16 without its mark, since it cannot look ahead. */
enum csv_encoding csv_guess_encoding(const char *data, size_t n);

struct csv_options {
    char delimiter;             /* 0: detect among , ; tab | */
    enum csv_encoding encoding; /* CSV_DETECT: decide at the first byte that is not ASCII */
    size_t max_field;           /* bytes; 0 = 1 MiB */
    size_t max_record;          /* bytes; 0 = 4 MiB */
    size_t max_fields;          /* 0 = 1,000 */
};

/* Where and why reading stopped. */
struct csv_problem {
    int code;
    int detail;      /* errno for CSV_ERR_READ */
    uint64_t record; /* number of the record, 1 = the first in the file */
    size_t field;    /* 1 = the first */
    uint64_t byte;   /* offset; in the file for UTF-8, in its UTF-8 form for other encodings */
};

struct csv_record {
    const struct csv_slice *field; /* valid until the next csv_next */
    size_t fields;
    uint64_t number; /* 1 = the first record of the file; blank lines count */
    uint64_t byte;
};

struct csv_reader;

/* Reads up to room bytes; returns their number, 0 at the end, or -errno. */
typedef ssize_t csv_read_fn(void *source, char *buffer, size_t room);

/* The source must outlive the reader. Owned: *ret_reader, freed by csv_free(). */
__attribute__((warn_unused_result)) int csv_new(csv_read_fn *read, void *source,
                                                const struct csv_options *options,
                                                struct csv_reader **ret_reader);
/* From an open file descriptor, which stays the caller's. */
__attribute__((warn_unused_result)) int csv_new_fd(int fd, const struct csv_options *options,
                                                   struct csv_reader **ret_reader);
/* From memory, which stays the caller's. */
__attribute__((warn_unused_result)) int csv_new_memory(const char *data, size_t len,
                                                       const struct csv_options *options,
                                                       struct csv_reader **ret_reader);
void csv_free(struct csv_reader *reader);

/* 1: *ret_record is the next record. 0: the end. Negative: a CSV_ERR_*, see csv_problem(); an error
 * is final. */
__attribute__((warn_unused_result)) int csv_next(struct csv_reader *reader,
                                                 struct csv_record *ret_record);
struct csv_problem csv_problem(const struct csv_reader *reader);
/* What was detected; meaningful after the first csv_next. */
char csv_delimiter(const struct csv_reader *reader);
enum csv_encoding csv_encoding_of(const struct csv_reader *reader);
/* Bytes taken from the source so far: for progress. */
uint64_t csv_bytes_read(const struct csv_reader *reader);

/*
 * The one record that begins at data, which is UTF-8 and was read before by a csv_reader (its
 * record.byte tells where). Quoted fields are put together in scratch, the others point into data.
 * Returns the number of fields or CSV_ERR_*.
 */
ssize_t csv_split(const char *data, size_t len, char delimiter, char *scratch, size_t room,
                  struct csv_slice *ret_field, size_t max_fields);

/* ---- Cells ----------------------------------------------------------------------------------- */

enum csv_cell {
    CSV_CELL_OK,
    CSV_CELL_EMPTY,             /* "empty" */
    CSV_CELL_NUMBER,            /* "number": not a number, or grouped wrongly */
    CSV_CELL_TOO_MANY_DECIMALS, /* "too-many-decimals" */
    CSV_CELL_OUT_OF_RANGE,      /* "out-of-range" */
    CSV_CELL_DATE,              /* "date": not a date of this format */
    CSV_CELL_NO_SUCH_DAY,       /* "date-no-such-day": 2024-02-30 */
};
const char *csv_cell_code(enum csv_cell cell);

/* Without ASCII blanks, NBSP and ideographic spaces at both ends. */
struct csv_slice csv_trim(struct csv_slice text);

/*
 * Order of year, month and day. YMD takes 2024-01-05, 2024/1/5, 2024.1.5, 20240105 and
 * 2024年1月5日; DMY and MDY take - / . as separators and four-digit years. A time of day after a
 * blank or T is checked for shape and left out. Full-width digits count as digits.
 */
enum csv_date_format { CSV_DATE_YMD, CSV_DATE_DMY, CSV_DATE_MDY, CSV_DATE_FORMATS };
const char *csv_date_format_name(enum csv_date_format format); /* "ymd", "dmy", "mdy" */

/* Days since 1970-01-01, years 1 to 9999. */
enum csv_cell csv_parse_date(struct csv_slice text, enum csv_date_format format, int32_t *ret_day);
/*
 * The format that reads most samples; the first of YMD, DMY, MDY among equals. *ret_ambiguous (may
 * be NULL): another format reads just as many non-empty samples differently (01/02/2024).
 */
enum csv_date_format csv_detect_date(const struct csv_slice *samples, size_t n,
                                     bool *ret_ambiguous);

/*
 * Money in minor units with `decimals` 0 to 6, no floating point on the way. Takes 1234.5,
 * 1,234.50, ¥1,234.50, ￥1,234.50, $12, €5, £5, 12元, (12.00) and -12.00 as negative, + and
 * full-width characters. Decimals beyond the currency's must be zeros.
 */
enum csv_cell csv_parse_amount(struct csv_slice text, int decimals, int64_t *ret_minor);

/* Calendar, proleptic Gregorian. */
int32_t csv_day_from_civil(int32_t year, int month, int day);
void csv_civil_from_day(int32_t day, int32_t *ret_year, int *ret_month, int *ret_day);

#endif
