#!/bin/sh
# The unit tests of the value engine under valgrind; any error or lost block fails. Those that only
# repeat the same code on thousands of simulated customers are left out: they run some thirty times
# slower here, and under AddressSanitizer (make asan) in full. So is `models`: valgrind computes long
# double in 64 bits, and that test's truth is in long double. Six CPU minutes.
set -u
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2; exit 1; }
left_out="bayes buying covariates hostile intervals posterior verdicts recovery refit models command"
bad=0 good=0
for test in "$BUILD"/tests/test_value_*; do
    [ -x "$test" ] && [ -f "$test" ] || continue
    name=${test##*/test_value_}
    case " $left_out " in *" $name "*) continue ;; esac
    log=$(mktemp)
    if valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite "$test" >"$log" 2>&1; then
        good=$((good + 1))
        echo "  $name"
    else
        bad=$((bad + 1))
        echo "FAILED $name"
        cat "$log"
    fi
    rm -f "$log"
done
echo "$good passed, $bad failed, 0 skipped"
[ "$bad" = 0 ] && [ "$good" -gt 0 ]
