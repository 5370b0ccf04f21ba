#!/bin/sh
# Every figure with its target and baseline in one table.
#
#   tools/bench.sh [PART...]     value db web start read writes memory import files beside million demo grid
#
# BUILD names the build directory, PATRON_BENCH_DIR where the data goes (a real disk: /var/tmp).
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
[ -f "$BUILD/build.ninja" ] || meson setup "$BUILD" >/dev/null
meson configure "$BUILD" -Dbenches=true >/dev/null 2>&1
ninja -C "$BUILD" --quiet >/dev/null
BUILD=$BUILD exec python3 bench/run.py "$@"
