#!/bin/sh
# Runs a command beside a throw-away PostgreSQL cluster and takes the cluster away afterwards.
#
#   tools/pg-test.sh COMMAND [ARG...]
#
# The command finds the cluster's URL in PATRON_TEST_PG. The cluster lives in a temporary
# directory, listens on a socket there and on nothing else, and never touches one that the machine
# has. As root it runs as user postgres, because the server refuses root. PATRON_TEST_PG_FSYNC=on
# makes commits durable (measuring); tests do not need that. PATRON_PG_BIN overrides the directory
# of the server's programs.
set -eu

if [ $# -eq 0 ]; then
    sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi

bin=${PATRON_PG_BIN:-}
if [ -z "$bin" ]; then
    for d in /usr/lib/postgresql/15/bin /usr/lib/postgresql/*/bin /usr/local/pgsql/bin; do
        if [ -x "$d/initdb" ]; then
            bin=$d
            break
        fi
    done
fi
if [ ! -x "$bin/initdb" ]; then
    echo "pg-test: no PostgreSQL server programs found (Debian: postgresql-15)" >&2
    exit 69
fi

# A short path: the name of a socket may have 107 bytes.
dir=$(mktemp -d /tmp/patron-pg.XXXXXX)
if [ "$(id -u)" = 0 ]; then
    chown postgres "$dir"
    as() { runuser -u postgres -- "$@"; }
    user=postgres
else
    as() { "$@"; }
    user=$(id -un)
fi
chmod 755 "$dir"

child=
stop() {
    trap '' INT TERM HUP
    if [ -n "$child" ]; then
        kill "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    if [ -f "$dir/data/postmaster.pid" ]; then
        as "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true
    fi
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

cd "$dir"
if ! as "$bin/initdb" -D "$dir/data" -U "$user" -A trust -E UTF8 --locale=C.UTF-8 --lc-collate=C \
    --no-sync >"$dir/log" 2>&1; then
    cat "$dir/log" >&2
    exit 70
fi
fsync=${PATRON_TEST_PG_FSYNC:-off}
cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
fsync = $fsync
full_page_writes = $fsync
max_connections = 200
shared_buffers = 64MB
max_wal_size = 256MB
autovacuum_naptime = 10s
logging_collector = off
CONF
if ! as "$bin/pg_ctl" -D "$dir/data" -l "$dir/log.server" -w start >"$dir/log" 2>&1; then
    cat "$dir/log" "$dir/log.server" >&2
    exit 70
fi
cd "$OLDPWD"

PATRON_TEST_PG="postgresql:///postgres?host=$dir&user=$user"
export PATRON_TEST_PG
# In the background, so that a signal to this script is seen at once and not after the command.
"$@" <&0 &
child=$!
status=0
wait "$child" || status=$?
child=
exit "$status"
