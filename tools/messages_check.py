#!/usr/bin/env python3
"""Every code that the C program can show to a person has its text in both languages.

Codes are found where the program makes them: ERR_TABLE, err_item(…, "code"), the string results of
functions that return a message key, and the verdicts of the value engine. A text is a short plain
sentence or, for cells, a fragment: no full stop at the end, no "invalid". Prints `N passed, N
failed, 0 skipped`."""
import json
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
CODE = r'"([a-z][a-z0-9-]*)"'
# Functions whose string results are message keys, and the calls that take one.
RETURNS_KEY = re.compile(r'^(?:static )?const char \*(\w+)\([^;{]*\)\n\{(.*?)^\}', re.M | re.S)
KEY_FILES = ["src/core/registry/types.c", "src/base/money.c", "src/core/identity/identity.c",
             "src/crm/import/plan.c"]
CALLS = [r'err_item\(\s*[^;]*?,\s*' + CODE + r'\s*\)', r'\breject\([^;]*?' + CODE + r'[^;]*?\);',
         r'\bnote\([^;]*?' + CODE + r'\);', r'\bcode = [^;]*;', r'err_item\([^;]*\);',
         r'struct cell_note\)\{[^}]*\}']


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def sources():
    for folder in ("src/core", "src/api", "src/crm"):
        for where, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in sorted(names):
                if name.endswith(".c"):
                    yield os.path.relpath(os.path.join(where, name), ROOT)


def codes():
    found = {}
    for code in re.findall(r'X\(\w+, ' + CODE, read("src/base/err.h")):
        found.setdefault(code, "src/base/err.h")
    for path in KEY_FILES:
        for _, body in RETURNS_KEY.findall(read(path)):
            for statement in re.findall(r'\breturn [^;]*;', body):
                for code in re.findall(CODE, re.sub(r'json_\w+\([^()]*\)', "", statement)):
                    found.setdefault(code, path)
    for path in sources():
        text = re.sub(r'/\*.*?\*/', "", read(path), flags=re.S)
        for call in CALLS:
            for hit in re.finditer(call, text):
                # The message key is a bare literal, not an operand of a comparison.
                part = re.sub(r'\w+_is\([^()]*\)|strcmp\([^()]*\)|str_of\("[^"]*"\)|json_\w+\([^()]*\)', "",
                              hit.group(0))
                for code in re.findall(r'(?<!STR\()' + CODE, part):
                    if "/" not in code:
                        found.setdefault(code, path)
    cell = re.search(r'csv_cell_code.*?codes\[\] = \{(.*?)\}', read("src/io/csv_cell.c"), re.S)
    for code in re.findall(CODE, cell.group(1)):
        if code != "ok":
            found.setdefault(code, "src/io/csv_cell.c")
    verdicts = re.search(r'enum pv_verdict \{(.*?)\n\};', read("include/patron_value.h"), re.S)
    for code in re.findall(CODE, verdicts.group(1)):
        found.setdefault("verdict-" + code, "include/patron_value.h")
    return found


def main():
    passed, wrong = 0, []
    texts = {}
    for lang in ("en", "zh"):
        raw = read(f"messages/{lang}.json")
        pairs = json.loads(raw, object_pairs_hook=list)
        keys = [k for k, _ in pairs]
        if keys != sorted(set(keys)):
            wrong.append(f"messages/{lang}.json: keys are not sorted, or stand twice")
        texts[lang] = dict(pairs)
    for code, where in sorted(codes().items()):
        missing = [lang for lang in texts if code not in texts[lang]]
        if missing:
            wrong.append(f"{where}: {code} has no text in {', '.join(missing)}")
        else:
            passed += 1
    for code in sorted(set(texts["en"]) | set(texts["zh"])):
        both = [texts[lang].get(code, "") for lang in ("en", "zh")]
        holes = [sorted(re.findall(r'\{(\w+)\}', t)) for t in both]
        if not all(both):
            wrong.append(f"{code}: only in one language")
        elif holes[0] != holes[1]:
            wrong.append(f"{code}: the parameters differ between the languages")
        elif any(t.rstrip().endswith((".", "。")) for t in both) or "nvalid" in both[0]:
            wrong.append(f"{code}: ends with a full stop, or says invalid")
        elif not re.search(r'[\u4e00-\u9fff]', both[1]):
            wrong.append(f"{code}: the Chinese text has no Chinese in it")
        else:
            passed += 1
    for line in wrong:
        print("FAIL " + line)
    print(f"{passed} passed, {len(wrong)} failed, 0 skipped")
    return 1 if wrong else 0


sys.exit(main())
