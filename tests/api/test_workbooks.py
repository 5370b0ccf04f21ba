"""Import of workbooks, and of text files in the encodings people have."""
import io
import unittest
import zipfile

import xlsx
from patron import both
from test_import import Import

HEAD = xlsx.row(1, "客户编号", "客户名称", "日期", "金额")
STYLES = ('<numFmts count="3"><numFmt numFmtId="164" formatCode="yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;"/>'
          '<numFmt numFmtId="165" formatCode="[Red]#,##0.00;[$¥-804]0"/><numFmt numFmtId="166" formatCode="[h]:mm"/></numFmts>'
          '<cellXfs>' + "".join(f'<xf numFmtId="{n}"/>' for n in (0, 14, 164, 165, 22, 166, 20)) + '</cellXfs>')


class Workbooks(Import):
    def raw(self, data, from_row=1, **choice):
        im = self.upload(data, "book.xlsx")
        if choice:
            im = self.admin.need(200, "POST", f"imports/{im['id']}/read", choice).json
        rows = self.admin.get(f"imports/{im['id']}/preview?from={from_row}&limit=200")["rows"]
        return im, [[c["raw"] for c in r["cells"]] for r in rows], [r["row"] for r in rows]

    def test_every_kind_of_cell(self):
        v = lambda x: f"<v>{x}</v>"
        rows = HEAD + xlsx.row(
            2, ('t="s"', v(0)), ('t="s"', v(1)), ('s="1"', v(45351)), ('s="3"', v("1234.5600000000001"))
        ) + xlsx.row(
            3, 12345678901, ('t="str"', v("a_x000A_b &amp; &quot;c&quot;, d")), ('s="2"', v(45351.5)), ("", v("1E+3"))
        ) + xlsx.row(
            5, ('t="b"', v(1)), ('t="e"', v("#N/A")), ('t="d"', v("2024-02-29T00:00:00")), ('s="5"', v("1.5"))
        ) + '<row><c><v>0.1</v></c><c t="inlineStr"><is><r><t>a</t></r><r><t xml:space="preserve"> b</t></r></is></c>' \
            '<c s="4"><v>45351.999999</v></c><c s="6"><v>0.75</v></c></row>'
        shared = ["<t>C1</t>", "<r><t>苏州</t></r><rPh sb=\"0\" eb=\"1\"><t>suzhou</t></rPh><r><t>江都</t></r>"]
        im, cells, numbers = self.raw(xlsx.book({"数据": rows}, shared, STYLES), 2)
        self.assertEqual(cells, [["C1", "苏州江都", "2024-02-29", "1234.56"],
                                 ["12345678901", "a\nb & \"c\", d", "2024-02-29 12:00:00", "1000"],
                                 ["true", "#N/A", "2024-02-29", "1.5"],
                                 ["0.1", "a b", "2024-03-01", "18:00:00"]])
        self.assertEqual(numbers, [2, 3, 5, 6], "rows are numbered as in the sheet")
        self.assertEqual({k: im["format"][k] for k in ("file", "sheet", "sheets", "encoding")},
                         {"file": "xlsx", "sheet": 0, "sheets": ["数据"], "encoding": "UTF-8"})
        self.assertEqual([c["field"] for c in im["columns"]], ["customer.ext_id", "customer.name", "ordered_on", "amount"])

    def test_days_from_1904(self):
        data = xlsx.book({"a": HEAD + xlsx.row(2, "C", "N", ('s="1"', "<v>43889</v>"), 5)}, None, STYLES,
                         '<workbookPr date1904="true"/>')
        self.assertEqual(self.raw(data, 2)[1], [["C", "N", "2024-02-29", "5"]])

    def test_sheets(self):
        one = lambda x: HEAD + xlsx.row(2, x, x, "2024-01-01", 5)
        data = xlsx.book({"-geheim": one("hidden"), "leer": "", "noch leer": '<row r="1"><c r="A1" s="0"/></row>',
                          "daten": one("C1"), "mehr": one("C2") + xlsx.row(9, "C3", "C3", "2024-01-01", 6)})
        im, cells, _ = self.raw(data, 2)
        self.assertEqual((im["format"]["sheets"], im["format"]["sheet"], cells[0][0]),
                         (["geheim", "leer", "noch leer", "daten", "mehr"], 3, "C1"))
        im, cells, numbers = self.raw(data, 2, sheet=4)
        self.assertEqual((im["format"]["sheet"], im["rows"], [c[0] for c in cells], numbers), (4, 2, ["C2", "C3"], [2, 9]))
        self.problem(self.admin, "POST", f"imports/{im['id']}/read", "validation", 422, "/sheet", body={"sheet": 5})
        self.problem(self.admin, "POST", f"imports/{im['id']}/read", "validation", 422, "/sheet", body={"sheet": -1})
        self.problem(self.admin, "POST", f"imports/{im['id']}/read", "import-empty", 422, body={"sheet": 1})
        # What was read before still stands.
        self.assertEqual(self.admin.get(f"imports/{im['id']}")["format"]["sheet"], 4)

    def test_run(self):
        rows = HEAD + "".join(xlsx.row(i + 2, f"X{i % 7}", f"Firma {i % 7}", ('s="1"', f"<v>{45000 + i}</v>"), i + .25)
                              for i in range(1, 400))
        _, im = self.go(self.upload(xlsx.book({"a": rows}, None, STYLES), "x.xlsx")["id"], "run")
        self.assertEqual((im["result"]["created"], im["result"]["customers_created"], im["result"]["rejected"]), (399, 7, 0))
        total = sum(int(r[0]) for r in self.server.rows("amount", "orders", f"WHERE import_id = {im['id']}"))
        self.assertEqual(total, sum(i * 100 + 25 for i in range(1, 400)))
        self.quiet()
        self.problem(self.admin, "POST", f"imports/{im['id']}/read", "state-conflict", 409, body={})

    def test_what_is_no_workbook(self):
        good = {"a": HEAD + xlsx.row(2, "C", "N", "2024-01-01", 5)}
        whole = xlsx.book(good)
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as z:
            z.writestr("a.txt", "x")
        doctype = ('<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
                   '<worksheet><sheetData><row r="1"><c t="str"><v>&b;</v></c></row></sheetData></worksheet>')
        bomb = HEAD + "".join(f'<row r="{i}"/>' + " " * 4000 for i in range(2, 30000))
        for name, data, code in (
                ("cut", whole[:len(whole) // 2], "import-workbook"), ("no workbook", zipped.getvalue(), "import-workbook"),
                ("doctype", xlsx.book(good, extra={"xl/worksheets/s1.xml": doctype}), "import-workbook"),
                ("bad xml", xlsx.book({"a": HEAD + "<row r='2'><c></row>"}), "import-workbook"),
                ("rows back", xlsx.book({"a": xlsx.row(5, "a") + xlsx.row(4, "b")}), "import-workbook"),
                ("no such text", xlsx.book({"a": xlsx.row(1, ('t="s"', "<v>7</v>"))}, ["<t>a</t>"]), "import-workbook"),
                ("no sheet", xlsx.book(good, extra={"xl/worksheets/s1.xml": None}), "import-workbook"),
                ("bomb", xlsx.book({"a": bomb}), "import-workbook-size"),
                ("far row", xlsx.book({"a": xlsx.row(1, "a") + xlsx.row(2000000, "b")}), "import-workbook-size"),
                ("nothing", xlsx.book({"a": "", "b": ""}), "import-empty"),
                ("old", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "import-old-workbook")):
            with self.subTest(name):
                self.problem(self.admin, "POST", "imports?entity=order&name=x.xlsx", code, 422, raw=data,
                             headers={"Content-Type": "application/octet-stream"})

    def test_encodings(self):
        for text, encoding, said in (
                ("客戶名稱,日期,金額\n台北聯華電子股份有限公司,2024-01-02,35\n", "big5", "Big5"),
                ("客户名称,日期,金额\n苏州江都电子科技有限公司,2024-01-02,35\n", "gb18030", "GB18030"),
                ("客户名称,日期,金额\n苏州江都电子科技有限公司,2024-01-02,35\n", "utf-8", "UTF-8"),
                ("客户名称,日期,金额\n苏州江都电子科技有限公司,2024-01-02,35\n", "utf-8-sig", "UTF-8"),
                ("客户名称,日期,金额\n苏州江都电子科技有限公司,2024-01-02,35\n", "utf-16", "UTF-16LE"),
                ("客户名称,日期,金额\n苏州江都电子科技有限公司,2024-01-02,35\n", "utf-16-le", "UTF-16LE"),
                ("客户名称,日期,金额\n苏州江都电子科技有限公司,2024-01-02,35\n", "utf-16-be", "UTF-16BE")):
            with self.subTest(encoding):
                im = self.upload(text.encode(encoding), "orders.csv")
                self.assertEqual(im["format"]["encoding"], said)
                [row] = self.admin.get(f"imports/{im['id']}/preview")["rows"]
                self.assertEqual([c["raw"] for c in row["cells"]], text.split("\n")[1].split(","))

    def test_another_encoding_is_chosen(self):
        # Two characters are too few to tell: the person can.
        im = self.upload("name,city\nx,中文\n".encode("big5"), "c.csv", "customer")
        for choice, raw in (("GB18030", "中文".encode("big5").decode("gb18030")), ("Big5", "中文")):
            again = self.admin.need(200, "POST", f"imports/{im['id']}/read", {"encoding": choice}).json
            self.assertEqual((again["id"], again["format"]["encoding"]), (im["id"], choice))
            [row] = self.admin.get(f"imports/{im['id']}/preview")["rows"]
            self.assertEqual(row["cells"][1]["raw"], raw)
        self.problem(self.admin, "POST", f"imports/{im['id']}/read", "validation", 422, "/encoding",
                     body={"encoding": "EBCDIC"})
        self.problem(self.admin, "POST", f"imports/{im['id']}/read", "import-encoding", 422, body={"encoding": "UTF-8"})
        self.assertEqual(self.admin.get(f"imports/{im['id']}")["format"]["encoding"], "Big5")


both(Workbooks)

if __name__ == "__main__":
    unittest.main()
