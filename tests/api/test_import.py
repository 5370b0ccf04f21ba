"""Import: from an upload to undo, with every way a file can be wrong."""
import random
import time
import unittest
import urllib.parse
from csv import reader

from patron import Api, both


def cdnow(customers=300, seed=1):
    """Rows as the public CDNOW file has them: customer, day, items, dollars; equal rows occur."""
    rnd = random.Random(seed)
    rows = []
    for c in range(1, customers + 1):
        for _ in range(1 + int(rnd.expovariate(.7))):
            rows.append((f"{c:05}", f"1997-{rnd.randrange(1, 13):02}-{rnd.randrange(1, 29):02}", rnd.randrange(1, 6),
                         f"{rnd.randrange(500, 9000) / 100:.2f}"))
    rows += rows[:3]
    return rows


def csv(rows, header="customer_id,date,quantity,price", delimiter=",", end="\n"):
    lines = [header.replace(",", delimiter)] + [delimiter.join(str(c) for c in r) for r in rows]
    return end.join(lines) + end


class Import(Api):
    def upload(self, data, name="orders.csv", entity="order", status=201, client=None):
        data = data.encode() if isinstance(data, str) else data
        a = (client or self.admin)("POST", f"imports?entity={entity}&name={urllib.parse.quote(name)}", raw=data,
                                   headers={"Content-Type": "application/octet-stream"})
        self.assertEqual(a.status, status, repr(a))
        return a.json

    def go(self, id, what, wanted="done", client=None):
        c = client or self.admin
        job = c.post(f"imports/{id}/{what}", status=202)["job_id"]
        j = c.job(job, wanted)
        return j, c.get(f"imports/{id}")

    def whole(self, data, name="orders.csv", entity="order", **options):
        im = self.upload(data, name, entity)
        if options:
            self.admin.patch(f"imports/{im['id']}", {"options": options})
        return self.go(im["id"], "run")[1]

    def n(self, table, rest=""):
        return int(self.server.rows("count(*)", table, rest)[0][0])


class Cdnow(Import):
    """One after the other, as a company would do it."""

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.rows = cdnow()
        cls.customers = len({r[0] for r in cls.rows})

    def test_1_upload_and_guess(self):
        empty = self.server.checksum()
        im = self.upload(csv(self.rows), "cdnow_full.csv")
        self.assertEqual((im["state"], im["rows"], im["name"], im["entity"]),
                         ("uploaded", len(self.rows), "cdnow_full.csv", "order"))
        self.assertEqual({k: im["format"][k] for k in ("encoding", "bom", "delimiter", "date_format", "language")},
                         {"encoding": "UTF-8", "bom": False, "delimiter": ",", "date_format": "YYYY-MM-DD",
                          "language": "en"})
        self.assertEqual([(c["header"], c["field"]) for c in im["columns"]],
                         [("customer_id", "customer.ext_id"), ("date", "ordered_on"), ("quantity", "units"),
                          ("price", "amount")])
        self.assertTrue(all(0 < c["confidence"] <= 1 and c["samples"] for c in im["columns"]))
        self.assertIn("customer.ext_id", [f["name"] for f in im["fields"]])
        _, im = self.go(im["id"], "check")
        self.assertEqual(im["state"], "checked")
        self.assertEqual({k: im["check"][k] for k in ("rows", "new", "existing", "changed", "rejected", "new_customers")},
                         {"rows": len(self.rows), "new": len(self.rows), "existing": 0, "changed": 0, "rejected": 0,
                          "new_customers": self.customers})
        self.assertEqual(self.server.checksum(), empty, "a check writes nothing")
        rows = self.admin.get(f"imports/{im['id']}/preview?from=2&limit=3")["rows"]
        self.assertEqual([r["row"] for r in rows], [2, 3, 4])
        self.assertEqual([c["raw"] for c in rows[0]["cells"]], [str(x) for x in self.rows[0]])
        self.assertEqual(rows[0]["cells"][3]["value"], {"amount": self.rows[0][3], "currency": "CNY"})
        Cdnow.first = im["id"]

    def test_2_run(self):
        j, im = self.go(self.first, "run")
        r = im["result"]
        self.assertEqual((im["state"], r["created"], r["updated"], r["skipped"], r["rejected"], r["customers_created"]),
                         ("done", len(self.rows), 0, 0, 0, self.customers))
        self.assertEqual((j["state"], j["done"], j["total"], j["kind"]), ("done", len(self.rows), len(self.rows), "import"))
        self.assertEqual((self.n("orders"), self.n("customers")), (len(self.rows), self.customers))
        want = {}
        for c, day, _, price in self.rows:
            n, total, first, last = want.get(c, (0, 0, day, day))
            want[c] = (n + 1, total + round(float(price) * 100), min(first, day), max(last, day))
        got = {r["ext_id"]: (r["orders_count"], round(float(r["revenue"]["amount"]) * 100), r["first_order_on"],
                             r["last_order_on"]) for r in self.admin.all("customers", 500)}
        self.assertEqual(got, want)
        one = self.rows[0][0]
        k = self.admin.get(f"customers?ext_id={one}")["items"][0]
        orders = self.admin.all(f"orders?customer_id={k['id']}")
        self.assertEqual(sorted((o["ordered_on"], o["units"], o["amount"]["amount"]) for o in orders),
                         sorted((d, q, p) for c, d, q, p in self.rows if c == one))
        self.assertEqual(self.admin.get(f"search?q={one}")["items"][0]["id"], k["id"])
        self.quiet()
        self.problem(self.admin, "POST", f"imports/{self.first}/run", "state-conflict", 409)

    def test_3_the_same_again(self):
        before = self.server.rows("id, version", "orders", "ORDER BY id")
        for data in (csv(self.rows), csv(self.rows, end="\r\n"), "\ufeff" + csv(self.rows),
                     csv(self.rows, delimiter=";"), csv(self.rows).rstrip("\n")):
            im = self.whole(data)
            self.assertEqual((im["result"]["created"], im["result"]["skipped"], im["result"]["rejected"]),
                             (0, len(self.rows), 0))
        self.assertEqual(self.server.rows("id, version", "orders", "ORDER BY id"), before)
        # Rows more than before are the only new ones: also one that equals an old one.
        more = self.rows + [self.rows[0], ("00001", "1998-01-01", 1, "5.00"), ("99999", "1998-01-01", 1, "5.00")]
        im = self.whole(csv(more))
        self.assertEqual((im["result"]["created"], im["result"]["skipped"], im["result"]["customers_created"]),
                         (3, len(self.rows), 1))
        _, im = self.go(im["id"], "undo")
        self.assertEqual((im["state"], im["undo"]), ("undone", {"removed": 4, "kept": 0}))
        self.assertEqual(self.server.rows("id, version", "orders", "ORDER BY id"), before)

    def test_4_undo_keeps_what_was_touched(self):
        c = self.admin
        o = c.get("orders?limit=1&sort=id")["items"][0]
        c.patch(f"orders/{o['id']}", {"place": "Shanghai"})
        other = c.get("customers?limit=1&sort=-name")["items"][0]
        c.post("notes", {"customer_id": other["id"], "body": "wants to stay"})
        _, im = self.go(self.first, "undo")
        self.assertEqual(im["state"], "undone")
        self.assertEqual(im["undo"]["kept"], 3)  # the order, its customer, the customer with a note
        self.assertEqual(im["undo"]["removed"], len(self.rows) + self.customers - 3)
        self.assertEqual(self.server.rows("id", "orders"), [(o["id"],)])
        left = {r["id"]: r for r in c.all("customers")}
        self.assertEqual(set(left), {o["customer_id"], other["id"]})
        self.assertEqual(left[o["customer_id"]]["revenue"]["amount"], o["amount"]["amount"])
        self.assertEqual(left[other["id"]]["orders_count"] or 0, 0)
        self.assertEqual(c.get("search?q=00002")["items"], [])
        self.quiet()
        self.problem(c, "POST", f"imports/{self.first}/undo", "state-conflict", 409)
        # What was taken back can be imported again.
        im = self.whole(csv(self.rows))
        self.assertEqual(im["result"]["created"], len(self.rows) - 1)


class Files(Import):
    """Files as they come."""

    def test_gbk(self):
        text = "客户编号,客户名称,下单日期,金额,城市\nG1,上海锐进贸易公司,2024年1月5日,￥1,234.50,上海\nG2,北京公司,2024/2/6,99.9,北京\n"
        text = text.replace("￥1,234.50", '"￥1,234.50"')
        im = self.upload(text.encode("gbk"), "订单.csv")
        self.assertEqual((im["format"]["encoding"], im["format"]["language"], im["name"]), ("GB18030", "zh", "订单.csv"))
        self.assertEqual([c["field"] for c in im["columns"]],
                         ["customer.ext_id", "customer.name", "ordered_on", "amount", "customer.city"])
        _, im = self.go(im["id"], "run")
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (2, 0))
        k = self.admin.get("customers?ext_id=G1")["items"][0]
        self.assertEqual((k["name"], k["city"], k["revenue"]["amount"], k["first_order_on"]),
                         ("上海锐进贸易公司", "上海", "1234.50", "2024-01-05"))

    def test_bom_semicolons_quotes(self):
        data = ("\ufeffcustomer_id;date;amount;description\r\nQ1;2024-01-05;1234.50;\"two\nlines; and \"\"quotes\"\"\"\r\n"
                "Q2;2024-01-06;\"5.00\";plain\r\n")
        im = self.upload(data)
        self.assertEqual((im["format"]["bom"], im["format"]["delimiter"], im["rows"]), (True, ";", 2))
        _, im = self.go(im["id"], "run")
        self.assertEqual(im["result"]["created"], 2)
        k = self.admin.get("customers?ext_id=Q1")["items"][0]["id"]
        o = self.admin.get(f"orders?customer_id={k}")["items"][0]
        self.assertEqual((o["description"], o["amount"]["amount"]), ('two\nlines; and "quotes"', "1234.50"))

    def test_tabs_and_other_dates(self):
        im = self.upload("customer_id\tdate\tamount\nT1\t31/12/2023\t1\nT1\t13/01/2024\t2\n")
        self.assertEqual((im["format"]["delimiter"], im["format"]["date_format"]), ("\t", "DD/MM/YYYY"))
        _, im = self.go(im["id"], "run")
        k = self.admin.get("customers?ext_id=T1")["items"][0]
        self.assertEqual((k["first_order_on"], k["last_order_on"]), ("2023-12-31", "2024-01-13"))
        # The person decides otherwise.
        im = self.upload("customer_id,date,amount\nT2,03/04/2024,1\n")
        im = self.admin.patch(f"imports/{im['id']}", {"format": {"date_format": "MM/DD/YYYY"}})
        self.assertEqual(im["format"]["date_format"], "MM/DD/YYYY")
        self.go(im["id"], "run")
        self.assertEqual(self.admin.get("customers?ext_id=T2")["items"][0]["first_order_on"], "2024-03-04")

    def test_utf16(self):
        im = self.upload("customer_id,date,amount\nU1,2024-01-01,5\n".encode("utf-16"))
        _, im = self.go(im["id"], "run")
        self.assertEqual(im["result"]["created"], 1)

    def test_customers(self):
        data = "客户编号,名称,城市,员工数,生日,性质\nK1,甲公司,上海,5,1990-01-01,公司\nK2,乙,北京,,,个人\n"
        im = self.whole(data, "customers.csv", "customer")
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (2, 0))
        k = self.admin.get("customers?ext_id=K1")["items"][0]
        self.assertEqual((k["name"], k["city"], k["employees"], k["birthday"], k["kind"]),
                         ("甲公司", "上海", 5, "1990-01-01", "company"))
        self.assertEqual(self.admin.get("customers?ext_id=K2")["items"][0]["kind"], "person")
        again = self.whole(data, "customers.csv", "customer")
        self.assertEqual((again["result"]["created"], again["result"]["skipped"]), (0, 2))
        im = self.whole(data.replace("上海", "深圳"), "customers.csv", "customer", on_existing="update")
        self.assertEqual((im["result"]["updated"], im["result"]["skipped"]), (1, 1))
        self.assertEqual(self.admin.get("customers?ext_id=K1")["items"][0]["city"], "深圳")

    def test_corrected_file(self):
        c = self.admin
        rows = [(f"R{i}", f"N{i}", "2024-01-01", f"{i}.00") for i in range(1, 6)]
        head = "customer_id,order_id,date,amount"
        self.whole(csv(rows, head))
        rows[1] = ("R2", "N2", "2024-01-02", "20.00")
        rows.append(("R6", "N6", "2024-01-01", "6.00"))
        im = self.upload(csv(rows, head))
        _, im = self.go(im["id"], "check")
        self.assertEqual((im["check"]["new"], im["check"]["existing"], im["check"]["changed"]), (1, 5, 1))
        _, im = self.go(im["id"], "run")  # the default: skip
        self.assertEqual((im["result"]["created"], im["result"]["updated"], im["result"]["skipped"]), (1, 0, 5))
        self.assertEqual(c.get("orders?number=N2")["items"][0]["amount"]["amount"], "2.00")
        im = self.whole(csv(rows, head), on_existing="update")
        self.assertEqual((im["result"]["created"], im["result"]["updated"], im["result"]["skipped"]), (0, 1, 5))
        o = c.get("orders?number=N2")["items"][0]
        self.assertEqual((o["amount"]["amount"], o["ordered_on"], o["version"]), ("20.00", "2024-01-02", 2))
        self.assertEqual(c.get("customers?ext_id=R2")["items"][0]["revenue"]["amount"], "20.00")
        h = c.get(f"orders/{o['id']}/history")["items"][0]
        self.assertEqual({x["field"] for x in h["changes"]}, {"amount", "ordered_on"})
        _, im = self.go(im["id"], "undo")
        self.assertEqual(im["state"], "undone")
        self.assertEqual(c.get("orders?number=N2")["items"][0]["amount"]["amount"], "2.00")
        self.assertEqual(c.get("customers?ext_id=R2")["items"][0]["revenue"]["amount"], "2.00")

    def test_preview_tells_new_customers(self):
        c = self.admin
        c.post("customers", {"name": "There already", "ext_id": "V1"})
        shown = lambda im: [(r["row"], r["new_customer"]) for r in c.get(f"imports/{im['id']}/preview")["rows"]]
        im = self.upload("customer_id,date,amount\nV1,2024-01-01,5\nV2,2024-01-01,5\nV2,2024-01-02,6\nV3,never,5\n")
        self.assertEqual(shown(im), [(2, False), (3, True), (4, True), (5, False)])  # row 5 will not be written
        c.patch(f"imports/{im['id']}", {"options": {"create_customers": False}})
        self.assertEqual(shown(im), [(2, False), (3, False), (4, False), (5, False)])
        c.patch(f"imports/{im['id']}", {"options": {"create_customers": True}})
        _, im = self.go(im["id"], "run")
        self.assertEqual(im["result"]["customers_created"], 1)
        self.assertEqual(shown(im), [(2, False), (3, False), (4, False), (5, False)])
        im = self.upload("customer_id,name\nV1,There already\nV4,New\n", "customers.csv", "customer")
        self.assertEqual(shown(im), [(2, False), (3, True)])
        # By name, where the file has no numbers; and where no column says who it is, nobody is new.
        im = self.upload("客户名称,下单日期,金额\nThere already,2024-01-01,7\nNobody yet,2024-01-01,7\n")
        self.assertEqual(shown(im), [(2, False), (3, True)])
        im = self.upload("date,amount\n2024-01-01,7\n")
        self.assertEqual(shown(im), [(2, False)])

    def test_cancel_takes_back(self):
        self.quiet()
        before = self.server.checksum()
        rows = cdnow(12000 if self.server.url else 90000, 5)  # some seconds
        im = self.upload(csv(rows))
        job = self.admin.post(f"imports/{im['id']}/run", status=202)["job_id"]
        until = time.monotonic() + 30
        while time.monotonic() < until:
            j = self.admin.get(f"jobs/{job}")
            if j["phase"] == "write" and j["done"] > 0 or j["state"] != "running" and j["state"] != "queued":
                break
            time.sleep(.005)
        self.admin.post(f"jobs/{job}/cancel", status=202)
        j = self.admin.job(job, None)
        self.assertEqual(j["state"], "cancelled", j)
        self.quiet()
        self.assertEqual(self.admin.get(f"imports/{im['id']}")["state"], "cancelled")
        self.assertEqual(self.server.checksum(), before)

    def test_writes_beside_an_import(self):
        """An interactive write does not wait for the import."""
        rows = cdnow(5000, 6)
        im = self.upload(csv([("W" + r[0], *r[1:]) for r in rows]))
        job = self.admin.post(f"imports/{im['id']}/run", status=202)["job_id"]
        times, n = [], 0
        while self.admin.get(f"jobs/{job}")["state"] in ("queued", "running") and n < 150:
            t = time.monotonic()
            self.admin.post("customers", {"name": f"beside {n}"})
            times.append(time.monotonic() - t)
            n += 1
        self.admin.job(job)
        self.assertEqual(self.admin.get(f"imports/{im['id']}")["result"]["created"], len(rows))
        self.assertEqual(self.n("customers", "WHERE name LIKE 'beside %'"), n)
        self.assertLess(max(times), 5)

    def test_others_do_not_see_it(self):
        role = self.admin.post("roles", {"name": "importer", "permissions": {
            e: {"read": "own", "write": "own", "delete": "own", "create": True} for e in ("customer", "order")}})["id"]
        one, two = self.people([{"role": role}, {"role": role}])
        im = self.upload("customer_id,date,amount\nP1,2024-01-01,5\nP2,2024-01-01,6\n", client=one)
        for path in ("", "/preview", "/rejected.csv"):
            self.assertEqual(two("GET", f"imports/{im['id']}{path}").status, 404)
        for path in ("/run", "/check", "/undo"):
            self.assertEqual(two("POST", f"imports/{im['id']}{path}").status, 404)
        self.assertEqual(two.get("imports")["items"], [])
        self.assertEqual([i["id"] for i in one.get("imports")["items"]], [im["id"]])
        j, _ = self.go(im["id"], "run", client=one)
        self.assertEqual((j["kind"], j["title"], j["owner"]["id"], j["cancellable"]), ("import", "orders.csv", one.id, False))
        self.assertIn(j["id"], [x["id"] for x in one.get("jobs")["items"]])
        self.assertIn(j["id"], [x["id"] for x in self.admin.get("jobs")["items"]])
        self.assertNotIn(j["id"], [x["id"] for x in two.get("jobs")["items"]])
        for method, path in (("GET", f"jobs/{j['id']}"), ("POST", f"jobs/{j['id']}/cancel")):
            self.assertEqual(two(method, path).status, 404)
        self.assertEqual(self.admin("POST", f"jobs/{j['id']}/cancel").status, 409)  # it is over
        self.assertEqual(len(one.all("orders")), 2)
        self.assertEqual(two.all("orders"), [])
        # The second person's file names the first one's customer: rejected, and nothing is told of it.
        im = self.upload("customer_id,date,amount\nP1,2024-01-02,5\nP3,2024-01-01,6\n", client=two)
        _, im = self.go(im["id"], "run", client=two)
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (1, 1))
        text = two.need(200, "GET", f"imports/{im['id']}/rejected.csv").raw.decode("utf-8-sig")
        self.assertIn("belongs to somebody else", text)


class BadFiles(Import):
    """Every bad file: code, row and column, text in both languages, and nothing is written."""

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.zh, cls.en = cls.people([{"admin": True, "lang": "zh"}, {"admin": True, "lang": "en"}])

    def refused(self, data, code, en, zh, status=422, params=None, entity="order"):
        data = data.encode() if isinstance(data, str) else data
        for c, text in ((self.en, en), (self.zh, zh)):
            self.quiet()
            before = self.server.checksum()
            imports = self.n("import")
            a = c("POST", f"imports?entity={entity}&name=x.csv", raw=data)
            self.assertEqual((a.status, a["code"]), (status, code), repr(a))
            said = a["title"] + " " + " ".join(e["message"] for e in a.json.get("errors", []))
            self.assertIn(text, said)
            for k, v in (params or {}).items():
                self.assertEqual(a["params"][k], v)
            self.assertEqual((self.server.checksum(), self.n("import")), (before, imports))

    def test_refused_at_once(self):
        head = "customer_id,date,amount\n"
        self.refused(b"", "import-empty", "The file is empty", "文件是空的")
        self.refused(head, "import-empty", "The file is empty", "文件是空的")
        self.refused(b"MZ\x03\x04\x00\x00\x00\x08" + bytes(range(256)) * 20, "import-binary", "not a text file",
                     "不是文本文件")
        self.refused(b"PK\x03\x04\x00\x00\x00\x08" + bytes(range(256)) * 20, "import-workbook", "damaged", "已损坏")
        self.refused("a,b,a\n1,2,3\n", "import-duplicate-header", "Two columns are called a", "有两列都叫「a」",
                     params={"header": "a"})
        self.refused(head + 'C1,2024-01-01,"5.00\nC2,2024-01-01,6', "import-truncated", "Row 2", "第 2 行",
                     params={"row": "2"})
        self.refused(head.encode() + b"C1,2024-01-01,5\nC\xff\xfe\x81,2024-01-01,5\n", "import-encoding", "Row 3", "第 3 行",
                     params={"row": "3"})
        self.refused("customer_id,date,amount\nC1,2024-01-01,5\n", "bad-parameter", "entity", "entity", status=400,
                     entity="user")

    def test_missing_column(self):
        im = self.upload("customer_id,date\nC1,2024-01-01\n")
        self.quiet()
        for what in ("check", "run"):
            for c, text in ((self.en, "No column is mapped to amount"), (self.zh, "还没有一列对应「amount」")):
                self.problem(c, "POST", f"imports/{im['id']}/{what}", "validation", 422, "/mapping",
                             field_code="import-missing-column", text=text)
        self.problem(self.en, "PATCH", f"imports/{im['id']}", "validation", 422, "/mapping/0",
                     body={"mapping": {"0": "nothing"}}, field_code="unknown-field", text="no field nothing")
        self.problem(self.en, "PATCH", f"imports/{im['id']}", "validation", 422, "/mapping/1",
                     body={"mapping": {"0": "amount", "1": "amount"}}, field_code="import-mapped-twice")
        self.problem(self.en, "PATCH", f"imports/{im['id']}", "validation", 422, "/mapping",
                     body={"mapping": 5}, field_code="type-object")

    CELLS = [  # row, column of the file, code, English, Chinese
        (("C1", "2024-01-05", "1,234.50", ""), None),
        (("C1", "2024-01-05", "￥1,234.50", ""), None),
        (("C1", "2024-02-30", "5", ""), (1, "date-no-such-day", "there is no such day", "没有这一天")),
        (("C1", "11月初", "5", ""), (1, "date", "not a date", "认不出日期")),
        (("C1", "", "5", ""), (1, "required", "must not be empty", "不能为空")),
        (("", "2024-01-05", "5", ""), (0, "required", "must not be empty", "不能为空")),
        (("C1", "2024-01-05", "abc", ""), (2, "number", "not a number", "不是数字")),
        (("C1", "2024-01-05", "1.2345", ""), (2, "too-many-decimals", "more decimals", "小数位数")),
        (("C1", "2024-01-05", "99999999999999999999", ""), (2, "out-of-range", "outside the allowed range", "超出允许的范围")),
        (("C1", "2024-01-05", "5", "USD"), (2, "no-rate", "no exchange rate", "汇率")),
        (("C1", "2024-01-05", "5", "XYZ"), (2, "unknown-currency", "not a currency code", "没有这种货币")),
        (("C1", "2024-01-05", "-5", ""), None),  # a return
        (("x" * 101, "2024-01-05", "5", ""), (0, "too-long", "longer than", "超过")),
        (("C\x01", "2024-01-05", "5", ""), (0, "control-character", "control characters", "控制字符")),
        (("C1", "2024-01-05", "5", "", "more"), (3, "too-many-cells", "more cells than the head", "比表头多")),
        (("C1",), (1, "required", "must not be empty", "不能为空")),
    ]

    def test_cells(self):
        data = "customer_id,date,amount,currency\n"
        for row, _ in self.CELLS:
            data += ",".join(f'"{c}"' if "," in c else c for c in row) + "\n"
        im = self.upload(data)
        self.quiet()
        before = self.server.checksum()
        _, im = self.go(im["id"], "check")
        self.assertEqual(self.server.checksum(), before)
        bad = [(n, c) for n, (_, c) in enumerate(self.CELLS, 2) if c]
        self.assertEqual((im["check"]["rows"], im["check"]["rejected"], im["check"]["new"]),
                         (len(self.CELLS), len(bad), len(self.CELLS) - len(bad)))
        codes = {}
        for _, (column, code, _, _) in bad:
            codes.setdefault(column, {}).setdefault(code, 0)
            codes[column][code] += 1
        codes[2]["required"] = 1  # the short row lacks the amount, too
        got = {c["index"]: {x["code"]: x["count"] for x in c["codes"]} for c in im["check"]["columns"] if c["rejected"]}
        self.assertEqual(got, codes)
        for c, lang in ((self.en, 2), (self.zh, 3)):
            rows = {r["row"]: r for r in c.get(f"imports/{im['id']}/preview?problems=1&limit=50")["rows"]}
            self.assertEqual(set(rows), {n for n, _ in bad})
            for n, what in bad:
                cell = rows[n]["cells"][what[0]]
                self.assertEqual(cell["code"], what[1], rows[n])
                self.assertIn(what[lang], cell["message"])
                self.assertIsNone(cell["value"])
        _, im = self.go(im["id"], "run")
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (len(self.CELLS) - len(bad), len(bad)))
        for c, lang in ((self.en, 2), (self.zh, 3)):
            a = c.need(200, "GET", f"imports/{im['id']}/rejected.csv")
            self.assertTrue(a.raw.startswith(b"\xef\xbb\xbf"))
            self.assertIn("attachment", a.headers["Content-Disposition"])
            lines = list(reader(a.raw.decode("utf-8-sig").splitlines()))
            self.assertEqual(lines[0], ["row", "column", "reason", "customer_id", "date", "amount", "currency"])
            self.assertEqual([int(r[0]) for r in lines[1:]], [n for n, _ in bad])
            for line, (n, what) in zip(lines[1:], bad):
                if what[0] < 3:
                    self.assertEqual(line[1], lines[0][3 + what[0]], line)
                self.assertIn(what[lang], line[2])
        k = self.admin.get("customers?ext_id=C1")["items"][0]
        self.assertEqual((k["orders_count"], k["revenue"]["amount"]), (2, "2464.00"))

    def test_formulas_in_rejected_rows(self):
        """What a spreadsheet would compute is made text; signed numbers and telephone numbers stay as they were."""
        cells = ["=cmd|x", "@a", "+1+1", "-2+3", "\t=1", "+1", "-5", "+8613800000000"]
        im = self.whole("customer_id,date,amount\n" + "".join(f"{c},never,5\n" for c in cells))
        text = self.admin.need(200, "GET", f"imports/{im['id']}/rejected.csv").raw.decode("utf-8-sig")
        written = [r[3] for r in reader(text.splitlines())][1:]
        self.assertEqual(written, ["'=cmd|x", "'@a", "'+1+1", "'-2+3", "'=1", "+1", "-5", "+8613800000000"])

    def test_negative_amount_of_no_return(self):
        im = self.upload("customer_id,date,amount,status\nM1,2024-01-01,-5,confirmed\nM1,2024-01-01,-6,returned\n")
        _, im = self.go(im["id"], "check")
        self.assertEqual({c["index"]: c["codes"] for c in im["check"]["columns"] if c["rejected"]},
                         {2: [{"code": "order-negative", "count": 1}]})
        for c, text in ((self.en, "only a return is"), (self.zh, "只有退货才是")):
            [row] = c.get(f"imports/{im['id']}/preview?problems=1")["rows"]
            self.assertEqual((row["row"], row["cells"][2]["code"], row["cells"][2]["value"]), (2, "order-negative", None))
            self.assertIn(text, row["cells"][2]["message"])

    def base(self, ext_id):
        """What is stored of somebody's orders: minor units, currency, minor units in base currency."""
        k = self.admin.get(f"customers?ext_id={ext_id}")["items"][0]
        return (sorted(self.server.rows("amount, amount_currency, amount_base", "orders", f"WHERE customer_id = {k['id']}")),
                k["revenue"])

    def test_currency_without_a_rate(self):
        im = self.upload("customer_id,date,amount,currency\nF0,2024-01-01,5,CNY\nF1,2024-01-01,5,USD\nF1,2024-01-02,6,EUR\n")
        self.quiet()
        before = self.server.checksum()
        _, im = self.go(im["id"], "check")
        self.assertEqual({c["index"]: c["codes"] for c in im["check"]["columns"] if c["rejected"]},
                         {2: [{"code": "no-rate", "count": 2}]})
        self.assertEqual(self.server.checksum(), before)
        _, im = self.go(im["id"], "run")
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (1, 2))
        self.assertEqual(self.n("customers", "WHERE ext_id = 'F1'"), 0)
        for c, text in ((self.en, "no exchange rate"), (self.zh, "没有这种货币的汇率")):
            rows = c.get(f"imports/{im['id']}/preview?problems=1")["rows"]
            self.assertEqual([(r["row"], r["cells"][2]["code"], r["cells"][2]["value"]) for r in rows],
                             [(3, "no-rate", None), (4, "no-rate", None)])
            self.assertTrue(all(text in r["cells"][2]["message"] for r in rows), rows)
            lines = c.need(200, "GET", f"imports/{im['id']}/rejected.csv").raw.decode("utf-8-sig").splitlines()
            self.assertEqual([line.split(",")[:2] for line in lines[1:]], [["3", "amount"], ["4", "amount"]])
            self.assertTrue(all(text in line for line in lines[1:]), lines)

    def test_currency_with_a_rate(self):
        """In base currency by the rates; a later one without a beginning holds for what stands, too."""
        c = self.admin
        def rates(of):
            job = c.patch("company", {"rates": of})["converting"]
            return job and c.job(job)
        self.addCleanup(rates, {})
        rates({"USD": 7.1, "JPY": 0.047})
        im = self.whole("customer_id,date,amount,currency\nF2,2024-01-01,5.00,USD\nF2,2024-01-02,-1.00,USD\n"
                        "F2,2024-01-03,501,JPY\nF2,2024-01-04,2.00,\nF2,2024-01-05,1,EUR\n")
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (4, 1))
        self.assertEqual(self.base("F2"), (sorted([("500", "USD", "3550"), ("-100", "USD", "-710"), ("501", "JPY", "2355"),
                                                   ("200", "CNY", "200")]), {"amount": "53.95", "currency": "CNY"}))
        rates({"USD": 8, "JPY": 1})
        now = (sorted([("500", "USD", "4000"), ("-100", "USD", "-800"), ("501", "JPY", "50100"), ("200", "CNY", "200")]),
               {"amount": "535.00", "currency": "CNY"})
        self.assertEqual(self.base("F2"), now)
        k = c.get("customers?ext_id=F2")["items"][0]["id"]
        o = [o for o in c.all(f"orders?customer_id={k}") if o["amount"] == {"amount": "5.00", "currency": "USD"}]
        self.assertEqual(len(o), 1)
        c.patch(f"orders/{o[0]['id']}", {"place": "Shanghai"})
        self.assertEqual(self.base("F2"), now)
        # The same file again: known by its rows, whatever the rate is now.
        im = self.whole("customer_id,date,amount,currency\nF2,2024-01-01,5.00,USD\nF2,2024-01-06,1.00,USD\n")
        self.assertEqual((im["result"]["created"], im["result"]["skipped"]), (1, 1))
        self.assertIn(("100", "USD", "800"), self.base("F2")[0])
        o = c.post("orders", {"customer_id": k, "ordered_on": "2024-02-01", "amount": {"amount": "3.00", "currency": "USD"}})
        self.assertEqual(o["amount"], {"amount": "3.00", "currency": "USD"})
        self.assertIn(("300", "USD", "2400"), self.base("F2")[0])

    def test_no_new_customers(self):
        im = self.upload("customer_id,date,amount\nNEW1,2024-01-01,5\n")
        self.admin.patch(f"imports/{im['id']}", {"options": {"create_customers": False}})
        _, im = self.go(im["id"], "run")
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (0, 1))
        self.assertIn("no such customer", self.en.need(200, "GET", f"imports/{im['id']}/rejected.csv").raw.decode())

    def test_duplicates_in_the_file(self):
        im = self.whole("order_id,customer_id,date,amount\nD1,C1,2024-01-01,5\nD1,C2,2024-01-01,5\n")
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (1, 1))
        im = self.whole("order_id,customer_id,date,amount\nD1,OTHER,2024-01-01,5\n")
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (0, 1))
        self.assertIn("另一位客户", self.zh.need(200, "GET", f"imports/{im['id']}/rejected.csv").raw.decode())
        im = self.whole("customer_id,name\nE1,a\nE1,b\n", entity="customer")
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (1, 1))

    def test_unknown_import(self):
        self.quiet()
        for path in ("imports/1", "imports/1/preview", "imports/1/rejected.csv"):
            self.problem(self.en, "GET", path, "not-found", 404)
        for path in ("imports/1/run", "imports/1/undo", "imports/1/check"):
            self.problem(self.en, "POST", path, "not-found", 404)
        self.problem(self.en, "PATCH", "imports/1", "not-found", 404, body={})


class Beside(Import):
    """Many rows, so a server of its own: elsewhere all stored rows are compared."""

    def test_changes_beside(self):
        """A customer is deleted, and a number is taken, while the import that has already met them runs."""
        many = 30000 if self.server.url else 120000  # some seconds, and more than a stretch that is sorted by customer
        last = many - 1 - (many - 1 - 6) % 7  # the last row of BC6 is written last
        rows = [(f"B{i}", f"BC{i % 7}", "2024-01-01", "1.00") for i in range(many)]
        im = self.upload(csv(rows, "order_id,customer_id,date,amount"))
        job = self.admin.post(f"imports/{im['id']}/run", status=202)["job_id"]
        end = time.monotonic() + 60
        while not self.admin.get("customers?ext_id=BC3&fields=id")["items"] and time.monotonic() < end:
            time.sleep(0.002)
        gone = self.admin.get("customers?ext_id=BC3&fields=id")["items"][0]["id"]
        self.admin.need(204, "DELETE", f"customers/{gone}")
        other = self.admin.post("customers", {"name": "taker"})["id"]
        late = self.admin.post("orders", {"number": f"B{last}", "customer_id": other, "ordered_on": "2024-01-01",
                                          "amount": {"amount": "9.00", "currency": "CNY"}})["id"]
        self.admin.job(job)
        done = self.admin.get(f"imports/{im['id']}")
        self.assertEqual((done["result"]["created"], done["result"]["rejected"]), (many - 1, 1))
        [again] = self.admin.get("customers?ext_id=BC3&fields=id,orders_count,revenue")["items"]
        self.assertNotEqual(again["id"], gone)
        before, after = self.n("orders", f"WHERE customer_id = {gone}"), self.n("orders", f"WHERE customer_id = {again['id']}")
        self.assertEqual(before + after, len(range(3, many, 7)))
        self.assertGreater(after, 0)
        self.assertEqual((again["orders_count"], again["revenue"]["amount"]), (after, f"{after}.00"))
        self.assertEqual(self.admin.get(f"orders/{late}")["customer_id"], other)


both(Beside, Cdnow, Files, BadFiles)

if __name__ == "__main__":
    unittest.main()
