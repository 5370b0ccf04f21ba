/* Texts of error codes, verdicts and notices in both languages, from messages/{en,zh}.json. */
#ifndef PATRON_CORE_MESSAGES_H
#define PATRON_CORE_MESSAGES_H

#include "base/err.h"
#include "core/registry/registry.h"

struct messages;

int messages_load(struct messages **ret_messages, struct err *e) must_check;
void messages_free(struct messages *m);

/* The text of `code` with {key} replaced from params (those with key NULL are skipped). An unknown
   code gives the code itself, so that a missing text is seen and not hidden. */
struct str message_text(const struct messages *m, enum lang lang, const char *code,
                        const struct err_param *params, size_t nparams, struct arena *a);
bool message_known(const struct messages *m, const char *code);

#endif
