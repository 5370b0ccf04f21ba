#!/usr/bin/env python3
"""The ```console blocks of the pages, and the pictures of the models: pages.py [--write] [PATRON].

A block holds commands (`$ patron value …`) with what they print to the terminal, in English unless --lang says otherwise. The blocks of a page run
one after the other in one folder, so that one may use the file of another. A line `…` stands for lines left out, and
`…` within a line for a part that does not matter. Pictures are drawn by the commands of docs/models/img/README.md.

Without --write it says what differs (tests/tool/test_docs.py does the same); with it, blocks and pictures are written
anew: read the difference before it is committed, the program is not right because it says so."""
import glob
import os
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
PATRON = os.path.abspath(os.environ.get("PATRON") or os.path.join(ROOT, "build", "patron"))
SLOW = float(os.environ.get("PATRON_TEST_SLOW", "1"))
PAGES = [p for p in ("README.md", "README.zh-CN.md", "docs/value.md", *sorted(os.path.relpath(p, ROOT) for p in glob.glob(
    os.path.join(ROOT, "docs", "models", "*.md")))) if os.path.exists(os.path.join(ROOT, p))]
PICTURES = "docs/models/img"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def write(path, text):
    with open(os.path.join(ROOT, path), "w", encoding="utf-8") as f:
        f.write(text)


def commands(block):
    """(command as it is written, output) of a block; a command goes on after a backslash."""
    parts = re.split(r"^\$ ((?:.*\\\n)*.*)\n", block, flags=re.M)
    assert parts[0] == "", f"a block begins with a command: {block}"
    return list(zip(parts[1::2], parts[2::2]))


def run(command, folder):
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:2] == ["patron", "value"], f"only `patron value` is run here: {command}"
    r = subprocess.run([PATRON, *words[1:]], cwd=folder, capture_output=True, text=True, encoding="utf-8",
                       timeout=120 * SLOW, env={**os.environ, "LC_ALL": "C"})
    return r.stdout + r.stderr, r.returncode


def fits(written, printed):
    lines = ["(?:.*\\n)*" if line.strip() == "…" else ".*".join(map(re.escape, line.rstrip().split("…"))) + "\\n"
             for line in written.splitlines()]
    return re.fullmatch("".join(lines), "".join(line.rstrip() + "\n" for line in printed.splitlines())) is not None


def check(page):
    """(command, written, printed, exit code) of every command of a page."""
    with tempfile.TemporaryDirectory() as folder:
        for block in BLOCK.findall(read(page)):
            for command, written in commands(block):
                yield (command, written, *run(command, folder))


def pictures():
    """(command, name) of every picture."""
    for block in BLOCK.findall(read(f"{PICTURES}/README.md")):
        for command, written in commands(block):
            yield command, re.search(r"--out (\S+\.svg)", command).group(1)


def renew(page):
    new = {}
    for command, written, printed, code in check(page):
        assert code == 0, f"{command}\n{printed}"
        if not fits(written, printed):
            new[f"$ {command}\n{written}"] = f"$ {command}\n{printed}"
    text = read(page)
    for old, now in new.items():
        text = text.replace(old, now)
    if new:
        write(page, text)
        print(f"{page}: {len(new)} blocks written anew")


def main():
    differ = 0
    if "--write" in sys.argv:
        for page in PAGES:
            renew(page)
        for command, _ in pictures():
            print(run(command, os.path.join(ROOT, PICTURES))[0], end="")
            os.chmod(os.path.join(ROOT, PICTURES, _), 0o644)
        return 0
    for page in PAGES:
        for command, written, printed, code in check(page):
            if code or not fits(written, printed):
                print(f"{page}: $ {command}\n{printed}")
                differ += 1
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
