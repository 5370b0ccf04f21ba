/* calendar.h - months of days; private to the library. */
#ifndef PATRON_VALUE_CALENDAR_H
#define PATRON_VALUE_CALENDAR_H

#include <stdint.h>

/* Months since 0000-03, from days since 1970-01-01: January of year y is month 12 y - 2. */
int32_t pv_month_of(int32_t day);
int32_t pv_first_day_of_month(int32_t month);

#endif
