"""The company's settings, API tokens, and commands beside a running server."""
import os
import re
import time
import unittest

from patron import PASSWORD, Api, Client, Server, both


class Company(Api):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.zh, cls.en, cls.other = cls.people([{"admin": True, "lang": "zh"}, {"admin": True, "lang": "en"}, {}])

    def test_settings(self):
        before = self.en.get("company")
        self.assertEqual({k: before[k] for k in ("currency", "time_zone", "language", "discount_rate", "rates")},
                         {"currency": "CNY", "time_zone": "Asia/Shanghai", "language": "en", "discount_rate": 0.1, "rates": {}})
        change = {"name": "新公司", "time_zone": "Europe/Berlin", "language": "zh", "discount_rate": 0.2,
                  "rates": {"JPY": [{"from": None, "rate": 0.047}], "USD": [{"from": None, "rate": 7.1}]}}
        self.addCleanup(lambda: self.en.patch("company", {k: before[k] for k in change}))
        answer = self.en.patch("company", change)
        self.en.job(answer.pop("converting"))
        self.assertEqual(answer, {**before, **change})
        self.assertEqual(self.other.get("company"), {**before, **change})
        self.assertEqual(self.other.get("session")["company"]["name"], "新公司")
        self.server.stop()
        self.server.start(self.server.port)
        self.assertEqual(self.en.get("company"), {**before, **change})

    def test_what_is_refused(self):
        for body, pointer, code, en, zh in (
                ({"name": "x", "name2": 1}, "/name2", "unknown-field", "There is no field", "没有"),
                ({"currency": "USD"}, "/currency", "read-only", "computed", "算出来"),
                ({"name": " "}, "/name", "required", "must not be empty", "不能为空"),
                ({"name": 5}, "/name", "type-text", "A text belongs here", "这里要写文字"),
                ({"time_zone": "Mars/Olympus"}, "/time_zone", "unknown-time-zone", "There is no such time zone", "没有这个时区"),
                ({"time_zone": 5}, "/time_zone", "unknown-time-zone", "There is no such time zone", "没有这个时区"),
                ({"language": "fr"}, "/language", "unknown-option", "not one of the choices", "不在可选的值里"),
                ({"discount_rate": 0}, "/discount_rate", "out-of-range", "outside the allowed range", "超出允许的范围"),
                ({"discount_rate": "0.1"}, "/discount_rate", "out-of-range", "outside the allowed range", "超出允许的范围"),
                ({"name": "half", "rates": {"USD": 0}}, "/rates/USD", "rate-range", "USD, row 1", "USD 第 1 行")):
            with self.subTest(body):
                for c, text in ((self.en, en), (self.zh, zh)):
                    self.problem(c, "PATCH", "company", "validation", 422, pointer, body=body, field_code=code, text=text)
        self.assertNotEqual(self.en.get("company")["name"], "half")
        self.problem(self.other, "PATCH", "company", "forbidden", 403, body={"name": "mine"})


class Tokens(Api):
    def token(self, client, **body):
        secret = client.post("tokens", {"name": "script", **body})["secret"]
        self.assertTrue(secret.startswith("pat_"))
        return secret, client.get("tokens")["items"][0]

    def test_make_use_and_end(self):
        for _ in range(5):
            secret, t = self.token(self.admin)
            self.assertEqual((t["name"], t["expires_at"]), ("script", None))
            self.assertEqual({k for k in t if "secret" in k or "hash" in k}, set())
            c = self.server.client(token=secret)
            self.assertEqual(c.get("session")["user"]["id"], self.admin_id)
            self.assertEqual(self.server.rows("count(*)", "token", f"WHERE CAST(hash AS text) LIKE '%{secret[4:]}%'"), [("0",)])
            self.admin.delete(f"tokens/{t['id']}")
            # At once, also where it was used a moment ago.
            self.problem(c, "GET", "session", "not-signed-in", 401)
            self.problem(self.admin, "DELETE", f"tokens/{t['id']}", "not-found", 404)

    def test_end_of_its_own(self):
        secret, t = self.token(self.admin, expires_at=int(time.time() * 1000) + 3000)
        c = self.server.client(token=secret)
        c.get("session")
        time.sleep(3.2)
        self.problem(c, "GET", "session", "not-signed-in", 401)
        for bad in (5, -1, "tomorrow", 1.5, True):
            self.problem(self.admin, "POST", "tokens", "validation", 422, "/expires_at", body={"name": "x", "expires_at": bad})
        self.problem(self.admin, "POST", "tokens", "validation", 422, "/name", body={})

    def test_of_others(self):
        [one, two] = self.people([{}, {"admin": True}])
        secret, t = self.token(one)
        self.assertNotIn(t["id"], [x["id"] for x in two.get("tokens")["items"]])
        _, mine = self.token(two)
        self.problem(one, "DELETE", f"tokens/{mine['id']}", "not-found", 404)
        two.delete(f"tokens/{t['id']}")  # an administrator ends anybody's
        self.problem(self.server.client(token=secret), "GET", "session", "not-signed-in", 401)


class Beside(Api):
    def test_backup_while_it_writes(self):
        made = [self.admin.post("customers", {"name": f"before {i}"})["id"] for i in range(20)]
        file = os.path.join(self.server.dir, "beside.backup")
        r = self.server.run("backup", file)
        self.assertEqual((r.returncode, r.stdout.strip()), (0, file), r.stderr)
        self.admin.post("customers", {"name": "after"})
        self.assertEqual(self.server.client(lang="en").need(200, "GET", "/readyz")["status"], "ok")
        other = Server("sqlite")
        try:
            r = other.run("restore", file)
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertEqual(other.run("check").returncode, 0)
            self.assertEqual({r[0] for r in other.rows("id", "customers")}, set(made))
            other.start()
            d = Client(other.port)
            d.need(201, "POST", "session", {"login": "zhao", "password": PASSWORD})
            self.assertEqual(d.get(f"customers/{made[3]}")["name"], "before 3")
        finally:
            other.remove()
        # What changes something wants the directory for itself, and says so.
        for args in (["check"], ["restore", file], ["token", "create", "--user", "zhao"], ["user", "password", "zhao"]):
            r = self.server.run(*args, input="a new password 7\n")
            self.assertEqual(r.returncode, 2 if args[0] != "serve" else 1, (args, r.stdout, r.stderr))
            self.assertRegex(r.stderr, re.escape("already has this data directory open"))


both(Company, Tokens, Beside)

if __name__ == "__main__":
    unittest.main()
