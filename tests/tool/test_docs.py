"""The pages say what the program says: every ```console block of the pages is run.

A block holds commands (`$ patron value …`) with what they print to the terminal, in English. The blocks of a page run
one after the other in one folder, so that one may use the file of another. A line `…` stands for lines left out, and
`…` within a line for a part that does not matter. Pictures that the pages show are drawn again and compared, byte by
byte, with the commands of docs/models/img/README.md."""
import glob
import os
import re
import shlex
import subprocess
import tempfile
import unittest

from tool import PATRON, ROOT, SLOW

PAGES = ["README.md", "docs/value.md", *sorted(os.path.relpath(p, ROOT) for p in glob.glob(
    os.path.join(ROOT, "docs", "models", "*.md")))]
PICTURES = os.path.join(ROOT, "docs", "models", "img")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def blocks(text):
    return re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S)


def commands(block):
    """(command, output) of a block; a command goes on after a backslash."""
    block = block.replace("\\\n", " ")
    parts = re.split(r"^\$ (.*)\n", block, flags=re.M)
    assert parts[0] == "", f"a block begins with a command: {block}"
    return list(zip(parts[1::2], parts[2::2]))


def run(command, folder):
    words = shlex.split(command)
    assert words[:2] == ["patron", "value"], f"only `patron value` is run here: {command}"
    r = subprocess.run([PATRON, *words[1:]], cwd=folder, capture_output=True, text=True, encoding="utf-8",
                       timeout=120 * SLOW, env={**os.environ, "LC_ALL": "C"})
    return r.stdout + r.stderr, r.returncode


def fits(written, printed):
    lines = [".*" if line.strip() == "…" else r".*".join(re.escape(p) for p in line.rstrip().split("…"))
             for line in written.splitlines()]
    pattern = "\n".join(lines).replace("\n.*\n", "\n(?:.*\n)*")
    return re.fullmatch(pattern, "\n".join(line.rstrip() for line in printed.splitlines())) is not None


class Pages(unittest.TestCase):
    maxDiff = None


def test_of(page):
    def test(self):
        with tempfile.TemporaryDirectory() as folder:
            for block in blocks(read(page)):
                for command, written in commands(block):
                    printed, code = run(command, folder)
                    self.assertEqual(code, 0, f"{command}\n{printed}")
                    if not fits(written, printed):
                        self.assertEqual(written, printed, command)
                        self.fail(command)
    return test


for PAGE in PAGES:
    if os.path.exists(os.path.join(ROOT, PAGE)) and blocks(read(PAGE)):
        setattr(Pages, "test_" + re.sub(r"\W", "_", PAGE[:-3]), test_of(PAGE))


class Itself(unittest.TestCase):
    """A test that cannot fail is none."""

    def test_what_differs_is_seen(self):
        self.assertTrue(fits("a 1\n…\nb\n", "a 1\nx\ny\nb\n"))
        self.assertTrue(fits("a … c\n", "a bb c\n"))
        for written, printed in (("a 1\n", "a 2\n"), ("a\n", "a\nb\n"), ("a\nb\n", "a\n"), ("a.c\n", "abc\n"),
                                 ("a\n…\nc\n", "a\nb\nd\n")):
            self.assertFalse(fits(written, printed), written)

    def test_pages_are_checked(self):
        checked = [p for p in PAGES if os.path.exists(os.path.join(ROOT, p)) and blocks(read(p))]
        self.assertGreaterEqual(len(checked), 8)


class Pictures(unittest.TestCase):
    def test_drawn_again(self):
        drawn = re.findall(r"^\$ patron value (plot .*?) --out (\S+\.svg)$",
                           "".join(blocks(read("docs/models/img/README.md"))).replace("\\\n", " "), re.M)
        self.assertEqual(sorted(name for _, name in drawn), sorted(os.path.basename(p) for p in glob.glob(
            os.path.join(PICTURES, "*.svg"))))
        with tempfile.TemporaryDirectory() as folder:
            for line, name in drawn:
                with self.subTest(name):
                    printed, code = run(f"patron value {line} --out {name}", folder)
                    self.assertEqual((code, printed), (0, ""))
                    with open(os.path.join(folder, name), encoding="utf-8") as f:
                        now = f.read()
                    self.assertLess(len(now), 15000)
                    self.assertTrue(now == read(f"docs/models/img/{name}"), f"{name} would be drawn differently now")

    def test_shown_and_there(self):
        shown = set()
        for page in PAGES:
            if os.path.exists(os.path.join(ROOT, page)):
                for picture in re.findall(r"!\[[^\]]*\]\(([^)]*\.svg)\)", read(page)):
                    self.assertTrue(os.path.exists(os.path.join(ROOT, os.path.dirname(page), picture)), picture)
                    shown.add(os.path.basename(picture))
        self.assertEqual(shown, {os.path.basename(p) for p in glob.glob(os.path.join(PICTURES, "*.svg"))})
