/*
 * intern.h - texts to small whole numbers, in the order of first appearance, at memory speed.
 *
 * A random probe into a table of half a million keys costs a cache miss. So memory is asked for the
 * slot of a key when its row is read (intern_ask), and the key is looked up some dozens of rows
 * later (intern_block). Keys of up to 12 bytes lie in the slot itself.
 */
#ifndef PATRON_IO_INTERN_H
#define PATRON_IO_INTERN_H

#include "csv.h"

enum { INTERN_BLOCK = 64, INTERN_SHORT = 12 };

struct intern;

/* What is compared. Up to INTERN_SHORT bytes: the text and zeros. Longer: a hash, and a tail that
 * no short text has, since in it something follows a zero. */
struct intern_form {
    uint32_t part[INTERN_SHORT / 4];
};

/* A text on its way into the table. */
struct intern_key {
    struct intern_form form;
    uint64_t hash;
    struct csv_slice text; /* its bytes are looked at only if they are more than INTERN_SHORT */
};

__attribute__((warn_unused_result)) int intern_new(struct intern **ret_table);
void intern_free(struct intern *table);
/* The key of a text (shorter than 2^31 bytes, none of them zero). A text of more than INTERN_SHORT
 * bytes must lie still until intern_block. */
void intern_ask(const struct intern *table, struct csv_slice text, struct intern_key *ret_key);
/* Numbers of n keys. CSV_ERR_NO_MEMORY. */
__attribute__((warn_unused_result)) int
intern_block(struct intern *table, const struct intern_key *keys, size_t n, uint32_t *ret_number);
/* The number of one text. */
__attribute__((warn_unused_result)) int intern_one(struct intern *table, struct csv_slice text,
                                                   uint32_t *ret_number);
size_t intern_count(const struct intern *table);
/* Text of a number < intern_count; borrowed until the next intern_block. */
struct csv_slice intern_text(const struct intern *table, uint32_t number);
/* Frees the lookup part and keeps the texts; no intern_block afterwards. */
void intern_seal(struct intern *table);

#endif
