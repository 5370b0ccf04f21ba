"""The library as its users get it: installed into an empty tree, found by pkg-config, linked by a program of theirs."""
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

BUILD = os.environ.get("BUILD", "build")
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
TRUTH = {"bg-nbd": {"r": .8, "alpha": 6, "a": .9, "b": 2.5}, "gamma-gamma": {"p": 6, "q": 4, "gamma": 15}}


def option(name):
    with open(os.path.join(BUILD, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as f:
        return next(o["value"] for o in json.load(f) if o["name"] == name)


def run(*command, **more):
    r = subprocess.run(command, capture_output=True, text=True, timeout=120, **more)
    assert r.returncode == 0, f"{command}: {r.returncode}\n{r.stdout}{r.stderr}"
    return r.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if option("b_sanitize") != "none":
            raise unittest.SkipTest("a sanitized library is no library to install")
        cls.dir = tempfile.mkdtemp(prefix="patron-installed-")
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.dir, "--tags", "devel,runtime")
        cls.prefix = cls.dir + option("prefix")
        cls.lib = os.path.join(cls.prefix, option("libdir"))
        cls.example = os.path.join(cls.dir, "example")
        shutil.copytree(os.path.join(ROOT, "examples", "value"), cls.example)
        cls.env = {**os.environ, "PKG_CONFIG_PATH": os.path.join(cls.lib, "pkgconfig"), "LD_LIBRARY_PATH": cls.lib,
                   "LC_ALL": "C"}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    def pkg_config(self):
        # The tree is not where it will be in the end.
        return f"PKG_CONFIG=pkg-config --define-variable=prefix={self.prefix}"

    def check(self, out):
        """The truth within three standard errors and a half; the figure of the paper."""
        found = {}
        for model, name, value, error in re.findall(r"(?:^([a-z-]+): ok\n)?^  (\w+) +(\S+) \+- (\S+)\n", out, re.M):
            last = model or last
            found.setdefault(last, {})[name] = (float(value), float(error))
        self.assertEqual({m: set(p) for m, p in found.items()}, {m: set(p) for m, p in TRUTH.items()})
        for model, truth in TRUTH.items():
            for name, value in truth.items():
                self.assertLess(abs(found[model][name][0] - value) / found[model][name][1], 3.5, f"{model} {name}")
        self.assertIn("\npaper 1.226", out)
        low, high = map(float, re.search(r"equity \d+ \((\d+) to (\d+)\)", out).groups())
        self.assertTrue(0 < low < high)

    def test_example_shared(self):
        run("make", "-C", self.example, self.pkg_config(), "CFLAGS=-O2 -Wall -Wextra -Werror -std=c11", env=self.env)
        out = run(os.path.join(self.example, "worth"), env=self.env)
        self.check(out)
        needed = run("ldd", os.path.join(self.example, "worth"), env=self.env)
        self.assertIn(f"libpatron-value.so.0 => {self.lib}", needed)
        # The same orders as a file: the same result.
        orders = os.path.join(self.dir, "orders.txt")
        with open(orders, "w", encoding="utf-8") as f:
            f.write("0 10 500\n0 40 700\n1 20 100\n")
        r = subprocess.run([os.path.join(self.example, "worth"), orders], env=self.env, capture_output=True, text=True)
        self.assertEqual(r.returncode, 3)
        self.assertIn("bg-nbd: too-few-customers", r.stdout)

    def test_example_static(self):
        run("make", "-B", "-C", self.example, self.pkg_config(), "STATIC=1", env=self.env)
        self.check(run(os.path.join(self.example, "worth")))
        self.assertNotIn("patron", run("ldd", os.path.join(self.example, "worth")))

    def test_only_pv_can_be_seen(self):
        shared = os.path.join(self.lib, "libpatron-value.so")
        self.assertEqual(os.readlink(shared), "libpatron-value.so.0")
        seen = [line.split()[-1] for line in run("nm", "-D", "--defined-only", shared).splitlines()]
        self.assertEqual([s for s in seen if not s.startswith("pv_")], [])
        promised = set()
        for header in glob.glob(os.path.join(self.prefix, "include", "patron", "*.h")):
            with open(header, encoding="utf-8") as f:
                for declaration in re.findall(r"^PV_API([^;]*);", f.read(), re.M):
                    promised.add(re.search(r"\b(pv_\w+)\s*(?:\(|$)", declaration).group(1))
        self.assertGreater(len(promised), 60)
        self.assertEqual(promised - set(seen), set(), "promised by a header and not in the library")
        self.assertEqual(set(seen) - promised, set(), "in the library and in no header")
        needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", shared))
        self.assertLessEqual(set(needed), {"libc.so.6", "libm.so.6"})

    def test_headers_stand_alone(self):
        """Each compiles by itself as plain C11."""
        names = sorted(os.path.basename(h) for h in glob.glob(os.path.join(self.prefix, "include", "patron", "*.h")))
        self.assertEqual(names, sorted(n for n in os.listdir(os.path.join(ROOT, "include")) if n.endswith(".h")))
        for name in names:
            run("cc", "-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c", "-include",
                os.path.join(self.prefix, "include", "patron", name), "/dev/null")

    def test_headers_in_cxx(self):
        """Each compiles as C++, and a C++ program finds the C names of the library."""
        for name in sorted(os.path.basename(h) for h in glob.glob(os.path.join(self.prefix, "include", "patron", "*.h"))):
            run("c++", "-std=c++11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++",
                "-include", os.path.join(self.prefix, "include", "patron", name), "/dev/null")
        source = os.path.join(self.dir, "worth.cpp")
        with open(source, "w", encoding="utf-8") as f:
            f.write('#include "patron_value.h"\n#include <cstdio>\nint main() {\n'
                    "    const double param[] = {0.243, 4.414, 0.793, 2.426};\n"
                    '    std::printf("%.3f\\n", pv_predict_expected(pv_model_find("bg-nbd"), param, 2, 30.43, 38.86, 39));\n}\n')
        program = os.path.join(self.dir, "worth-cxx")
        run("c++", "-std=c++11", "-I", os.path.join(self.prefix, "include", "patron"), source, "-L", self.lib,
            "-lpatron-value", "-o", program)
        self.assertEqual(run(program, env=self.env), "1.226\n")  # [FHL05], as in examples/value
