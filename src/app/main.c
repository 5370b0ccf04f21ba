#include "app/app.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int cmd_help(int argc, char **argv);

static int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("patron %s\n", PATRON_VERSION);
    return 0;
}

static const struct command commands[] = {
    {"serve", cmd_serve, "run the server",
     "patron serve --data DIR [--db postgres://…] [--listen 127.0.0.1] [--port 8040]\n"
     "             [--threads N] [--max-upload BYTES] [--behind-tls] [--log-json] [--verbose]\n\n"
     "  --data DIR      where the company's data lives (made if absent)\n"
     "  --db URL        a PostgreSQL database instead of DIR/patron.db\n"
     "  --listen ADDR   address to listen on; others than 127.0.0.1 are reachable from elsewhere\n"
     "  --port N        0 = any free one, printed at the start\n"
     "  --behind-tls    a proxy in front speaks HTTPS: cookies are marked Secure\n"},
    {"value", cmd_value, "what every customer of an order file is worth",
     "patron value FILE.csv [--help]\n"
     "patron value COMMAND [--help]         patron value --help lists the commands\n"
     "patron value textbook FORM [--help]   from numbers instead of a file\n"},
    {"import", cmd_import, "import a CSV or XLSX file",
     "patron import orders|order_lines|customers|contacts|products FILE --data DIR [--db URL]\n"
     "             [--map COLUMN=FIELD]… [--currency CNY] [--on-existing skip|update]\n"
     "             [--user LOGIN] [--dry-run] [--rejected FILE.csv]\n\n"
     "  --map COLUMN=FIELD  COLUMN is a header or a number from 1; fields are those of orders or\n"
     "                      customers, and for orders also customer.ext_id, customer.name, …\n"
     "  --dry-run           validate all rows and write nothing\n"
     "  --rejected FILE     the rejected rows with their reasons\n"},
    {"export", cmd_export, "a list as a CSV or XLSX file",
     "patron export customers|orders|contacts|products|tasks|… FILE.xlsx|FILE.csv --data DIR\n"
     "             [--db URL] [--fields name,clv,…] [--sort -clv] [--language zh|en]\n"
     "             [--user LOGIN]\n\n"
     "  --fields  fields as in the API; all of the list unless told\n"
     "  --user    whose rights count, and who stands in the audit log (the first administrator)\n"},
    {"demo", cmd_demo, "fill an empty data directory with an invented company",
     "patron demo --data DIR [--db URL] [--customers 5000] [--seed 1] [--until YYYY-MM-DD] "
     "[--lean]\n\n"
     "  A dealer in industrial supplies and three years of its business: customers, contacts,\n"
     "  products, orders, notes. The same seed and day give the same company.\n\n"
     "  --lean   customers and orders of the last year alone, to try a million of them; they are\n"
     "           valued when they are served\n"},
    {"backup", cmd_backup, "write all data into one file",
     "patron backup FILE --data DIR [--db URL]\n"},
    {"restore", cmd_restore, "fill an empty data directory from a backup",
     "patron restore FILE --data DIR [--db URL]\n"},
    {"check", cmd_check, "check the database", "patron check --data DIR [--db URL]\n"},
    {"token", cmd_token, "make an API token",
     "patron token create --user LOGIN [--name NAME] --data DIR [--db URL]\n"},
    {"user", cmd_user, "make a user, set a password (read from standard input)",
     "patron user password LOGIN --data DIR [--db URL]\n"
     "patron user create LOGIN --name NAME [--admin] --data DIR [--db URL]\n"},
    {"version", cmd_version, "print the version", "patron version\n"},
    {"help", cmd_help, "this list, or the help of one command", "patron help [COMMAND]\n"},
};

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int cmd_help(int argc, char **argv)
{
    const struct command *one = argc ? find(argv[0]) : NULL;
    if (one) {
        fputs(one->help, stdout);
        return 0;
    }
    puts("Patron 知客: a customer relationship management system that knows what every customer "
         "is worth.\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        printf("  patron %-9s %s\n", commands[i].name, commands[i].line);
    puts("\npatron help COMMAND tells more.");
    return 0;
}

int main(int argc, char **argv)
{
    umask(077); /* what the program writes is the company's alone */
    const char *name = argc > 1 ? argv[1] : "help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *c = find(name);
    if (!c) {
        fprintf(stderr, "patron: there is no command '%s'; patron help lists them\n", name);
        return 2;
    }
    /* `value` has a manual of its own behind --help. */
    if (c->run != cmd_value && argc > 2 && strcmp(argv[2], "--help") == 0)
        return cmd_help(1, &argv[1]);
    return c->run(argc > 2 ? argc - 2 : 0, argv + 2);
}
