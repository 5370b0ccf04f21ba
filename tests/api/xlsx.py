"""Workbooks with the standard library alone: read as ECMA-376 says, and written by hand, with what other programs put
into them."""
import io
import re
import zipfile
from xml.etree import ElementTree

NS = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


WORKSHEET = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"


def part(body, tag="worksheet", more=""):
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{tag} xmlns="{NS["m"]}"{more}>{body}</{tag}>'


def book(sheets, shared=None, styles=None, properties="", extra=None):
    """A workbook of {name: XML inside <sheetData>}; a name that begins with - is a hidden sheet. `extra`: further parts,
    or others instead."""
    rels, listed = "", ""
    parts = {}
    kinds = OFFICE = WORKSHEET[:-len("worksheet")]
    for i, (name, rows) in enumerate(sheets.items(), 1):
        parts[f"xl/worksheets/s{i}.xml"] = part(f"<sheetData>{rows}</sheetData>")
        rels += f'<Relationship Id="r{i}" Type="{WORKSHEET}" Target="worksheets/s{i}.xml"/>'
        state = ' state="hidden"' if name.startswith("-") else ""
        listed += f'<sheet name="{name.lstrip("-")}" sheetId="{i + 10}"{state} r:id="r{i}"/>'
    if shared is not None:
        parts["xl/texts.xml"] = part("".join(f"<si>{s}</si>" for s in shared), "sst")
        rels += f'<Relationship Id="rT" Type="{kinds}sharedStrings" Target="/xl/texts.xml"/>'
    if styles is not None:
        parts["xl/styles.xml"] = part(styles, "styleSheet")
        rels += f'<Relationship Id="rS" Type="{kinds}styles" Target="styles.xml"/>'
    space = "http://schemas.openxmlformats.org/package/2006/relationships"
    parts["xl/workbook.xml"] = part(f"{properties}<sheets>{listed}</sheets>", "workbook", f' xmlns:r="{OFFICE[:-1]}"')
    parts["xl/_rels/workbook.xml.rels"] = f'<Relationships xmlns="{space}">{rels}</Relationships>'
    parts["_rels/.rels"] = (f'<Relationships xmlns="{space}"><Relationship Id="a" Type="{kinds}officeDocument" '
                            'Target="/xl/workbook.xml"/></Relationships>')
    parts.update(extra or {})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, text in parts.items():
            if text is not None:
                z.writestr(name, text)
    return out.getvalue()


def row(number, *cells):
    """Cells as XML attributes and body: ("t=\"s\"", "<v>0</v>"), a text, a number, or None."""
    out = ""
    for i, c in enumerate(cells):
        ref = f'r="{chr(65 + i)}{number}"'
        if c is None:
            continue
        if isinstance(c, str):
            c = ('t="inlineStr"', f"<is><t>{c}</t></is>")
        elif not isinstance(c, tuple):
            c = ("", f"<v>{c}</v>")
        out += f"<c {ref} {c[0]}>{c[1]}</c>"
    return f'<row r="{number}">{out}</row>'


def column(ref):
    n = 0
    for c in re.match("[A-Z]+", ref).group():
        n = n * 26 + ord(c) - 64
    return n - 1


def sheets(data):
    """{name: rows}; a cell is (value as text, number format) or None."""
    z = zipfile.ZipFile(io.BytesIO(data))
    assert z.testzip() is None
    types = z.read("[Content_Types].xml").decode()
    styles = ElementTree.fromstring(z.read("xl/styles.xml"))
    formats = {f.get("numFmtId"): f.get("formatCode") for f in styles.iterfind("m:numFmts/m:numFmt", NS)}
    looks = [formats.get(x.get("numFmtId"), "General") for x in styles.iterfind("m:cellXfs/m:xf", NS)]
    rels = {r.get("Id"): r.get("Target") for r in ElementTree.fromstring(z.read("xl/_rels/workbook.xml.rels"))}
    out = {}
    for s in ElementTree.fromstring(z.read("xl/workbook.xml")).iterfind("m:sheets/m:sheet", NS):
        part = "xl/" + rels[s.get(REL)]
        assert "/" + part in types
        rows = []
        for r in ElementTree.fromstring(z.read(part)).iterfind("m:sheetData/m:row", NS):
            row = []
            for c in r.iterfind("m:c", NS):
                at = column(c.get("r"))
                row += [None] * (at - len(row))
                text = c.findtext("m:is/m:t", namespaces=NS) if c.get("t") == "inlineStr" else c.findtext("m:v", namespaces=NS)
                row.append((text, looks[int(c.get("s", 0))] if c.get("t") is None else "text"))
            rows.append(row)
        out[s.get("name")] = rows
    return out
