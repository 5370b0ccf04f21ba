#!/usr/bin/env python3
"""The arrows of the house point down: every #include of our own is checked.

Floors: app → crm → api → core → {db, http, io} → base. core knows neither HTTP nor value; only
crm/insight and app include patron_value.h; a feature includes no private header of another; the
rooms of core and the files of src/base form no circle; functions that are never right are not
called. Prints `N passed, N failed, 0 skipped`, one for each file."""
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
MAY = {
    "base": {"base"},
    "value": {"value"},
    "io": {"io", "base"},
    "db": {"db", "base"},
    "http": {"http", "base"},
    "core": {"core", "db", "io", "base"},
    "api": {"api", "core", "db", "http", "io", "base"},
    "crm": {"crm", "api", "core", "db", "http", "io", "base"},
    "app": {"app", "crm", "api", "core", "db", "http", "io", "base"},
}
VALUE = ("src/value/", "src/crm/insight/", "src/app/")
# Bounds that cannot be said, results that cannot be checked, state that threads share.
BANNED = re.compile(r'(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof|rand|srand|'
                    r'asctime|ctime|gmtime|localtime|tmpnam|mktemp|alloca|system|popen|strerror_r|setjmp|longjmp)\s*\(')
# Headers that only the files of their own folder may include.
PRIVATE = re.compile(r'(^|/)(internal|\w+_internal|sqlite|pg|schema_read)\.h$')


def strip(text):
    text = re.sub(r'/\*.*?\*/', lambda m: re.sub(r'[^\n]', " ", m.group(0)), text, flags=re.S)
    text = re.sub(r'//[^\n]*', "", text)
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


def files():
    for where, _, names in os.walk(os.path.join(ROOT, "src")):
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                yield os.path.relpath(os.path.join(where, name), ROOT)


def place(path, include):
    """The included file as a path under src/, or None when it is not ours."""
    beside = os.path.normpath(os.path.join(os.path.dirname(path), include))
    for candidate in (os.path.join("src", include), beside, os.path.join("include", include)):
        if os.path.exists(os.path.join(ROOT, candidate)):
            return os.path.normpath(candidate)
    return None


def circle(graph):
    """One circle of the graph as a list, or None."""
    state, path = {}, []

    def visit(node):
        state[node] = 1
        path.append(node)
        for other in sorted(graph.get(node, ())):
            if state.get(other) == 1:
                return path[path.index(other):] + [other]
            if other not in state:
                found = visit(other)
                if found:
                    return found
        path.pop()
        state[node] = 2
        return None
    for node in sorted(graph):
        if node not in state:
            found = visit(node)
            if found:
                return found
    return None


def main():
    wrong, count = [], 0
    rooms, headers = {}, {}
    for path in files():
        count += 1
        before = len(wrong)
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            text = f.read()
        part = path.split("/")
        floor = part[1]
        for include in re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, re.M):
            to = place(path, include)
            if include == "patron_value.h":
                if not path.startswith(VALUE):
                    wrong.append(f"{path}: only crm/insight and app know the value library")
                continue
            if include in ("entities.gen.h", "han.gen.h"):
                continue
            if not to:
                wrong.append(f"{path}: there is no {include}")
                continue
            other = to.split("/")
            if other[0] != "src":
                continue
            headers.setdefault(path, set()).add(to)
            if other[1] not in MAY[floor] and not (floor == "app" and other[1] == "value"):
                wrong.append(f"{path}: {floor} does not know {other[1]} ({include})")
            folder = os.path.dirname(to)
            if PRIVATE.search(to) and folder != os.path.dirname(path):
                wrong.append(f"{path}: {include} is private to {folder}")
            if floor == "core" and other[1] == "core" and part[2] != other[2]:
                rooms.setdefault(part[2], set()).add(other[2])
            if floor == "crm" and other[1] == "crm" and part[2] != other[2] and \
                    other[3] != other[2] + ".h":
                wrong.append(f"{path}: features meet through {other[2]}/{other[2]}.h, not {include}")
        for line, code in enumerate(strip(text).split("\n"), 1):
            hit = BANNED.search(code)
            if hit:
                wrong.append(f"{path}:{line}: {hit.group(1)} is never right")
        count -= len(wrong) > before
    for name, graph in (("rooms of core", rooms), ("headers", {k: v for k, v in headers.items() if k.endswith(".h")})):
        found = circle(graph)
        if found:
            wrong.append(f"a circle of {name}: {' → '.join(found)}")
    for line in wrong:
        print("FAIL " + line)
    print(f"{count} passed, {len(wrong)} failed, 0 skipped")
    return 1 if wrong else 0


sys.exit(main())
