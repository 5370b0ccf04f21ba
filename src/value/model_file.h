/* model_file.h - the part of a model file that tells of covariates (covariates_file.c). */
#ifndef PATRON_VALUE_MODEL_FILE_H
#define PATRON_VALUE_MODEL_FILE_H

#include "json_in.h"
#include "json_out.h"

void pv_covariates_put(struct pv_json_out *o, const struct pv_model_covariates *covariates);
/* file->fit and file->spend have been read; what is read becomes file->covariates. */
bool pv_covariates_read(struct pv_json *c, struct pv_model_file *file);

#endif
