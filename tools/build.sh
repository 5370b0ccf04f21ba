#!/bin/sh
# Builds the browser part (when its sources changed) and the program.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
web=
if [ "${WEB:-1}" = 1 ]; then
    . tools/node.sh
    node_path
    newest=$(find web messages -path web/node_modules -prune -o -path web/dist -prune -o -type f -newer web/dist/index.html -print -quit 2>/dev/null || true)
    if [ ! -f web/dist/index.html ] || [ -n "$newest" ]; then
        (cd web && npm run --silent build)
    fi
    web=$PWD/web/dist
fi
[ -f "$BUILD/build.ninja" ] || meson setup "$BUILD" -Dweb="$web" \
    ${SANITIZE:+-Db_sanitize=$SANITIZE -Dbuildtype=debugoptimized -Db_lundef=false} >"/tmp/patron-meson.$$" ||
    { cat "/tmp/patron-meson.$$"; exit 1; }
rm -f "/tmp/patron-meson.$$"
meson configure "$BUILD" -Dweb="$web" >/dev/null
ninja -C "$BUILD" --quiet
