/* Files carried inside the program (tools/embed.py writes the tables). */
#ifndef PATRON_BASE_EMBED_H
#define PATRON_BASE_EMBED_H

struct embedded {
    const char *name; /* NULL ends a table */
    const char *data; /* a NUL follows the last byte */
    unsigned long size;
};

extern const struct embedded embedded_entities[]; /* "customer.json", "system/tables.json" */
extern const struct embedded embedded_messages[]; /* "en.json", "zh.json" */
extern const struct embedded embedded_web[];      /* "index.html", "assets/….js", "….js.br" */

#endif
