/* Strings as pointer + length, passed by value and borrowed: a struct str never owns its bytes. */
#ifndef PATRON_BASE_STR_H
#define PATRON_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
    const char *p; /* not necessarily NUL-terminated; NULL only when n == 0 */
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NULL ((struct str){NULL, 0})
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

struct str str_of(const char *cstr); /* NULL gives the empty string */
struct str str_from(const char *p, size_t n);
bool str_eq(struct str a, struct str b);
bool str_is(struct str a, const char *cstr);
int str_cmp(struct str a, struct str b); /* byte order, as BINARY and collation C */
bool str_starts(struct str s, struct str prefix);
struct str str_trim(struct str s); /* ASCII white space on both sides */
struct str str_skip(struct str s, size_t n);
/* Splits off what stands before the first `sep`; *rest is what follows. False at the end. */
bool str_split(struct str *rest, char sep, struct str *ret_part);
/* Index of the first `c`, or s.n. */
size_t str_find(struct str s, char c);

/* Whole-string decimal integers; false on anything else, overflow included. */
bool str_to_i64(struct str s, int64_t *ret_value);
bool str_to_f64(struct str s, double *ret_value);

/* Well-formed UTF-8 without surrogates, overlong forms or NUL bytes.
 *ret_offset is the first offending byte when false. O(n). */
bool str_utf8_ok(struct str s, size_t *ret_offset);
/* Number of code points of well-formed UTF-8. */
bool str_is_ascii(struct str s);
size_t str_utf8_len(struct str s);

uint64_t str_hash(struct str s); /* FNV-1a with a final mix; not for hostile keys in big tables */

#endif
