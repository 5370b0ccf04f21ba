/*
 * calendar.c - months, by the era arithmetic of the proleptic Gregorian calendar: years begin in
 * March, so that the leap day is the last of its year.
 */
#include "calendar.h"

int32_t pv_month_of(int32_t day)
{
    int64_t z = (int64_t)day + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    return (int32_t)((era * 400 + year) * 12 + (5 * of_year + 2) / 153);
}

int32_t pv_first_day_of_month(int32_t month)
{
    int64_t year = month >= 0 ? month / 12 : -((11 - month) / 12), m = month - year * 12;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t day = of_era * 365 + of_era / 4 - of_era / 100 + (153 * m + 2) / 5;
    return (int32_t)(era * 146097 + day - 719468);
}
