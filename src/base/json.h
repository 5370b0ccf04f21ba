/* JSON that comes in: jansson behind limits. What goes out is written by base/jw.h. */
#ifndef PATRON_BASE_JSON_H
#define PATRON_BASE_JSON_H

#include "base/arena.h"
#include "base/err.h"
#include "base/jw.h"

#include <jansson.h>

/* Reader. Nesting <= 64, arrays <= 10,000 items, duplicate keys and bad UTF-8 refused.
   The tree belongs to the arena (freed with it). Errors ERR_MALFORMED_JSON (param offset),
   ERR_BAD_UTF8. */
int json_read(struct arena *a, struct str text, json_t **ret_root, struct err *e) must_check;

/* Borrowed string of an object's member, or STR_NULL. */
struct str json_get_str(const json_t *obj, const char *key);

#endif
