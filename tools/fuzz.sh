#!/bin/sh
# Makes inputs for the readers of files under AddressSanitizer and UBSan, guided by what code they reach.
#
#   SECONDS_EACH=600 tools/fuzz.sh           each target that long, one after the other, at low priority
#   TARGETS="model" SEED=7 tools/fuzz.sh
#
# An input that ends a run is printed by name; put it into tests/fuzz/corpus with the mending.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}-fuzz
[ -f "$BUILD/build.ninja" ] || meson setup "$BUILD" -Db_sanitize=address,undefined -Dbuildtype=debugoptimized \
    -Db_lundef=false -Dbenches=false -Dfuzz=true >/dev/null
targets=${TARGETS:-model csv orders xlsx}
for t in $targets; do
    nice -n 19 ninja -C "$BUILD" --quiet "tests/fuzz_$t"
done
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=99:quarantine_size_mb=8:max_malloc_fill_size=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
for t in $targets; do
    mkdir -p "$BUILD/kept/$t"
    nice -n 19 "$BUILD/tests/fuzz_$t" "tests/fuzz/corpus/$t" --seconds "${SECONDS_EACH:-60}" --seed "${SEED:-$(date +%s)}" \
        --keep "$BUILD/kept/$t"
done
