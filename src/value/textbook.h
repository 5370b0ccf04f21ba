/*
 * textbook.h - rates and times as the files without a model share them. Not installed.
 */
#ifndef PATRON_VALUE_TEXTBOOK_H
#define PATRON_VALUE_TEXTBOOK_H

#include "patron_textbook.h"

#define PV_DAYS_A_YEAR 365.25

/* Where period t = 1, 2, ... falls, in periods. */
double pv_timing_at(enum pv_timing timing, double t);
/* (1 + rate)^-years */
double pv_discount(double rate, double years);
bool pv_rate_ok(double rate); /* finite, > -1 */

#endif
