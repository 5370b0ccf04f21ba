/* A fuzz target is a file with these two; driver.c makes the inputs. */
#ifndef PATRON_TESTS_FUZZ_H
#define PATRON_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Takes any bytes; what must hold is checked with fuzz_must. */
void fuzz_one(const uint8_t *data, size_t size);
/* Words that belong to the language of the inputs; ends with NULL. */
extern const char *const fuzz_words[];

/* Ends the run, the input is kept. */
void fuzz_failed(const char *what, const char *file, int line);
#define fuzz_must(condition) ((condition) ? (void)0 : fuzz_failed(#condition, __FILE__, __LINE__))

#endif
