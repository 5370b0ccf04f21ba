"""Levels of fields: hide, mask, read, edit, over every way that leads to a value. The unit test core_leaks asks ten
thousand times in the process; here the same rules go over HTTP, on both databases."""
import json
import os
import random
import re
import urllib.parse

from patron import Api, both, quote

ALL = {"read": "all", "write": "all", "delete": "all", "create": False}
LEVELS = {"customer": {"phone": "mask", "credit_limit": "hide", "city": "read", "email": "mask", "wechat": "hide",
                       "annual_revenue": "mask"},
          "order": {"cost": "hide", "number": "mask", "customer_id": "hide"},
          "contact": {"name": "mask"}, "note": {}}
SECRETS = ("13911112222", "secretmail", "wxsecret", "777123", "555321", "888444", "ZQ-4711", "Geheimrat")


def role(levels, **more):
    return {e: {**ALL, "fields": levels.get(e, {}), **more} for e in ("customer", "order", "contact", "note")}


class Levels(Api):
    @classmethod
    def prepare(cls):
        super().prepare()
        a = cls.admin
        cls.role = a.post("roles", {"name": "narrow", "permissions": role(LEVELS)})["id"]
        cls.p, cls.zh = cls.people([{"role": cls.role}, {"role": cls.role, "lang": "zh"}])
        cls.k = a.post("customers", {
            "name": "Yan Li", "phone": "13911112222", "email": "secretmail@example.com", "wechat": "wxsecret",
            "credit_limit": {"amount": "777123.00", "currency": "CNY"}, "city": "Suzhou",
            "annual_revenue": {"amount": "555321.00", "currency": "CNY"}, "owner_id": cls.p.id})["id"]
        cls.o = a.post("orders", {"customer_id": cls.k, "ordered_on": "2024-01-01", "amount": "5.00", "number": "ZQ-4711",
                                  "cost": {"amount": "888444.00", "currency": "CNY"}})["id"]
        cls.c = a.post("contacts", {"customer_id": cls.k, "name": "Geheimrat", "owner_id": cls.p.id})["id"]

    def clean(self, answer, *but):
        text = answer.raw.decode()
        for s in SECRETS:
            if s not in but:
                self.assertNotIn(s, text, answer)
        return answer

    def test_reading(self):
        r = self.clean(self.p.need(200, "GET", f"customers/{self.k}"))
        self.assertEqual((r["phone"], r["email"], r["annual_revenue"], r["city"]),
                         ("139****2222", "s***@example.com", "***", "Suzhou"))
        self.assertNotIn("credit_limit", r.json)
        self.assertNotIn("wechat", r.json)
        o = self.clean(self.p.need(200, "GET", f"orders/{self.o}?include=titles"))
        self.assertEqual(o["number"], "Z***")
        self.assertNotIn(self.k, o.raw.decode())
        [item] = self.clean(self.p.need(200, "GET", "contacts?include=titles"))["items"]
        self.assertEqual(item["name"], "G***")
        # Everything of it for those from whom nothing is held back.
        self.assertEqual(self.admin.get(f"customers/{self.k}")["phone"], "13911112222")

    def test_lists(self):
        [r] = self.clean(self.p.need(200, "GET", "customers?fields=name,phone,city&city=Suzhou"))["items"]
        self.assertEqual(r["phone"], "139****2222")
        for bad in ("fields=wechat", "sort=phone", "sort=-credit_limit"):
            a = self.clean(self.p("GET", "customers?" + bad))
            self.assertEqual((a.status, a["code"]), (400, "bad-parameter"), bad)

    def test_filters(self):
        for field, value, code in (("phone", "13911112222", "field-masked"), ("wechat", "x", "unknown-field"),
                                   ("credit_limit", "1", "unknown-field"), ("annual_revenue", "1", "field-masked")):
            tree = {"not": {"field": field, "op": "eq", "value": value}}
            for path in (f"customers?filter={quote(tree)}", f"customers?{field}={value}",
                         f"customers?{field}[null]=1&count=exact"):
                a = self.p("GET", path)
                self.assertEqual((a.status, a["errors"][0]["code"]), (422, code), path)
                self.assertTrue(a["errors"][0]["message"])
        self.assertEqual(len(self.p.get("customers?city=Suzhou")["items"]), 1)

    def test_search(self):
        for q, seen in (("13911112222", 0), ("wxsecret", 0), ("secretmail", 0), ("Geheim", 0), ("ZQ-4711", 0),
                        ("Yan", 1), ("Suzhou", 1), ("Yan Suzhou", 1), ("Yan wxsecret", 0)):
            found = self.p.get("search?q=" + urllib.parse.quote(q))["items"]
            self.assertEqual(len(found), seen, q)
            self.assertEqual(len(self.admin.get("search?q=" + urllib.parse.quote(q))["items"]), 1, q)

    def test_writing(self):
        for field, value, code, zh in (("phone", "13900000000", "field-not-yours", "管理员可以开通"),
                                       ("city", "Wuxi", "field-not-yours", "管理员可以开通"),
                                       ("wechat", "x", "unknown-field", "wechat")):
            self.problem(self.p, "PATCH", f"customers/{self.k}", "validation", 422, f"/{field}", {field: value, "name": "X"},
                         field_code=code)
            self.problem(self.zh, "PATCH", f"customers/{self.k}", "validation", 422, f"/{field}", {field: value}, text=zh)
        a = self.clean(self.p("PATCH", f"customers/{self.k}", {"short_name": "YL"}, {"If-Match": '"99"'}))
        self.assertEqual((a.status, a["current"]["phone"]), (412, "139****2222"))
        self.clean(self.p.need(200, "PATCH", f"customers/{self.k}", {"short_name": "YL"}))

    def test_history_and_undo(self):
        a = self.admin
        event = a.need(200, "PATCH", f"customers/{self.k}", {"wechat": "wxsecret2", "short_name": "Y"}).headers["X-Event-Id"]
        mine = self.p.need(200, "PATCH", f"customers/{self.k}", {"short_name": "Yo"}).headers["X-Event-Id"]
        history = self.clean(self.p.need(200, "GET", f"customers/{self.k}/history"))
        by_id = {e["id"]: e for e in history["items"]}
        self.assertEqual([c["field"] for c in by_id[event]["changes"]], ["short_name"])
        self.assertEqual((by_id[event]["undoable"], by_id[mine]["undoable"]), (False, True))
        self.problem(self.p, "POST", f"history/{event}/undo", "forbidden", 403)
        self.clean(self.p.need(200, "POST", f"history/{mine}/undo"))
        a.need(200, "POST", f"history/{event}/undo")
        # The customer of an order is hidden: then the customer's timeline does not tell of the order.
        text = self.clean(self.p.need(200, "GET", f"customers/{self.k}/timeline")).raw.decode()
        self.assertNotIn(self.o, text)
        self.assertIn("G***", text)
        self.clean(self.p.need(200, "GET", f"orders/{self.o}/history"))

    def test_metadata(self):
        entities = {e["name"]: {f["name"]: f for f in e["fields"]} for e in self.p.get("metadata")["entities"]}
        customer = entities["customer"]
        self.assertNotIn("wechat", customer)
        phone, city, name = customer["phone"], customer["city"], customer["name"]
        self.assertEqual([f["level"] for f in (phone, city, name)], ["mask", "read", "edit"])
        self.assertEqual([f["read_only"] for f in (phone, city, name)], [True, True, False])
        self.assertEqual([f["sortable"] for f in (phone, city, name)], [False, True, True])
        self.assertEqual((phone["operators"], phone["filterable"], phone["importable"]), ([], False, False))

    def test_value(self):
        """A page that shows a field in any form needs the right to the field."""
        a = self.p("GET", f"customers/{self.k}/value")
        self.assertEqual((a.status, a["code"]), (404, "no-value-yet"))
        id = self.admin.post("roles", {"name": "no money", "permissions": role({"customer": {"revenue": "hide"}})})["id"]
        q, zh = self.people([{"role": id}, {"role": id, "lang": "zh"}])
        for path in (f"customers/{self.k}/value", "value/overview"):
            a = q("GET", path)
            self.assertEqual((a.status, a["code"], a["params"]["field"]), (403, "field-held-back", "Revenue"))
        for who, text in ((q, "Revenue"), (zh, "累计收入")):
            self.assertIn(text, who("GET", "value/overview")["title"])

    def test_value_asks_for_each_field_it_tells_of(self):
        """When somebody ordered first and last stands in a customer's page as ages, what their segment is in the
        overview, how their value changed in the values by date: any one of these held back closes the pages."""
        a = self.admin
        fields = ["name", "orders_count", "revenue", "first_order_on", "last_order_on", "p_alive", "p_alive_change",
                  "expected_orders", "expected_revenue", "clv", "clv_low", "clv_high", "clv_change", "at_risk", "abc",
                  "rfm", "segment"]
        id = a.post("roles", {"name": "one by one", "permissions": role({})})["id"]
        [q] = self.people([{"role": id}])
        paths = (f"customers/{self.k}/value", "value/overview", "value/bridge?from=2026-01-01&to=2026-02-01")
        self.assertEqual([q("GET", path).status for path in paths], [404, 404, 400], "nothing was valued yet")
        for i, (entity, field) in enumerate([("customer", f) for f in fields] + [("order", "ordered_on")]):
            a.patch(f"roles/{id}", {"permissions": role({entity: {field: ["hide", "mask"][i % 2]}})})
            for path in paths:
                self.problem(q, "GET", path, "field-held-back", 403)

    def test_import(self):
        """What one may not write is no target, for looking up by it would tell it."""
        id = self.admin.post("roles", {"name": "importer", "permissions": role(
            {"customer": {"phone": "read", "ext_id": "hide"}}, create=True)})["id"]
        [q] = self.people([{"role": id}])
        im = q.need(201, "POST", "imports?entity=customer&name=x.csv", raw=b"name,phone,ext_id\nNew one,13912345678,E1\n")
        names = {f["name"] for f in im["fields"]}
        self.assertIn("name", names)
        self.assertFalse(names & {"phone", "ext_id"})
        self.assertEqual([v for v in im["mapping"].values() if v], ["name"])
        self.problem(q, "PATCH", f"imports/{im['id']}", "validation", 422, "/mapping/1",
                     {"mapping": {"0": "name", "1": "phone"}}, field_code="unknown-field")

    def test_roles_that_cannot_be(self):
        for entity, fields, code, word in (("customer", {"nothing": "hide"}, "unknown-field", "nothing"),
                                           ("customer", {"phone": "blur"}, "unknown-option", ""),
                                           ("customer", {"id": "hide"}, "level-fixed", "id"),
                                           ("customer", {"owner_id": "mask"}, "level-fixed", "owner_id"),
                                           ("customer", {"name": "read"}, "level-needed", "name"),
                                           ("product", {"name": "mask"}, "level-fixed", "name")):
            body = {"permissions": {entity: {"read": "all", "create": True, "fields": fields}}}
            self.problem(self.admin, "PATCH", f"roles/{self.role}", "validation", 422, "/permissions", body,
                         field_code=code, text=word)
        self.problem(self.admin, "PATCH", f"roles/{self.role}", "validation", 422, "/permissions",
                     {"permissions": {"customer": {"fields": []}}})

    def test_what_tells_of_a_field_follows_it(self):
        a = self.admin
        of = a.post("roles", {"name": "worthless", "permissions": role({"customer": {"clv": "hide", "p_alive": "mask"}})})["id"]
        [p] = self.people([{"role": of}])
        levels = {f["name"]: f.get("level") for e in p.get("metadata")["entities"] if e["name"] == "customer"
                  for f in e["fields"]}
        for field in ("clv", "clv_low", "clv_high", "clv_change", "at_risk"):
            self.assertNotIn(field, levels)
            self.assertEqual(p("GET", "customers?sort=" + field).status, 400, field)
        self.assertEqual((levels["p_alive"], levels["p_alive_change"], levels["revenue"]), ("mask", "mask", "edit"))

    def test_a_level_counts_from_the_next_request(self):
        id = self.admin.post("roles", {"name": "passing", "permissions": role({})})["id"]
        [q] = self.people([{"role": id}])
        self.assertEqual(q.get(f"customers/{self.k}")["wechat"], "wxsecret")
        self.admin.patch(f"roles/{id}", {"permissions": role({"customer": {"wechat": "hide"}})})
        self.assertNotIn("wechat", q.get(f"customers/{self.k}"))

    def test_at_random(self):
        """Drawn levels; every field has a word of its own, and no answer holds one that is held back."""
        seed = int(os.environ.get("SEED", "8"))
        draw = random.Random(seed)
        texts = ["short_name", "city", "region", "wechat", "address", "tax_no", "legal_name", "bank", "payment_terms"]
        levels = [{f: draw.choice(["hide", "mask", "read", "edit"]) for f in texts} for _ in range(4)]
        roles = [self.admin.post("roles", {"name": f"drawn {i}", "permissions": role({"customer": l})})["id"]
                 for i, l in enumerate(levels)]
        people = self.people([{"role": r} for r in roles])
        words = {}
        for n in range(6):
            row = {f: f"zq{n}x{i}w" for i, f in enumerate(texts)}
            id = self.admin.post("customers", {"name": f"Drawn {n}", **row})["id"]
            self.admin.patch(f"customers/{id}", {texts[n]: row[texts[n]] + "new"})
            words.update({w: f for f, w in row.items()})
            words[row[texts[n]] + "new"] = texts[n]
        ids = [r["id"] for r in self.admin.get(f"customers?name[starts]={'Drawn'}&limit=50")["items"]]
        self.assertEqual(len(ids), 6)
        for case in range(160):
            who = draw.randrange(4)
            field, word = draw.choice([(f, w) for w, f in words.items()])
            id, level, p = draw.choice(ids), levels[who][field], people[who]
            ways = {f"customers/{id}": 200, f"customers/{id}/history": 200, f"customers/{id}/timeline": 200,
                    "customers?limit=50&count=exact": 200, f"search?q={word}": 200,
                    f"customers?sort={field}": 200 if level in ("read", "edit") else 400,
                    f"customers?{field}={word}": 200 if level in ("read", "edit") else 422}
            path = draw.choice(list(ways))
            a = p("GET", path)
            at = (path, level, f"SEED={seed}")
            self.assertEqual(a.status, ways[path], at)
            for said in re.findall(r"zq\d+x\d+w(?:new)?", a.raw.decode()):
                self.assertIn(levels[who][words[said]], ("read", "edit"), (said, *at))
            if path.startswith("search") and level in ("hide", "mask"):
                self.assertEqual(json.loads(a.raw)["items"], [], at)


load_tests = both(Levels)
