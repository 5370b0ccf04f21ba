#!/bin/bash
# Everything: builds (warnings are errors), unit tests, API tests on SQLite and on PostgreSQL, kill -9,
# and, with WEB=1, the browser part. The last line is `N passed, N failed, N skipped`.
#
#   SANITIZE=address,undefined   unit and API tests of a sanitized build (make asan, make tsan)
#   ONLY="unit api"              some groups: texts unit api fault value web browser
#   KILLS=50                     all fifty kills
set -u
cd "$(dirname "$0")/.."
export BUILD=${BUILD:-build} WEB=${WEB:-1} SANITIZE=${SANITIZE:-}
began=$SECONDS
groups=${ONLY:-texts unit api fault web browser}
[ -z "$SANITIZE" ] || groups=${ONLY:-unit api}
[ "$WEB" = 1 ] || groups=$(echo " $groups " | sed 's/ web / /; s/ browser / /')

# ThreadSanitizer needs parts of the address space that high-entropy randomisation may hand out.
case $SANITIZE in *thread*)
    if [ -z "${PATRON_TEST_FIXED:-}" ] && setarch "$(uname -m)" -R true 2>/dev/null; then
        PATRON_TEST_FIXED=1 exec setarch "$(uname -m)" -R "$0" "$@"
    fi ;;
esac
if [ -n "$SANITIZE" ]; then
    export PATRON_TEST_SLOW=4
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=99
    export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    export TSAN_OPTIONS="halt_on_error=0:exitcode=99:suppressions=$PWD/tests/tsan.supp"
    export WEB=0
fi
if [ -z "${PATRON_TEST_BUILT:-}" ] && ! tools/build.sh >"/tmp/patron-build.$$" 2>&1; then
    cat "/tmp/patron-build.$$"
    rm -f "/tmp/patron-build.$$"
    echo "the build failed"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi

rm -f "/tmp/patron-build.$$"
# The PostgreSQL cluster once, around everything that needs it.
if [ -z "${PATRON_TEST_PG:-}" ]; then
    case " $groups " in *" unit "* | *" api "*)
        PATRON_TEST_BUILT=1 ONLY=$groups exec tools/pg-test.sh "$0" "$@" ;;
    esac
fi

declare -A sqlite=([p]=0 [f]=0 [s]=0) postgres=([p]=0 [f]=0 [s]=0) all=([p]=0 [f]=0 [s]=0)
lines=()

# numbers NAME LINE: adds "N passed, N failed, N skipped" to the array NAME
numbers() {
    local -n into=$1
    [[ $2 =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped ]] || return 1
    into[p]=$((into[p] + BASH_REMATCH[1]))
    into[f]=$((into[f] + BASH_REMATCH[2]))
    into[s]=$((into[s] + BASH_REMATCH[3]))
}

# group NAME COMMAND...: runs it, shows what it says, takes the counts from its last lines
group() {
    local name=$1 from=$SECONDS out status last
    shift
    echo "== $name"
    out=$(mktemp)
    "$@" >"$out" 2>&1
    status=$?
    grep -vE '^(sqlite|postgres|plain): |^[0-9]+ passed' "$out"
    while read -r line; do
        case $line in
        "sqlite: "*) numbers sqlite "$line" ;;
        "postgres: "*) numbers postgres "$line" ;;
        esac
    done < <(grep -E '^(sqlite|postgres): ' "$out")
    last=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$out" | tail -1)
    if [ -z "$last" ]; then
        last="0 passed, 1 failed, 0 skipped"
        echo "FAIL $name ended with $status and without its counts"
    elif [ $status -ne 0 ] && [[ $last == *" 0 failed,"* ]]; then
        last="${last/ 0 failed,/ 1 failed,}"
        echo "FAIL $name ended with $status"
    fi
    numbers all "$last"
    lines+=("$(printf '%-10s %s (%d s)' "$name" "$last" $((SECONDS - from)))")
    rm -f "$out"
}

for g in $groups; do
    case $g in
    texts) group texts python3 tools/messages_check.py ;;
    unit) group unit python3 tools/unit.py "$BUILD" ;;
    api) group api python3 tests/api/run.py --jobs "${JOBS:-4}" ;;
    fault) group fault python3 tests/fault/kill9.py ;;
    web | browser)
        . tools/node.sh
        node_path
        if [ "$g" = web ]; then
            group vitest npm --prefix web run --silent test
            group vue-tsc bash -c 'npm --prefix web run --silent check && echo "1 passed, 0 failed, 0 skipped"'
        else
            group browser npm --prefix web run --silent test:e2e
        fi
        ;;
    esac
done

failed=${all[f]}
for kind in sqlite postgres; do
    declare -n n=$kind
    if [ "${n[p]}" = 0 ]; then
        case " $groups " in *" unit "* | *" api "*)
            echo "no $kind cases ran"
            failed=$((failed + 1)) ;;
        esac
    fi
done
echo
printf '%s\n' "${lines[@]}"
echo "took $((SECONDS - began)) s"
echo "SQLite:     ${sqlite[p]} passed, ${sqlite[f]} failed, ${sqlite[s]} skipped"
echo "PostgreSQL: ${postgres[p]} passed, ${postgres[f]} failed, ${postgres[s]} skipped"
echo "${all[p]} passed, $failed failed, ${all[s]} skipped"
[ "$failed" = 0 ]
