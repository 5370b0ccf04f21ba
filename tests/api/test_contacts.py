"""Contacts at several customers, and which one is called first; tasks, and the next one of a customer."""
import unittest
import urllib.parse

from patron import Api, both, quote


class Contacts(Api):
    def setUp(self):
        c = self.admin
        self.one = c.post("customers", {"name": "One"})["id"]
        self.two = c.post("customers", {"name": "Two"})["id"]
        self.contact = c.post("contacts", {"name": "李", "customer_id": self.one})["id"]

    def test_at_several_customers(self):
        c = self.admin
        a = c.post("affiliations", {"contact_id": self.contact, "customer_id": self.two, "role": "顾问"})
        self.assertEqual(c.get(f"affiliations?customer_id={self.two}&fields=contact_id&include=titles")["titles"],
                         {self.contact: "李"})
        for customer in (self.one, self.two):
            self.problem(c, "POST", "affiliations", "validation", 422, "/contact_id",
                         {"contact_id": self.contact, "customer_id": customer, "role": "x"},
                         field_code="contact-there-already", text="already")
        self.problem(c, "PATCH", f"contacts/{self.contact}", "validation", 422, "/customer_id",
                     {"customer_id": self.two}, field_code="contact-there-already")
        self.problem(c, "POST", "affiliations", "validation", 422, "/role",
                     {"contact_id": self.contact, "customer_id": self.two}, field_code="required")
        said = [(e["entity"], e["kind"]) for e in c.get(f"customers/{self.two}/timeline")["items"]]
        self.assertIn(("affiliation", "create"), said)
        c.delete(f"affiliations/{a['id']}")
        self.assertEqual(c.patch(f"contacts/{self.contact}", {"customer_id": self.two})["customer_id"], self.two)

    def test_who_is_met_at_a_customer(self):
        c = self.admin
        other = c.post("contacts", {"name": "王", "customer_id": self.two})["id"]
        a = c.post("affiliations", {"contact_id": self.contact, "customer_id": self.two, "role": "顾问"})["id"]
        met = lambda k, more="", who=c: [x["name"] for x in who.get(f"contacts?at_customer={k}&sort=name&fields=name{more}")["items"]]
        self.assertEqual((met(self.one), met(self.two)), (["李"], ["李", "王"]))
        self.assertEqual(c.get(f"contacts?at_customer={self.two}&limit=1&count=exact")["count"]["value"], 2)
        self.assertEqual(met(self.two, "&name=" + urllib.parse.quote("王")), ["王"])
        self.assertEqual(met(999), [])
        # who sees the person but not that they are met there does not find them there
        rights = {"contact": {"read": "own"}, "customer": {"read": "own"}}
        role = c.post("roles", {"name": "met", "permissions": rights})["id"]
        mine, = self.people([{"role": role}])
        c.patch(f"customers/{self.one}", {"owner_id": mine.id})
        self.assertEqual((met(self.one, who=mine), met(self.two, who=mine)), (["李"], []))
        held, = self.people([{"role": c.post("roles", {"name": "held", "permissions": {
            "contact": {"read": "all", "fields": {"customer_id": "hide"}}}})["id"]}])
        self.problem(held, "GET", f"contacts?at_customer={self.two}", "bad-parameter", 400)
        for bad in ("x", "0", "-1"):
            self.problem(c, "GET", "contacts?at_customer=" + bad, "bad-parameter", 400)
        self.problem(c, "GET", f"orders?at_customer={self.two}", "bad-parameter", 400)
        # the same in a file
        ask = {"entity": "contact", "format": "csv", "fields": ["name"], "sort": "name", "at_customer": self.two}
        def filed(who, **more):
            job = who.need(202, "POST", "exports", {**ask, **more})["job_id"]
            who.job(job)
            return job, who.need(200, "GET", f"exports/{job}").raw.decode("utf-8-sig").split()[1:]
        self.assertEqual(filed(c)[1], ["李", "王"])
        self.assertEqual(filed(c, at_customer=self.one)[1], ["李"])
        self.assertEqual(filed(c, filter={"field": "name", "op": "eq", "value": "王"})[1], ["王"])
        self.assertEqual(filed(mine)[1], [])
        job, names = filed(mine, at_customer=self.one)
        self.assertEqual(names, ["李"])
        c.patch(f"roles/{role}", {"permissions": {**rights, "affiliation": {"read": "none"}}})
        self.problem(mine, "GET", f"exports/{job}", "export-rights", 403)
        for who, more, code in ((held, {}, "unknown-field"), (c, {"at_customer": "x"}, "link-not-found"),
                                (c, {"at_customer": 5}, "link-not-found"), (c, {"entity": "order", "fields": ["number"]}, "unknown-field")):
            body = {**ask, "sort": "", **more}
            self.problem(who, "POST", "exports", "validation", 422, "/at_customer", body, field_code=code)
        c.delete(f"affiliations/{a}")
        c.delete(f"contacts/{other}")
        self.assertEqual(met(self.two), [])

    def test_the_first_to_call(self):
        c = self.admin
        other = c.post("contacts", {"name": "王", "customer_id": self.one})["id"]
        primary = lambda: {x["name"] for x in c.get(f"contacts?customer_id={self.one}&fields=name,is_primary")["items"]
                           if x["is_primary"]}
        c.patch(f"contacts/{self.contact}", {"is_primary": True})
        a = c.need(200, "PATCH", f"contacts/{other}", {"is_primary": True})
        self.assertEqual(primary(), {"王"})
        c.post(f"history/{a.headers['X-Event-Id']}/undo", status=200)
        self.assertEqual(primary(), {"李"}, "taken back with the event that made it so")
        c.post("contacts", {"name": "赵", "customer_id": self.one, "is_primary": True})
        self.assertEqual(primary(), {"赵"})
        c.post("contacts", {"name": "钱", "customer_id": self.two, "is_primary": True})
        self.assertEqual(primary(), {"赵"}, "each customer has its own")

    def test_the_first_to_call_may_be_met_elsewhere(self):
        c = self.admin
        other = c.post("contacts", {"name": "王", "customer_id": self.two, "is_primary": True})["id"]
        c.patch(f"contacts/{self.contact}", {"is_primary": True})
        a = c.post("affiliations", {"contact_id": other, "customer_id": self.one, "role": "顾问"})["id"]
        r = c.need(200, "PATCH", f"affiliations/{a}", {"is_primary": True})
        self.assertFalse(c.get(f"contacts/{self.contact}")["is_primary"], "one for each customer")
        self.assertTrue(c.get(f"contacts/{other}")["is_primary"], "at their own customer they stay the first")
        c.post(f"history/{r.headers['X-Event-Id']}/undo", status=200)
        self.assertTrue(c.get(f"contacts/{self.contact}")["is_primary"])
        c.patch(f"affiliations/{a}", {"is_primary": True})
        c.patch(f"contacts/{self.contact}", {"is_primary": True})
        self.assertFalse(c.get(f"affiliations/{a}")["is_primary"])

    def test_rights_follow_the_customer(self):
        role = self.admin.post("roles", {"name": "Contacts", "permissions": {
            "customer": {"read": "own", "write": "own"}, "note": {"read": "own", "write": "own", "create": True},
            "contact": {"read": "own", "write": "own", "create": True, "delete": "own"}}})["id"]
        a, b = self.people([{"role": role}, {"role": role}])
        mine = self.admin.post("customers", {"name": "Mine", "owner_id": a.id})["id"]
        person = a.post("contacts", {"name": "孙", "customer_id": mine})["id"]
        link = self.admin.post("affiliations", {"contact_id": person, "customer_id": self.two, "role": "x"})["id"]
        self.assertEqual(a("GET", f"affiliations/{link}").status, 404, "it belongs to whoever has the customer")
        self.admin.patch(f"customers/{self.two}", {"owner_id": a.id})
        self.assertEqual(a.get(f"affiliations/{link}")["role"], "x")
        self.assertEqual(b("GET", f"affiliations/{link}").status, 404)
        self.problem(b, "POST", "affiliations", "validation", 422, "/contact_id",
                     {"contact_id": person, "customer_id": mine, "role": "x"}, field_code="link-not-found")
        task = a.post("tasks", {"title": "call", "customer_id": mine, "due_on": "2026-05-01"})["id"]
        self.assertEqual(b("GET", f"tasks/{task}").status, 404, "a role that knows notes knows tasks")
        self.admin.patch(f"customers/{mine}", {"owner_id": b.id})
        self.assertEqual(b.get(f"tasks/{task}")["owner_id"], b.id)
        self.assertEqual(a("GET", f"contacts/{person}").status, 404)


class Tasks(Api):
    def setUp(self):
        self.customer = self.admin.post("customers", {"name": "T"})["id"]

    def next(self, customer=None):
        r = self.admin.get(f"customers/{customer or self.customer}")
        return r["next_task"], r["next_task_on"]

    def test_the_next_one(self):
        c = self.admin
        version = c.get(f"customers/{self.customer}")["version"]
        make = lambda **k: c.need(201, "POST", "tasks", {"customer_id": self.customer, **k})
        self.assertEqual(self.next(), (None, None))
        someday = make(title="someday")
        self.assertEqual(self.next(), ("someday", None))
        late = make(title="late", due_on="2026-03-01")
        soon = make(title="soon", due_on="2026-02-01", due_time="09:30")
        self.assertEqual(self.next(), ("soon", "2026-02-01"))
        self.assertEqual(c.get(f"customers/{self.customer}")["next_task_id"], soon["id"])
        done = c.need(200, "PATCH", f"tasks/{soon['id']}", {"status": "done"})
        self.assertTrue(done["done_at"])
        self.assertEqual(self.next(), ("late", "2026-03-01"))
        back = c.post(f"history/{done.headers['X-Event-Id']}/undo", status=200)
        self.assertEqual((back["status"], back["done_at"]), ("open", None))
        self.assertEqual(self.next(), ("soon", "2026-02-01"))
        c.delete(f"tasks/{soon['id']}")
        other = c.post("customers", {"name": "Other"})["id"]
        c.patch(f"tasks/{late['id']}", {"customer_id": other})
        self.assertEqual((self.next(), self.next(other)), (("someday", None), ("late", "2026-03-01")))
        c.patch(f"tasks/{someday['id']}", {"title": "one day", "customer_id": None})
        self.assertEqual(self.next(), (None, None))
        c.post(f"tasks/{soon['id']}/restore", status=200)
        self.assertEqual(self.next(), ("soon", "2026-02-01"))
        self.assertEqual(c.get(f"customers/{self.customer}")["version"], version, "no change of the customer's own")
        due = c.get("customers?fields=name&filter=" + quote({"field": "next_task_on", "op": "lte", "value": "2026-02-15"}))
        self.assertEqual([r["id"] for r in due["items"]], [self.customer])

    def test_tasks_of_a_customer_in_the_trash(self):
        c = self.admin
        mine = c.post("tasks", {"title": "gone with it", "customer_id": self.customer, "due_on": "2027-01-05"})["id"]
        free = c.post("tasks", {"title": "nobody's", "due_on": "2027-01-06"})["id"]
        done = c.post("tasks", {"title": "done there", "customer_id": self.customer, "status": "done"})["id"]
        def listed(more=""):
            page = c.get("tasks?fields=title&count=exact&sort=-due_on&id[in]=" + ",".join((mine, free, done)) + more)
            self.assertEqual(page["count"]["value"], len(page["items"]))
            return {x["id"] for x in page["items"]}
        self.assertEqual(listed(), {mine, free, done})
        p, = self.people([{"role": c.post("roles", {"name": "no descriptions of tasks", "permissions": {
            "customer": {"read": "all"}, "task": {"read": "all", "fields": {"description": "hide"}}}})["id"]}])
        c.patch(f"tasks/{mine}", {"owner_id": p.id})
        p.need(204, "PUT", f"tasks/{mine}/favourite")
        def tells(who):
            """Search, bell, what is unread, favourites, export."""
            of = lambda items, key="id": {x[key] for x in items} & {mine, done}
            bell = who.get("notifications")
            unread = who.get("notifications/unread")["unread"] - sum(x["kind"] == "job" for x in bell["items"])
            job = who.need(202, "POST", "exports", {"entity": "task", "format": "csv", "fields": ["id", "title"]})["job_id"]
            who.job(job)
            text = who.need(200, "GET", f"exports/{job}").raw.decode()
            return (of(who.get("search?q=gone%20with")["items"]) | of(who.get("search?q=gone&entity=task")["items"]),
                    of(bell["items"], "record_id"), unread,
                    of(who.get("favourites")["items"]), {id for id in (mine, done) if id in text})
        self.assertEqual(tells(p), ({mine}, {mine}, 1, {mine}, {mine, done}))
        c.delete(f"customers/{self.customer}")
        self.assertEqual((listed(), listed("&status=open")), ({free}, {free}))
        for who in (c, p):
            self.assertEqual(tells(who), (set(), set(), 0, set(), set()))
        c.patch(f"tasks/{mine}", {"due_on": "2027-01-07"})
        self.assertEqual(c.get(f"tasks/{mine}")["title"], "gone with it", "its page stays")
        c.delete(f"tasks/{mine}")
        self.assertEqual(listed("&trash=1"), {mine})
        c.post(f"tasks/{mine}/restore", status=200)
        c.post(f"customers/{self.customer}/restore", status=200)
        self.assertEqual(listed(), {mine, free, done})
        self.assertEqual(tells(p), ({mine}, {mine}, 1, {mine}, {mine, done}), "all is there again; the change did not ring")

    def test_bad_tasks(self):
        zh, = self.people([{"admin": True, "lang": "zh"}])
        for body, pointer, code, en, chinese in [
            ({}, "/title", "required", "empty", "不能为空"),
            ({"title": "x", "due_on": "2026-01-01", "due_time": "25:00"}, "/due_time", "time", "14:30", "14:30"),
            ({"title": "x", "due_on": "2026-01-01", "due_time": "9:00"}, "/due_time", "time", "14:30", "14:30"),
            ({"title": "x", "due_time": "09:00"}, "/due_time", "time-without-day", "day", "日期"),
            ({"title": "x", "status": "lost"}, "/status", "unknown-option", "", ""),
            ({"title": "x", "status": None}, "/status", "required", "", ""),
            ({"title": "x", "customer_id": "5"}, "/customer_id", "link-not-found", "", ""),
            ({"title": "x", "done_at": 5}, "/done_at", "read-only", "", ""),
        ]:
            for client, text in ((self.admin, en), (zh, chinese)):
                self.problem(client, "POST", "tasks", "validation", 422, pointer, body, field_code=code, text=text)

    def test_a_checklist(self):
        c = self.admin
        task = c.post("tasks", {"title": "fair", "items": [{"text": "book"}, {"text": "print", "done": True}, {"text": "pack"}]})
        self.assertEqual((task["items_done"], task["items_total"]), (1, 3))
        path = f"tasks/{task['id']}"
        lines = lambda: c.get(f"task_items?task_id={task['id']}&sort=place&fields=text,done")["items"]
        a, b, d = [x["id"] for x in lines()]
        # two people tick at the same moment: each sends one tick, and both stand
        c.patch(path, {"items": [{"id": a, "done": True}, {"id": b}, {"id": d}]})
        r = c.need(200, "PATCH", path, {"items": [{"id": a}, {"id": b}, {"id": d, "done": True}]})
        self.assertEqual((r.json["items_done"], c.get(path)["items_done"]), (3, 3))
        c.need(200, "POST", f"history/{r.headers['X-Event-Id']}/undo")
        self.assertEqual([x["done"] for x in lines()], [True, True, False])
        self.assertEqual(c.get(path)["items_done"], 2)
        moved = c.patch(path, {"items": [{"id": d}, {"text": "new"}, {"id": a}]})
        self.assertEqual([x["text"] for x in lines()], ["pack", "new", "book"])
        self.assertEqual((moved["items_done"], moved["items_total"]), (1, 3))
        self.assertIsNone(c.patch(path, {"items": []})["items_total"])
        self.problem(c, "PATCH", path, "validation", 422, "/items/0/text", {"items": [{"text": ""}]}, field_code="required")
        self.problem(c, "POST", "task_items", "part-of-whole", 409, body={"text": "alone"})


load_tests = None
both(Contacts, Tasks)

if __name__ == "__main__":
    unittest.main()
