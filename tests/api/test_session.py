"""Set-up, signing in and out, throttling, cookies, cross-site requests, tokens, headers, metadata."""
import json
import os
import re
import unittest

from patron import COMPANY, PASSWORD, ROOT, Api, both

ADMIN = {"name": "赵倩", "login": "zhao", "password": PASSWORD}


class Setup(Api):
    @classmethod
    def prepare(cls):
        cls.c = cls.server.client(lang="en")

    def test_once(self):
        c, link = self.c, self.server.link
        self.assertEqual(c.get("setup")["needed"], True)
        self.problem(c, "POST", "setup", "setup-token", 403,
                     body={"token": "x" * len(link), "admin": ADMIN, "company": COMPANY})
        self.problem(c, "POST", "setup", "setup-token", 403, body={"admin": ADMIN, "company": COMPANY})
        for field, value, pointer, code in (
                ("currency", "CNX", "/company/currency", "unknown-currency"),
                ("time_zone", "Nowhere/City", "/company/time_zone", "unknown-time-zone"),
                ("discount_rate", 7, "/company/discount_rate", "out-of-range"),
                ("language", "fr", "/company/language", "unknown-option"),
                ("name", "", "/company/name", "required"),
                ("name", 5, "/company/name", "type-text")):
            self.problem(c, "POST", "setup", "validation", 422, pointer, field_code=code,
                         body={"token": link, "admin": ADMIN, "company": {**COMPANY, field: value}})
        for password, code in (("short", "password-short"), ("aaaaaaaaaaaa", "password-weak"),
                               ("x1" * 150, "password-long")):
            self.problem(c, "POST", "setup", "validation", 422, "/admin/password", field_code=code,
                         body={"token": link, "admin": {**ADMIN, "password": password}, "company": COMPANY})
        for lang, text in (("en", "At least"), ("zh", "至少")):
            a = self.server.client(lang=lang)("POST", "setup", {"token": link, "company": COMPANY,
                                                                "admin": {**ADMIN, "password": "x"}})
            self.assertIn(text.lower(), a["errors"][0]["message"].lower())
        a = c.need(201, "POST", "setup", {"token": link, "admin": ADMIN, "company": COMPANY})
        self.assertEqual(a["user"]["is_admin"], True)
        self.assertEqual(a["company"]["name"], COMPANY["name"])
        self.assertEqual(c.get("session")["user"]["login"], "zhao")
        self.assertEqual(self.server.client().get("setup")["needed"], False)
        again = self.server.client(lang="en")
        self.problem(again, "POST", "setup", "setup-token", 403, text="already used",
                     body={"token": link, "admin": {**ADMIN, "login": "eve"}, "company": COMPANY})
        # Neither does a restart open it again.
        self.server.stop()
        self.server.start(self.server.port)
        self.assertIsNone(self.server.link)
        self.assertEqual(self.server.client().get("setup")["needed"], False)


class Session(Api):
    def test_cookie(self):
        c = self.server.client()
        a = c.need(201, "POST", "session", {"login": "zhao", "password": PASSWORD})
        cookie = a.headers["Set-Cookie"]
        for part in ("patron=", "HttpOnly", "SameSite=Strict", "Path=/"):
            self.assertIn(part, cookie)
        self.assertNotIn("Max-Age", cookie)
        a = self.server.client().need(201, "POST", "session",
                                      {"login": "zhao", "password": PASSWORD, "remember": True})
        self.assertIn("Max-Age=604800", a.headers["Set-Cookie"])
        self.assertEqual(c.get("session")["user"]["login"], "zhao")
        self.assertEqual(c.get("session")["insecure"], False)
        c.need(204, "DELETE", "session")
        self.assertEqual(c("GET", "session").status, 401)

    def test_sign_out_ends_the_session(self):
        c = self.server.client()
        c.need(201, "POST", "session", {"login": "zhao", "password": PASSWORD})
        cookie = c.cookie
        c.need(204, "DELETE", "session")
        c.cookie = cookie
        self.assertEqual(c("GET", "customers").status, 401)

    def test_nobody(self):
        for lang, text in (("en", "You are not signed in"), ("zh", "还没有登录")):
            c = self.server.client(lang=lang)
            for method, path in (("GET", "customers"), ("POST", "customers"), ("GET", "metadata"),
                                 ("GET", "search?q=a"), ("GET", "events"), ("GET", "jobs"),
                                 ("POST", "imports?entity=order"), ("GET", "session")):
                a = c(method, path, {} if method == "POST" else None)
                self.assertEqual((a.status, a["code"], a["title"]), (401, "not-signed-in", text))
        for secret in ("pat_" + "A" * 32, "x", "", "ses_" + "A" * 32):
            self.assertEqual(self.server.client(token=secret)("GET", "session").status, 401)
        c = self.server.client()
        c.cookie = "patron=ses_" + "A" * 32
        self.assertEqual(c("GET", "session").status, 401)

    def test_a_session_is_no_token(self):
        secret = self.by_cookie.cookie.split("=", 1)[1]
        self.assertEqual(self.server.client(token=secret)("GET", "session").status, 401)

    def test_cross_site(self):
        c = self.by_cookie
        host = f"127.0.0.1:{c.port}"
        for headers in ({"X-Patron": None}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
                        {"Origin": "http://evil.example"}, {"Origin": "null"},
                        {"Origin": f"http://127.0.0.1:{c.port + 1}"}):
            self.problem(c, "POST", "customers", "cross-site", 403, body={"name": "x"}, headers=headers)
        for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://" + host}, {}):
            c.need(201, "POST", "customers", {"name": "x"}, headers)
        # Reading needs no header.
        c.need(200, "GET", "customers", headers={"X-Patron": None})

    def test_preferences(self):
        c = self.by_cookie
        self.assertEqual(c.patch("session", {"theme": "dark", "density": "dense"})["user"]["theme"], "dark")
        self.problem(c, "PATCH", "session", "validation", 422, "/theme", body={"theme": "pink"},
                     field_code="unknown-option")
        self.problem(c, "PATCH", "session", "validation", 422, "/is_admin", body={"is_admin": False},
                     field_code="unknown-field")
        self.problem(c, "PATCH", "session", "validation", 422, "/theme", body={"theme": None})
        self.assertEqual(c.patch("session", {"language": "zh"})["user"]["language"], "zh")
        self.assertEqual(c("GET", "customers/1")["title"], "没有这条记录，或者你看不到它")
        c.patch("session", {"language": "en"})
        self.assertEqual(c("GET", "customers/1")["title"], "There is no such record, or you may not see it")

    def test_headers(self):
        c = self.server.client()
        a = c("GET", "setup")
        self.assertEqual(a.headers["Cache-Control"], "no-store")
        self.assertEqual(a.headers["X-Content-Type-Options"], "nosniff")
        self.assertNotEqual(a.headers["X-Request-Id"], c("GET", "setup").headers["X-Request-Id"])
        a = c("GET", "/")
        if a.status == 200:  # built with the browser part
            csp = a.headers["Content-Security-Policy"]
            self.assertIn("script-src 'self'", csp)
            self.assertNotIn("unsafe-eval", csp)
            self.assertIn("frame-ancestors 'none'", csp)
        self.assertEqual(c("GET", "/../../etc/passwd").status in (400, 404, 200), True)
        self.assertNotIn(b"root:", c("GET", "/../../etc/passwd").raw)
        self.assertNotIn(b"root:", c("GET", "/%2e%2e/%2e%2e/etc/passwd").raw)

    def test_methods(self):
        a = self.by_cookie("PUT", "customers", {"name": "x"})
        self.assertEqual((a.status, a["code"]), (405, "method-not-allowed"))
        self.assertIn("GET", a.headers["Allow"])
        self.assertIn("POST", a.headers["Allow"])
        self.assertEqual(self.by_cookie("GET", "nothing-here").status, 404)
        self.assertEqual(self.by_cookie("POST", "customers", {"name": "x"},
                                        {"Content-Type": "text/plain"})["code"], "unsupported-media-type")

    def test_health(self):
        c = self.server.client()
        self.assertEqual(c.need(200, "GET", "/healthz")["status"], "ok")
        c.need(200, "GET", "/readyz")
        text = c.need(200, "GET", "/metrics").raw.decode()
        self.assertIn("patron_http_requests_total", text)
        for line in text.splitlines():
            if not line.startswith("#"):
                float(line.split()[-1])

    def test_metadata(self):
        m = self.by_cookie.get("metadata")
        names = {e["name"] for e in m["entities"]}
        self.assertTrue({"customer", "order", "contact", "product", "note", "user", "role", "department"} <= names)
        for e in m["entities"]:
            self.assertTrue(e["label"]["en"] and e["label"]["zh"])
            fields = {f["name"] for f in e["fields"]}
            self.assertIn(e["title_field"], fields)
            self.assertFalse({"deleted_at", "deleted_by", "import_key"} & fields)
            for f in e["fields"]:
                self.assertTrue(f["label"]["en"] and f["label"]["zh"], f)
                if f["type"] == "enum":
                    self.assertTrue(all(o["label"]["zh"] for o in f["options"]))
                if f["type"] == "link" and f["name"] not in ("import_id",):
                    self.assertIn(f.get("target", "user"), names)

    def test_openapi(self):
        d = self.server.client().get("openapi.json")
        self.assertTrue(d["openapi"].startswith("3.1"))
        paths = d["paths"]
        for path, methods in {"/api/v1/session": "get post patch delete", "/api/v1/setup": "get post",
                              "/api/v1/customers": "get post", "/api/v1/customers/{id}": "get patch delete",
                              "/api/v1/orders/{id}/history": "get", "/api/v1/imports/{id}/run": "post",
                              "/api/v1/jobs/{id}/cancel": "post", "/api/v1/search": "get",
                              "/api/v1/events": "get", "/healthz": "get"}.items():
            self.assertIn(path, paths)
            self.assertEqual(set(methods.split()) - set(paths[path]), set(), path)
        refs = set()

        def walk(x):
            if isinstance(x, dict):
                if "$ref" in x:
                    refs.add(x["$ref"])
                for v in x.values():
                    walk(v)
            elif isinstance(x, list):
                for v in x:
                    walk(v)
        walk(d)
        company = d["components"]["schemas"]["company"]["properties"]
        self.assertEqual(set(company), set(self.admin.get("company")))
        self.assertIn("#/components/schemas/company", refs)
        for ref in refs:
            at = d
            for part in ref.lstrip("#/").split("/"):
                self.assertIn(part, at, ref)
                at = at[part]
        # docs/api.md names every path; what all entities have, once as {plural}.
        with open(os.path.join(ROOT, "docs", "api.md"), encoding="utf-8") as f:
            said = re.sub(r"\{\w+\}", "{}", f.read())
        plurals = [e["path"] for e in self.by_cookie.get("metadata")["entities"]]
        for path in paths:
            short = re.sub(r"\{\w+\}", "{}", path.removeprefix("/api/v1"))
            generic = re.sub(f"^/({'|'.join(plurals)})(?=/|$)", "/{}", short)
            self.assertTrue(short in said or generic in said, f"docs/api.md says nothing of {path}")
        # Every path of the description exists.
        c = self.by_cookie
        for path, methods in paths.items():
            if "get" in methods and "events" not in path:
                a = c("GET", path.replace("{id}", "1"))
                self.assertNotEqual((a.status, a.status == 404 and a["code"] == "not-found" and "{id}" not in path),
                                    (404, True), path)

    def test_password(self):
        [c] = self.people([{}])
        self.assertEqual(c("PUT", "session/password", {"old": "x", "new": "another one 2"}).status, 401)


class Throttle(Api):
    def test_five_tries(self):
        c = self.server.client(lang="en")
        for left in (4, 3, 2, 1, 0):
            a = c("POST", "session", {"login": "zhao", "password": "wrong one"})
            self.assertEqual((a.status, a["code"], a["params"]["left"]), (401, "sign-in-failed", str(left)))
        self.assertIn("0 tries left", a["title"])
        for lang, text in (("en", "Too many tries"), ("zh", "试得太多了")):
            a = self.server.client(lang=lang)("POST", "session", {"login": "zhao", "password": PASSWORD})
            self.assertEqual((a.status, a["code"]), (429, "too-many-attempts"))
            self.assertIn(text, a["title"])
            self.assertTrue(1 <= int(a.headers["Retry-After"]) <= 16)
        # Who is signed in stays so; unknown logins look the same as wrong passwords.
        self.by_cookie.get("session")
        a = c("POST", "session", {"login": "nobody", "password": "x"})
        self.assertEqual((a.status, a["code"]), (401, "sign-in-failed"))
        self.problem(c, "POST", "session", "validation", 422, "/login", body={"password": "x"})
        self.problem(c, "POST", "session", "validation", 422, "/password", body={"login": "x", "password": 5})


class Tokens(Api):
    def test_token(self):
        [c] = self.people([{"admin": True}])
        self.assertTrue(c.get("session")["user"]["is_admin"])
        # No cross-site header is needed with a token: a browser never sends one by itself.
        c.need(201, "POST", "customers", {"name": "by token"})
        # A user who is switched off is out at once.
        self.admin.patch(f"users/{c.id}", {"active": False})
        self.assertEqual(c("GET", "session").status, 401)
        # Back again, but not by an old token.
        self.admin.patch(f"users/{c.id}", {"active": True})
        self.assertEqual(c("GET", "session").status, 401)
        [c] = self.people([{"admin": True}])
        self.admin.delete(f"users/{c.id}")
        self.assertEqual(c("GET", "session").status, 401)

    def test_commands(self):
        self.server.stop()
        try:
            r = self.server.run("token", "create", "--user", "nobody")
            self.assertEqual(r.returncode, 1)
            self.assertIn("no such record", r.stderr)
            r = self.server.run("user", "create", "lin", "--name", "林", input="a new password 7\n")
            self.assertEqual(r.returncode, 0, r.stderr)
            r = self.server.run("user", "create", "lin", input="a new password 7\n")
            self.assertEqual(r.returncode, 1, r.stderr)
            r = self.server.run("user", "password", "lin", input="short\n")
            self.assertEqual(r.returncode, 1)
            self.assertIn("8", r.stderr)
            r = self.server.run("check")
            self.assertEqual((r.returncode, r.stdout.splitlines()[-1]), (0, "0 findings"), r.stdout + r.stderr)
        finally:
            self.server.start(self.server.port)
        c = self.server.client()
        c.need(201, "POST", "session", {"login": "lin", "password": "a new password 7"})
        self.assertEqual(c("POST", "users", {"name": "x", "login": "x"}).status, 403)
        a = c.need(201, "PUT", "session/password", {"old": "a new password 7", "new": "another one 2"})
        self.assertTrue(a.headers["Set-Cookie"])
        self.server.client().need(201, "POST", "session", {"login": "lin", "password": "another one 2"})


both(Setup, Session, Throttle, Tokens)

if __name__ == "__main__":
    unittest.main()
