"""Workbooks with the standard library alone: read as ECMA-376 says, and written by hand, with what other programs put
into them."""
import io
import re
import zipfile
from xml.etree import ElementTree

NS = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


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
