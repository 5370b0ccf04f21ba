/*
 * patron_model_file.h - libpatron-value: a fitted model as one or two thousand bytes of JSON.
 *
 * What predictions need and nothing else: parameters, their covariance, the verdict, the unit of
 * time, the end of the observation, and a fingerprint of the data, so that somebody who applies the
 * model to other data can be told. No customer is in it. Works on memory; opening files is the
 * caller's. Every number is written with 17 significant digits, so that a fit comes back as it was,
 * to the last bit. Conventions as in patron_value.h; independent of the locale.
 */
#ifndef PATRON_MODEL_FILE_H
#define PATRON_MODEL_FILE_H

#include "patron_covariates.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    PV_MODEL_FILE_VERSION = 1,
    PV_MODEL_FILE_MAX = 262144, /* bytes; larger ones are refused unread */
};

enum { PV_COVARIATE_NAME = 64 };

/* Coefficients of the fits of a file, and what their columns are called: UTF-8 without quotes,
 * backslashes and control characters, all different. */
struct pv_model_covariates {
    size_t columns;
    char name[PV_MAX_COVARIATES][PV_COVARIATE_NAME];
    struct pv_covariate_fit *fit;   /* whose `typical` is the fit of the file */
    struct pv_covariate_fit *spend; /* NULL: spend without covariates */
};

/* A fit of anything but spend, and beside it, if there is one, what a purchase brings. */
struct pv_model_file {
    struct pv_fit fit;
    bool has_spend;
    struct pv_fit spend;                    /* gamma-gamma; when has_spend */
    int32_t until;                          /* end of the observation; PV_NO_DAY: not known */
    double money_scale;                     /* minor units in one major, as in the fit */
    uint64_t fingerprint;                   /* of the customers fitted to; 0: not known */
    struct pv_model_covariates *covariates; /* NULL: none */
};

/* Releases the covariates of a file that was parsed, if it has any. */
PV_API void pv_model_file_free(struct pv_model_file *file);

/*
 * Of what a fit sees of customers (x, t_x, T, spend): the same in whatever order they come, and
 * whatever they are called; other customers give another one but for a chance of 2^-64. Customers
 * with T < 0 do not count. Never 0. Not a defence against people who want to deceive. O(n).
 */
PV_API uint64_t pv_fingerprint(const struct pv_customer *rows, size_t n);

/*
 * Writes the file into `buffer`, with a newline and a zero byte at the end; *ret_length counts
 * without the zero byte. PV_ERR_OVERFLOW: `room` is too small (PV_MODEL_FILE_MAX always does).
 * PV_ERR_ARGUMENT: not a fit that could be read again.
 */
PV_API PV_WARN_UNUSED int pv_model_file_write(const struct pv_model_file *file, char *buffer,
                                              size_t room, size_t *ret_length);

/* What is wrong with a file. */
enum pv_file_fault {
    PV_FILE_SYNTAX,       /* "syntax": not JSON at this byte */
    PV_FILE_TOO_LARGE,    /* "too-large" */
    PV_FILE_TOO_DEEP,     /* "too-deep": brackets within brackets within brackets */
    PV_FILE_FORMAT,       /* "format": no model file */
    PV_FILE_VERSION,      /* "version": written by a later program */
    PV_FILE_MISSING,      /* "missing": the field is not there */
    PV_FILE_UNKNOWN,      /* "unknown": there is no such field */
    PV_FILE_TWICE,        /* "twice": the field stands twice */
    PV_FILE_TYPE,         /* "type": another kind of value is expected */
    PV_FILE_RANGE,        /* "range": a number outside of what is possible */
    PV_FILE_COUNT,        /* "count": too few or too many numbers */
    PV_FILE_MODEL,        /* "model": no model of this name, or not in this place */
    PV_FILE_VERDICT,      /* "verdict": no such verdict */
    PV_FILE_NOT_POSITIVE, /* "not-positive": a covariance that is not positive semi-definite */
    PV_FILE_FAULTS
};
PV_API const char *pv_file_fault_code(enum pv_file_fault fault);

struct pv_file_error {
    enum pv_file_fault fault;
    char field[80]; /* such as "fit.params.alpha"; "" for the whole */
    size_t byte;    /* where reading stopped, from 0 */
};

/*
 * Strict: every field once, no other ones, whole numbers where whole numbers belong. On
 * PV_ERR_ARGUMENT *ret_error (may be NULL) says what is wrong, and with which field. Allocates
 * nothing but the covariates of a model that has them: pv_model_file_free.
 */
PV_API PV_WARN_UNUSED int pv_model_file_parse(const char *text, size_t length,
                                              struct pv_model_file *ret_file,
                                              struct pv_file_error *ret_error);

#ifdef __cplusplus
}
#endif

#endif
