/*
 * intern.h - texts to small whole numbers, in the order of first appearance, at memory speed.
 *
 * A random probe into a table of half a million keys costs a cache miss. Keys are therefore taken
 * in blocks: all are hashed and their slots requested from memory first, then all are looked up.
 * Keys of up to 16 bytes lie in the slot itself.
 */
#ifndef PATRON_IO_INTERN_H
#define PATRON_IO_INTERN_H

#include "csv.h"

enum { INTERN_BLOCK = 64 };

struct intern;

__attribute__((warn_unused_result)) int intern_new(struct intern **ret_table);
void intern_free(struct intern *table);
/* Numbers of n <= INTERN_BLOCK keys. CSV_ERR_NO_MEMORY; keys shorter than 2^31 bytes. */
__attribute__((warn_unused_result)) int
intern_block(struct intern *table, const struct csv_slice *keys, size_t n, uint32_t *ret_number);
size_t intern_count(const struct intern *table);
/* Text of a number < intern_count; borrowed until the next intern_block. */
struct csv_slice intern_text(const struct intern *table, uint32_t number);
/* Frees the lookup part and keeps the texts; no intern_block afterwards. */
void intern_seal(struct intern *table);

#endif
