/* A tenant is a database with what belongs to it: settings, keys, caches, live events. Nothing in
   the program is global; this is handed down everywhere. One default tenant for now. */
#ifndef PATRON_CORE_TENANT_H
#define PATRON_CORE_TENANT_H

#include "base/clock.h"
#include "base/ids.h"
#include "core/live/live.h"
#include "core/messages/messages.h"
#include "core/registry/registry.h"
#include "core/tenant/rates.h"
#include "db/db.h"

#include <stdatomic.h>

/* The company's settings; immutable, replaced as a whole. */
struct company {
    struct str name, currency, time_zone;
    const struct tz *tz;
    double discount; /* yearly effective rate */
    enum lang lang;
    struct rates rates;
    int64_t rates_at;      /* when the setting was written that they were read from */
    unsigned fiscal_month; /* 1..12: the month that a fiscal year begins with */
    bool observed_until;   /* valuations look back from observation_end, not from the last order */
    int32_t observation_end;
    int64_t attachment_mb; /* the largest file that may hang on a record */
    bool set_up;
    struct company *older; /* kept until the tenant closes: readers hold plain pointers */
    struct arena *arena;
};

enum { ATTACHMENT_MB = 25, ATTACHMENT_MB_MOST = 500 }; /* unless set, and at most */

struct record_hook;
struct identity;
struct jobs;

struct tenant {
    struct db *db;
    struct registry *registry;
    struct messages *messages;
    struct id_source *ids;
    struct live *live;
    struct identity *identity;              /* core/identity */
    struct jobs *jobs;                      /* core/jobs, NULL in commands that run none */
    _Atomic(void *) insight;                /* crm/insight: the models in memory; opaque here */
    const struct record_hook *const *hooks; /* NULL-ended list of tables, each ended by entity -1 */
    char *dir;                              /* data directory */
    int lock_fd;
    unsigned node; /* leased; part of every key made here */
    _Atomic(struct company *) company;
};

struct tenant_options {
    const char *dir;    /* made if absent, mode 0700 */
    const char *db_url; /* PostgreSQL, or NULL for DIR/patron.db */
    const struct record_hook *const *hooks;
    bool beside; /* only to read, beside a server that has the directory: no lock, no upgrade */
    /* What happens during an upgrade, for the console; may be NULL. */
    void (*notice)(const char *text);
};

/* Locks the directory, opens the database, brings its schema up to date (after a backup under
   DIR/backups when it holds anything) and reads the settings.
   Errors: ERR_LOCKED, ERR_DATABASE_UNAVAILABLE, ERR_CORRUPT, ERR_STATE_CONFLICT (a refused plan).
 */
int tenant_open(const struct tenant_options *o, struct tenant **ret_tenant,
                struct err *e) must_check;
void tenant_close(struct tenant *t);

static inline const struct company *tenant_company(const struct tenant *t)
{
    return atomic_load_explicit(&((struct tenant *)t)->company, memory_order_acquire);
}

/* Settings are rows of text by name. Inside a transaction; tenant_reload makes them seen. */
int tenant_setting_put(struct db_conn *c, const char *name, struct str value,
                       struct err *e) must_check;
int tenant_setting_get(struct db_conn *c, const char *name, struct arena *a, struct str *ret_value,
                       struct err *e) must_check; /* STR_NULL when absent */
int tenant_reload(struct tenant *t, struct err *e) must_check;

/* Several nodes on one PostgreSQL each lease a node number for ten minutes. ERR_STATE_CONFLICT when
   another took it meanwhile. */
int tenant_renew_lease(struct tenant *t, struct err *e) must_check;

/* The rates as this transaction has them: those in memory may be of before somebody changed them.
   Whoever writes by them asks here, so that on PostgreSQL it collides with whoever does change them
   and is run again, and no order keeps a rate that was replaced meanwhile. */
int tenant_rates(struct tenant *t, struct db_conn *c, struct arena *a, struct rates *ret_rates,
                 struct err *e) must_check;
/* Rates of a setting's text, which is to live as long as the arena. */
void tenant_rates_of(struct str setting, struct str base_currency, struct arena *a,
                     struct rates *ret_rates);

/* What parsing of values needs. Money is converted by the rate of today. */
struct parse_env tenant_parse_env(const struct tenant *t, struct arena *a);

#endif
