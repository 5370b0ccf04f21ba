"""Nobody sees what they may not: four scopes over every way that leads to a record."""
import http.client
import json
import threading
import time
import unittest
import urllib.parse

from patron import SLOW, Api, both

SCOPES = ("own", "department", "below", "all")
OWNED = ("customer", "contact", "order", "note")


def permissions(read, write="none", delete="none", create=False):
    return {e: {"read": read, "write": write, "delete": delete, "create": create} for e in OWNED}


class Access(Api):
    """Departments: north → north-east; south. In each a person per scope, and records of each."""

    @classmethod
    def prepare(cls):
        super().prepare()
        a = cls.admin
        north = a.post("departments", {"name": "North"})["id"]
        cls.departments = {"north": north,
                           "east": a.post("departments", {"name": "North-east", "parent_id": north})["id"],
                           "south": a.post("departments", {"name": "South"})["id"]}
        roles = {s: a.post("roles", {"name": s, "permissions": permissions(s, s, s, True)})["id"] for s in SCOPES}
        roles["none"] = a.post("roles", {"name": "none", "permissions": {}})["id"]
        where = [(s, d) for s in SCOPES for d in ("north", "east", "south")] + [("none", "north"), ("own", None)]
        made = cls.people([{"role": roles[s], "department": cls.departments.get(d)} for s, d in where])
        cls.persons = dict(zip(where, made))
        cls.owner_of, cls.kind_of, cls.order_of, cls.events = {}, {}, {}, {}
        for (scope, d), p in cls.persons.items():
            if scope == "none":
                continue
            k = a.post("customers", {"name": f"公司 {scope} {d}", "owner_id": p.id, "ext_id": f"X-{scope}-{d}"})
            cls.note(k, p, "customer")
            o = a.need(201, "POST", "orders", {"customer_id": k["id"], "ordered_on": "2024-01-01", "amount": "5.00",
                                               "number": f"ZQ-{scope}-{d}"})
            cls.note(o.json, p, "order")
            cls.events[o["id"]] = a.need(200, "PATCH", f"orders/{o['id']}", {"units": 3}).headers["X-Event-Id"]
            n = a.post("notes", {"customer_id": k["id"], "body": f"谈话 {scope} {d}", "owner_id": p.id})
            cls.note(n, p, "note")

    @classmethod
    def note(cls, r, p, kind):
        assert r["owner_id"] == p.id, (kind, r, p.id)
        cls.owner_of[r["id"]] = p
        cls.kind_of[r["id"]] = kind

    def department_of(self, p):
        return next(d for (s, d), x in self.persons.items() if x is p)

    def sees(self, scope, d, id):
        """What the scope means, worked out here."""
        p, owner = self.persons[(scope, d)], self.owner_of[id]
        theirs = self.department_of(owner)
        if scope == "none":
            return False
        if scope == "all" or owner is p:
            return True
        if scope == "department":
            return theirs == d
        if scope == "below":
            return theirs == d or (d == "north" and theirs == "east")
        return False

    def visible(self, scope, d, kind):
        return {i for i in self.owner_of if self.kind_of[i] == kind and self.sees(scope, d, i)}

    def each(self):
        for (scope, d), p in self.persons.items():
            self.at = f"{scope} in {d}"
            yield scope, d, p

    def test_lists_and_counts(self):
        for scope, d, p in self.each():
            for kind in ("customer", "order", "note"):
                want = self.visible(scope, d, kind)
                for sort in ("", "&sort=-owner_id", "&sort=id", "&sort=updated_at,-id"):
                    got = [r["id"] for r in p.all(f"{kind}s?fields=owner_id{sort}", 2)]
                    self.assertEqual((len(got), set(got)), (len(want), want), (self.at, kind, sort))
                for mode in ("capped", "exact"):
                    n = p.get(f"{kind}s?limit=1&count={mode}")["count"]["value"]
                    self.assertEqual(n, len(want), (self.at, kind, mode))

    def test_one_by_one(self):
        for scope, d, p in self.each():
            for id, kind in self.kind_of.items():
                want = 200 if self.sees(scope, d, id) else 404
                for path in (f"{kind}s/{id}", f"{kind}s/{id}/history") + (
                        (f"customers/{id}/timeline",) if kind == "customer" else ()):
                    self.assertEqual(p("GET", path).status, want, (self.at, path))

    def test_writes(self):
        before = self.server.checksum()
        for scope, d, p in self.each():
            for id, kind in self.kind_of.items():
                if self.sees(scope, d, id):
                    continue
                for method, path, body in (("PATCH", f"{kind}s/{id}", {"description": "stolen"}),
                                           ("DELETE", f"{kind}s/{id}", None),
                                           ("POST", f"{kind}s/{id}/restore", None)):
                    self.assertEqual(p(method, path, body).status, 404, path)
                if id in self.events:
                    self.assertEqual(p("POST", f"history/{self.events[id]}/undo").status, 404)
        self.assertEqual(before, self.server.checksum())

    def test_links_to_what_one_may_not_see(self):
        p = self.persons[("own", "north")]
        theirs = next(i for i in self.owner_of if self.kind_of[i] == "customer" and self.owner_of[i] is not p)
        self.problem(p, "POST", "notes", "validation", 422, "/customer_id", field_code="link-not-found",
                     body={"customer_id": theirs, "body": "x"})
        # A unique value of a record one may not see is refused, but does not name the record.
        a = self.problem(p, "POST", "customers", "duplicate", 409, "/ext_id", body={"name": "x", "ext_id": "X-own-south"})
        self.assertNotIn("id", a["params"])

    def test_search(self):
        for scope, d, p in self.each():
            for q, kind in (("公司", "customer"), ("谈话", "note"), ("ZQ-", "order")):
                found = p.get(f"search?limit=50&q={urllib.parse.quote(q)}")["items"]
                self.assertEqual({i["id"] for i in found if i["entity"] == kind}, self.visible(scope, d, kind), (self.at, q))
                self.assertEqual({i["entity"] for i in found} - {kind, "user"}, set())

    def test_titles(self):
        """An order may be visible while its customer is not: then neither is the customer's name."""
        a = self.admin
        p = self.persons[("own", "north")]
        other = self.persons[("own", "south")]
        k = a.post("customers", {"name": "geheim", "owner_id": other.id})["id"]
        o = a.post("orders", {"customer_id": k, "ordered_on": "2024-01-01", "amount": "1.00"})["id"]
        a.patch(f"orders/{o}", {"owner_id": p.id})
        for path in (f"orders/{o}?include=titles", "orders?include=titles"):
            raw = p.need(200, "GET", path)
            self.assertNotIn("geheim", raw.raw.decode(), path)
            self.assertNotIn(k, raw["titles"])
        self.assertNotIn("geheim", p.need(200, "GET", f"orders/{o}/history").raw.decode())
        a.delete(f"orders/{o}")
        a.delete(f"customers/{k}")

    def test_history_of_a_visible_record_leaves_out_the_rest(self):
        a = self.admin
        p = self.persons[("own", "north")]
        mine = next(i for i, o in self.owner_of.items() if o is p and self.kind_of[i] == "customer")
        hidden = a.post("notes", {"customer_id": mine, "body": "not for you"})["id"]
        text = p.need(200, "GET", f"customers/{mine}/timeline").raw.decode()
        self.assertNotIn("not for you", text)
        self.assertNotIn(hidden, text)
        self.assertIn("not for you", a.need(200, "GET", f"customers/{mine}/timeline").raw.decode())
        a.delete(f"notes/{hidden}")

    def test_handing_over(self):
        """With a customer go its orders, contacts and notes — in lists and in the search."""
        a = self.admin
        one, two = self.persons[("own", "north")], self.persons[("own", "south")]
        k = a.post("customers", {"name": "übergabe", "owner_id": one.id})["id"]
        o = a.post("orders", {"customer_id": k, "ordered_on": "2024-01-01", "amount": "1.00", "number": "UEB-1"})["id"]
        n = a.post("notes", {"customer_id": k, "body": "vertraulich besprochen", "owner_id": one.id})["id"]
        t = a.post("contacts", {"customer_id": k, "name": "Ansprechpartner", "owner_id": one.id})["id"]
        a.patch(f"customers/{k}", {"owner_id": two.id})
        for p, status in ((one, 404), (two, 200)):
            for path in (f"customers/{k}", f"orders/{o}", f"notes/{n}", f"contacts/{t}"):
                self.assertEqual(p("GET", path).status, status, path)
            for q, id in (("übergabe", k), ("UEB", o), ("vertraulich", n), ("Ansprech", t)):
                found = [i["id"] for i in p.get("search?q=" + urllib.parse.quote(q))["items"]]
                self.assertEqual(id in found, status == 200, q)
        for path in (f"orders/{o}", f"notes/{n}", f"contacts/{t}", f"customers/{k}"):
            a.delete(path)

    def test_departments_move(self):
        """A person who changes the department sees with the new one's eyes at once."""
        a = self.admin
        p = self.persons[("department", "south")]
        n = len(p.all("customers"))
        a.patch(f"users/{p.id}", {"department_id": self.departments["east"]})
        got = {r["id"] for r in p.all("customers")}
        mine = {i for i, o in self.owner_of.items() if self.kind_of[i] == "customer" and
                (o is p or self.department_of(o) == "east")}
        self.assertEqual(got, mine)
        a.patch(f"users/{p.id}", {"department_id": self.departments["south"]})
        self.assertEqual(len(p.all("customers")), n)
        self.problem(a, "PATCH", f"departments/{self.departments['north']}", "validation", 422, "/parent_id",
                     body={"parent_id": self.departments["east"]}, field_code="department-circle")

    def test_no_rights(self):
        p = self.persons[("none", "north")]
        self.assertEqual(p.all("customers"), [])
        self.problem(p, "POST", "customers", "forbidden", 403, body={"name": "x"})
        for path in ("users", "roles", "departments"):
            self.problem(self.persons[("all", "north")], "POST", path, "forbidden", 403, body={"name": "x", "login": "y"})
        a = p("POST", "imports?entity=order&name=x.csv", raw=b"a,b\n1,2\n")
        self.assertEqual((a.status, a["code"]), (403, "forbidden"))
        # Nobody but an administrator makes an administrator.
        boss = self.persons[("all", "north")]
        self.assertEqual(boss("PATCH", f"users/{boss.id}", {"is_admin": True}).status, 403)

    def test_read_but_not_write(self):
        a = self.admin
        role = a.post("roles", {"name": "reader", "permissions": permissions("all", "own", "none")})["id"]
        [p] = self.people([{"role": role}])
        id = next(i for i, k in self.kind_of.items() if k == "customer")
        self.problem(p, "PATCH", f"customers/{id}", "forbidden", 403, body={"name": "x"})
        self.problem(p, "DELETE", f"customers/{id}", "forbidden", 403)
        self.problem(p, "POST", "customers", "forbidden", 403, body={"name": "x"})
        # A role that changes counts from the next request on.
        a.patch(f"roles/{role}", {"permissions": permissions("own")})
        self.assertEqual(p.all("customers"), [])
        self.problem(a, "PATCH", f"roles/{role}", "validation", 422, "/permissions",
                     body={"permissions": {"customer": {"read": "everything"}}})
        self.problem(a, "DELETE", f"roles/{role}", "in-use", 409)
        a.patch(f"users/{p.id}", {"role_id": None})
        a.delete(f"roles/{role}")

    def test_live_events(self):
        """Events come after the commit, and only to those who may see the record."""
        a = self.admin
        one, two = self.persons[("own", "north")], self.persons[("all", "south")]
        heard = {}
        streams = []

        def listen(name, p):
            c = http.client.HTTPConnection("127.0.0.1", p.port, timeout=20)
            c.request("GET", "/api/v1/events", headers={"Authorization": "Bearer " + p.token})
            r = c.getresponse()
            assert r.headers["Content-Type"].startswith("text/event-stream"), r.headers
            streams.append(c)
            ready.release()
            kind = None
            try:
                while not over.is_set():
                    line = r.readline().decode().rstrip("\n")
                    if line.startswith("event: "):
                        kind = line[7:]
                    elif line.startswith("data: ") and kind == "record":
                        d = json.loads(line[6:])
                        # Whoever hears of it finds it.
                        seen = self.server.client(token=p.token)("GET", f"{d['entity']}s/{d['id']}")
                        heard.setdefault(name, []).append((d["id"], d["version"], d["kind"], seen.status))
            except (OSError, http.client.HTTPException, ValueError):
                pass
        over = threading.Event()
        ready = threading.Semaphore(0)
        for name, p in (("one", one), ("two", two)):
            threading.Thread(target=listen, args=(name, p), daemon=True).start()
        ready.acquire()
        ready.acquire()
        time.sleep(.2)
        mine = a.post("customers", {"name": "live 1", "owner_id": one.id})["id"]
        other = a.post("customers", {"name": "live 2", "owner_id": two.id})["id"]
        a.patch(f"customers/{mine}", {"city": "x"})
        self.assertEqual(a("POST", "customers", {}).status, 422)
        until = time.monotonic() + 10 * SLOW
        want = {"one": [(mine, 1, "create", 200), (mine, 2, "update", 200)],
                "two": [(mine, 1, "create", 200), (other, 1, "create", 200), (mine, 2, "update", 200)]}
        while heard != want and time.monotonic() < until:
            time.sleep(.05)
        over.set()
        self.assertEqual(heard, want)
        for id in (mine, other):
            a.delete(f"customers/{id}")


both(Access)

if __name__ == "__main__":
    unittest.main()
