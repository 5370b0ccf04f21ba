/*
 * patron_refit.h - a fit carried on when new purchases arrive, and how far it has moved.
 *
 * Conventions (errors, ownership, units) are those of patron_value.h.
 */
#ifndef PATRON_REFIT_H
#define PATRON_REFIT_H

#include "patron_value.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * pv_fit_model, starting where `previous` ended: the same maximum in fewer steps. Where that leads
 * anywhere but to an ordinary maximum (verdict other than ok), or `previous` has no numbers, all
 * starting points are tried, as by pv_fit_model. PV_ERR_ARGUMENT when previous is of another model
 * or unit_days. *ret_warm (may be NULL): whether the previous fit was the start.
 */
PV_API PV_WARN_UNUSED int pv_refit_model(const struct pv_model *model, const struct pv_cells *cells,
                                         const struct pv_fit_options *options,
                                         const struct pv_fit *previous, struct pv_fit *ret_fit,
                                         bool *ret_warm);

/* How the data of the new fit are related to those of the old one. */
enum pv_growth {
    PV_GROWTH_SAME_CUSTOMERS, /* the old data and more: the same customers for longer, new ones */
    PV_GROWTH_OTHERS,         /* other customers: another cohort, store, year */
};

struct pv_drift {
    /* Distance of the logarithms of the parameters in units of the old fit's uncertainty: the root
     * of (new - old)' C_old^-1 (new - old) / params. 1: as far as the old fit itself left open. */
    double distance;
    double kl;   /* of the new posterior from the old one, both normal in the logarithms: nats */
    double lost; /* ln L given up on the new data when the old parameters are kept, >= 0 */
    double lost_each;  /* ... per customer of the new data: nats */
    double lost_share; /* ... over |ln L| of the new fit */
    /* Wald's statistic of "nothing has changed" and its p-value. Var(new - old) = C_old - C_new
     * where the data of the old fit are part of the new ones (Hausman, Econometrica 46 (1978),
     * 1251-1271), but in no direction under 10 % of C_old, which makes p larger where there is
     * little news; C_old + C_new where the customers are others. */
    double wald;
    int df; /* parameters */
    double p_value;
};

/*
 * Both fits of the same model and unit, usable, with a covariance: else PV_ERR_ARGUMENT. cells:
 * those of the new fit. Fits that are not ordinary maxima (verdict other than ok) are compared as
 * far as their covariance holds. O(cells).
 */
PV_API PV_WARN_UNUSED int pv_drift_measure(const struct pv_fit *old_fit,
                                           const struct pv_fit *new_fit,
                                           const struct pv_cells *cells, enum pv_growth growth,
                                           struct pv_drift *ret_drift);

#ifdef __cplusplus
}
#endif

#endif
