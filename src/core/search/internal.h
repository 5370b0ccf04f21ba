/* Shared by the files of this room only. */
#ifndef PATRON_CORE_SEARCH_INTERNAL_H
#define PATRON_CORE_SEARCH_INTERNAL_H

#include "core/search/search.h"

enum { SEARCH_MAX_DOC = 32 << 10 };

/* Appends the tokens that the text of one field gives the document of a record. */
void document_tokens(const struct entity *en, const struct field *f, struct str text,
                     struct buf *out);

#endif
