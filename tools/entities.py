#!/usr/bin/env python3
"""Turns entities/*.json into constants, so that C code that names a field that does not exist does
not compile. Usage: entities.py OUT.h ENTITY.json..."""
import json
import sys

SYSTEM = ["id", "version", "created_at", "created_by", "updated_at", "updated_by",
          "deleted_at", "deleted_by", "import_id"]
OWNED = ["owner_id", "department_id"]


def main():
    out, files = sys.argv[1], sorted(sys.argv[2:])
    lines = ["/* Made by tools/entities.py from entities/: do not edit. */",
             "#ifndef PATRON_ENTITIES_GEN_H", "#define PATRON_ENTITIES_GEN_H", ""]
    entities = [json.load(open(f, encoding="utf-8")) for f in files]
    lines.append("enum entity_id {")
    lines += [f"    ENTITY_{e['name'].upper()}," for e in entities]
    lines += ["    ENTITY_COUNT", "};", ""]
    lines.append("/* Fields every entity has, at the same place in each. */")
    lines.append("enum {")
    lines += [f"    FIELD_{name.upper()}," for name in SYSTEM + OWNED]
    lines += ["};", ""]
    for e in entities:
        names = [f["name"] for f in e["fields"]]
        if len(set(names)) != len(names):
            sys.exit(f"{e['name']}: a field name stands twice")
        first = len(SYSTEM) + (len(OWNED) if e["owned"] else 0)
        lines.append("enum {")
        lines += [f"    {e['name'].upper()}_{n.upper()} = {first + i}," for i, n in enumerate(names)]
        lines += ["};", ""]
    lines.append("#endif")
    text = "\n".join(lines) + "\n"
    with open(out, "w", encoding="utf-8") as f:
        f.write(text)


main()
