#!/usr/bin/env python3
"""Writes a C file that carries files inside the program.
Usage: embed.py OUT.c SYMBOL DEPFILE [--dir DIR | PREFIX=FILE ...]
Names are the paths below DIR, or PREFIX + base name."""
import os
import sys


def main():
    out, symbol, dep = sys.argv[1:4]
    entries = []
    rest = sys.argv[4:]
    if rest and rest[0] == "--dir":
        root = rest[1]
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.join(folder, name)
                entries.append((os.path.relpath(path, root), os.path.abspath(path)))
    else:
        for item in rest:
            prefix, path = item.split("=", 1)
            entries.append((prefix + os.path.basename(path), os.path.abspath(path)))
    entries.sort()
    lines = ["/* Made by tools/embed.py: do not edit. */", '#include "base/embed.h"', ""]
    for i, (_, path) in enumerate(entries):
        lines.append(f'__asm__(".section .rodata\\n.balign 16\\n.global {symbol}_{i}\\n'
                     f'{symbol}_{i}:\\n.incbin \\"{path}\\"\\n.byte 0\\n.previous\\n");')
        lines.append(f"extern const char {symbol}_{i}[];")
    lines += ["", f"const struct embedded {symbol}[] = {{"]
    for i, (name, path) in enumerate(entries):
        lines.append(f'    {{"{name}", {symbol}_{i}, {os.path.getsize(path)}}},')
    lines += ["    {0, 0, 0},", "};", f"const unsigned long {symbol}_count = {len(entries)};"]
    with open(out, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    with open(dep, "w", encoding="utf-8") as f:
        f.write(out + ": " + " ".join(p.replace(" ", "\\ ") for _, p in entries) + "\n")


main()
