/* json_in.c - see json_in.h. */
#include "json_in.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 8 };

bool pv_json_fail(struct pv_json *c, enum pv_file_fault fault)
{
    c->error->fault = fault;
    c->error->byte = (size_t)(c->at - c->begin);
    return false;
}

void pv_json_blanks(struct pv_json *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\r' || *c->at == '\n'))
        c->at++;
}

bool pv_json_next(struct pv_json *c, char wanted)
{
    pv_json_blanks(c);
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

bool pv_json_is(struct pv_json *c, const char *word)
{
    size_t n = strlen(word);
    pv_json_blanks(c);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
        return false;
    c->at += n;
    return true;
}

/* Adds a name to the path of errors; returns its length before. */
size_t pv_json_enter(struct pv_json *c, const char *name)
{
    size_t n = strlen(c->error->field), room = sizeof c->error->field;
    snprintf(c->error->field + n, room - n, "%s%s", n ? "." : "", name);
    return n;
}

void pv_json_leave(struct pv_json *c, size_t n)
{
    c->error->field[n] = '\0';
}

/* A text without escapes: all that is ever written. */
bool pv_json_word(struct pv_json *c, char ret_word[PV_JSON_WORD])
{
    size_t n = 0;
    pv_json_blanks(c);
    if (c->at == c->end || *c->at != '"')
        return pv_json_fail(c, PV_FILE_TYPE);
    const char *at = c->at + 1;
    for (; at < c->end && *at != '"'; at++) {
        if (*at == '\\' || (unsigned char)*at < 0x20 || n + 1 == PV_JSON_WORD)
            return pv_json_fail(c, PV_FILE_UNKNOWN);
        ret_word[n++] = *at;
    }
    if (at == c->end)
        return pv_json_fail(c, PV_FILE_SYNTAX);
    ret_word[n] = '\0';
    c->at = at + 1;
    return true;
}

static size_t digits(const char *at, const char *end)
{
    size_t n = 0;
    while (at + n < end && at[n] >= '0' && at[n] <= '9')
        n++;
    return n;
}

/* Length of a number by the grammar of JSON; 0: none. */
static size_t number_length(const char *at, const char *end)
{
    const char *p = at;
    if (p < end && *p == '-')
        p++;
    size_t whole = digits(p, end);
    if (whole == 0 || (whole > 1 && *p == '0'))
        return 0;
    p += whole;
    if (p < end && *p == '.') {
        size_t n = digits(++p, end);
        if (n == 0)
            return 0;
        p += n;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        size_t n = digits(p, end);
        if (n == 0)
            return 0;
        p += n;
    }
    return (size_t)(p - at);
}

bool pv_json_number(struct pv_json *c, double *ret_value)
{
    char text[PV_JSON_WORD];
    pv_json_blanks(c);
    size_t n = number_length(c->at, c->end);
    if (n == 0)
        return pv_json_fail(c, PV_FILE_TYPE);
    if (n >= sizeof text)
        return pv_json_fail(c, PV_FILE_RANGE);
    memcpy(text, c->at, n);
    text[n] = '\0';
    double value = strtod_l(text, NULL, c->plain);
    if (!isfinite(value))
        return pv_json_fail(c, PV_FILE_RANGE);
    c->at += n;
    *ret_value = value;
    return true;
}

static bool skip_text(struct pv_json *c)
{
    for (c->at++; c->at < c->end && *c->at != '"'; c->at++) {
        if ((unsigned char)*c->at < 0x20)
            return pv_json_fail(c, PV_FILE_SYNTAX);
        if (*c->at == '\\' && ++c->at == c->end)
            break;
    }
    return pv_json_next(c, '"') || pv_json_fail(c, PV_FILE_SYNTAX);
}

/* Any value, well formed. */
bool pv_json_skip(struct pv_json *c)
{
    pv_json_blanks(c);
    if (c->at == c->end)
        return pv_json_fail(c, PV_FILE_SYNTAX);
    char open = *c->at, close = open == '{' ? '}' : ']';
    if (open == '"')
        return skip_text(c);
    if (open != '{' && open != '[') {
        size_t n = number_length(c->at, c->end);
        c->at += n;
        return n || pv_json_is(c, "null") || pv_json_is(c, "true") || pv_json_is(c, "false") ||
               pv_json_fail(c, PV_FILE_SYNTAX);
    }
    if (c->depth == MAX_DEPTH)
        return pv_json_fail(c, PV_FILE_TOO_DEEP);
    c->depth++;
    c->at++;
    for (bool first = true; !pv_json_next(c, close); first = false) {
        if (!first && !pv_json_next(c, ','))
            return pv_json_fail(c, PV_FILE_SYNTAX);
        pv_json_blanks(c);
        if (open == '{' &&
            (c->at == c->end || *c->at != '"' || !skip_text(c) || !pv_json_next(c, ':')))
            return pv_json_fail(c, PV_FILE_SYNTAX);
        if (!pv_json_skip(c))
            return false;
    }
    c->depth--;
    return true;
}

/* Looks for a member of the object at the cursor, which is well formed, and stays where it is. */
bool pv_json_find(const struct pv_json *c, const char *name, struct pv_json *ret_at)
{
    struct pv_json k = *c;
    char word[PV_JSON_WORD];
    if (!pv_json_next(&k, '{'))
        return false;
    for (bool first = true; !pv_json_next(&k, '}'); first = false) {
        if (!first && !pv_json_next(&k, ','))
            return false;
        bool found = pv_json_word(&k, word) && strcmp(word, name) == 0;
        if (!found && (k.at == k.end || (*k.at == '"' && !skip_text(&k))))
            return false;
        if (!pv_json_next(&k, ':'))
            return false;
        if (found) {
            *ret_at = k;
            return true;
        }
        if (!pv_json_skip(&k))
            return false;
    }
    return false;
}

/* An object with exactly these fields. */
bool pv_json_object(struct pv_json *c, const struct pv_json_field *fields, size_t n, void *into)
{
    unsigned seen = 0;
    char name[PV_JSON_WORD];
    if (!pv_json_next(c, '{'))
        return pv_json_fail(c, PV_FILE_TYPE);
    for (bool first = true; !pv_json_next(c, '}'); first = false) {
        size_t k = 0;
        if (!first && !pv_json_next(c, ','))
            return pv_json_fail(c, PV_FILE_SYNTAX);
        if (!pv_json_word(c, name))
            return false;
        size_t path = pv_json_enter(c, name);
        while (k < n && strcmp(fields[k].name, name) != 0)
            k++;
        if (k == n)
            return pv_json_fail(c, PV_FILE_UNKNOWN);
        if (seen & 1u << k)
            return pv_json_fail(c, PV_FILE_TWICE);
        seen |= 1u << k;
        if (!pv_json_next(c, ':'))
            return pv_json_fail(c, PV_FILE_SYNTAX);
        if (!fields[k].read(c, into))
            return false;
        pv_json_leave(c, path);
    }
    for (size_t k = 0; k < n; k++) {
        if (!fields[k].optional && !(seen & 1u << k)) {
            pv_json_enter(c, fields[k].name);
            return pv_json_fail(c, PV_FILE_MISSING);
        }
    }
    return true;
}

/* An array of exactly n numbers; null where `unknown` allows it is NaN. */
bool pv_json_numbers(struct pv_json *c, size_t n, bool unknown, double *ret)
{
    if (!pv_json_next(c, '['))
        return pv_json_fail(c, PV_FILE_TYPE);
    for (size_t i = 0; i < n; i++) {
        pv_json_blanks(c);
        if ((c->at < c->end && *c->at == ']') || (i && !pv_json_next(c, ',')))
            return pv_json_fail(c, PV_FILE_COUNT);
        if (unknown && pv_json_is(c, "null"))
            ret[i] = NAN;
        else if (!pv_json_number(c, &ret[i]))
            return false;
    }
    return pv_json_next(c, ']') || pv_json_fail(c, PV_FILE_COUNT);
}
