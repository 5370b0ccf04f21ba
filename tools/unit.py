#!/usr/bin/env python3
"""Runs the unit tests that meson knows (or those of some suites) and counts their cases.

unit.py BUILD [--suite S | --no-suite S]. A case is one of cmocka's; "[postgres]" in its name counts
it for PostgreSQL, "[sqlite]" for SQLite, else for neither. Prints what failed, then `sqlite: …`,
`postgres: …`, `plain: …` and `N passed, N failed, N skipped`."""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import threading


def main():
    build, rest = sys.argv[1], sys.argv[2:]
    tests = json.loads(subprocess.run(["meson", "introspect", build, "--tests"], capture_output=True, text=True,
                                      check=True).stdout)
    if rest:
        inside = rest[0] == "--suite"
        tests = [t for t in tests if any(s.split(":")[-1] == rest[1] for s in t["suite"]) == inside]
    counts = {k: [0, 0, 0] for k in ("sqlite", "postgres", "plain")}
    broken = []

    def run(t):
        env = {**os.environ, "CMOCKA_MESSAGE_OUTPUT": "stdout"}
        try:
            r = subprocess.run(t["cmd"], capture_output=True, text=True, timeout=t["timeout"] * 4, cwd=t["workdir"],
                               env=env, errors="replace")
            return t, r.returncode, r.stdout + r.stderr
        except subprocess.TimeoutExpired as e:
            return t, "a timeout", str(e.stdout)[-4000:]

    # The database tests cut connections of the cluster that they share: one after the other.
    shared = threading.Lock()

    def run_one(t):
        if not any(s.endswith(":db") for s in t["suite"]):
            return run(t)
        with shared:
            return run(t)

    tests.sort(key=lambda t: not any(s.endswith(":db") for s in t["suite"]))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for t, code, text in pool.map(run_one, tests):
            states, n, failed = {}, 0, 0
            for state, name in re.findall(r"^\[\s+(OK|FAILED|SKIPPED)\s+\] (.+)$", text, re.M):
                if not re.match(r"\d+ test|tests|\w+: \d+ test", name):
                    states[name.strip()] = state
            for name, state in states.items():
                kind = "postgres" if "[postgres]" in name else "sqlite" if "[sqlite]" in name else "plain"
                counts[kind][("OK", "FAILED", "SKIPPED").index(state)] += 1
                n, failed = n + 1, failed + (state == "FAILED")
            if failed or code or not n:
                print(f"FAIL {t['name']} (ended with {code})")
                print("\n".join(x for x in text.splitlines() if not re.match(r"\[\s+(RUN|OK)\s+\]", x))[-4000:])
                if not failed:
                    broken.append(t["name"])
    for kind, c in counts.items():
        print(f"{kind}: {c[0]} passed, {c[1]} failed, {c[2]} skipped")
    a, b, c = (sum(x) for x in zip(*counts.values()))
    print(f"{a} passed, {b + len(broken)} failed, {c} skipped")
    return 1 if b or broken else 0


sys.exit(main())
