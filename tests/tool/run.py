#!/usr/bin/env python3
"""Runs one module of tests/tool for tools/unit.py: run.py MODULE PATRON [BUILD]. A case is a line as
cmocka prints it, so that all unit tests are counted alike."""
import importlib
import os
import sys
import unittest


class Result(unittest.TestResult):
    def line(self, state, test, text=""):
        if text:
            print(text)
        print(f"[ {state:>8} ] {test.id()}", flush=True)

    def addSuccess(self, test):
        if not any(t is test for t, _ in self.failures + self.errors):
            self.line("OK", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line("FAILED", test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.line("FAILED", test, self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.line("FAILED", subtest, str(err[1]))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("SKIPPED", test, reason)


def main():
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    os.environ["PATRON"] = os.path.abspath(sys.argv[2])
    if len(sys.argv) > 3:
        os.environ["BUILD"] = os.path.abspath(sys.argv[3])
    tests = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(sys.argv[1]))
    result = Result()
    tests.run(result)
    return 0 if (result.testsRun or result.skipped) and result.wasSuccessful() else 1


sys.exit(main())
