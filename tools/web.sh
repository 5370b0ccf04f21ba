#!/bin/sh
# Runs a script of web/package.json with the right node: tools/web.sh shots
set -eu
cd "$(dirname "$0")/.."
. tools/node.sh
node_path
PATRON_BIN=$PWD/${BUILD:-build}/patron
export PATRON_BIN
cd web
exec npm run --silent "$@"
