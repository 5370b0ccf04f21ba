/* Products and their categories. */
#ifndef PATRON_CRM_PRODUCTS_H
#define PATRON_CRM_PRODUCTS_H

#include "core/record/record.h"

extern const struct record_hook products_hooks[];

#endif
