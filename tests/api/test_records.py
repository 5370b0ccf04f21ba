"""Records: all entities, versions, idempotency, pages, counts, batches, history, undo, trash, search."""
import random
import threading
import time
import unittest
import urllib.parse

from patron import Api, both


class Crud(Api):
    def test_every_entity(self):
        c = self.admin
        customer = c.post("customers", {"name": "上海锐进", "ext_id": "C-1"})
        bodies = {
            "customers": ({"name": "A", "kind": "person", "birthday": "1980-02-29", "employees": 3,
                           "credit_limit": {"amount": "1234.5", "currency": "CNY"}, "email": "a@b.cn",
                           "kinship": True, "website": "example.com", "parent_id": customer["id"]},
                          {"name": "B", "birthday": None, "kinship": False}),
            "contacts": ({"name": "李", "customer_id": customer["id"]}, {"name": "王"}),
            "products": ({"name": "轴承"}, {"name": "轴承 2"}),
            "orders": ({"customer_id": customer["id"], "ordered_on": "2024-02-29", "amount": "10.00", "number": "N1"},
                       {"amount": {"amount": "11.00", "currency": "CNY"}, "units": 4}),
            "notes": ({"customer_id": customer["id"], "body": "打过电话"}, {"pinned": True}),
            "users": ({"name": "U", "login": "u-crud"}, {"title": "经理"}),
            "departments": ({"name": "D"}, {"name": "D2"}),
            "roles": ({"name": "R", "permissions": {"customer": {"read": "own"}}}, {"description": "x"}),
        }
        for path, (body, change) in bodies.items():
            with self.subTest(path):
                a = c.need(201, "POST", path, body)
                made = a.json
                self.assertEqual(a.headers["Location"], f"/api/v1/{path}/{made['id']}")
                self.assertEqual(a.headers["ETag"], '"1"')
                self.assertIsInstance(made["id"], str)
                self.assertTrue(a.headers["X-Event-Id"].isdigit())
                self.assertEqual(made["created_by"], self.admin_id)
                read = c.need(200, "GET", f"{path}/{made['id']}")
                self.assertEqual(read.json, made)
                self.assertEqual(read.headers["ETag"], '"1"')
                changed = c.patch(f"{path}/{made['id']}", change)
                self.assertEqual(changed["version"], 2)
                for k, v in change.items():
                    self.assertEqual(changed[k], v, k)
                same = c.need(200, "PATCH", f"{path}/{made['id']}", change)
                self.assertEqual(same["version"], 2, "nothing changed, so no new version")
                c.delete(f"{path}/{made['id']}")
                self.assertEqual(c("GET", f"{path}/{made['id']}").status, 404)
                back = c.post(f"{path}/{made['id']}/restore", status=200)
                self.assertEqual(back["version"], 4)
                for k, v in change.items():
                    self.assertEqual(back[k], v, k)
        got = c.post("customers", bodies["customers"][0])
        self.assertEqual(got["credit_limit"], {"amount": "1234.50", "currency": "CNY"})
        self.assertEqual(got["website"], "https://example.com")
        self.assertEqual(got["owner_id"], self.admin_id)
        self.assertEqual(got["city"], None)

    def test_sums_of_a_customer(self):
        c = self.admin
        k = c.post("customers", {"name": "Sums"})["id"]
        o = [c.post("orders", {"customer_id": k, "ordered_on": f"2024-01-0{i}", "amount": f"{i}.50"})
             for i in range(1, 5)]
        def sums():
            r = c.get(f"customers/{k}")
            return r["orders_count"], r["revenue"] and r["revenue"]["amount"], r["first_order_on"], r["last_order_on"]
        self.assertEqual(sums(), (4, "12.00", "2024-01-01", "2024-01-04"))
        c.delete(f"orders/{o[3]['id']}")
        self.assertEqual(sums(), (3, "7.50", "2024-01-01", "2024-01-03"))
        c.patch(f"orders/{o[0]['id']}", {"status": "cancelled"})
        self.assertEqual(sums(), (2, "6.00", "2024-01-02", "2024-01-03"))
        c.post("orders", {"customer_id": k, "ordered_on": "2024-01-09", "amount": "-1.00", "status": "returned",
                          "original_id": o[1]["id"]})
        self.assertEqual(sums(), (2, "5.00", "2024-01-02", "2024-01-03"))  # a return is no purchase
        other = c.post("customers", {"name": "Other"})["id"]
        c.patch(f"orders/{o[2]['id']}", {"customer_id": other})
        self.assertEqual(sums()[1], "1.50")
        self.assertEqual(c.get(f"customers/{other}")["revenue"]["amount"], "3.50")

    def test_versions(self):
        c = self.admin
        r = c.post("customers", {"name": "V"})
        path = f"customers/{r['id']}"
        c.need(200, "PATCH", path, {"name": "V2"}, {"If-Match": '"1"'})
        a = self.problem(c, "PATCH", path, "version-conflict", 412, body={"name": "V3"},
                         headers={"If-Match": '"1"'}, text="Somebody saved")
        self.assertEqual((a["current"]["name"], a["current"]["version"]), ("V2", 2))
        self.problem(c, "DELETE", path, "version-conflict", 412, headers={"If-Match": '"1"'})
        for bad in ("1", '"x"', '"-1"', 'W/"1"'):
            self.problem(c, "PATCH", path, "bad-parameter", 400, body={"name": "x"}, headers={"If-Match": bad})
        c.need(204, "DELETE", path, headers={"If-Match": '"2"'})

    def test_two_people_at_once(self):
        c = self.admin
        path = "customers/" + c.post("customers", {"name": "0", "employees": 0})["id"]
        won, lost = [], []

        def edit(i):
            k = self.server.client(token=None)
            k.cookie = c.cookie
            a = k("PATCH", path, {"employees": i}, {"If-Match": '"1"'})
            (won if a.status == 200 else lost).append((i, a.status))
        threads = [threading.Thread(target=edit, args=(i,)) for i in range(1, 9)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        self.assertEqual(len(won), 1)
        self.assertEqual({s for _, s in lost}, {412})
        r = c.get(path)
        self.assertEqual((r["version"], r["employees"]), (2, won[0][0]))
        self.assertEqual(len(c.get(path + "/history")["items"]), 2)

    def test_idempotency(self):
        c = self.admin
        key = {"Idempotency-Key": "k-1"}
        a = c.need(201, "POST", "customers", {"name": "Once"}, key)
        b = c.need(201, "POST", "customers", {"name": "Once"}, key)
        self.assertEqual(a.raw, b.raw)
        for h in ("ETag", "Location", "X-Event-Id"):
            self.assertEqual(a.headers[h], b.headers[h])
        self.assertEqual(len(c.get("customers?name=Once")["items"]), 1)
        self.problem(c, "POST", "customers", "idempotency-mismatch", 422, body={"name": "Twice"}, headers=key)
        self.problem(c, "POST", "customers", "bad-parameter", 400, body={"name": "x"},
                     headers={"Idempotency-Key": "k" * 65})
        path = "customers/" + a["id"]
        d = {"Idempotency-Key": "k-2"}
        c.need(204, "DELETE", path, headers=d)
        c.need(204, "DELETE", path, headers=d)
        self.problem(c, "PATCH", path, "idempotency-mismatch", 422, body={"name": "x"}, headers=d)
        # What was refused is not kept: the corrected body may use the key.
        e = {"Idempotency-Key": "k-3"}
        self.problem(c, "POST", "customers", "validation", 422, "/name", body={}, headers=e)
        c.need(201, "POST", "customers", {"name": "Corrected"}, e)
        # Eight at once: one is written.
        got = []

        def post():
            k = self.server.client()
            k.cookie = c.cookie
            got.append(k("POST", "customers", {"name": "Race"}, {"Idempotency-Key": "k-4"}))
        threads = [threading.Thread(target=post) for _ in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        self.assertTrue(all(g.status in (201, 409) for g in got), got)
        self.assertEqual(len({g["id"] for g in got if g.status == 201}), 1)
        self.assertEqual(len(c.get("customers?name=Race")["items"]), 1)

    def test_batch(self):
        c = self.admin
        items = [{"name": f"b{i}", "ext_id": f"B{i % 7}"} if i % 10 else {"nmae": "x"} for i in range(30)]
        a = c.need(200, "POST", "customers/batch", {"items": items})["results"]
        self.assertEqual(len(a), 30)
        seen = set()
        for item, r in zip(items, a):
            if "name" not in item:
                self.assertEqual(r["status"], 422)
                self.assertEqual({e["pointer"]: e["code"] for e in r["problem"]["errors"]},
                                 {"/nmae": "unknown-field", "/name": "required"})
            elif item["ext_id"] in seen:
                self.assertEqual((r["status"], r["problem"]["code"]), (409, "duplicate"))
            else:
                self.assertEqual(r["status"], 201)
                self.assertEqual(c.get("customers/" + r["id"])["name"], item["name"])
                seen.add(item["ext_id"])
        self.assertEqual(len(c.all("customers?ext_id[starts]=B")), 7)
        self.problem(c, "POST", "customers/batch", "validation", 422, "/items", body={"items": []},
                     field_code="value-count")
        self.problem(c, "POST", "customers/batch", "validation", 422, "/items",
                     body={"items": [{"name": "x"}] * 501})
        self.problem(c, "POST", "customers/batch", "validation", 422, "/items", body={})


class Pages(Api):
    @classmethod
    def prepare(cls):
        super().prepare()
        rnd = random.Random(7)
        cls.rows = []
        names = ["公司", "Ärzte", "alpha", "Beta", "beta", "z", "", "_", "100%"]
        for chunk in range(4):
            items = []
            for i in range(250):
                r = {"name": rnd.choice(names) + str(rnd.randrange(40))}
                if rnd.random() < .6:
                    r["employees"] = rnd.randrange(-0, 12)
                if rnd.random() < .5:
                    r["birthday"] = f"19{rnd.randrange(60, 70)}-0{rnd.randrange(1, 4)}-01"
                if rnd.random() < .5:
                    r["credit_limit"] = f"{rnd.randrange(5)}.00"
                if rnd.random() < .5:
                    r["kind"] = "person"
                if rnd.random() < .3:
                    r["city"] = rnd.choice(["上海", "北京", "Köln"])
                items.append(r)
            made = cls.admin.need(200, "POST", "customers/batch", {"items": items})["results"]
            for r, m in zip(items, made):
                cls.rows.append({"employees": None, "birthday": None, "credit_limit": None, "city": None,
                                 "kind": "company", **r, "id": m["id"]})

    def order(self, sort):
        """The same order by Python: an empty field is the smallest, the id decides last."""
        rows = list(self.rows)
        keys = [(k.lstrip("-"), k.startswith("-")) for k in sort.split(",")]
        def value(row, k):
            v = row[k]
            if v is None:
                return (0, b"")
            if k == "credit_limit":
                return (1, float(v))
            if k == "id":
                return (1, int(v))
            return (1, v.encode() if isinstance(v, str) else v)
        if keys[-1][0] != "id":
            keys.append(("id", keys[-1][1]))
        for k, desc in reversed(keys):
            rows.sort(key=lambda r: value(r, k), reverse=desc)
        return [r["id"] for r in rows]

    def test_orders_of_sorting(self):
        for sort in ("name", "-name", "employees", "-employees", "employees,-name", "-employees,birthday",
                     "credit_limit,-birthday", "-credit_limit,employees,-name", "kind,-city,employees",
                     "-birthday,-employees", "city", "-city,name", "id", "-id", "-kind,id"):
            for limit in (37, 500):
                with self.subTest(sort=sort, limit=limit):
                    got = [r["id"] for r in self.admin.all(f"customers?sort={sort}&fields=name", limit)]
                    self.assertEqual(len(got), len(set(got)), "a record came twice")
                    self.assertEqual(got, self.order(sort))
        got = [r["id"] for r in self.admin.all("customers")]
        self.assertEqual(got, self.order("-id"))

    def test_edges_of_pages(self):
        for limit in (1, 250, 333, 499, 500):
            self.assertEqual(len(self.admin.all("customers?fields=name&sort=city", limit) if limit > 1 else
                                 self.rows), 1000)
        p = self.admin.get("customers?limit=500&fields=name")
        p = self.admin.get(f"customers?limit=500&fields=name&cursor={p['next']}")
        self.assertIsNone(p["next"])
        self.assertEqual(set(p["items"][0]), {"id", "version", "name"})

    def test_counts(self):
        c = self.admin
        self.assertEqual(c.get("customers?limit=1&count=exact")["count"], {"value": 1000, "capped": False})
        self.assertEqual(c.get("customers?limit=1&count=capped")["count"], {"value": 1000, "capped": False})
        self.assertNotIn("count", c.get("customers?limit=1"))
        made = [c.post("customers", {"name": "more"})["id"] for _ in range(2)]
        self.assertEqual(c.get("customers?limit=1&count=capped")["count"], {"value": 1001, "capped": True})
        self.assertEqual(c.get("customers?limit=1&count=exact")["count"], {"value": 1002, "capped": False})
        for id in made:
            c.delete("customers/" + id)
        n = sum(r["kind"] == "person" for r in self.rows)
        self.assertEqual(c.get("customers?limit=1&count=exact&kind=person")["count"]["value"], n)

    def test_what_is_refused(self):
        for query in ("sort=nothing", "sort=description", "sort=name,kind,city,employees", "sort=deleted_at",
                      "limit=0", "limit=501", "limit=x", "count=all", "fields=nothing", "fields=deleted_at",
                      "cursor=x", "cursor=W10", "cursor=WzFd&sort=name", "cursor=WyJ4IiwieSJd"):
            a = self.admin("GET", "customers?" + query)
            self.assertEqual((a.status, a["code"]), (400, "bad-parameter"), query)
        a = self.admin("GET", "customers?filter={bad")
        self.assertEqual((a.status, a["code"]), (400, "malformed-json"))
        a = self.admin("GET", "customers?nothing=1")
        self.assertEqual((a.status, a["errors"][0]["code"]), (422, "unknown-field"))

    def test_titles(self):
        c = self.admin
        parent = self.rows[3]
        child = c.post("customers", {"name": "child", "parent_id": parent["id"]})["id"]
        page = c.get("customers?include=titles&name=child")
        self.assertEqual(page["titles"][parent["id"]], parent["name"])
        self.assertEqual(page["titles"][self.admin_id], "赵倩")
        self.assertEqual(c.get(f"customers/{child}?include=titles")["titles"][parent["id"]], parent["name"])
        c.delete("customers/" + child)


class History(Api):
    def event(self, a):
        return a.headers["X-Event-Id"]

    def test_undo_of_an_edit(self):
        c = self.admin
        made = c.need(201, "POST", "customers", {"name": "One", "city": "上海", "employees": 5,
                                                 "credit_limit": "10.00", "birthday": "2000-01-01"})
        path = "customers/" + made["id"]
        edit = c.need(200, "PATCH", path, {"name": "Two", "city": None, "employees": 6,
                                           "credit_limit": "20.00", "birthday": "2000-02-02", "kinship": True})
        h = c.get(path + "/history")["items"]
        self.assertEqual([e["kind"] for e in h], ["update", "create"])
        self.assertEqual({x["field"]: (x["before"], x["after"]) for x in h[0]["changes"]}, {
            "name": ("One", "Two"), "city": ("上海", None), "employees": (5, 6), "kinship": (None, True),
            "credit_limit": ({"amount": "10.00", "currency": "CNY"}, {"amount": "20.00", "currency": "CNY"}),
            "birthday": ("2000-01-01", "2000-02-02")})
        self.assertEqual((h[0]["id"], h[0]["undoable"], h[0]["actor"]["name"]), (self.event(edit), True, "赵倩"))
        undo = c.need(200, "POST", f"history/{self.event(edit)}/undo")
        for k in ("name", "city", "employees", "credit_limit", "birthday", "kinship"):
            self.assertEqual(undo[k], made[k], k)
        h = c.get(path + "/history")["items"]
        self.assertEqual([e["kind"] for e in h], ["undo", "update", "create"])
        self.assertEqual((h[1]["undone_by"], h[1]["undoable"]), (h[0]["id"], False))
        self.problem(c, "POST", f"history/{self.event(edit)}/undo", "state-conflict", 409)

    def test_conflict(self):
        c = self.admin
        path = "customers/" + c.post("customers", {"name": "a", "city": "x"})["id"]
        edit = c.need(200, "PATCH", path, {"name": "b", "city": "y"})
        c.patch(path, {"name": "c"})
        a = self.problem(c, "POST", f"history/{self.event(edit)}/undo", "undo-conflict", 409)
        self.assertEqual(a["conflicts"], [{"field": "name", "before": "a", "after": "b", "current": "c"}])
        # A field that is back already is no conflict.
        c.patch(path, {"name": "a"})
        r = c.post(f"history/{self.event(edit)}/undo", status=200)
        self.assertEqual((r["name"], r["city"]), ("a", "x"))

    def test_undo_of_delete_and_create(self):
        c = self.admin
        made = c.need(201, "POST", "customers", {"name": "gone"})
        path = "customers/" + made["id"]
        gone = c.need(204, "DELETE", path)
        self.assertEqual(c("GET", path).status, 404)
        self.assertIn(made["id"], [r["id"] for r in c.all("customers?trash=1")])
        self.assertEqual([e["kind"] for e in c.get(path + "/history")["items"]], ["delete", "create"])
        c.post(f"history/{self.event(gone)}/undo", status=200)
        self.assertEqual(c.get(path)["name"], "gone")
        self.assertNotIn(made["id"], [r["id"] for r in c.all("customers?trash=1")])
        c.post(f"history/{self.event(made)}/undo", status=200)
        self.assertEqual(c("GET", path).status, 404)
        self.assertEqual(c("POST", "history/123/undo").status, 404)

    def test_who_writes_a_note_changes_its_customer(self):
        c = self.admin
        k = c.post("customers", {"name": "Noted"})
        writer, = self.people([{"role": c.post("roles", {"name": "writer", "permissions": {
            "customer": {"read": "all"}, "note": {"read": "own", "write": "own", "create": True}}})["id"]}])
        writer.post("notes", {"customer_id": k["id"], "body": "hello"})
        now = c.get(f"customers/{k['id']}")
        self.assertEqual((now["updated_by"], now["version"]), (writer.id, k["version"]))
        self.assertGreaterEqual(now["updated_at"], k["updated_at"])

    def test_notes_stand_with_an_order_or_a_contact(self):
        c = self.admin
        one, two = (c.post("customers", {"name": n})["id"] for n in ("One", "Two"))
        order = c.post("orders", {"customer_id": one, "ordered_on": "2024-01-01", "amount": "5.00", "number": "W-1"})["id"]
        person = c.post("contacts", {"name": "李", "customer_id": one})["id"]
        c.post("affiliations", {"contact_id": person, "customer_id": two, "role": "顾问"})
        at = lambda where, **more: c.post("notes", {"customer_id": one, "body": "x", **where, **more})
        on_order, on_person, plain = at({"order_id": order}), at({"contact_id": person}), at({})
        listed = lambda q, who=c: {n["id"] for n in who.get("notes?fields=id&" + q)["items"]}
        self.assertEqual(listed(f"order_id={order}"), {on_order["id"]})
        self.assertEqual(listed(f"contact_id={person}"), {on_person["id"]})
        self.assertEqual(listed(f"customer_id={one}"), {on_order["id"], on_person["id"], plain["id"]})
        self.assertEqual(c.get(f"notes/{on_order['id']}?include=titles")["titles"][order], "W-1")
        said = next(e for e in c.get(f"customers/{one}/timeline")["items"] if e["record_id"] == on_order["id"])
        self.assertIn({"field": "order_id", "before": None, "after": order}, said["changes"])
        # with a customer where the contact is met, too; not with somebody else's
        c.post("notes", {"customer_id": two, "contact_id": person, "body": "x"})
        many = len(c.all("notes"))
        a = self.problem(c, "POST", "notes", "validation", 422, "/order_id",
                         {"customer_id": two, "order_id": order, "body": "x"},
                         field_code="note-other-customer", text="another customer")
        self.assertEqual(len(a["errors"]), 1)
        c.patch("session", {"language": "zh"})
        a = c("POST", "notes", {"customer_id": two, "order_id": order, "body": "x"}).json
        c.patch("session", {"language": "en"})
        self.assertIn("不属于这条记录的客户", a["errors"][0]["message"])
        self.problem(c, "PATCH", f"notes/{on_order['id']}", "validation", 422, "/order_id",
                     {"customer_id": two}, field_code="note-other-customer")
        self.assertEqual((len(c.all("notes")), c.get(f"notes/{on_order['id']}")["version"]), (many, 1))
        # a contact that moves leaves its notes, and they can be changed still
        c.patch(f"contacts/{person}", {"customer_id": None})
        self.assertEqual(c.patch(f"notes/{on_person['id']}", {"body": "y"})["customer_id"], one)
        # nobody writes with what they do not see
        blind, = self.people([{"role": c.post("roles", {"name": "blind", "permissions": {
            "customer": {"read": "all"}, "note": {"read": "all", "write": "all", "create": True}}})["id"]}])
        self.problem(blind, "POST", "notes", "validation", 422, "/order_id",
                     {"customer_id": one, "order_id": order, "body": "x"}, field_code="link-not-found")

    def test_timeline(self):
        c = self.admin
        k = c.post("customers", {"name": "T"})["id"]
        o = c.post("orders", {"customer_id": k, "ordered_on": "2024-01-01", "amount": "5.00", "number": "T-1"})
        n = c.post("notes", {"customer_id": k, "body": "hello"})
        c.patch(f"orders/{o['id']}", {"units": 2})
        c.delete(f"notes/{n['id']}")
        t = c.get(f"customers/{k}/timeline")["items"]
        self.assertEqual([(e["entity"], e["kind"]) for e in t],
                         [("note", "delete"), ("order", "update"), ("note", "create"), ("order", "create"),
                          ("customer", "create")])
        got, cursor = [], None
        while True:
            p = c.get(f"customers/{k}/timeline?limit=2" + (f"&cursor={cursor}" if cursor else ""))
            got += [e["id"] for e in p["items"]]
            cursor = p["next"]
            if not cursor:
                break
        self.assertEqual(got, [e["id"] for e in t])

    def test_unique_values_and_the_trash(self):
        c = self.admin
        a = c.post("customers", {"name": "first", "ext_id": "U1"})
        p = self.problem(c, "POST", "customers", "duplicate", 409, "/ext_id", body={"name": "x", "ext_id": "U1"},
                         field_code="duplicate-value")
        self.assertEqual(p["params"]["id"], a["id"])
        c.delete("customers/" + a["id"])
        b = c.post("customers", {"name": "second", "ext_id": "U1"})
        self.problem(c, "POST", f"customers/{a['id']}/restore", "duplicate", 409, "/ext_id")
        c.patch("customers/" + b["id"], {"ext_id": "U2"})
        self.assertEqual(c.post(f"customers/{a['id']}/restore", status=200)["ext_id"], "U1")
        self.problem(c, "PATCH", "customers/" + b["id"], "duplicate", 409, "/ext_id", body={"ext_id": "U1"})


class Search(Api):
    @classmethod
    def prepare(cls):
        super().prepare()
        c = cls.admin
        cls.ids = {}
        for name, extra in (("上海锐进贸易公司", {}), ("北京公司", {}), ("Acme Trading", {"city": "上海"}),
                            ("Acme", {"phone": "13800138000"}), ("Müller GmbH", {"email": "info@mueller.de"}),
                            ("司公", {}), ("ABC锐进", {})):
            cls.ids[name] = c.post("customers", {"name": name, **extra})["id"]
        cls.note = c.post("notes", {"customer_id": cls.ids["Acme"], "body": "谈了价格和交货时间"})["id"]
        cls.order = c.post("orders", {"customer_id": cls.ids["Acme"], "ordered_on": "2024-01-01",
                                      "amount": "5.00", "number": "SO-2024-17"})["id"]

    def find(self, q, more=""):
        return [i["id"] for i in self.admin.get("search?q=" + urllib.parse.quote(q) + more)["items"]]

    def test_words(self):
        ids = self.ids
        self.assertEqual(set(self.find("公司")), {ids["上海锐进贸易公司"], ids["北京公司"]})
        self.assertEqual(set(self.find("锐进")), {ids["上海锐进贸易公司"], ids["ABC锐进"]})
        self.assertEqual(set(self.find("上海")), {ids["上海锐进贸易公司"], ids["Acme Trading"]})
        self.assertEqual(self.find("acm")[0], ids["Acme"])  # newer of the two that begin with it
        self.assertEqual(set(self.find("ACME")), {ids["Acme"], ids["Acme Trading"]})
        self.assertEqual(self.find("Acme")[0], ids["Acme"])
        self.assertEqual(self.find("trad acme"), [])  # only the last word may be a beginning
        self.assertEqual(self.find("acme trad"), [ids["Acme Trading"]])
        self.assertEqual(self.find("müller"), [ids["Müller GmbH"]])
        self.assertEqual(self.find("138001"), [ids["Acme"]])
        self.assertEqual(self.find("司公"), [ids["司公"]])
        self.assertIn(ids["ABC锐进"], self.find("abc锐进"))
        self.assertEqual(self.find("交货"), [self.note])
        self.assertEqual(self.find("SO-2024"), [self.order])
        self.assertEqual(self.find("公司", "&entity=note"), [])
        self.assertEqual(len(self.find("公", "&entity=customer")) >= 2, True)

    def test_how_names_are_read(self):
        c, ids = self.admin, {}
        for name in ("苏州华为技术有限公司", "重庆曾记五金", "華東機電", "绿源农机", "Huaweb Ltd", "长行曾记"):
            ids[name] = c.post("customers", {"name": name})["id"]
        su, cq, hd, ly, web, ch = ids.values()
        for q, want in (("huawei", [su]), ("huaw", [su, web]), ("hwjs", [su]), ("HWJSYX", [su]), ("szhwjsyxgs", [su]),
                        ("huaweijishu", [su]), ("suzhouhuaweijis", [su]), ("jishuyouxian", [su]), ("hua wei", [su]),
                        ("chongqing", [cq]), ("zengji", [cq, ch]), ("cqzj", [cq]), ("lvyuan", [ly]), ("changhangzeng", [ch]), ("zhangxingceng", [ch]), ("changhangcengj", [ch]), ("chzj", [ch]), ("huadong", [hd]),
                        ("华东机电", [hd]), ("華東", [hd]), ("蘇州華為", [su])):
            self.assertEqual(sorted(self.find(q)), sorted(want), q)
        # what begins with the letters comes before what is only read like them
        self.assertEqual(self.find("huaw"), [web, su])
        hit = c.get("search?q=hwjs")["items"][0]
        self.assertEqual(("苏州华为技术有限公司"[hit["mark"][0]:hit["mark"][1]]), "华为技术")
        self.assertEqual(c.get("search?q=" + urllib.parse.quote("機電"))["items"][0]["mark"], [2, 4])
        for i in ids.values():
            c.delete("customers/" + i)
        self.assertEqual(self.find("hwjs"), [])

    def test_slips(self):
        """One slip a word, in whole words, asked for only when nothing is there."""
        c, ids = self.admin, {}
        for name in ("Northwind Traders", "杭州宏达轴承厂", "Nordwand Bau"):
            ids[name] = c.post("customers", {"name": name})["id"]
        north, hong, _ = ids.values()
        for q, want in (("northwnd", [north]), ("nortwhind", [north]), ("northwinnd", [north]), ("nurthwind", [north]),
                        ("northwind tradres", [north]), ("northwin trad", []), ("nrthwnd", []), ("hognda", [hong]),
                        ("红达轴承", [hong]), ("宏大", [hong]), ("杭州宏达轴城厂", [hong]), ("宏厂轴州", [])):
            self.assertEqual(self.find(q), want, q)
        for i in ids.values():
            c.delete("customers/" + i)

    def test_slips_over_several_syllables(self):
        c = self.admin
        k = c.post("customers", {"name": "宁波测试"})["id"]
        other = c.post("customers", {"name": "宁波机电制品"})["id"]
        for q in ("ningboceshi", "ningbocehsi", "nignboceshi", "ningboceshii", "nngboceshi", "ningbaceshi"):
            self.assertEqual(self.find(q), [k], q)
        for q in ("ningbocehsii", "ningboxxxxshi", "bocehsining"):
            self.assertEqual(self.find(q), [], q)
        for i in (k, other):
            c.delete("customers/" + i)

    def test_telephone_numbers(self):
        c = self.admin
        kept = {}
        for name, phone in (("Mei", "13811112222"), ("Bo", "+86 139-3333-4444"), ("Desk", "0574-8765 4321-802"),
                            ("Two", "0512-6654321/13755556666"), ("Ann", "+49 (0)30 1234567")):
            kept[name] = c.post("contacts", {"name": name, "phone": phone})["id"]
        firm = c.post("customers", {"name": "Rund", "phone": "008613811112222", "address": "138 1111"})["id"]
        mei = {kept["Mei"], firm}
        for q in ("13811112222", "138-1111-2222", "138 1111 2222", "+8613811112222", "+86 138 1111 2222", "008613811112222",
                  "0086-138-1111-2222", "8613811112222", "１３８ １１１１ ２２２２", "138–1111–2222", "(+86) 138.1111.2222",
                  "11112222", "1111 2222", "2222", "138 1111", "1381111"):
            self.assertEqual(set(self.find(q)), mei, q)
        for q, who in (("mei 2222", "Mei"), ("138-1111-2222 mei", "Mei"), ("13933334444", "Bo"), ("3333-4444", "Bo"), ("4444", "Bo"),
                       ("0574 87654321", "Desk"), ("+86 574 8765 4321", "Desk"), ("87654321", "Desk"),
                       ("6654321", "Two"), ("6666", "Two"), ("137-5555-6666", "Two"), ("+49 30 1234567", "Ann"),
                       ("004930 1234567", "Ann"), ("030 1234567", "Ann")):
            self.assertEqual(self.find(q), [kept[who]], q)
        self.assertEqual(set(self.find("4321")), {kept["Desk"], kept["Two"]})
        for q in ("138-1111-2223", "138, 1111, 2222", "802", "13811112222 bo"):
            self.assertEqual(self.find(q), [], q)
        c.patch(f"contacts/{kept['Mei']}", {"phone": "15000007777"})
        self.assertEqual((self.find("138-1111-2222"), self.find("7777")), ([firm], [kept["Mei"]]))
        for i in kept.values():
            c.delete("contacts/" + i)
        c.delete("customers/" + firm)
        self.assertEqual(self.find("2222"), [])

    def test_telephone_numbers_held_back(self):
        c = self.admin
        ids = [c.post("contacts", {"name": "Held", "phone": "+86 138-7777-8888"})["id"],
               c.post("contacts", {"name": "Held 8888", "phone": "15012340000"})["id"]]
        for level, want in (("hide", [ids[1]]), ("mask", [ids[1]]), ("read", ids)):
            role = c.post("roles", {"name": level, "permissions": {"contact": {"read": "all", "fields": {"phone": level}}}})["id"]
            [p] = self.people([{"role": role}])
            ask = lambda q: [i["id"] for i in p.get("search?q=" + urllib.parse.quote(q))["items"]]
            self.assertEqual(sorted(ask("8888")), sorted(want), level)
            for q in ("138-7777-8888", "+8613877778888", "77778888", "0138 7777 8888"):
                self.assertEqual(ask(q), ids[:1] if level == "read" else [], (level, q))
        for i in ids:
            c.delete("contacts/" + i)

    def test_nothing_and_nonsense(self):
        for q in ("", "   ", "'", '"', "(", "a' OR 1=1 --", "*", "AND", "OR", "NEAR(", "x" * 500, "&|!:*", "%", "\\",
                  "公司 *", "锐进)", "NOT 公司"):
            self.assertIsInstance(self.find(q), list)
        self.assertEqual(self.find("OR"), [])
        self.assertEqual(self.admin("GET", "search?q=a&entity=nothing")["code"], "bad-parameter")
        self.assertIn(self.admin("GET", "search?q=%ff").status, (200, 400))

    def test_follows_changes(self):
        c = self.admin
        k = c.post("customers", {"name": "以前的名字"})["id"]
        self.assertEqual(self.find("以前"), [k])
        c.patch("customers/" + k, {"name": "现在叫别的"})
        self.assertEqual((self.find("以前"), self.find("别的")), ([], [k]))
        c.delete("customers/" + k)
        self.assertEqual(self.find("别的"), [])
        c.post(f"customers/{k}/restore", status=200)
        self.assertEqual(self.find("别的"), [k])

    def test_the_name_itself_among_many(self):
        """The index gives out the newest of many; whoever is called exactly so comes first all the same."""
        c = self.admin
        oldest = c.post("customers", {"name": "远景能源"})["id"]
        for i in range(520):
            c.post("notes", {"customer_id": oldest, "body": f"远景能源 {i}"})
        hits = c.get("search?q=" + urllib.parse.quote("远景能源"))["items"]
        self.assertEqual((hits[0]["entity"], hits[0]["id"], hits[0]["mark"]), ("customer", oldest, [0, 4]))
        self.assertEqual(len({h["id"] for h in hits}), len(hits))


class Pieces(Api):
    """What writing leaves of SQLite's index in pieces is joined behind it."""
    kinds = ("sqlite",)

    def test_joined(self):
        c = self.admin
        pieces = lambda: int(self.server.sql("SELECT count(DISTINCT segid) FROM search_doc_words_idx")[0][0])
        for setting, n in (("automerge", 0), ("crisismerge", 1000)):  # a piece per commit, and none joined by itself
            self.server.sql(f"INSERT INTO search_doc_words (search_doc_words, rank) VALUES ('{setting}', {n})")
        for i in range(60):
            c.post("customers", {"name": f"Piece {i} of sixty"})
        deadline = time.monotonic() + 60
        while pieces() > 12 and time.monotonic() < deadline:
            time.sleep(0.2)
        self.assertLessEqual(pieces(), 12)
        self.assertEqual(len(c.get("search?q=sixty&limit=50")["items"]), 50)
        self.assertEqual(self.server.sql("SELECT count(*) FROM search_doc_words WHERE search_doc_words MATCH 'sixty'"),
                         [("60",)])


both(Crud, Pages, History, Search, Pieces)

if __name__ == "__main__":
    unittest.main()
