/* Shared by the readers of workbooks. */
#ifndef PATRON_IO_XLSX_INTERNAL_H
#define PATRON_IO_XLSX_INTERNAL_H

#include "io/xlsx_read.h"

#include <expat.h>
#include <zip.h>

/* How a number of a style is meant. */
enum xlsx_kind { XLSX_NUMBER, XLSX_DATE, XLSX_CLOCK };

struct xlsx_texts {
    struct buf bytes;
    uint64_t *end; /* of text i, in bytes */
    size_t n, cap;
};

struct xlsx_book {
    zip_t *zip;
    struct xlsx_sheet sheets[XLSX_MAX_SHEETS];
    char *parts[XLSX_MAX_SHEETS]; /* names in the zip file */
    size_t nsheets;
    bool from_1904;
    char *shared_part, *styles_part;
    bool loaded; /* texts and styles */
    struct xlsx_texts texts;
    unsigned char *kinds; /* enum xlsx_kind by style */
    size_t nkinds;
};

/* A part being read: handlers get the parse, and stop it by part_fail. */
struct part {
    struct xlsx_book *book;
    XML_Parser xml;
    int failed;
    bool done; /* enough was read */
    void *own;
};
/* Reads a part through the handlers. Fails for one that is not there. */
int part_read(struct xlsx_book *b, const char *name, XML_StartElementHandler start,
              XML_EndElementHandler end, XML_CharacterDataHandler text, void *own);
void part_fail(struct part *p, int error);
void part_done(struct part *p);
/* The name without its prefix, and an attribute by its name without prefix; NULL if there is none.
 */
const char *xml_local(const char *name);
const char *xml_attribute(const char **attributes, const char *name);
/* _x000D_ and the like, in place: the new length. */
size_t xlsx_unescape(char *p, size_t n);
/* Shared texts and styles, once. */
int xlsx_load(struct xlsx_book *b);

#endif
