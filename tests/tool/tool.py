"""What the tests of the command line share: a folder of their own, and the program in it."""
import os
import shlex
import shutil
import subprocess
import tempfile
import unittest

PATRON = os.environ["PATRON"]
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SLOW = float(os.environ.get("PATRON_TEST_SLOW", "1"))
WORLD = "--params .8,6,.9,2.5 --spend 6,4,15 --customers 800 --join 26w --until 2025-12-31 --seed 7"


class Tool(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="patron-tool-")
        cls.value(f"simulate {WORLD} --out orders.csv")
        with open(os.path.join(cls.dir, "orders.csv"), encoding="utf-8") as f:
            customers = sorted({line.split(",")[0] for line in f.readlines()[1:]})
        cls.customers = {c: ("web", "shop", "agent")[i % 7 % 3] for i, c in enumerate(customers)}
        with open(os.path.join(cls.dir, "customers.csv"), "w", encoding="utf-8") as f:
            f.write("customer_id,channel,visits\n")
            f.writelines(f"{c},{channel},{i % 5}\n" for i, (c, channel) in enumerate(cls.customers.items()))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    @classmethod
    def run_value(cls, line, lang="en", **more):
        """`patron value LINE` in the folder; English unless told."""
        return subprocess.run([PATRON, "value", *shlex.split(line)], cwd=cls.dir, capture_output=True, text=True,
                              timeout=120 * SLOW, encoding="utf-8",
                              env={**os.environ, "LC_ALL": "zh_CN.UTF-8" if lang == "zh" else "C"}, **more)

    @classmethod
    def value(cls, line, lang="en", code=0):
        """The same, which must end with `code`: what it printed."""
        r = cls.run_value(line, lang)
        assert r.returncode == code, f"patron value {line}: {r.returncode}\n{r.stdout}{r.stderr}"
        return r.stdout

    def path(self, name):
        return os.path.join(self.dir, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return name
