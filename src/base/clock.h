/* Time: epoch milliseconds UTC, a monotonic clock, civil dates as int32 days since 1970-01-01. */
#ifndef PATRON_BASE_CLOCK_H
#define PATRON_BASE_CLOCK_H

#include "base/str.h"

#define DATE_NONE INT32_MIN

int64_t clock_now_ms(void);  /* wall clock; may jump */
int64_t clock_mono_us(void); /* never goes back */
int64_t clock_cpu_us(void);  /* CPU time of the process */

/* Proleptic Gregorian calendar; years 1 to 9999. */
int32_t date_from_ymd(int year, int month, int day); /* DATE_NONE if there is no such day */
void date_to_ymd(int32_t days, int *ret_year, int *ret_month, int *ret_day);
/* The first day of the year that a day is in, where years begin with this month (0 = January). */
int32_t date_year_start(int32_t days, unsigned first_month);
bool date_parse(struct str s, int32_t *ret_days); /* "2026-11-24" only */
#define DATE_TEXT 11
void date_format(int32_t days, char out[DATE_TEXT]); /* "2026-11-24" */

/* A time zone by IANA name, read from the system's zone files. Immutable after opening. */
struct tz;
/* NULL if there is no such zone (name is checked: letters, digits, _ + - / only). */
struct tz *tz_open(const char *name);
void tz_free(struct tz *z);
/* Seconds east of UTC at that moment. O(log transitions). z NULL = UTC. */
int32_t tz_offset(const struct tz *z, int64_t ms);
int32_t tz_date(const struct tz *z, int64_t ms); /* the civil day at that moment */

#endif
