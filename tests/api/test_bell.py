"""The bell: who hears of what, once, and never of what they may not see; following; reminders."""
import json
import time

from patron import SLOW, Api, both

OWN = {"read": "own", "write": "own", "create": True, "delete": "own"}
ALL = {"read": "all", "write": "all", "create": True, "delete": "all"}


class Bell(Api):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        every = {e: ALL for e in ("customer", "contact", "note", "order", "task")}
        role = cls.admin.post("roles", {"name": "All", "permissions": every})["id"]
        few = {**{e: OWN for e in every}, "customer": {**OWN, "fields": {"phone": "hide"}}}
        own = cls.admin.post("roles", {"name": "Own", "permissions": few})["id"]
        cls.li, cls.wang, cls.own = cls.people([{"role": role}, {"role": role}, {"role": own}])

    def heard(self, client, **only):
        found = client.get("notifications?limit=100")["items"]
        return [n for n in found if all(n[k] == v for k, v in only.items())]

    def unread(self, client):
        return client.get("notifications/unread")["unread"]

    def test_who_is_named_hears_of_it_once(self):
        customer = self.li.post("customers", {"name": "海尔"})["id"]
        name = self.admin.get(f"users/{self.wang.id}")["name"]
        note = self.li.post("notes", {"customer_id": customer, "body": f"@{name} please look, @{name}"})
        one, = self.heard(self.wang, record_id=note["id"])
        self.assertEqual((one["kind"], one["entity"], one["by_id"], one["customer_id"], one["read"]),
                         ("mention", "note", self.li.id, customer, False))
        titles = self.wang.get("notifications")["titles"]
        self.assertEqual(titles[customer], "海尔")
        self.assertIn(self.li.id, titles)
        self.assertEqual(self.heard(self.li, record_id=note["id"]), [], "what one does oneself is no news")
        self.li.patch(f"notes/{note['id']}", {"body": f"@{name} please look, @{name}, today"})
        self.assertEqual(len(self.heard(self.wang, record_id=note["id"])), 1, "who was named already is not named anew")

    def test_a_longer_name_is_not_a_shorter_one(self):
        name = self.admin.get(f"users/{self.li.id}")["name"]
        self.admin.patch(f"users/{self.wang.id}", {"name": name + "lin"})
        try:
            customer = self.admin.post("customers", {"name": "x"})["id"]
            note = self.admin.post("notes", {"customer_id": customer, "body": f"@{name}lin"})["id"]
            self.assertEqual(self.heard(self.li, record_id=note), [])
            self.assertEqual(len(self.heard(self.wang, record_id=note)), 1)
        finally:
            self.admin.patch(f"users/{self.wang.id}", {"name": "Wang"})

    def test_what_one_may_not_see_does_not_ring(self):
        customer = self.li.post("customers", {"name": "secret"})["id"]
        name = self.admin.get(f"users/{self.own.id}")["name"]
        note = self.li.post("notes", {"customer_id": customer, "body": f"@{name} look"})["id"]
        self.assertEqual(self.heard(self.own, record_id=note), [])
        self.problem(self.own, "PUT", f"customers/{customer}/follow", "not-found", 404)
        self.problem(self.own, "GET", f"customers/{customer}/followers", "not-found", 404)

    def test_what_one_sees_no_longer_is_not_shown(self):
        customer = self.own.post("customers", {"name": "mine"})["id"]
        self.li.patch(f"customers/{customer}", {"city": "宁波"})
        self.assertEqual(len(self.heard(self.own, record_id=customer)), 1)
        n = self.unread(self.own)
        self.li.patch(f"customers/{customer}", {"owner_id": self.li.id})
        self.assertEqual(self.heard(self.own, record_id=customer), [])
        self.assertEqual(self.unread(self.own), n - 1)
        self.assertNotIn(customer, json.dumps(self.own.get("notifications")))
        followers = self.li.get(f"customers/{customer}/followers")["items"]
        self.assertEqual([(f["id"], f["because"]) for f in followers], [(self.li.id, "owner")])

    def test_fields_held_back_do_not_ring(self):
        customer = self.own.post("customers", {"name": "mine too"})["id"]
        self.li.patch(f"customers/{customer}", {"phone": "13900000000"})
        self.assertEqual(self.heard(self.own, record_id=customer), [])
        self.li.patch(f"customers/{customer}", {"phone": "13900000001", "city": "杭州"})
        one, = self.heard(self.own, record_id=customer)
        self.assertEqual(one["fields"], ["city"])

    def test_following(self):
        c = self.wang
        customer = self.li.post("customers", {"name": "followed"})["id"]
        self.assertEqual(c.get(f"customers/{customer}/followers")["following"], False)
        self.assertTrue(c.need(200, "PUT", f"customers/{customer}/follow")["following"])
        for city in ("一", "二", "三"):
            self.li.patch(f"customers/{customer}", {"city": city})
        self.li.patch(f"customers/{customer}", {"phone": "13900000001"})
        one, = self.heard(c, record_id=customer)
        self.assertEqual((one["kind"], one["times"], one["fields"]), ("changed", 4, ["city", "phone"]))
        c.need(200, "POST", "notifications/read", {"id": one["id"]})
        self.li.patch(f"customers/{customer}", {"city": "四"})
        self.assertEqual(len(self.heard(c, record_id=customer)), 2, "what was read is not folded into")
        self.assertFalse(c.need(200, "DELETE", f"customers/{customer}/follow")["following"])
        self.li.patch(f"customers/{customer}", {"city": "五"})
        self.assertEqual(len(self.heard(c, record_id=customer)), 2)
        self.admin.patch(f"customers/{customer}", {"city": "六"})
        self.assertEqual(len(self.heard(self.li, record_id=customer)), 1, "an owner follows by itself")
        self.li.need(200, "DELETE", f"customers/{customer}/follow")
        self.admin.patch(f"customers/{customer}", {"city": "七", "phone": "13900000002"})
        self.assertEqual(self.heard(self.li, record_id=customer)[0]["times"], 1, "unless it does not want to")
        self.admin.delete(f"customers/{customer}")
        self.assertEqual(self.heard(self.li, record_id=customer, kind="removed"), [])

    def test_something_new_with_a_customer(self):
        customer = self.li.post("customers", {"name": "busy"})["id"]
        self.wang.post("notes", {"customer_id": customer, "body": "called"})
        self.assertEqual([n["entity"] for n in self.heard(self.li, kind="added", customer_id=customer)], ["note"])
        self.assertTrue(self.wang.get(f"customers/{customer}/followers")["following"], "who writes about it follows")
        self.admin.post("orders", {"customer_id": customer, "ordered_on": "2026-01-02",
                                   "amount": {"amount": "5.00", "currency": "CNY"}})
        for c in (self.li, self.wang):
            self.assertEqual(len(self.heard(c, kind="added", customer_id=customer, entity="order")), 1)

    def test_given_to_somebody(self):
        task = self.li.post("tasks", {"title": "call", "owner_id": self.wang.id})["id"]
        one, = self.heard(self.wang, record_id=task)
        self.assertEqual(one["kind"], "assigned")
        self.wang.patch(f"tasks/{task}", {"status": "done"})
        one, = self.heard(self.li, record_id=task)
        self.assertEqual((one["kind"], one["fields"]), ("changed", ["status", "done_at"]))
        customer = self.li.post("customers", {"name": "given"})["id"]
        self.li.patch(f"customers/{customer}", {"owner_id": self.wang.id})
        self.assertEqual([n["kind"] for n in self.heard(self.wang, record_id=customer)], ["assigned"])

    def test_reading_them(self):
        customer = self.li.post("customers", {"name": "read"})["id"]
        for i in range(3):
            self.wang.post("contacts", {"name": f"c{i}", "customer_id": customer})
        page = self.li.get("notifications?limit=2")
        self.assertEqual(len(page["items"]), 2)
        later = self.li.get(f"notifications?limit=2&cursor={page['next']}")["items"]
        self.assertFalse({n["id"] for n in page["items"]} & {n["id"] for n in later})
        newest = page["items"][0]["id"]
        self.problem(self.li, "POST", "notifications/read", "validation", 422, "/id", {"id": "x"}, field_code="id")
        self.problem(self.li, "POST", "notifications/read", "validation", 422, "/until", {})
        self.wang.need(200, "POST", "notifications/read", {"id": newest})
        self.assertEqual(self.heard(self.li, id=newest)[0]["read"], False, "only one's own")
        self.assertEqual(self.li.need(200, "POST", "notifications/read", {"until": newest})["unread"], 0)
        self.assertEqual(self.li.get("notifications?unread=1")["items"], [])
        self.problem(self.li, "GET", "notifications?limit=0", "bad-parameter", 400)

    def test_wishes(self):
        c = self.wang
        self.assertEqual(set(c.get("notifications/wishes").values()), {True})
        self.assertFalse(c.patch("notifications/wishes", {"assigned": False})["assigned"])
        task = self.li.post("tasks", {"title": "unheard", "owner_id": c.id})["id"]
        self.assertEqual(self.heard(c, record_id=task), [])
        self.assertTrue(c.patch("notifications/wishes", {"assigned": True})["assigned"])
        self.problem(c, "PATCH", "notifications/wishes", "validation", 422, "/assigned", {"assigned": 1},
                     field_code="boolean")
        self.problem(c, "PATCH", "notifications/wishes", "validation", 422, "/removed", {"removed": True},
                     field_code="unknown-field")

    def test_what_is_undone_leaves_nothing(self):
        """A refused write rings for nobody."""
        before = self.unread(self.wang)
        self.problem(self.li, "POST", "tasks", "validation", 422, "/due_time",
                     {"title": "x", "due_time": "25:00", "owner_id": self.wang.id})
        self.assertEqual(self.unread(self.wang), before)

    def test_a_job_that_is_over(self):
        file = "客户名称,电话\n甲,1\n".encode()
        c = self.li
        im = c.need(201, "POST", "imports?entity=customer&name=a.csv", raw=file).json
        c.job(c.need(202, "POST", f"imports/{im['id']}/check")["job_id"])
        job = c.need(202, "POST", f"imports/{im['id']}/run")["job_id"]
        c.job(job)
        one, = self.heard(c, kind="job", record_id=job)
        self.assertEqual(one["job"], {"kind": "import", "title": "a.csv", "state": "done"})
        self.assertEqual([n for n in self.heard(c, kind="job") if n["job"]["kind"] == "import-check"], [])


class Reminders(Api):
    def rings(self, task, seconds=20):
        until = time.monotonic() + seconds * SLOW
        while time.monotonic() < until:
            found = [n for n in self.admin.get("notifications")["items"]
                     if n["record_id"] == task and n["kind"] == "reminder"]
            if found:
                return found
            time.sleep(.2)
        return []

    def test_once_at_its_moment_over_a_restart(self):
        c = self.admin
        now = int(time.time() * 1000)
        soon = c.post("tasks", {"title": "soon", "reminder_at": now + 3000})["id"]
        done = c.post("tasks", {"title": "done", "reminder_at": now + 3000})["id"]
        c.patch(f"tasks/{done}", {"status": "done"})
        gone = c.post("tasks", {"title": "gone", "reminder_at": now + 3000})["id"]
        c.delete(f"tasks/{gone}")
        late = c.post("tasks", {"title": "late", "due_on": "2030-01-10", "due_time": "09:00",
                                "reminder_at": now + 3600000})
        self.assertEqual(self.server.stop(), 0)
        time.sleep(3.1)
        self.server.start(self.server.port)
        self.assertEqual(len(self.rings(soon)), 1)
        for task in (done, gone, late["id"]):
            self.assertEqual(self.rings(task, 0), [])
        self.server.stop()
        self.server.start(self.server.port)
        time.sleep(6)
        self.assertEqual(len(self.rings(soon)), 1, "once")
        c.patch(f"tasks/{soon}", {"priority": "high"})
        time.sleep(6)
        self.assertEqual(len(self.rings(soon)), 1, "another change is no new reminder")
        put_off = c.patch(f"tasks/{late['id']}", {"due_on": "2030-01-12", "due_time": "10:30"})
        self.assertEqual(put_off["reminder_at"], now + 3600000 + 2 * 86400000 + 90 * 60000, "it goes along")
        self.problem(c, "PATCH", f"tasks/{soon}", "validation", 422, "/reminder_at", {"reminder_at": "soon"})


load_tests = None
both(Bell, Reminders)
