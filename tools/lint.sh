#!/bin/bash
# Formatting, include graph and banned functions, texts, static analysis, eslint and vue-tsc.
#
#   tools/lint.sh          clang-tidy on what differs from main's last commit, or on everything when nothing does
#   ALL=1 tools/lint.sh    on everything; LIMIT=1800 seconds at most
set -u
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
failed=0
step() {
    local name=$1
    shift
    if "$@"; then
        echo "ok    $name"
    else
        echo "FAIL  $name"
        failed=$((failed + 1))
    fi
}

c_files() {
    git ls-files 'src/*.[ch]' 'include/*.h' 'tests/*.[ch]' 'bench/*.[ch]' 'examples/*.[ch]'
}

format() {
    # shellcheck disable=SC2046
    clang-format --dry-run -Werror $(c_files) 2>&1 | grep -E 'error' | cut -d: -f1 | sort | uniq -c
    return "${PIPESTATUS[0]}"
}

tidy() {
    local files limit=${LIMIT:-900}
    [ -f "$BUILD/compile_commands.json" ] || WEB=0 tools/build.sh || return 1
    files=$(git diff --name-only HEAD -- 'src/*.c')
    if [ -n "${ALL:-}" ] || [ -z "$files" ]; then
        files=$(git ls-files 'src/*.c')
    fi
    # One file a process: clang-tidy 14 takes every va_list behind the first file for uninitialised.
    echo "$files" | timeout "$limit" xargs -P "$(nproc)" -n 1 \
        clang-tidy -p "$BUILD" --quiet --extra-arg=-Wno-unknown-warning-option 2>/dev/null |
        grep -E '(error|warning):' | sort -u
    local status=("${PIPESTATUS[@]}")
    if [ "${status[1]}" = 124 ]; then
        echo "stopped after $limit s, and not everything was looked at: LIMIT=1800 gives it longer"
        return 1
    fi
    return "${status[1]}"
}

step format format
step include-graph python3 tools/include_graph.py
step texts python3 tools/messages_check.py
step clang-tidy tidy
if [ "${WEB:-1}" = 1 ] && [ -f web/package.json ]; then
    . tools/node.sh
    node_path
    step eslint npm --prefix web run --silent lint
    step vue-tsc npm --prefix web run --silent check
fi
[ "$failed" = 0 ]
