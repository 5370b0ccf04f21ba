"""Export: what a list shows, as a file, for whoever asked and with the rights of that person."""
import codecs
import csv
import io
import os
import time
import unittest

import xlsx
from patron import Api, both

FIELDS = ["name", "ext_id", "kind", "phone", "do_not_call", "revenue", "annual_revenue", "acquired_on", "employees",
          "created_at", "owner_id", "clv"]


class Export(Api):
    def ask(self, client=None, wanted="done", **body):
        c = client or self.admin
        body = {"entity": "customer", "format": "csv", "fields": ["name"], **body}
        return c.job(c.post("exports", body, status=202)["job_id"], wanted)

    def file(self, job, client=None):
        a = (client or self.admin).need(200, "GET", f"exports/{job['id']}")
        self.assertEqual(len(a.raw), job["result"]["bytes"])
        return a

    def rows(self, client=None, **body):
        job = self.ask(client, **body)
        text = self.file(job, client).raw
        self.assertTrue(text.startswith(codecs.BOM_UTF8))
        rows = list(csv.reader(io.StringIO(text.decode("utf-8-sig"), newline="")))
        self.assertEqual(len(rows) - 1, job["result"]["rows"])
        return rows


class Lists(Export):
    @classmethod
    def prepare(cls):
        super().prepare()
        a = cls.admin
        file = "name,employees,kind\n" + "".join(f"公司 {i:04},{i % 7},{'person' if i % 3 else 'company'}\n"
                                                for i in range(1203))
        im = a.need(201, "POST", "imports?entity=customer", raw=file.encode(),
                    headers={"Content-Type": "application/octet-stream"}).json
        a.job(a.post(f"imports/{im['id']}/run", status=202)["job_id"])
        cls.odd = a.post("customers", {
            "name": "=1+1;\"cmd\"", "ext_id": "_x0041_\ttab", "phone": "13911112222", "kind": "person", "do_not_call": True,
            "annual_revenue": {"amount": "1234567.80", "currency": "CNY"}, "acquired_on": "2024-02-29",
            "employees": 12345})["id"]

    def test_every_row_once_in_the_order_of_the_list(self):
        rows = self.rows(fields=["name", "employees"], sort="-employees,name", language="en")
        self.assertEqual(rows[0], ["Name", "Employees"])
        listed = self.admin.all("customers?fields=name,employees&sort=-employees,name", limit=500)
        self.assertEqual(rows[1:], [[c["name"] if not c["name"].startswith("=") else "'" + c["name"], str(c["employees"])]
                                    for c in listed])
        self.assertEqual(len(rows), 1205)

    def test_ids(self):
        """More than a double can hold: as texts, and whole."""
        rows = self.rows(fields=["id", "import_id", "created_by"], language="en")
        listed = self.admin.all("customers?fields=id,import_id", limit=500)
        self.assertEqual(sorted((r[0], r[1]) for r in rows[1:]), sorted((c["id"], c["import_id"] or "") for c in listed))
        self.assertEqual({r[2] for r in rows[1:]}, {"赵倩"})

    def test_a_file_is_given_out_with_the_rights_it_was_made_with(self):
        a = self.admin
        rights = {"customer": {"read": "all"}, "note": {"read": "own"}}
        id = a.post("roles", {"name": "passing", "permissions": rights})["id"]
        p, zh = self.people([{"role": id}, {"role": id, "lang": "zh"}])
        jobs = [(who, self.ask(who, fields=["name", "phone"])) for who in (p, zh)]
        taken = lambda: len(a.get(f"audit?kind=taken&who={p.id}")["items"])
        self.assertIn(b"13911112222", self.file(jobs[0][1], p).raw)
        self.assertEqual(taken(), 1)
        [event] = a.get(f"audit?kind=taken&who={p.id}")["items"]
        self.assertEqual((event["entity"], event["title"]), ("customer", jobs[0][1]["result"]["file"]))
        for less in ({"customer": {"read": "own"}}, {"customer": {"read": "none"}},
                     {"customer": {"read": "all", "fields": {"phone": "mask"}}}):
            a.patch(f"roles/{id}", {"permissions": {**rights, **less}})
            for (who, job), text in zip(jobs, ("Your rights have changed", "权限有了变化")):
                answer = who("GET", f"exports/{job['id']}")
                self.assertEqual((answer.status, answer["code"]), (403, "export-rights"), less)
                self.assertIn(text, answer["title"])
                self.assertNotIn(b"1391111", answer.raw)
        self.assertEqual(taken(), 1)
        # What has nothing to do with the list does not matter, and with the old rights it is theirs again.
        a.patch(f"roles/{id}", {"permissions": {**rights, "note": {"read": "all"}, "task": {"read": "own"}}})
        self.assertIn(b"13911112222", self.file(jobs[0][1], p).raw)

    def test_filter(self):
        rows = self.rows(fields=["name"], sort="name", filter={"and": [
            {"field": "kind", "op": "eq", "value": "person"}, {"field": "employees", "op": "eq", "value": 3}]})
        self.assertEqual([r[0] for r in rows[1:]], [f"公司 {i:04}" for i in range(1203) if i % 3 and i % 7 == 3])
        self.assertEqual(self.rows(filter={"field": "name", "op": "eq", "value": "nobody"})[1:], [])

    def test_cells_of_csv(self):
        [head, row] = self.rows(fields=FIELDS, filter={"field": "employees", "op": "eq", "value": 12345}, language="zh")
        self.assertEqual(head, ["名称", "外部编号", "性质", "电话", "勿电话", "累计收入 (CNY)", "年营业额", "年营业额币种",
                                "获客日期", "员工数", "创建时间", "负责人", "未来价值 (CNY)"])
        self.assertEqual(row[:4], ["'=1+1;\"cmd\"", "_x0041_\ttab", "个人", "13911112222"])
        self.assertEqual(row[4], "是")
        self.assertEqual(row[6:10], ["1234567.80", "CNY", "2024-02-29", "12345"])
        self.assertRegex(row[10], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
        self.assertEqual(row[11], self.admin.get("session")["user"]["name"])
        self.assertEqual(row[12], "")

    def test_cells_of_a_workbook(self):
        job = self.ask(format="xlsx", fields=FIELDS, filter={"field": "employees", "op": "eq", "value": 12345},
                       language="en")
        a = self.file(job)
        self.assertEqual(a.headers["Content-Type"],
                         "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        self.assertIn("filename*=UTF-8''Customers%20", a.headers["Content-Disposition"])
        self.assertEqual(a.headers["Cache-Control"], "no-store")
        [(name, [head, row])] = xlsx.sheets(a.raw).items()
        self.assertEqual(name, "Customers")
        self.assertEqual([c[0] for c in head][:5], ["Name", "External id", "Kind", "Phone", "Do not call"])
        self.assertEqual(row[0], ("=1+1;\"cmd\"", "text"))
        self.assertEqual(row[1], ("_x005F_x0041_\ttab", "text"), "a reader takes _x005F_ for _")
        self.assertEqual([row[i] for i in (2, 3, 4)], [("Person", "text"), ("13911112222", "text"), ("Yes", "text")])
        self.assertEqual(row[6], ("1234567.80", "#,##0.00"))
        self.assertEqual(row[7], ("CNY", "text"))
        self.assertEqual(row[8], ("45351", "yyyy\\-mm\\-dd"), "2024-02-29")
        self.assertEqual(row[9], ("12345", "General"))
        self.assertAlmostEqual(float(row[10][0]), time.time() / 86400 + 25569 + 8 / 24, delta=.1)

    def test_many_rows_of_a_workbook(self):
        [(name, rows)] = xlsx.sheets(self.file(self.ask(format="xlsx", sort="name", language="zh")).raw).items()
        self.assertEqual((name, len(rows)), ("客户", 1205))
        self.assertEqual(sorted(r[0][0] for r in rows[1:])[1:], [f"公司 {i:04}" for i in range(1203)])

    def test_it_is_noted(self):
        job = self.ask(language="en")
        [e] = self.admin.get("audit?kind=export&limit=1")["items"]
        self.assertEqual((e["entity"], e["title"]), ("customer", job["result"]["file"]))

    def test_bad_asking(self):
        for change, pointer, code in (
                ({"entity": "ufo"}, "/entity", "unknown-option"), ({"format": "pdf"}, "/format", "unknown-option"),
                ({"format": None}, "/format", "required"), ({"fields": []}, "/fields", "required"),
                ({"fields": ["name", "ufo"]}, "/fields/1", "unknown-field"),
                ({"sort": "-ufo"}, "/sort", "unknown-field"), ({"language": "fr"}, "/language", "unknown-option")):
            with self.subTest(change):
                body = {"entity": "customer", "format": "csv", "fields": ["name"], **change}
                self.problem(self.admin, "POST", "exports", "validation", 422, pointer, body=body)
        self.assertEqual(self.admin("POST", "exports", {"entity": "customer", "format": "csv", "fields": ["name"],
                                                        "filter": {"field": "ufo", "op": "eq", "value": 1}}).status, 422)

    def test_a_file_that_went(self):
        job = self.ask()
        os.unlink(os.path.join(self.server.data, "files", "exports", f"{job['id']}.csv"))
        self.problem(self.admin, "GET", f"exports/{job['id']}", "export-gone", 410)
        self.problem(self.admin, "GET", "exports/12345", "not-found", 404)


class Rights(Export):
    @classmethod
    def prepare(cls):
        super().prepare()
        a = cls.admin
        own = {"read": "own", "write": "own", "create": True}
        held = a.post("roles", {"name": "held", "permissions": {
            "customer": {**own, "fields": {"phone": "mask", "credit_limit": "hide", "annual_revenue": "mask"}},
            "order": {**own, "create": False, "fields": {"customer_id": "hide"}}}})["id"]
        cls.role = held
        cls.p, cls.q = cls.people([{"role": held}, {"role": held}])
        for i, who in enumerate((cls.p, cls.q, cls.p)):
            cls.k = a.post("customers", {
                "name": f"K{i}", "phone": f"1391111222{i}", "owner_id": who.id,
                "credit_limit": {"amount": "777.00", "currency": "CNY"},
                "annual_revenue": {"amount": "555.00", "currency": "CNY"}})["id"]
        cls.pname = a.get(f"users/{cls.p.id}")["name"]
        cls.o = a.post("orders", {"customer_id": cls.k, "ordered_on": "2024-01-01", "amount": "5.00"})["id"]

    def test_only_what_one_may_see(self):
        rows = self.rows(self.p, fields=["name", "phone", "annual_revenue", "owner_id"], sort="name", language="en")
        self.assertEqual(rows, [["Name", "Phone", "Annual revenue", "Annual revenue: currency", "Owner"],
                                ["K0", "139****2220", "***", "", self.pname],
                                ["K2", "139****2222", "***", "", self.pname]])
        book = self.file(self.ask(self.p, format="xlsx", fields=["name", "phone"]), self.p).raw
        self.assertNotIn("13911112222", str(xlsx.sheets(book)))

    def test_what_is_hidden_does_not_exist(self):
        for fields, sort, pointer in ((["name", "credit_limit"], None, "/fields/1"), (["name"], "phone", "/sort")):
            self.problem(self.p, "POST", "exports", "validation", 422, pointer,
                         body={"entity": "customer", "format": "csv", "fields": fields, "sort": sort})
        self.problem(self.p, "POST", "exports", "validation", 422, "/fields/0",
                     body={"entity": "order", "format": "csv", "fields": ["customer_id"]})

    def test_only_the_asker_fetches_it(self):
        job = self.ask(self.p)
        self.file(job, self.p)
        for other in (self.q, self.admin):
            self.problem(other, "GET", f"exports/{job['id']}", "not-found", 404)


class Audit(Export):
    """The audit as a table: for administrators, as its page is."""

    def test_who_did_what(self):
        a = self.admin
        p, other = self.people([{"admin": True}, {}])
        k = p.post("customers", {"name": "审计对象", "kind": "company", "do_not_call": False, "acquired_on": "2024-02-29",
                                 "annual_revenue": {"amount": "1234.50", "currency": "CNY"}})
        p.patch(f"customers/{k['id']}", {"kind": "person", "do_not_call": True, "owner_id": other.id, "name": "=audited",
                                         "annual_revenue": {"amount": "7.00", "currency": "CNY"}})
        p.delete(f"customers/{k['id']}")
        p.patch("company", {"discount_rate": 0.12})
        head, *rows = self.rows(p, entity="audit", fields=[], language="en", filter={"who": p.id})
        self.assertEqual(head, ["When", "Who", "Did", "Kind of record", "Record", "Record number", "Field", "Before", "After"])
        self.assertRegex(rows[0][0], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
        self.assertEqual({r[1] for r in rows}, {p.get("session")["user"]["name"]})
        changed = {r[6]: (r[7], r[8]) for r in rows if r[2] == "changed"}
        self.assertEqual({f: changed[f] for f in ("Kind", "Do not call", "Annual revenue", "Name", "Owner")}, {
            "Kind": ("Company", "Person"), "Do not call": ("No", "Yes"), "Annual revenue": ("1234.50 CNY", "7.00 CNY"),
            "Name": ("审计对象", "'=audited"), "Owner": (p.get("session")["user"]["name"], other.get("session")["user"]["name"])})
        self.assertIn(["moved to the trash", "Customer", "'=audited", k["id"]], [r[2:6] for r in rows])
        self.assertIn(("changed the settings", "Discount rate", "0.12"), [(r[2], r[6], r[8]) for r in rows])
        # as many events as the page tells of, in its order
        told = a.get(f"audit?who={p.id}&entity=customer&limit=200")["items"]
        rows = self.rows(entity="audit", fields=[], language="zh", filter={"who": p.id, "entity": "customer"})[1:]
        did = [g for i, g in enumerate(r[2] for r in rows) if i == 0 or rows[i - 1][2] != g]
        self.assertEqual(did, [{"create": "新建", "update": "修改", "delete": "删除"}[e["kind"]] for e in told])
        self.assertEqual(self.rows(entity="audit", fields=[], filter={"to": 1})[1:], [])

    def test_more_than_a_portion(self):
        for i in range(0, 400, 100):
            self.admin.need(200, "POST", "tags/batch", {"items": [{"name": f"T{n}"} for n in range(i, i + 100)]})
        job = self.ask(entity="audit", fields=[], language="en", filter={"entity": "tag"}, format="xlsx")
        [(name, sheet)] = xlsx.sheets(self.file(job).raw).items()
        self.assertEqual(name, "Audit log")
        self.assertEqual({r[4][0] for r in sheet[1:]}, {f"T{n}" for n in range(400)})

    def test_who_may(self):
        boss, one = self.people([{"admin": True}, {}])
        self.problem(one, "POST", "exports", "forbidden", 403, body={"entity": "audit", "format": "csv"})
        for field, value, code in (("who", "x", "link-not-found"), ("from", "yesterday", "number"), ("to", -1, "number"),
                                   ("nothing", 1, "unknown-field")):
            self.problem(self.admin, "POST", "exports", "validation", 422, "/filter/" + field,
                         {"entity": "audit", "format": "csv", "filter": {field: value}}, field_code=code)
        job = self.ask(boss, entity="audit", fields=[])
        self.file(job, boss)
        [event] = self.admin.get(f"audit?kind=taken&who={boss.id}")["items"]
        self.assertEqual((event["entity"], event["title"]), ("audit", job["result"]["file"]))
        # who is no administrator any more does not get the file of before
        self.admin.patch(f"users/{boss.id}", {"is_admin": False})
        self.problem(boss, "GET", f"exports/{job['id']}", "export-rights", 403)

    def test_colleagues(self):
        rows = self.rows(entity="user", fields=["name", "login", "is_admin"], sort="name", language="en")
        self.assertEqual([r[1] for r in rows[1:]],
                         [u["login"] for u in self.admin.all("users?fields=name,login&sort=name")])


class Stop(Export):
    def test_cancelled_and_killed(self):
        for i in range(3):
            self.admin.post("customers", {"name": f"C{i}"})
        # A job that waits behind nothing ends at once; one that was left running is begun anew.
        job = self.ask()
        self.server.stop()
        self.server.sql(f"UPDATE {self.server.table('job')} SET state = 'running', lease_until = 0 "
                        f"WHERE id = {job['id']}")
        self.server.start(self.server.port)
        job = self.admin.job(job["id"])
        self.assertEqual(job["result"]["rows"], 3)
        self.assertEqual(os.listdir(os.path.join(self.server.data, "files", "exports")), [f"{job['id']}.csv"])


class Command(Export):
    """From the command line, and back: what is exported can be imported."""

    def test_there_and_back(self):
        for i in range(3):
            self.admin.post("customers", {"name": f"Cmd {i}", "ext_id": f"X{i}", "kind": "person", "do_not_call": i == 1,
                                          "acquired_on": "2024-02-29", "employees": 1200 + i})
        self.server.stop()
        try:
            book = os.path.join(self.server.dir, "out.xlsx")
            r = self.server.run("export", "customers", book, "--fields", "name,ext_id,kind,do_not_call,acquired_on,employees",
                                "--sort", "name", "--language", "zh")
            self.assertEqual((r.returncode, r.stdout), (0, f"3 rows in {book}\n"), r.stderr)
            with open(book, "rb") as f:
                [(name, rows)] = xlsx.sheets(f.read()).items()
            self.assertEqual((name, [r[0][0] for r in rows]), ("客户", ["名称", "Cmd 0", "Cmd 1", "Cmd 2"]))
            r = self.server.run("import", "customers", book, "--on-existing", "update")
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertRegex(r.stdout, r"skipped +3\n")
            r = self.server.run("export", "orders", os.path.join(self.server.dir, "all.csv"))
            self.assertEqual(r.returncode, 0, r.stderr)
            for args, said in ((("ufos", "x.csv"), "ufos"), (("customers", "x.pdf"), "choices"), (("customers", "x"), ".csv or"),
                               (("customers", "x.csv", "--fields", "ufo"), "ufo"), (("customers", "x.csv", "--user", "no"), "no user")):
                r = self.server.run("export", *args)
                self.assertNotEqual(r.returncode, 0)
                self.assertIn(said, r.stderr)
            r = self.server.run("import", "tasks", book)
            self.assertEqual(r.returncode, 2)
        finally:
            self.server.start(self.server.port)


both(Audit, Command, Lists, Rights, Stop)
if __name__ == "__main__":
    unittest.main()
