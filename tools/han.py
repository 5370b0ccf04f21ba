#!/usr/bin/env python3
"""Chinese characters: how they are read, and their simplified form.

han.py TABLE OUT.h      makes const tables for C from TABLE (a step of the build)
han.py --icu TABLE      writes the readings and forms of TABLE anew from ICU (Debian: python3-icu,
                        /usr/bin/python3); what is marked + by hand stays

TABLE has a line for each syllable, "li 力历…"; lines "+ le 乐…" with further readings, which people type for
names and places; lines "= 万萬…" with pairs of simplified and traditional."""
import sys

FIRST, LAST = 0x4E00, 0x9FFF


def read(path):
    reading, more, simple = {}, [], {}
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            word = line.split()
            if not word or word[0] == "#":
                continue
            if word[0] == "=":
                text = word[1]
                for i in range(0, len(text), 2):
                    simple[text[i + 1]] = text[i]
            elif word[0] == "+":
                more += [(c, word[1]) for c in word[2]]
            else:
                for c in word[1]:
                    if c in reading:
                        sys.exit(f"{path}:{number}: {c} has a reading already")
                    reading[c] = word[0]
    for c, syllable in more:
        if reading.get(c) == syllable:
            sys.exit(f"{path}: {c} is read {syllable} anyway")
    return reading, more, simple


def columns(values, width=12):
    rows = [values[i:i + width] for i in range(0, len(values), width)]
    return "".join("    " + ", ".join(map(str, r)) + ",\n" for r in rows)


def make(table, out):
    reading, more, simple = read(table)
    syllables = sorted(set(reading.values()) | {s for _, s in more})
    number = {s: i + 1 for i, s in enumerate(syllables)}
    codes = range(FIRST, LAST + 1)
    text = ["/* Made by tools/han.py: do not edit. */", "#include <stdint.h>", "",
            f"enum {{ HAN_FIRST = {FIRST:#x}, HAN_LAST = {LAST:#x}, HAN_SYLLABLES = {len(syllables)}, "
            f"HAN_MORE = {len(more)} }};", "",
            "/* Sorted; [0] is none. */",
            "static const char han_syllables[HAN_SYLLABLES + 1][8] = {\n" + columns(['""'] + [f'"{s}"' for s in syllables]) + "};",
            "static const uint16_t han_reading[HAN_LAST - HAN_FIRST + 1] = {\n" +
            columns([number.get(reading.get(chr(c)), 0) for c in codes], 20) + "};",
            "/* Further readings, by character. */",
            "static const struct {\n    uint16_t character, syllable;\n} han_more[HAN_MORE] = {\n" +
            columns([f"{{{ord(c)}, {number[s]}}}" for c, s in sorted(more)], 8) + "};",
            "/* The simplified form; 0 is the character itself. */",
            "static const uint16_t han_simple[HAN_LAST - HAN_FIRST + 1] = {\n" +
            columns([ord(simple[chr(c)]) if chr(c) in simple else 0 for c in codes], 16) + "};"]
    with open(out, "w", encoding="utf-8") as f:
        f.write("\n".join(text) + "\n")


def from_icu(table):
    import icu
    latin = icu.Transliterator.createInstance("Han-Latin; Latin-ASCII; Lower")
    simplify = icu.Transliterator.createInstance("Traditional-Simplified")
    with open(table, encoding="utf-8") as f:
        by_hand = [line for line in f if line[0] in "#+"]
    by_syllable, pairs = {}, ""
    for c in map(chr, range(FIRST, LAST + 1)):
        syllable, simple = latin.transliterate(c), simplify.transliterate(c)
        if syllable.isascii() and syllable.isalpha():
            by_syllable.setdefault(syllable, []).append(c)
        if len(simple) == 1 and simple != c and FIRST <= ord(simple) <= LAST:
            pairs += simple + c
    with open(table, "w", encoding="utf-8") as f:
        f.writelines(line for line in by_hand if line[0] == "#")
        f.writelines(f"{s} {''.join(cs)}\n" for s, cs in sorted(by_syllable.items()))
        f.writelines(line for line in by_hand if line[0] == "+")
        f.writelines(f"= {pairs[i:i + 80]}\n" for i in range(0, len(pairs), 80))


if __name__ == "__main__":
    if sys.argv[1] == "--icu":
        from_icu(sys.argv[2])
    else:
        make(sys.argv[1], sys.argv[2])
