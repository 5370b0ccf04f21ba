"""Commands beside the server: where they write, and what they leave alone."""
import json
import os
import shlex
import stat
import subprocess
import threading
import unittest

from patron import PATRON, SLOW, Api, both

ORDERS = "customer_id,date,amount\n" + "".join(
    f"C{c},2024-{m:02}-{1 + c % 28:02},{10 + c}.00\n" for c in range(60) for m in range(1, 13, 1 + c % 5))


class Commands(Api):
    kinds = ("sqlite",)

    def value(self, *args):
        file = os.path.join(self.server.dir, "orders.csv")
        with open(file, "w", encoding="utf-8") as f:
            f.write(ORDERS)
        return subprocess.run([PATRON, "value", file, *args], capture_output=True, text=True, timeout=120 * SLOW,
                              env={**os.environ, "LANG": "en_US.UTF-8", "LC_ALL": "en_US.UTF-8"})

    def pipe(self):
        """A pipe with a name, and what somebody reads from it."""
        name, heard = os.path.join(self.server.dir, f"pipe{len(os.listdir(self.server.dir))}"), []
        os.mkfifo(name)

        def listen():
            with open(name, encoding="utf-8") as f:
                heard.append(f.read())
        reader = threading.Thread(target=listen, daemon=True)
        reader.start()
        return name, reader, heard

    def test_value_into_a_file(self):
        out = os.path.join(self.server.dir, "out.csv")
        for _ in range(2):  # the second time over the first
            r = self.value("--out", out)
            self.assertEqual(r.returncode, 0, r.stderr)
            with open(out, encoding="utf-8") as f:
                lines = f.read().splitlines()
            self.assertTrue(lines[0].startswith("customer_id,orders,revenue,"), lines[0])
            self.assertEqual(len(lines), 61)
        self.assertEqual([n for n in os.listdir(self.server.dir) if n.startswith("out.csv")], ["out.csv"])

    def test_value_into_a_pipe(self):
        """What is no file is written into and stays what it is: /dev/null is a device of the machine."""
        name, reader, heard = self.pipe()
        r = self.value("--out", name)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertTrue(stat.S_ISFIFO(os.stat(name).st_mode), "the pipe was replaced by a file")
        reader.join(10)
        self.assertEqual(len(heard[0].splitlines()), 61)

    def test_value_into_what_cannot_be(self):
        for out, text in ((self.server.dir, "Is a directory"), (os.path.join(self.server.dir, "no", "x"), "No such file"),
                          ("/dev/full", "No space left")):
            r = self.value("--out", out)
            self.assertEqual(r.returncode, 1)
            self.assertIn(text, r.stderr)

    def test_backup_into_what_is_no_file(self):
        name = os.path.join(self.server.dir, "pipe-of-backup")
        os.mkfifo(name)
        for target in (name, self.server.dir):
            before = os.stat(target).st_mode
            r = self.server.run("backup", target)
            self.assertEqual(r.returncode, 1, r.stdout)
            self.assertIn("not a regular file", r.stderr)
            self.assertEqual(os.stat(target).st_mode, before)
            self.assertFalse(os.path.exists(target + ".part"))


    def textbook(self, *args, lang="en"):
        return subprocess.run([PATRON, "value", "textbook", *args, "--lang", lang], capture_output=True, text=True,
                              timeout=60 * SLOW)

    def test_textbook_examples(self):
        """Every example of the help runs, in both languages, with the numbers of the textbooks."""
        examples = [line.strip() for line in self.textbook("--help").stdout.splitlines()
                    if line.strip().startswith("patron value textbook ")]
        self.assertEqual([e.split()[3] for e in examples],
                         ["account", "retention", "migration", "switching", "tornado"])
        answers = {}
        for e in examples:
            words = shlex.split(e)[3:]
            for lang in ("en", "zh"):
                r = self.textbook(*words, lang=lang)
                self.assertEqual((r.returncode, r.stderr), (0, ""), e)
            answers[words[0]] = json.loads(self.textbook(*words, "--json").stdout)
        near = self.assertAlmostEqual
        near(answers["account"]["income"], 3944.8256, 4)
        near(answers["account"]["contribution"], 3505.9291, 4)
        self.assertIsNone(answers["account"]["profit"])
        near(answers["retention"]["value"], 568.7831, 4)
        near(answers["migration"]["value-1"], 52.3196, 4)
        near(answers["switching"]["value-1"], 389.3822, 4)
        near(answers["switching"]["steady-2"], 0.475, 12)
        self.assertIn("needs --product-cost", self.textbook(*shlex.split(examples[0])[3:]).stdout)

    def test_textbook_nonsense(self):
        for args, code, en, zh in (
                (("account", "--years", "0", "--rate", "9%", "--income", "1"), 2, "--years: '0' is not", "--years"),
                (("account", "--rate", "9%", "--income", "1"), 2, "--years is missing", "缺少 --years"),
                (("account", "--years", "3", "--rate", "9%", "--income", "much"), 2, "--income: 'much'", "无法理解"),
                (("switching", "--shares", ".6,.3", "--matrix", ".5,.5;.5,.6", "--contribution", "1", "--rate", ".1",
                  "--purchases", "2"), 1, "outside of what", "定义范围"),
                (("retention", "--years", "forever", "--rate", "0", "--retention", "1", "--margin", "1"), 1,
                 "outside of what", "定义范围"),
                (("nothing",), 2, "FORM: 'nothing'", "FORM")):
            for lang, text in (("en", en), ("zh", zh)):
                r = self.textbook(*args, lang=lang)
                self.assertEqual((r.returncode, r.stdout), (code, ""), args)
                self.assertIn(text, r.stderr)


both(Commands)

if __name__ == "__main__":
    unittest.main()
