/*
 * patron_check.h - is this base one that the models can be told about?
 *
 * A verdict (patron_value.h) is about one fit. A base may, besides, be such that a fit converges,
 * looks fine and misleads. Each check here asks one question of the data, with a stated rate of
 * false alarms, and answers with a verdict of the same list; docs/models/verdicts.md says what to
 * do. Conventions (errors, ownership, time, money, threads) are those of patron_value.h.
 */
#ifndef PATRON_CHECK_H
#define PATRON_CHECK_H

#include "patron_value.h"

#ifdef __cplusplus
extern "C" {
#endif

struct pv_finding {
    enum pv_verdict verdict;
    bool asked;     /* false: the data do not allow the question; the rest is NaN and false */
    bool found;     /* p_value, share and effect all beyond what is named below */
    double share;   /* left-truncated: of the early "first" purchases those beyond the later daily
                       rate; mixed: of the customers those of the smaller group. 0 .. 1 */
    double effect;  /* left-truncated: P(an early customer buys more often soon after than a late
                       one), ties half; mixed: mean spend, or rate, of one group over the other's */
    double p_value; /* of a sound base: the probability of as much evidence, or more */
};

enum { PV_CHECKS = 3 };

/*
 * Asks every question of the transactions up to the end of day `end`. ret_findings: PV_CHECKS, in
 * the order left-truncated, mixed-spend, mixed-rates.
 *
 * left-truncated: customers who were customers before the data begin are first seen the sooner the
 * oftener they buy. So those first seen early are more than later ones, per day, and buy oftener.
 * Early: first seen in the first sixth of the span of arrivals; late: in its second half. Counted
 * are purchases in the quarter of the observation that follows the first one. Found when p < 0.001
 * (Mann-Whitney, one-sided, with ties), the effect is over 0.52 and the early daily rate 1.25 times
 * the late one (share > 0.2). Whatever the arrivals: if the cohorts behave alike, false alarms are
 * rarer than 0.001. Not asked with fewer than 50 customers on either side. A launch whose first
 * customers stayed the best looks the same.
 *
 * mixed-spend: two Gamma-Gamma groups with the same p and q, whose gamma differ, against one, by
 * likelihood ratio; `gamma_gamma` must be a usable fit.
 *
 * mixed-rates: two groups whose alpha differ, against one, the parameters of leaving held; `buying`
 * must be a usable fit of repeat purchases. A wrong story of leaving or of rhythm looks like two
 * kinds: where two are found, they must say more, by as much, than one kind under any other model
 * of repeat purchases, and p is against the best of those.
 *
 * Both: found when p < 0.001, each group holds 1 % of the customers, and the logarithms of the
 * groups' means are apart by more than 2.5 times their spread within a group: two humps (Ashman,
 * Bird & Zepf, Astronomical Journal 108 (1994), 2348-2361, ask for 2), not one with a long tail. p:
 * chi-squared of three degrees of freedom; the null is not regular, its distribution was simulated
 * and lies below (docs/models/verdicts.md).
 *
 * buying, gamma_gamma: may be NULL, and their question is not asked. money_scale > 0, as in the
 * fit. PV_ERR_ARGUMENT, PV_ERR_NO_MEMORY. O(transactions); the groups by at most 4,096 spenders
 * and 2,048 buyers, evenly chosen.
 */
PV_API PV_WARN_UNUSED int pv_check_history(const struct pv_history *history, int32_t end,
                                           const struct pv_fit *buying,
                                           const struct pv_fit *gamma_gamma, double money_scale,
                                           struct pv_finding ret_findings[PV_CHECKS]);

#ifdef __cplusplus
}
#endif

#endif
