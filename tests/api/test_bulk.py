"""Changing everything that matches: what is meant, who may, what is refused and why, going on after a
kill, and taking it back."""
import signal
import threading
import time
import unittest

from patron import Api, both, quote

KIND = {"field": "kind", "op": "eq", "value": "person"}


class Bulk(Api):
    @classmethod
    def fill(cls, n, entity="customer", head="name,employees,kind", row=None):
        row = row or (lambda i: f"公司 {i:05},{i % 7},{'person' if i % 3 else 'company'}\n")
        file = head + "\n" + "".join(row(i) for i in range(n))
        im = cls.admin.need(201, "POST", f"imports?entity={entity}", raw=file.encode(),
                            headers={"Content-Type": "application/octet-stream"}).json
        cls.admin.job(cls.admin.post(f"imports/{im['id']}/run", status=202)["job_id"])

    def count(self, filter=None, client=None, entity="customers", trash=""):
        f = "&filter=" + quote(filter) if filter else ""
        return (client or self.admin).get(f"{entity}?limit=1&count=exact{f}{trash}")["count"]["value"]

    def ask(self, change, filter=None, client=None, expected=None, entity="customers", wanted="done", **body):
        c = client or self.admin
        if expected is None:
            expected = self.count(filter, c, entity, "&trash=1" if body.get("trash") else "")
        body = {"change": change, "expected": expected, **({"filter": filter} if filter else {}), **body}
        job = c.post(f"{entity}/bulk", body, status=202)["job_id"]
        return c.job(job, wanted) if wanted else job

    def undo(self, job, client=None):
        c = client or self.admin
        return c.job(c.post(f"jobs/{job['id']}/undo", status=202)["job_id"])

    def told(self, job):
        r = job["result"]
        return r["changed"], r["unchanged"], r["refused"]


class Kinds(Bulk):
    """Each kind of change, and back."""

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.fill(700)
        [cls.p] = cls.people([{}])

    def test_set(self):
        filter = {"and": [KIND, {"field": "employees", "op": "eq", "value": 3}]}
        n = self.count(filter)
        job = self.ask({"set": {"employees": 1003, "owner_id": self.p.id}}, filter)
        self.assertEqual(self.told(job), (n, 0, 0))
        self.assertEqual((job["kind"], job["done"], job["total"], job["errors"]), ("bulk", n, n, 0))
        self.assertEqual(job["title"], "Customers: Employees, Owner")
        got = self.admin.all(f"customers?employees=1003&fields=name,owner_id,kind", limit=500)
        self.assertEqual(sorted(c["name"] for c in got), [f"公司 {i:05}" for i in range(700) if i % 3 and i % 7 == 3])
        self.assertEqual({c["owner_id"] for c in got}, {self.p.id})
        # one event each, of the person, with what it was before
        [e, *_] = self.admin.get(f"customers/{got[0]['id']}/history")["items"]
        self.assertEqual((e["kind"], e["actor"]["id"], e["undoable"]), ("update", self.admin_id, True))
        self.assertEqual({c["field"]: (c["before"], c["after"]) for c in e["changes"]}["employees"], (3, 1003))
        # what has it already is not written again
        again = self.ask({"set": {"employees": 1003}}, {"field": "employees", "op": "eq", "value": 1003})
        self.assertEqual(self.told(again), (0, n, 0))
        back = self.undo(job)
        self.assertEqual((back["kind"], self.told(back)), ("bulk-undo", (n, 0, 0)))
        self.assertEqual((self.count({"field": "employees", "op": "eq", "value": 1003}), self.count(filter)), (0, n))
        self.assertEqual(self.count({"field": "owner_id", "op": "eq", "value": self.p.id}), 0)
        # twice is nothing more, and an undo is not undone
        self.assertEqual(self.told(self.undo(job)), (0, n, 0))
        self.problem(self.admin, "POST", f"jobs/{back['id']}/undo", "state-conflict", 409)

    def test_what_was_touched_since_stays(self):
        filter = {"field": "name", "op": "starts", "value": "公司 0001"}
        job = self.ask({"set": {"city": "苏州"}}, filter)
        self.assertEqual(self.told(job), (10, 0, 0))
        one, two, *rest = self.admin.all(f"customers?filter={quote(filter)}&sort=name")
        self.admin.patch(f"customers/{one['id']}", {"city": "无锡"})
        self.admin.patch(f"customers/{two['id']}", {"employees": 99})
        back = self.undo(job)
        self.assertEqual(self.told(back), (9, 0, 1))
        [why] = back["result"]["reasons"]
        self.assertEqual((why["code"], why["count"]), ("undo-conflict", 1))
        self.assertEqual(why["examples"], [{"id": one["id"], "title": one["name"]}])
        self.assertEqual(self.admin.get(f"customers/{one['id']}")["city"], "无锡")
        got = self.admin.get(f"customers/{two['id']}")
        self.assertEqual((got["city"], got["employees"]), (None, 99))

    def test_tags(self):
        a, b = (self.admin.post("tags/find", {"name": n}, status=200)["id"] for n in ("春季", "展会"))
        filter = {"field": "name", "op": "starts", "value": "公司 0002"}
        rows = self.admin.all(f"customers?filter={quote(filter)}&sort=name")
        self.admin.post(f"customers/{rows[0]['id']}/tags", {"add": [a]}, status=200)
        job = self.ask({"tags": {"add": [a]}}, filter)
        self.assertEqual(self.told(job), (9, 1, 0))
        self.assertEqual(self.count({"field": "tags", "op": "in", "value": [a]}), 10)
        job = self.ask({"tags": {"add": [b], "remove": [a]}}, filter)
        self.assertEqual(self.told(job), (10, 0, 0))
        self.assertEqual((self.count({"field": "tags", "op": "in", "value": [a]}),
                          self.count({"field": "tags", "op": "in", "value": [b]})), (0, 10))
        self.undo(job)
        self.assertEqual((self.count({"field": "tags", "op": "in", "value": [a]}),
                          self.count({"field": "tags", "op": "in", "value": [b]})), (10, 0))

    def test_delete_and_restore(self):
        filter = {"field": "name", "op": "starts", "value": "公司 0003"}
        self.assertEqual(self.told(self.ask({"delete": True}, filter)), (10, 0, 0))
        self.assertEqual((self.count(filter), self.count(filter, trash="&trash=1")), (0, 10))
        self.assertEqual(self.admin.get("search?q=00033")["items"], [])
        back = self.ask({"restore": True}, filter, trash=True)
        self.assertEqual(self.told(back), (10, 0, 0))
        self.assertEqual((self.count(filter), self.count(filter, trash="&trash=1")), (10, 0))
        self.assertEqual(len(self.admin.get("search?q=00033")["items"]), 1)
        self.assertEqual(self.told(self.undo(back)), (10, 0, 0))
        self.assertEqual(self.count(filter), 0)
        self.assertEqual(self.told(self.ask({"restore": True}, filter, trash=True)), (10, 0, 0))

    def test_other_entities(self):
        a = self.admin
        k = a.post("customers", {"name": "Orders and contacts"})["id"]
        other = a.post("customers", {"name": "Elsewhere"})["id"]
        orders = [a.post("orders", {"customer_id": k, "ordered_on": "2024-03-01", "lines": [
            {"description": "x", "quantity": "2", "price": {"amount": "5.00", "currency": "CNY"}}]})["id"] for _ in range(3)]
        a.post("orders", {"customer_id": other, "ordered_on": "2024-03-01", "amount": {"amount": "1.00", "currency": "CNY"}})
        before = a.get(f"customers/{k}")["revenue"]
        job = self.ask({"delete": True}, entity="orders", expected=3,
                       filter={"field": "customer_id", "op": "eq", "value": k})
        self.assertEqual(self.told(job), (3, 0, 0))
        self.assertEqual(a.get(f"customers/{k}")["orders_count"], 0)
        self.assertEqual(self.told(self.undo(job)), (3, 0, 0))
        self.assertEqual(a.get(f"customers/{k}")["revenue"], before)
        self.assertEqual(len(a.get(f"order_lines?order_id={orders[0]}")["items"]), 1)
        # whom one meets at a customer by an affiliation, as the list of contacts has it
        c = a.post("contacts", {"name": "Here", "customer_id": k})["id"]
        d = a.post("contacts", {"name": "There", "customer_id": other})["id"]
        a.post("affiliations", {"contact_id": d, "customer_id": k, "role": "supplier"})
        job = self.ask({"set": {"department": "Buying"}}, entity="contacts", expected=2, at_customer=k)
        self.assertEqual(self.told(job), (2, 0, 0))
        self.assertEqual([a.get(f"contacts/{x}")["department"] for x in (c, d)], ["Buying", "Buying"])

    def test_the_bell_and_the_lists(self):
        """One ring for who asked, none for each record; windows are told once."""
        boss, heir = self.people([{"admin": True}, {}])
        n = self.count(KIND)
        self.ask({"set": {"owner_id": heir.id}}, KIND, boss)
        rings = boss.get("notifications?limit=50")["items"]
        self.assertEqual([(r["kind"], r["job"]["kind"]) for r in rings], [("job", "bulk")])
        self.assertEqual(heir.get("notifications?limit=50")["items"], [])
        self.assertEqual(self.count({"field": "owner_id", "op": "eq", "value": heir.id}), n)


class Stream(Bulk):
    def test_events(self):
        import http.client
        self.fill(1200)
        c = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        head = {"Cookie": self.admin.cookie} if self.admin.cookie else {}
        c.request("GET", "/api/v1/events", headers=head)
        r = c.getresponse()
        self.ask({"set": {"city": "杭州"}})
        seen = []
        while not (seen and seen[-1] == "job" and seen.count("records")):
            line = r.readline().decode()
            if line.startswith("event: "):
                seen.append(line[7:].strip())
            if line.startswith("data:") and seen[-1] == "records":
                self.assertEqual(line.strip(), 'data: {"entity":"customer"}')
        c.close()
        self.assertNotIn("record", seen)
        self.assertLess(seen.count("records"), 20)


class Bad(Bulk):
    """Refused before anything is begun."""

    @classmethod
    def prepare(cls):
        super().prepare()
        for i in range(3):
            cls.admin.post("customers", {"name": f"B{i}"})
        cls.zh, = cls.people([{"admin": True, "lang": "zh"}])

    def bad(self, body, pointer, field_code, entity="customers", client=None, code="validation", status=422, text=None):
        body = {"expected": 3, "change": {"set": {"city": "x"}}, **body}
        jobs = len(self.admin.get("jobs")["items"])
        self.problem(client or self.admin, "POST", f"{entity}/bulk", code, status, pointer, body=body, field_code=field_code,
                     text=text)
        self.assertEqual(len(self.admin.get("jobs")["items"]), jobs)

    def test_bodies(self):
        for body, pointer, code in (
                ({"change": None}, "/change", "one-change"), ({"change": {}}, "/change", "one-change"),
                ({"change": {"delete": True, "restore": True}}, "/change", "one-change"),
                ({"change": {"explode": True}}, "/change/explode", "unknown-option"),
                ({"change": {"undo": "1"}}, "/change/undo", "unknown-option"),
                ({"change": {"delete": 1}}, "/change/delete", "unknown-option"),
                ({"change": {"set": {}}}, "/change/set", "required"),
                ({"change": {"set": []}}, "", "type-object"),
                ({"change": {"set": {"ufo": 1}}}, "/change/set/ufo", "unknown-field"),
                ({"change": {"set": {"revenue": "1.00"}}}, "/change/set/revenue", "read-only"),
                ({"change": {"set": {"version": 3}}}, "/change/set/version", "read-only"),
                ({"change": {"set": {"name": None}}}, "/change/set/name", "required"),
                ({"change": {"set": {"employees": "many"}}}, "/change/set/employees", "integer"),
                ({"change": {"set": {"kind": "ufo"}}}, "/change/set/kind", "unknown-option"),
                ({"change": {"set": {"owner_id": "12345"}}}, "/change/set/owner_id", "link-not-found"),
                ({"change": {"set": {"ext_id": "A1"}}}, "/change/set/ext_id", "unique-for-many"),
                ({"change": {"tags": {}}}, "/change/tags", "required"),
                ({"change": {"tags": {"add": ["12345"]}}}, "/change/tags/add", "link-not-found"),
                ({"change": {"tags": {"remove": "x"}}}, "/change/tags/remove", "id"),
                ({"expected": None}, "/expected", "required"), ({"expected": "3"}, "/expected", "number"),
                ({"filtr": {}}, "/filtr", "unknown-field"), ({"trash": True}, "/trash", "bulk-not-trash"),
                ({"change": {"restore": True}}, "/trash", "bulk-only-trash"),
                ({"at_customer": "1"}, "/at_customer", "unknown-field")):
            with self.subTest(body):
                self.bad(body, pointer, code)
        self.bad({"change": {"tags": {"add": ["1"]}}}, "/change/tags", "unknown-field", entity="departments")
        self.bad({"filter": {"field": "ufo", "op": "eq", "value": 1}}, None, None)

    def test_both_languages(self):
        for client, text in ((self.admin, "no such record"), (self.zh, "没有")):
            self.bad({"change": {"set": {"owner_id": "12345"}}}, "/change/set/owner_id", "link-not-found", client=client,
                     text=text)
        for client, text in ((self.admin, "3 records match by now, and 2 were shown"), (self.zh, "现在符合条件的有 3 条，比刚才看到的 2 条多")):
            self.bad({"expected": 2}, None, None, client=client, code="bulk-count", status=409, text=text)

    def test_address_and_parts(self):
        body = {"expected": 9, "change": {"delete": True}}
        self.problem(self.admin, "POST", "customers/bulk?kind=person", "bad-parameter", 400, body=body)
        self.problem(self.admin, "POST", "order_lines/bulk", "part-of-whole", 409, body=body)
        self.problem(self.admin, "POST", "jobs/12345/undo", "not-found", 404)

    def test_counts(self):
        """More than were seen are refused, fewer are fine."""
        self.bad({"expected": 2}, None, None, code="bulk-count", status=409)
        job = self.ask({"set": {"wechat": None}}, expected=500)
        self.assertEqual(self.told(job), (0, 3, 0))
        job = self.ask({"set": {"city": "x"}}, {"field": "name", "op": "eq", "value": "nobody"}, expected=0)
        self.assertEqual((self.told(job), job["result"]["meant"]), ((0, 0, 0), 0))


class Rights(Bulk):
    @classmethod
    def prepare(cls):
        super().prepare()
        a = cls.admin
        own = {"read": "own", "write": "own", "delete": "own"}
        cls.own = a.post("roles", {"name": "own", "permissions": {"customer": {
            **own, "fields": {"phone": "read", "credit_limit": "hide", "email": "mask"}}}})["id"]
        cls.reader = a.post("roles", {"name": "reads all", "permissions": {"customer": {"read": "all", "write": "own"}}})["id"]
        cls.p, cls.q, cls.r = cls.people([{"role": cls.own}, {"role": cls.own}, {"role": cls.reader}])
        for who in (cls.p, cls.q, cls.r):
            for i in range(4):
                a.post("customers", {"name": f"{who.id} {i}", "owner_id": who.id})

    def test_only_ones_own(self):
        job = self.ask({"set": {"city": "own"}}, client=self.p)
        self.assertEqual(self.told(job), (4, 0, 0))
        self.assertEqual({c["owner_id"] for c in self.admin.all("customers?city=own")}, {self.p.id})

    def test_what_one_only_sees_is_refused(self):
        job = self.ask({"set": {"city": "seen"}}, client=self.r, filter={
            "field": "owner_id", "op": "in", "value": [self.p.id, self.q.id, self.r.id]})
        self.assertEqual(self.told(job), (4, 0, 8))
        [why] = job["result"]["reasons"]
        self.assertEqual((why["code"], why["field"], why["count"], len(why["examples"])), ("forbidden", None, 8, 5))
        self.assertRegex(why["examples"][0]["title"], r"^\d+ \d$")
        self.assertEqual(job["errors"], 8)

    def test_no_right_at_all(self):
        body = {"change": {"delete": True}, "expected": 12}
        self.problem(self.r, "POST", "customers/bulk", "forbidden", 403, body=body)
        self.problem(self.p, "POST", "users/bulk", "forbidden", 403, body=body)

    def test_levels(self):
        for field, code in (("phone", "field-not-yours"), ("credit_limit", "unknown-field"), ("email", "field-not-yours")):
            self.problem(self.p, "POST", "customers/bulk", "validation", 422, "/change/set/" + field, field_code=code,
                         body={"change": {"set": {field: None}}, "expected": 4})
        self.problem(self.p, "POST", "customers/bulk", "validation", 422, body={
            "change": {"set": {"city": "x"}}, "expected": 4, "filter": {"field": "credit_limit", "op": "null"}})

    def test_others_jobs(self):
        job = self.ask({"set": {"city": "mine"}}, client=self.p)
        self.problem(self.q, "POST", f"jobs/{job['id']}/undo", "not-found", 404)
        self.assertEqual(self.told(self.undo(job)), (4, 0, 0))

    def test_by_reasons(self):
        """What only the record can say: a rule of its entity, a value that was taken."""
        a = self.admin
        ids = [a.post("customers", {"name": f"dup{i}", "ext_id": f"D{i}"})["id"] for i in range(3)]
        for id in ids:
            a.delete(f"customers/{id}")
        a.post("customers", {"name": "taker", "ext_id": "D1"})
        job = self.ask({"restore": True}, {"field": "name", "op": "starts", "value": "dup"}, trash=True)
        self.assertEqual(self.told(job), (2, 0, 1))
        [why] = job["result"]["reasons"]
        self.assertEqual((why["code"], why["field"], why["examples"]), ("duplicate-value", "ext_id", [{"id": ids[1], "title": "dup1"}]))


class Going(Bulk):
    """Stopped, killed, cancelled, and others writing at the same time."""

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.N = 5000 if cls.server.url else 16000  # some seconds
        cls.fill(cls.N)

    def under_way(self, job, at_least=250):
        while True:
            j = self.admin.get(f"jobs/{job}")
            if j["state"] not in ("queued", "running") or j["done"] >= at_least:
                return j
            time.sleep(0.005)

    def written(self):
        """Each write of a record counts its version up."""
        [(n,)] = self.server.rows("sum(version)", "customers", "WHERE import_id IS NOT NULL")
        return int(n)

    def again(self, how, city):
        before = self.written()
        job = self.ask({"set": {"city": city}}, wanted=None)
        j = self.under_way(job)
        self.assertEqual(j["state"], "running", "too quick to be stopped")
        self.server.stop(how)
        self.server.start(self.server.port)
        if how == signal.SIGKILL and self.server.url:
            # the lease of a killed server runs out after a minute; nobody waits for that here
            self.server.sql(f"UPDATE {self.server.table('job')} SET lease_until = 0 WHERE id = {job}")
        j = self.admin.job(job)
        self.assertEqual(self.told(j), (self.N, 0, 0))
        self.assertEqual(self.written(), before + self.N, "each was written once")
        self.assertEqual(self.count({"field": "city", "op": "eq", "value": city}), self.N)
        [(n,)] = self.server.rows("count(*)", "history", f"WHERE changes LIKE '%{city}\"]%'")
        self.assertEqual(int(n), self.N)
        return j

    def test_stopped(self):
        self.again(signal.SIGTERM, "stopped")

    def test_killed_and_undone(self):
        j = self.again(signal.SIGKILL, "killed")
        self.assertEqual(self.told(self.undo(j)), (self.N, 0, 0))
        self.assertEqual(self.count({"field": "city", "op": "eq", "value": "killed"}), 0)

    def test_cancelled(self):
        job = self.ask({"set": {"postal_code": "cancel"}}, wanted=None)
        self.under_way(job)
        self.admin.post(f"jobs/{job}/cancel", status=202)
        j = self.admin.job(job, "cancelled")
        changed, unchanged, refused = self.told(j)
        self.assertTrue(0 < changed < self.N)
        got = {"field": "postal_code", "op": "eq", "value": "cancel"}
        self.assertEqual((self.count(got), unchanged, refused), (changed, 0, 0))
        self.assertEqual(self.told(self.undo(j)), (changed, 0, 0))
        self.assertEqual(self.count(got), 0)

    def test_others_write_meanwhile(self):
        """Records that came are not touched, that went are refused, and nobody's change is lost."""
        a = self.admin
        mine = a.all("customers?sort=-id&fields=name&filter=" + quote({"field": "name", "op": "starts", "value": "公司 019"}))
        over, done = threading.Event(), []

        def work():
            for i, c in enumerate(mine):
                if i % 2:
                    a.delete(f"customers/{c['id']}")
                else:
                    a.patch(f"customers/{c['id']}", {"name": c["name"] + " 改"})
                done.append(a.post("customers", {"name": "公司 new"})["id"])
            over.set()

        t = threading.Thread(target=work)
        job = self.ask({"set": {"region": "meanwhile"}}, wanted=None)
        t.start()
        j = a.job(job)
        t.join()
        self.assertTrue(over.is_set())
        changed, unchanged, refused = self.told(j)
        self.assertEqual((changed + unchanged + refused, unchanged), (self.N, 0))
        self.assertEqual([r["code"] for r in j["result"]["reasons"]], ["not-found"] if refused else [])
        self.assertEqual(self.count({"and": [{"field": "region", "op": "eq", "value": "meanwhile"},
                                             {"field": "name", "op": "eq", "value": "公司 new"}]}), 0)
        for i, c in enumerate(mine[:20]):
            if i % 2 == 0:
                got = a.get(f"customers/{c['id']}")
                self.assertEqual((got["name"], got["region"]), (c["name"] + " 改", "meanwhile"))
        for c in mine[1::2]:
            a.post(f"customers/{c['id']}/restore", status=200)
        for id in done:
            a.delete(f"customers/{id}")


both(Kinds, Stream, Bad, Rights, Going)
if __name__ == "__main__":
    unittest.main()
