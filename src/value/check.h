/*
 * check.h - what check.c and mixture.c share.
 */
#ifndef PATRON_VALUE_CHECK_H
#define PATRON_VALUE_CHECK_H

#include "internal.h"
#include "patron_check.h"

/* What the questions are asked of. */
struct pv_check {
    struct pv_history_view history;
    int32_t end;
    const struct pv_customer *rows; /* history.customers, at the end of day `end` */
    const struct pv_fit *buying;    /* or NULL */
    const struct pv_fit *spend;     /* or NULL */
    double money_scale;
};

/* mixture.c. *ret_finding comes not asked, with its verdict. */
int pv_check_mixed_spend(const struct pv_check *c, struct pv_finding *ret_finding);
int pv_check_mixed_rates(const struct pv_check *c, struct pv_finding *ret_finding);

#endif
