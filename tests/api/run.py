#!/usr/bin/env python3
"""Runs the API tests: run.py [--jobs N] [module or module.Class …]. Each test case is counted for
the database that it ran on; prints `sqlite: …`, `postgres: …` and `N passed, N failed, N skipped`."""
import importlib
import os
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.counts = {}
        self.seen = set()

    def note(self, test, what, text=None):
        name = test.id() if hasattr(test, "id") else str(test)
        kind = "postgres" if "_postgres" in name else "sqlite"
        c = self.counts.setdefault(kind, {"passed": 0, "failed": 0, "skipped": 0})
        if name in self.seen and what == "failed":  # a test and its subtests count once
            c = None
        self.seen.add(name)
        if c:
            c[what] += 1
        if text:
            print(f"FAIL {name}\n{text}", flush=True)

    def addSuccess(self, test):
        if test.id() not in self.seen:
            self.note(test, "passed")

    def addFailure(self, test, err):
        self.note(test, "failed", self._exc_info_to_string(err, test))

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err:
            name = test.id()
            first = name not in self.seen
            self.seen.add(name)
            if first:
                kind = "postgres" if "_postgres" in name else "sqlite"
                self.counts.setdefault(kind, {"passed": 0, "failed": 0, "skipped": 0})["failed"] += 1
            print(f"FAIL {subtest.id()}\n{self._exc_info_to_string(err, test)}", flush=True)

    def addSkip(self, test, reason):
        self.note(test, "skipped")


FIRST = ["Stop_", "Cdnow_", "Files_", "BadInput_", "Access_"]


def wait(running):
    """The next one that is over, with what it said."""
    while True:
        for r in running:
            if r[2].poll() is not None:
                running.remove(r)
                r[3].seek(0)
                return r[:3] + (r[3].read(),)
        time.sleep(.05)


def run_here(names):
    result = Result()
    unittest.TestLoader().loadTestsFromNames(names).run(result)
    for kind, c in result.counts.items():
        print(f"{kind}: {c['passed']} passed, {c['failed']} failed, {c['skipped']} skipped", flush=True)
    return 0


def main():
    args = sys.argv[1:]
    jobs = 1
    if args[:1] == ["--jobs"]:
        jobs, args = int(args[1]), args[2:]
    if jobs == 0:
        return run_here(args)
    names = args or [f[:-3] for f in os.listdir(HERE) if f.startswith("test_") and f.endswith(".py")]
    # A class is a server of its own: they run beside each other, those that wait most first.
    names = [f"{m}.{c.__name__}" for m in names if "." not in m for c in importlib.import_module(m).made] + \
            [n for n in names if "." in n]
    names.sort(key=lambda n: next((i for i, f in enumerate(FIRST) if f in n), len(FIRST)))
    total = {k: [0, 0, 0] for k in ("sqlite", "postgres")}
    running, broken, times = [], 0, []
    while names or running:
        while names and len(running) < jobs:
            name = names.pop(0)
            out = tempfile.TemporaryFile("w+")
            running.append((name, time.monotonic(), subprocess.Popen(
                [sys.executable, __file__, "--jobs", "0", name], stdout=out,
                stderr=subprocess.STDOUT), out))
        name, began, p, out = wait(running)
        found = False
        for line in out.splitlines():
            kind, _, rest = line.partition(": ")
            if kind in total and rest.endswith("skipped"):
                found = True
                for i, part in enumerate(rest.split(", ")):
                    total[kind][i] += int(part.split()[0])
            else:
                print(line)
        if p.returncode or not found:
            broken += 1
            print(f"FAIL {name}: ended with {p.returncode}")
        times.append((time.monotonic() - began, name))
    print("  slowest: " + ", ".join(f"{n} {t:.0f} s" for t, n in sorted(times, reverse=True)[:6]))
    for kind, (a, b, c) in total.items():
        print(f"{kind}: {a} passed, {b} failed, {c} skipped")
    a, b, c = (sum(x) for x in zip(*total.values()))
    print(f"{a} passed, {b + broken} failed, {c} skipped")
    return 1 if b + broken else 0


sys.exit(main())
