/*
 * json_in.h - reading JSON that must have a known shape; private to the library.
 *
 * A cursor walks the text and copies nothing. An object is a table of fields, each with the
 * function that reads it; the path to where one is stands in error->field, so that whoever fails
 * only names the fault. All return false after pv_json_fail.
 */
#ifndef PATRON_VALUE_JSON_IN_H
#define PATRON_VALUE_JSON_IN_H

#include "patron_model_file.h"

#include <locale.h>

enum { PV_JSON_WORD = 64 };

struct pv_json {
    const char *begin, *at, *end;
    int depth;
    locale_t plain; /* the locale "C", for numbers */
    struct pv_file_error *error;
};

typedef bool pv_json_read_fn(struct pv_json *c, void *into);

struct pv_json_field {
    const char *name;
    pv_json_read_fn *read;
    bool optional;
};

bool pv_json_fail(struct pv_json *c, enum pv_file_fault fault);
void pv_json_blanks(struct pv_json *c);
/* Takes a character, or a bare word such as null, when it comes next. */
bool pv_json_next(struct pv_json *c, char wanted);
bool pv_json_is(struct pv_json *c, const char *word);
/* Adds a name to the path; returns what pv_json_leave wants. */
size_t pv_json_enter(struct pv_json *c, const char *name);
void pv_json_leave(struct pv_json *c, size_t n);
/* A text without escapes: all that is ever written. */
bool pv_json_word(struct pv_json *c, char ret_word[PV_JSON_WORD]);
bool pv_json_number(struct pv_json *c, double *ret_value);
/* Any value, well formed and not too deep. */
bool pv_json_skip(struct pv_json *c);
/* Looks for a member of the object at the cursor, which is well formed, and stays where it is. */
bool pv_json_find(const struct pv_json *c, const char *name, struct pv_json *ret_at);
/* An object with exactly these fields, at most 32, each once; optional ones may be missing. */
bool pv_json_object(struct pv_json *c, const struct pv_json_field *fields, size_t n, void *into);
/* An array of exactly n numbers; null, where `unknown` allows it, is NaN. */
bool pv_json_numbers(struct pv_json *c, size_t n, bool unknown, double *ret);

#endif
