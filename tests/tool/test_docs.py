"""The pages say what the program says: every ```console block is run, every picture drawn again (tools/pages.py)."""
import glob
import os
import re
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
import pages  # noqa: E402


class Pages(unittest.TestCase):
    maxDiff = None


def test_of(page):
    def test(self):
        for command, written, printed, code in pages.check(page):
            self.assertEqual(code, 0, f"{command}\n{printed}")
            if not pages.fits(written, printed):
                self.assertEqual(written, printed, command)
                self.fail(command)
    return test


CHECKED = [p for p in pages.PAGES if pages.BLOCK.search(pages.read(p))]
for PAGE in CHECKED:
    setattr(Pages, "test_" + re.sub(r"\W", "_", PAGE[:-3]), test_of(PAGE))


class Itself(unittest.TestCase):
    """A test that cannot fail is none."""

    def test_what_differs_is_seen(self):
        for written, printed in (("a 1\n…\nb\n", "a 1\nx\ny\nb\n"), ("a … c\n", "a bb c\n"), ("a\n…\n", "a\nb\nc\n"),
                                 ("a \n", "a\n"), ("", "")):
            self.assertTrue(pages.fits(written, printed), written)
        for written, printed in (("a 1\n", "a 2\n"), ("a\n", "a\nb\n"), ("a\nb\n", "a\n"), ("a.c\n", "abc\n"),
                                 ("a\n…\nc\n", "a\nb\nd\n"), ("", "a\n")):
            self.assertFalse(pages.fits(written, printed), written)

    def test_pages_are_checked(self):
        self.assertGreaterEqual(len(CHECKED), 10)
        self.assertEqual(pages.commands("$ patron value a \\\n    b\nout\n$ patron value c\n"),
                         [("patron value a \\\n    b", "out\n"), ("patron value c", "")])


class Pictures(unittest.TestCase):
    def test_drawn_again(self):
        drawn = list(pages.pictures())
        there = glob.glob(os.path.join(pages.ROOT, pages.PICTURES, "*.svg"))
        self.assertEqual(sorted(name for _, name in drawn), sorted(map(os.path.basename, there)))
        with tempfile.TemporaryDirectory() as folder:
            for command, name in drawn:
                with self.subTest(name):
                    printed, code = pages.run(command, folder)
                    self.assertEqual((code, printed), (0, ""))
                    with open(os.path.join(folder, name), encoding="utf-8") as f:
                        now = f.read()
                    self.assertLess(len(now), 15000)
                    self.assertTrue(now == pages.read(f"{pages.PICTURES}/{name}"), f"{name} would be drawn differently")

    def test_shown_and_there(self):
        shown = set()
        for page in pages.PAGES:
            for picture in re.findall(r"!\[[^\]]*\]\(([^)]*\.svg)\)", pages.read(page)):
                self.assertTrue(os.path.exists(os.path.join(pages.ROOT, os.path.dirname(page), picture)), picture)
                shown.add(os.path.basename(picture))
        self.assertEqual(shown, {name for _, name in pages.pictures()})
