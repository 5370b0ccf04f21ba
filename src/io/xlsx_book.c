/* A workbook: its zip file, its list of sheets, the texts and styles that the sheets share. */
#include "io/xlsx_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What parts may unpack to, and how many times their packed size once they are big. Sheets of equal
   cells are packed to a fiftieth. */
#define MAX_PART ((uint64_t)4 << 30)
#define BIG_PART ((uint64_t)16 << 20)
#define MAX_TEXTS ((size_t)512 << 20)
enum { MAX_RATIO = 400, BLOCK = 1 << 16, MAX_STYLES = 65536, MAX_RELATIONS = 2000 };

const char *xlsx_error_code(int error)
{
    static const char *const codes[] = {"ok",       "read",   "no-memory",
                                        "not-xlsx", "broken", "too-large"};
    return error <= 0 && error >= XLSX_ERR_TOO_LARGE ? codes[-error] : "unknown";
}

bool xlsx_looks_like(const char *data, size_t n)
{
    return n >= 4 && memcmp(data, "PK\3\4", 4) == 0;
}

/* --- parts --------------------------------------------------------------------------------- */

const char *xml_local(const char *name)
{
    const char *colon = strchr(name, ':');
    return colon ? colon + 1 : name;
}

const char *xml_attribute(const char **attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (strcmp(xml_local(attributes[0]), name) == 0)
            return attributes[1];
    return NULL;
}

void part_fail(struct part *p, int error)
{
    if (!p->failed)
        p->failed = error;
    XML_StopParser(p->xml, XML_FALSE);
}

void part_done(struct part *p)
{
    p->done = true;
    XML_StopParser(p->xml, XML_FALSE);
}

/* A document type is where entities come from, and no workbook has one. */
static void no_doctype(void *arg, const char *name, const char *sysid, const char *pubid,
                       int internal)
{
    (void)name;
    (void)sysid;
    (void)pubid;
    (void)internal;
    part_fail(arg, XLSX_ERR_BROKEN);
}

static int feed(struct part *p, zip_file_t *f, uint64_t packed)
{
    uint64_t size = 0;
    for (;;) {
        void *block = XML_GetBuffer(p->xml, BLOCK);
        if (!block)
            return XLSX_ERR_NO_MEMORY;
        zip_int64_t got = zip_fread(f, block, BLOCK);
        if (got < 0)
            return XLSX_ERR_BROKEN;
        size += (uint64_t)got;
        if (size > MAX_PART || (size > BIG_PART && size / MAX_RATIO > packed))
            return XLSX_ERR_TOO_LARGE;
        enum XML_Status status = XML_ParseBuffer(p->xml, (int)got, got == 0);
        if (p->failed || p->done)
            return p->failed;
        if (status != XML_STATUS_OK)
            return XML_GetErrorCode(p->xml) == XML_ERROR_NO_MEMORY ? XLSX_ERR_NO_MEMORY
                                                                   : XLSX_ERR_BROKEN;
        if (got == 0)
            return 0;
    }
}

int part_read(struct xlsx_book *b, const char *name, XML_StartElementHandler start,
              XML_EndElementHandler end, XML_CharacterDataHandler text, void *own)
{
    struct part p = {.book = b, .own = own};
    zip_stat_t st;
    if (zip_stat(b->zip, name, ZIP_FL_NOCASE, &st) != 0 || !(st.valid & ZIP_STAT_COMP_SIZE))
        return XLSX_ERR_NOT_XLSX;
    zip_file_t *f = zip_fopen_index(b->zip, st.index, 0);
    if (!f)
        return XLSX_ERR_BROKEN;
    p.xml = XML_ParserCreate(NULL);
    int rc = XLSX_ERR_NO_MEMORY;
    if (p.xml) {
        XML_SetUserData(p.xml, &p);
        XML_SetElementHandler(p.xml, start, end);
        XML_SetCharacterDataHandler(p.xml, text);
        XML_SetStartDoctypeDeclHandler(p.xml, no_doctype);
        rc = feed(&p, f, st.comp_size);
        XML_ParserFree(p.xml);
    }
    zip_fclose(f);
    return rc;
}

static void nothing_ends(void *arg, const char *name)
{
    (void)arg;
    (void)name;
}

static void no_text(void *arg, const char *s, int n)
{
    (void)arg;
    (void)s;
    (void)n;
}

/* --- relations ----------------------------------------------------------------------------- */

struct relation {
    char *id, *type, *target;
};

struct relations {
    struct relation list[MAX_RELATIONS];
    size_t n;
};

static void relation_start(void *arg, const char *name, const char **attributes)
{
    struct part *p = arg;
    struct relations *r = p->own;
    const char *id = xml_attribute(attributes, "Id"), *type = xml_attribute(attributes, "Type"),
               *target = xml_attribute(attributes, "Target");
    if (strcmp(xml_local(name), "Relationship") != 0 || !id || !type || !target)
        return;
    if (r->n == MAX_RELATIONS) {
        part_fail(p, XLSX_ERR_TOO_LARGE);
        return;
    }
    struct relation *one = &r->list[r->n++];
    *one = (struct relation){strdup(id), strdup(type), strdup(target)};
    if (!one->id || !one->type || !one->target)
        part_fail(p, XLSX_ERR_NO_MEMORY);
}

static void relations_free(struct relations *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->list[i].id);
        free(r->list[i].type);
        free(r->list[i].target);
    }
    free(r);
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* A target as a part's name: "/xl/a.xml" is from the root, "a.xml" from the folder of `of`. */
static char *resolve(const char *of, const char *target)
{
    const char *slash = strrchr(of, '/');
    size_t folder = target[0] == '/' || !slash ? 0 : (size_t)(slash - of) + 1;
    target += target[0] == '/';
    while (strncmp(target, "../", 3) == 0 && folder) {
        target += 3;
        for (folder--; folder && of[folder - 1] != '/'; folder--)
            ;
    }
    size_t n = strlen(target);
    char *name = malloc(folder + n + 1);
    if (!name)
        return NULL;
    memcpy(name, of, folder);
    memcpy(name + folder, target, n + 1);
    return name;
}

/* The name of the part that says what `of` is related to: a/b.xml → a/_rels/b.xml.rels. */
static char *relations_name(const char *of)
{
    const char *slash = strrchr(of, '/');
    size_t folder = slash ? (size_t)(slash - of) + 1 : 0, n = strlen(of);
    char *name = malloc(n + 12);
    if (name)
        snprintf(name, n + 12, "%.*s_rels/%s.rels", (int)folder, of, of + folder);
    return name;
}

static int relations_of(struct xlsx_book *b, const char *of, struct relations **ret)
{
    struct relations *r = *ret = calloc(1, sizeof *r);
    char *name = relations_name(of);
    int rc = r && name ? part_read(b, name, relation_start, nothing_ends, no_text, r)
                       : XLSX_ERR_NO_MEMORY;
    free(name);
    return rc;
}

/* --- sheets -------------------------------------------------------------------------------- */

struct listing {
    struct relations *relations;
    const char *part; /* of the workbook */
};

static const struct relation *relation_by_id(const struct relations *r, const char *id)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->list[i].id, id) == 0)
            return &r->list[i];
    return NULL;
}

static bool is_true(const char *s)
{
    return s && (strcmp(s, "1") == 0 || strcmp(s, "true") == 0);
}

static void book_start(void *arg, const char *name, const char **attributes)
{
    struct part *p = arg;
    struct listing *l = p->own;
    struct xlsx_book *b = p->book;
    name = xml_local(name);
    if (strcmp(name, "workbookPr") == 0)
        b->from_1904 = is_true(xml_attribute(attributes, "date1904"));
    if (strcmp(name, "sheet") != 0)
        return;
    /* "id", not "sheetId": the relation. */
    const char *title = xml_attribute(attributes, "name"), *id = xml_attribute(attributes, "id"),
               *state = xml_attribute(attributes, "state");
    const struct relation *r = id ? relation_by_id(l->relations, id) : NULL;
    if (!title || !r || !ends_with(r->type, "/worksheet"))
        return; /* a sheet of charts or of macros */
    if (b->nsheets == XLSX_MAX_SHEETS) {
        part_fail(p, XLSX_ERR_TOO_LARGE);
        return;
    }
    char *copy = strdup(title), *part = resolve(l->part, r->target);
    b->parts[b->nsheets] = part;
    b->sheets[b->nsheets++] = (struct xlsx_sheet){{copy, copy ? strlen(copy) : 0},
                                                  state && strcmp(state, "visible") != 0};
    if (!copy || !part)
        part_fail(p, XLSX_ERR_NO_MEMORY);
}

static int read_book(struct xlsx_book *b)
{
    struct relations *root = NULL, *own = NULL;
    char *part = NULL;
    int rc = relations_of(b, "", &root);
    for (size_t i = 0; rc == 0 && !part && i < root->n; i++)
        if (ends_with(root->list[i].type, "/officeDocument"))
            part = resolve("", root->list[i].target);
    if (rc == 0 && !part)
        rc = XLSX_ERR_NOT_XLSX;
    if (rc == 0)
        rc = relations_of(b, part, &own);
    struct listing l = {own, part};
    if (rc == 0)
        rc = part_read(b, part, book_start, nothing_ends, no_text, &l);
    for (size_t i = 0; rc == 0 && i < own->n; i++) {
        const struct relation *r = &own->list[i];
        char **where = ends_with(r->type, "/sharedStrings") ? &b->shared_part
                       : ends_with(r->type, "/styles")      ? &b->styles_part
                                                            : NULL;
        if (where && !*where && !(*where = resolve(part, r->target)))
            rc = XLSX_ERR_NO_MEMORY;
    }
    if (rc == 0 && b->nsheets == 0)
        rc = XLSX_ERR_NOT_XLSX;
    free(part);
    if (root)
        relations_free(root);
    if (own)
        relations_free(own);
    return rc;
}

static int open_zip(zip_t *zip, struct xlsx_book **ret_book)
{
    struct xlsx_book *b = calloc(1, sizeof *b);
    if (!b) {
        zip_discard(zip);
        return XLSX_ERR_NO_MEMORY;
    }
    b->zip = zip;
    b->texts.bytes = BUF_INIT(MAX_TEXTS);
    int rc = read_book(b);
    if (rc) {
        xlsx_close(b);
        return rc;
    }
    *ret_book = b;
    return 0;
}

int xlsx_open(const char *path, struct xlsx_book **ret_book)
{
    int why = 0;
    zip_t *zip = zip_open(path, ZIP_RDONLY, &why);
    *ret_book = NULL;
    if (!zip)
        return why == ZIP_ER_OPEN || why == ZIP_ER_READ || why == ZIP_ER_NOENT ? XLSX_ERR_READ
               : why == ZIP_ER_MEMORY                                          ? XLSX_ERR_NO_MEMORY
                                                                               : XLSX_ERR_BROKEN;
    return open_zip(zip, ret_book);
}

int xlsx_open_memory(const void *data, size_t n, struct xlsx_book **ret_book)
{
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *source = zip_source_buffer_create(data, n, 0, &why);
    zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY, &why) : NULL;
    bool memory = zip_error_code_zip(&why) == ZIP_ER_MEMORY;
    zip_error_fini(&why);
    *ret_book = NULL;
    if (zip)
        return open_zip(zip, ret_book);
    if (source)
        zip_source_free(source);
    return memory ? XLSX_ERR_NO_MEMORY : XLSX_ERR_BROKEN;
}

void xlsx_close(struct xlsx_book *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->nsheets; i++) {
        free((char *)(uintptr_t)b->sheets[i].name.p);
        free(b->parts[i]);
    }
    free(b->shared_part);
    free(b->styles_part);
    free(b->texts.end);
    buf_free(&b->texts.bytes);
    free(b->kinds);
    zip_discard(b->zip);
    free(b);
}

size_t xlsx_sheets(const struct xlsx_book *b, const struct xlsx_sheet **ret_sheets)
{
    *ret_sheets = b->sheets;
    return b->nsheets;
}

/* --- shared texts -------------------------------------------------------------------------- */

struct texts_reading {
    int phonetic; /* readings of Japanese names, which are no part of the text */
    bool in_text;
};

static void texts_start(void *arg, const char *name, const char **attributes)
{
    struct part *p = arg;
    struct texts_reading *r = p->own;
    (void)attributes;
    name = xml_local(name);
    r->phonetic += strcmp(name, "rPh") == 0;
    r->in_text = strcmp(name, "t") == 0 && r->phonetic == 0;
}

static bool texts_room(struct xlsx_texts *t)
{
    if (t->n < t->cap)
        return true;
    size_t cap = t->cap ? t->cap * 2 : 1024;
    uint64_t *grown = realloc(t->end, cap * sizeof *grown);
    if (!grown)
        return false;
    t->end = grown;
    t->cap = cap;
    return true;
}

static void texts_end(void *arg, const char *name)
{
    struct part *p = arg;
    struct texts_reading *r = p->own;
    struct xlsx_texts *t = &p->book->texts;
    name = xml_local(name);
    r->in_text = false;
    r->phonetic -= strcmp(name, "rPh") == 0;
    if (strcmp(name, "si") != 0)
        return;
    if (t->bytes.overflow || !texts_room(t)) {
        part_fail(p, t->bytes.overflow ? XLSX_ERR_TOO_LARGE : XLSX_ERR_NO_MEMORY);
        return;
    }
    uint64_t from = t->n ? t->end[t->n - 1] : 0;
    if (t->bytes.n > from)
        t->bytes.n = from + xlsx_unescape(t->bytes.p + from, t->bytes.n - from);
    t->end[t->n++] = t->bytes.n;
}

static void texts_text(void *arg, const char *s, int n)
{
    struct part *p = arg;
    struct texts_reading *r = p->own;
    if (r->in_text)
        buf_add(&p->book->texts.bytes, s, (size_t)n);
}

size_t xlsx_unescape(char *p, size_t n)
{
    char *at = n ? memchr(p, '_', n) : NULL;
    if (!at)
        return n;
    size_t out = (size_t)(at - p);
    for (size_t i = out; i < n;) {
        unsigned code = 0;
        bool escape = n - i >= 7 && p[i] == '_' && p[i + 1] == 'x' && p[i + 6] == '_';
        for (size_t k = 2; escape && k < 6; k++) {
            unsigned char c = (unsigned char)p[i + k];
            escape = isxdigit(c);
            code = code * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
        }
        if (!escape || code >= 0x80 || code == 0) { /* only what XML cannot hold is written so */
            p[out++] = p[i++];
            continue;
        }
        p[out++] = (char)code;
        i += 7;
    }
    return out;
}

/* --- styles -------------------------------------------------------------------------------- */

/* What a format is for, by its code: dates have a y or d, or an m that is not minutes. Elapsed time
   ([h]:mm) is a number of days. */
static enum xlsx_kind kind_of_code(const char *code)
{
    bool day = false, clock = false, month = false;
    for (const char *s = code; *s && *s != ';'; s++) {
        if (*s == '"') {
            const char *end = strchr(s + 1, '"');
            if (!end)
                break;
            s = end;
        } else if (*s == '[') {
            const char *end = strchr(s, ']');
            if (!end)
                break;
            size_t inside = (size_t)(end - s) - 1;
            if (inside && strspn(s + 1, "hHmMsS") == inside)
                return XLSX_NUMBER;
            s = end;
        } else if ((*s == '\\' || *s == '_' || *s == '*') && s[1]) {
            s++;
        } else if (strncmp(s, "General", 7) == 0) {
            return XLSX_NUMBER;
        } else {
            day |= strchr("yYdD", *s) != NULL;
            clock |= strchr("hHsS", *s) != NULL;
            month |= strchr("mM", *s) != NULL;
        }
    }
    return day || (month && !clock) ? XLSX_DATE : clock ? XLSX_CLOCK : XLSX_NUMBER;
}

static enum xlsx_kind kind_of_id(long id)
{
    bool clock = (id >= 18 && id <= 21) || (id >= 45 && id <= 47) || (id >= 32 && id <= 35) ||
                 id == 55 || id == 56;
    bool date =
        (id >= 14 && id <= 17) || id == 22 || (id >= 27 && id <= 36) || (id >= 50 && id <= 58);
    return clock ? XLSX_CLOCK : date ? XLSX_DATE : XLSX_NUMBER;
}

struct styles_reading {
    struct {
        long id;
        enum xlsx_kind kind;
    } formats[4096];
    size_t nformats;
    bool in_cells;
};

static void styles_start(void *arg, const char *name, const char **attributes)
{
    struct part *p = arg;
    struct styles_reading *r = p->own;
    struct xlsx_book *b = p->book;
    const char *id = xml_attribute(attributes, "numFmtId");
    name = xml_local(name);
    if (strcmp(name, "numFmt") == 0 && id) {
        const char *code = xml_attribute(attributes, "formatCode");
        if (code && r->nformats < sizeof r->formats / sizeof *r->formats) {
            r->formats[r->nformats].id = strtol(id, NULL, 10);
            r->formats[r->nformats++].kind = kind_of_code(code);
        }
    }
    if (strcmp(name, "cellXfs") == 0)
        r->in_cells = true;
    if (!r->in_cells || strcmp(name, "xf") != 0)
        return;
    if (b->nkinds == MAX_STYLES) {
        part_fail(p, XLSX_ERR_TOO_LARGE);
        return;
    }
    long number = id ? strtol(id, NULL, 10) : 0;
    enum xlsx_kind kind = kind_of_id(number);
    for (size_t i = 0; i < r->nformats; i++)
        if (r->formats[i].id == number)
            kind = r->formats[i].kind;
    b->kinds[b->nkinds++] = (unsigned char)kind;
}

static void styles_end(void *arg, const char *name)
{
    struct part *p = arg;
    struct styles_reading *r = p->own;
    if (strcmp(xml_local(name), "cellXfs") == 0)
        r->in_cells = false;
}

int xlsx_load(struct xlsx_book *b)
{
    if (b->loaded)
        return 0;
    struct texts_reading texts = {0};
    struct styles_reading *styles = calloc(1, sizeof *styles);
    free(b->kinds); /* of a try that failed */
    b->kinds = calloc(MAX_STYLES, 1);
    b->nkinds = b->texts.n = 0;
    buf_clear(&b->texts.bytes);
    int rc = styles && b->kinds ? 0 : XLSX_ERR_NO_MEMORY;
    if (rc == 0 && b->shared_part)
        rc = part_read(b, b->shared_part, texts_start, texts_end, texts_text, &texts);
    if (rc == 0 && b->styles_part)
        rc = part_read(b, b->styles_part, styles_start, styles_end, no_text, styles);
    free(styles);
    b->loaded = rc == 0;
    return rc;
}
