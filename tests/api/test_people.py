"""Invitations, sessions, locking out, the audit, and why one sees a record."""
import datetime
import http.client
import time
import unittest

from patron import Api, PASSWORD, Server, both

OWN = {"read": "own", "write": "own", "delete": "none", "create": True}


class People(Api):
    def make(self, login, **more):
        return self.admin.post("users", {"name": login.title(), "login": login, **more})["id"]

    def sign_in(self, login, password):
        c = self.server.client()
        c.need(201, "POST", "session", {"login": login, "password": password})
        return c

    def invited(self, login, **more):
        id = self.make(login, **more)
        token = self.admin.post(f"users/{id}/invite")["token"]
        c = self.server.client()
        c.need(201, "POST", "invite", {"token": token, "password": PASSWORD})
        return id, c, token

    def test_an_invitation(self):
        id = self.make("inge")
        self.assertEqual(self.server.client()("POST", "session", {"login": "inge", "password": PASSWORD}).status, 401)
        first = self.admin.post(f"users/{id}/invite")["token"]
        made = self.admin.post(f"users/{id}/invite")
        self.assertGreater(made["expires_at"], time.time() * 1000 + 2 * 86400e3)
        token = made["token"]
        anyone = self.server.client(lang="en")
        # The one before stopped working.
        self.problem(anyone, "POST", "invite/look", "invite-over", 403, body={"token": first}, text="Ask for a new one")
        self.problem(self.server.client(lang="zh"), "POST", "invite/look", "invite-over", 403, body={"token": first},
                     text="再要一个新的")
        look = anyone.post("invite/look", {"token": token}, 200)
        self.assertEqual((look["name"], look["login"]), ("Inge", "inge"))
        self.problem(anyone, "POST", "invite", "validation", 422, "/password", {"token": token, "password": "short"},
                     field_code="password-short")
        session = anyone.post("invite", {"token": token, "password": PASSWORD})
        self.assertEqual(session["user"]["login"], "inge")
        self.assertEqual(anyone.get("session")["user"]["id"], id)
        self.problem(self.server.client(lang="en"), "POST", "invite", "invite-over", 403,
                     body={"token": token, "password": PASSWORD})
        for body in ({}, {"token": 5}, {"token": "x" * 500}):
            self.assertIn(self.server.client()("POST", "invite/look", body).status, (403, 422), body)
        # Nobody is invited who may not sign in, or by who may not invite.
        self.problem(anyone, "POST", f"users/{id}/invite", "forbidden", 403)
        self.problem(self.admin, "POST", "users/999/invite", "not-found", 404)
        late = self.make("late")
        token = self.admin.post(f"users/{late}/invite")["token"]
        self.admin.patch(f"users/{late}", {"active": False})
        self.assertEqual(self.server.client()("POST", "invite", {"token": token, "password": PASSWORD}).status, 403)
        self.problem(self.admin, "POST", f"users/{late}/invite", "not-found", 404)
        # The secret is nowhere in the database.
        self.assertNotIn(token, str(self.server.rows("*", "invite")))
        self.assertNotIn(token, str(self.server.rows("*", "idempotency")))

    def test_sessions(self):
        id, one, _ = self.invited("sonja")
        two = self.sign_in("sonja", PASSWORD)
        three = self.sign_in("sonja", PASSWORD)
        mine = one.get("sessions")["items"]
        self.assertEqual((len(mine), sum(s["current"] for s in mine)), (3, 1))
        other = next(s["id"] for s in two.get("sessions")["items"] if s["current"])
        # Only one's own.
        self.problem(self.admin, "DELETE", f"sessions/{other}", "not-found", 404)
        one.delete(f"sessions/{other}")
        self.assertEqual([c("GET", "session").status for c in (one, two, three)], [200, 401, 200])
        one.delete("sessions")
        self.assertEqual([c("GET", "session").status for c in (one, three)], [200, 401])

    def test_a_stream_ends_with_its_session(self):
        _, one, _ = self.invited("sten", role_id=self.admin.post("roles", {"name": "streaming", "permissions": {
            "customer": {"read": "all"}}})["id"])
        two = self.sign_in("sten", PASSWORD)
        raw = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        raw.request("GET", "/api/v1/events", headers={"Cookie": two.cookie})
        stream = raw.getresponse()
        self.assertEqual(stream.readline(), b"retry: 2000\n")
        self.admin.post("customers", {"name": "heard"})
        while not stream.readline().startswith(b"data: "):
            pass
        one.delete("sessions")
        self.admin.post("customers", {"name": "not heard"})
        self.assertNotIn(b"data: ", stream.read())
        raw.close()

    def test_locked_out_at_once(self):
        id, c, _ = self.invited("otto")
        token = self.server.client(token=c.post("tokens", {"name": "script"})["secret"])
        for how in ("sign-out", "active"):
            if how == "active":
                c = self.sign_in("otto", PASSWORD)
                token = self.server.client(token=c.post("tokens", {"name": "script"})["secret"])
            self.assertEqual([x("GET", "session").status for x in (c, token)], [200, 200])
            if how == "active":
                self.admin.patch(f"users/{id}", {"active": False})
            else:
                self.admin.need(204, "POST", f"users/{id}/sign-out")
            self.assertEqual([x("GET", "session").status for x in (c, token)], [401, 401], how)
        # Who comes back does not come back by what was before.
        self.admin.patch(f"users/{id}", {"active": True})
        self.assertEqual([x("GET", "session").status for x in (c, token)], [401, 401])
        self.sign_in("otto", PASSWORD)
        self.problem(self.admin, "POST", "users/999/sign-out", "not-found", 404)

    def test_the_last_administrator(self):
        me = self.admin_id
        for body, pointer in (({"is_admin": False}, "/is_admin"), ({"active": False}, "/active")):
            self.problem(self.admin, "PATCH", f"users/{me}", "validation", 422, pointer, body, field_code="last-administrator")
        self.problem(self.admin, "DELETE", f"users/{me}", "validation", 422)
        second = self.make("second", is_admin=True)
        self.admin.patch(f"users/{second}", {"is_admin": False})
        self.admin.delete(f"users/{second}")

    def test_what_people_have_is_not_thrown_away(self):
        a = self.admin
        role = a.post("roles", {"name": "used", "permissions": {}})["id"]
        above = a.post("departments", {"name": "above"})["id"]
        under = a.post("departments", {"name": "under", "parent_id": above})["id"]
        id = self.make("usa", role_id=role, department_id=under)
        for path in (f"roles/{role}", f"departments/{above}", f"departments/{under}"):
            self.problem(a, "DELETE", path, "in-use", 409)
        a.patch(f"users/{id}", {"role_id": None, "department_id": None})
        for path in (f"roles/{role}", f"departments/{under}", f"departments/{above}"):
            a.delete(path)

    def test_people(self):
        id, c, _ = self.invited("paul")
        c.post("tokens", {"name": "x"})
        waiting = self.make("wanda")
        self.admin.post(f"users/{waiting}/invite")
        people = {p["id"]: p for p in self.admin.get("people")["items"]}
        self.assertEqual([people[id][k] for k in ("sessions", "tokens", "password", "invited_until")], [1, 1, True, None])
        self.assertGreater(people[id]["seen_at"], 0)
        self.assertEqual([people[waiting][k] for k in ("sessions", "password", "seen_at")], [0, False, None])
        self.assertGreater(people[waiting]["invited_until"], 0)
        self.problem(c, "GET", "people", "forbidden", 403)

    def test_sign_ins_that_failed(self):
        a = self.admin
        id, c, _ = self.invited("fails", role_id=None)
        stranger = self.server.client()
        self.assertEqual(stranger("POST", "session", {"login": "fails", "password": "not this one"}).status, 401)
        self.assertEqual(stranger("POST", "session", {"login": "hunter2", "password": "hunter2"}).status, 401)
        noted = a.get("audit?kind=sign-in-failed")["items"][:2]
        self.assertEqual([e["record_id"] for e in noted], [None, id])
        self.assertEqual(noted[1]["changes"], [{"field": "address", "before": None, "after": "127.0.0.1"}])
        self.assertNotIn("hunter2", str(noted), "what was typed may be a password")

    def test_guessing_does_not_fill_the_audit(self):
        s = Server(self.kind, args=["--behind-tls"])
        self.addCleanup(s.remove)
        s.start()
        s.set_up()
        s.stop()
        token = s.run("token", "create", "--user", "zhao").stdout.split()[-1]
        s.start(s.port)
        for i in range(64):
            c = s.client()
            self.assertEqual(c("POST", "session", {"login": f"nobody{i}", "password": "x"},
                               {"X-Forwarded-For": f"192.0.2.{i}"}).status, 401)
            c.close()
        noted = s.client(token=token).get("audit?kind=sign-in-failed&limit=200")["items"]
        self.assertEqual(len(noted), 60)
        self.assertEqual(noted[0]["changes"][0]["after"], "192.0.2.59")

    def test_audit(self):
        a = self.admin
        id, c, _ = self.invited("anna", role_id=a.post("roles", {"name": "auditee", "permissions": {"customer": OWN}})["id"])
        k = c.post("customers", {"name": "Audited"})["id"]
        c.patch(f"customers/{k}", {"city": "Suzhou"})
        a.patch("company", {"name": "Renamed"})
        a.patch("company", {"name": "Renamed"})
        a.need(204, "POST", f"users/{id}/sign-out")
        seen = [(e["entity"], e["kind"]) for e in a.get(f"audit?who={id}&limit=200")["items"]]
        self.assertEqual(seen, [("customer", "update"), ("customer", "create"), ("session", "sign-in")])
        items = a.get(f"audit?record={id}&entity=session")["items"]
        self.assertEqual([e["kind"] for e in items], ["sign-out", "sign-in", "invite"])
        self.assertEqual([e["title"] for e in items if e["kind"] != "sign-in"], ["Anna", "Anna"])
        [setting] = a.get("audit?entity=company")["items"]
        self.assertEqual(setting["changes"][0]["after"], "Renamed")
        self.assertEqual([e["id"] for e in a.get(f"audit?entity=customer&kind=update&record={k}")["items"]],
                         [e["id"] for e in a.get(f"customers/{k}/history")["items"] if e["kind"] == "update"])
        page = a.get("audit?limit=3")
        after = a.get(f"audit?limit=3&cursor={page['next']}")
        self.assertFalse({e["id"] for e in page["items"]} & {e["id"] for e in after["items"]})
        now = int(time.time() * 1000)
        self.assertEqual(a.get(f"audit?from={now + 3600000}")["items"], [])
        self.assertEqual(a.get(f"audit?to={now - 3600000}")["items"], [])
        self.assertGreater(len(a.get(f"audit?from={now - 3600000}&to={now + 1000}")["items"]), 3)
        self.assertEqual(a("GET", "audit?who=x").status, 400)
        # Who signed in when is nobody's business but an administrator's.
        d = self.sign_in("anna", PASSWORD)
        self.problem(d, "GET", "audit", "forbidden", 403)
        self.assertNotIn("sign-in", d.need(200, "GET", f"users/{id}/history").raw.decode())

    def test_own_settings(self):
        _, c, _ = self.invited("zoe")
        self.assertEqual(c.patch("session", {"time_zone": "Europe/Berlin"})["user"]["time_zone"], "Europe/Berlin")
        self.assertIsNone(c.patch("session", {"time_zone": None})["user"]["time_zone"])
        self.problem(c, "PATCH", "session", "validation", 422, "/time_zone", {"time_zone": "Nowhere/Land"},
                     field_code="unknown-time-zone")

    def test_fiscal_year(self):
        a = self.admin
        self.assertEqual(a.get("company")["fiscal_month"], 1)
        self.assertEqual(a.patch("company", {"fiscal_month": 4})["fiscal_month"], 4)
        for wrong in (0, 13, "April", 4.5, None):
            self.problem(a, "PATCH", "company", "validation", 422, "/fiscal_month", {"fiscal_month": wrong},
                         field_code="out-of-range")
        self.assertEqual(a.get("company")["fiscal_month"], 4)
        a.patch("company", {"fiscal_month": 1})

    def test_observation_end(self):
        a = self.admin
        self.assertEqual(a.patch("company", {"observation_end": "2024-12-31"})["observation_end"], "2024-12-31")
        self.problem(a, "PATCH", "company", "validation", 422, "/observation_end", {"observation_end": "soon"}, field_code="date")
        self.assertIsNone(a.patch("company", {"observation_end": None})["observation_end"])
        tomorrow = (datetime.date.today() + datetime.timedelta(days=2)).isoformat()
        for end in ("2999-01-01", "2206-01-01", tomorrow):
            self.problem(a, "PATCH", "company", "validation", 422, "/observation_end",
                         {"observation_end": end, "name": "Other"}, field_code="end-in-future", text=end)
        k = a.post("customers", {"name": "First buyer"})["id"]
        o = a.post("orders", {"customer_id": k, "ordered_on": "2020-02-03", "amount": "5.00"})
        self.problem(a, "PATCH", "company", "validation", 422, "/observation_end", {"observation_end": "1900-01-01"},
                     field_code="end-before-orders", text="2020-02-03")
        self.assertEqual((a.get("company")["observation_end"], a.get("company")["name"] != "Other"), (None, True))
        self.assertEqual(a.patch("company", {"observation_end": "2020-02-03"})["observation_end"], "2020-02-03")
        # One that stands there already ends the valuation at once, with the reason.
        for end, code in (("2999-01-01", "end-in-future"), ("1900-01-01", "end-before-orders")):
            self.server.rows_set("setting", f"value = '{end}' WHERE name = 'company.observation_end'")
            a.patch("company", {"language": "en"})
            self.assertEqual(a.get("company")["observation_end"], end)
            for body in ({}, {"as_of": end}):
                job = a.job(a.post("value/refresh", body, status=202)["job_id"], "failed", seconds=20)
                self.assertIn(end, job["message"])
                self.assertIn({"end-in-future": "still to come", "end-before-orders": "2020-02-03"}[code], job["message"])
        a.patch("company", {"observation_end": None})
        # Nor does an order dated ahead of the clock carry the valuation with it.
        late = a.post("orders", {"customer_id": k, "ordered_on": "2999-01-01", "amount": "5.00"})
        a.job(a.post("value/refresh", {}, status=202)["job_id"], seconds=30)
        self.assertLessEqual(a.get(f"customers/{k}")["valued_on"], tomorrow)
        for made in (late, o):
            a.delete(f"orders/{made['id']}")

    def test_tokens_of_others(self):
        a = self.admin
        p, q = self.people([{}, {}])
        secret = p.post("tokens", {"name": "nightly"})["secret"]
        program = self.server.client(token=secret)
        found = a.get(f"users/{p.id}/tokens")["items"]
        [token] = [t for t in found if t["name"] == "nightly"]
        self.assertNotIn(secret, str(found))
        self.assertEqual(q("GET", f"users/{p.id}/tokens").status, 403)
        self.assertEqual(p("GET", f"users/{p.id}/tokens").status, 403)
        self.assertEqual(q("DELETE", f"tokens/{token['id']}").status, 404)
        self.assertEqual(a("GET", "users/999999/tokens").status, 404)
        self.assertEqual(program("GET", "customers").status, 200)
        a.delete(f"tokens/{token['id']}")
        self.assertEqual(program("GET", "customers").status, 401)
        self.assertNotIn("nightly", str(a.get(f"users/{p.id}/tokens")["items"]))
        [event] = a.get(f"audit?entity=session&kind=token-end&record={p.id}")["items"]
        self.assertEqual((event["title"], event["record_id"]), ("nightly", p.id))

    def test_why(self):
        a = self.admin
        north = a.post("departments", {"name": "Why north"})["id"]
        east = a.post("departments", {"name": "Why east", "parent_id": north})["id"]
        rights = {"read": "below", "write": "own", "delete": "none", "fields": {"phone": "mask", "wechat": "hide"}}
        role = a.post("roles", {"name": "Looker", "permissions": {"customer": rights}})["id"]
        own = a.post("roles", {"name": "Keeper", "permissions": {"customer": OWN}})["id"]
        chief, peer, owner, other = self.people([
            {"role": role, "department": north}, {"role": role, "department": east}, {"role": own, "department": east},
            {"role": own, "department": east}])
        k = a.post("customers", {"name": "Why", "wechat": "secretwx", "owner_id": owner.id})["id"]
        for p, because, write in ((chief, "below", False), (peer, "department", False), (owner, "owner", True),
                                  (a, "administrator", True)):
            w = p.get(f"customers/{k}/why")
            self.assertEqual((w["because"], w["may"]["write"]), (because, write))
            self.assertEqual((w["owner"]["id"], w["department"]["name"]), (owner.id, "Why east"))
            ids = {x["id"]: x["because"] for x in w["others"]["people"]}
            self.assertNotIn(other.id, ids)
            self.assertNotIn(getattr(p, "id", self.admin_id), ids)
            if p is not owner:
                self.assertEqual(ids[owner.id], "owner")
        w = chief.need(200, "GET", f"customers/{k}/why")
        self.assertEqual(w["role"]["name"], "Looker")
        self.assertEqual({(f["label"], f["level"]) for f in w["held_back"]}, {("Phone", "mask"), ("WeChat", "hide"), *(
            (f"Next task{f}", "hide") for f in ("", ", title", " due"))})
        self.assertNotIn("secretwx", w.raw.decode())
        self.assertIn(self.admin_id, {x["id"] for x in w["ask"]})
        self.problem(other, "GET", f"customers/{k}/why", "not-found", 404)
        self.assertEqual(chief.get(f"departments/{north}/why")["because"], "everybody")


load_tests = both(People)

if __name__ == "__main__":
    unittest.main()
