"""Files on records: stored once, known by their bytes, given back without harm, under the rights of the record."""
import hashlib
import os
import time
import unittest
import zlib

from patron import Api, Server, both

OWN = {"read": "own", "write": "own", "create": True, "delete": "own"}


def png(color=0):
    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", (1).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0")
            + chunk(b"IDAT", zlib.compress(b"\0" + bytes([color, 0, 0]))) + chunk(b"IEND", b""))


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


class Attachments(Api):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        every = {e: OWN for e in ("customer", "contact", "note", "order", "task")}
        role = cls.admin.post("roles", {"name": "Own", "permissions": every})["id"]
        reads = cls.admin.post("roles", {"name": "Reads", "permissions": {"customer": {"read": "all"}}})["id"]
        cls.own, cls.reader = cls.people([{"role": role}, {"role": reads}])

    def setUp(self):
        self.customer = self.own.post("customers", {"name": "files"})["id"]
        self.path = f"customers/{self.customer}/attachments"

    def put(self, name, data, client=None, path=None):
        return (client or self.own).need(201, "POST", f"{path or self.path}?name={name}", raw=data).json

    def stored(self):
        top = os.path.join(self.server.data, "files", "attached")
        return sorted(d + f for d in os.listdir(top) for f in os.listdir(os.path.join(top, d)))

    def test_what_comes_back_is_what_was_given(self):
        a = self.put("%E6%8A%A5%E4%BB%B7%20%221%22.png", png())
        self.assertEqual((a["name"], a["type"], a["size"], a["shown"]), ('报价 "1".png', "image/png", len(png()), True))
        got = self.own("GET", f"attachments/{a['id']}")
        self.assertEqual(got.raw, png())
        self.assertEqual(got.headers["Content-Type"], "image/png")
        self.assertEqual(got.headers["X-Content-Type-Options"], "nosniff")
        self.assertIn("sandbox", got.headers["Content-Security-Policy"])
        self.assertEqual(got.headers["Content-Disposition"],
                         "attachment; filename=\"______ _1_.png\"; filename*=UTF-8''%E6%8A%A5%E4%BB%B7%20%221%22.png")
        inside = self.own("GET", f"attachments/{a['id']}?inline=1")
        self.assertTrue(inside.headers["Content-Disposition"].startswith("inline;"))
        pdf = self.put("a.pdf", PDF)
        self.assertEqual((pdf["type"], pdf["shown"]), ("application/pdf", True))
        listed = self.own.get(self.path)
        self.assertEqual([f["id"] for f in listed["items"]], [pdf["id"], a["id"]])
        self.assertEqual((listed["may"], listed["limit"]), (True, 25_000_000))

    def test_a_type_is_what_the_bytes_say(self):
        for name, data, kind in (
                ("a.png", b"<html><script>alert(1)</script></html>", "text/plain"),
                ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "text/plain"),
                ("a.html", b"<!doctype html><p>x", "text/plain"),
                ("a.txt", png(), "image/png"),
                ("b.xlsx", b"PK\x03\x04" + b"\0" * 40, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
                ("b.zip", b"PK\x03\x04" + b"\0" * 40, "application/zip"),
                ("gbk.csv", "客户,金额\n".encode("gb18030"), "text/plain")):
            a = self.put(name, data)
            self.assertEqual(a["type"], kind, name)
            got = self.own("GET", f"attachments/{a['id']}?inline=1")
            self.assertEqual(got.headers["Content-Disposition"].split(";")[0],
                             "inline" if kind == "image/png" else "attachment", name)
            self.assertIn("sandbox", got.headers["Content-Security-Policy"])

    def test_what_is_refused(self):
        before = self.stored() if os.path.isdir(os.path.join(self.server.data, "files", "attached")) else []
        for name, data, code, status in (("a.exe", b"MZ\x90\0\3\0", "file-type", 415), ("run", b"\x7fELF\2\1", "file-type", 415),
                                         ("run.sh", b"#!/bin/sh\nrm -rf /", "file-type", 415), ("empty.txt", b"", "file-empty", 422)):
            self.problem(self.own, "POST", f"{self.path}?name={name}", code, status, raw=data, text=name)
        self.own.lang = None
        self.problem(self.own, "POST", self.path, "validation", 422, "/name", raw=png(), field_code="file-name")
        self.problem(self.own, "POST", self.path + "?name=a%0ab.png", "validation", 422, "/name", raw=png())
        self.problem(self.own, "POST", self.path + "?name=.htaccess", "validation", 422, "/name", raw=b"x")
        self.problem(self.own, "POST", self.path + "?name=" + "x" * 201, "validation", 422, "/name", raw=png(),
                     field_code="too-long", text="200")
        self.assertEqual(self.put("..%2F..%2Fetc%2Fpasswd", b"x")["name"], "passwd")
        self.assertEqual(self.put("C:%5Cmy%5Cb.txt", b"x")["name"], "b.txt")
        self.assertEqual(len(self.stored()), len(before) + (hashlib.sha256(b"x").hexdigest() not in before))

    def test_the_limit_is_the_companys(self):
        self.admin.patch("company", {"attachment_mb": 1})
        try:
            self.problem(self.own, "POST", f"{self.path}?name=big.txt", "file-too-large", 413, raw=b"a" * 1_000_001,
                         text="big.txt is too large: at most 1 MB")
            self.put("fits.txt", b"a" * 1_000_000)
        finally:
            self.admin.patch("company", {"attachment_mb": 25})
        for bad, code in ((0, "out-of-range"), (501, "out-of-range"), ("5", "integer")):
            self.problem(self.admin, "PATCH", "company", "validation", 422, "/attachment_mb", {"attachment_mb": bad},
                         field_code=code)

    def test_the_bytes_are_there_once(self):
        data = b"the same " + os.urandom(8).hex().encode()
        name = hashlib.sha256(data).hexdigest()
        a, b = self.put("one.txt", data), self.put("two.txt", data)
        self.assertEqual(self.stored().count(name), 1)
        self.own.delete(f"attachments/{a['id']}")
        self.assertEqual(self.own("GET", f"attachments/{b['id']}").raw, data)
        self.assertEqual([f["id"] for f in self.own.get(self.path)["items"]], [b["id"]])

    def test_rights_are_those_of_the_record(self):
        a = self.put("a.txt", b"x")
        reader, other = self.reader, self.admin.post("customers", {"name": "not theirs"})["id"]
        self.assertFalse(reader.get(self.path)["may"])
        self.assertEqual(reader("GET", f"attachments/{a['id']}").raw, b"x")
        self.problem(reader, "POST", self.path + "?name=b.txt", "forbidden", 403, raw=b"y")
        self.problem(reader, "DELETE", f"attachments/{a['id']}", "forbidden", 403)
        b = self.put("b.txt", b"y", self.admin, f"customers/{other}/attachments")
        for method, path in (("GET", f"customers/{other}/attachments"), ("GET", f"attachments/{b['id']}"),
                             ("DELETE", f"attachments/{b['id']}"), ("POST", f"attachments/{b['id']}/restore")):
            self.problem(self.own, method, path, "not-found", 404)
        self.problem(self.own, "POST", f"customers/{other}/attachments?name=c.txt", "not-found", 404, raw=b"z")

    def test_taking_one_away_is_for_the_audit(self):
        file, image = self.put("price.txt", b"secret prices"), self.put("look.png", png())
        before = self.own("GET", f"{self.path.rsplit('/', 1)[0]}/history").json["items"]
        self.own.need(200, "GET", f"attachments/{image['id']}?inline=1")
        self.own.need(200, "GET", f"attachments/{file['id']}")
        self.assertEqual(self.own("GET", "attachments/999999").status, 404)
        taken = self.admin.get(f"audit?kind=taken&record={self.customer}")["items"]
        self.assertEqual([(e["title"], e["entity"], e["kind"]) for e in taken], [("price.txt", "customer", "taken")])
        # Who reads the record does not see who read it.
        for path in ("history", "timeline"):
            self.assertNotIn("taken", str(self.own.get(f"customers/{self.customer}/{path}")["items"]))
        self.assertEqual(self.own.get(f"customers/{self.customer}/history")["items"], before)

    def test_history_undo_and_followers(self):
        a = self.put("offer.txt", b"x", self.admin)
        event = self.own.get(f"customers/{self.customer}/history")["items"][0]
        self.assertEqual((event["kind"], event["changes"], event["undoable"]),
                         ("attach", [{"field": "$file", "before": None, "after": "offer.txt"}], False))
        rung = [n for n in self.own.get("notifications")["items"] if n["record_id"] == self.customer]
        self.assertEqual([n["kind"] for n in rung], ["changed"])
        self.own.delete(f"attachments/{a['id']}")
        self.assertEqual(self.own("GET", f"attachments/{a['id']}").status, 404)
        self.assertEqual(self.own.get(f"customers/{self.customer}/history")["items"][0]["kind"], "detach")
        self.own.need(200, "POST", f"attachments/{a['id']}/restore")
        self.assertEqual(self.own("GET", f"attachments/{a['id']}").raw, b"x")
        self.problem(self.own, "POST", f"attachments/{a['id']}/restore", "not-found", 404)
        task = self.own.post("tasks", {"title": "with a file"})["id"]
        self.put("t.txt", b"t", path=f"tasks/{task}/attachments")

    def test_what_nobody_refers_to_is_swept(self):
        gone, kept = os.urandom(9).hex().encode(), os.urandom(9).hex().encode()
        a, b = self.put("gone.txt", gone), self.put("kept.txt", kept)
        for f in (a, b):
            self.own.delete(f"attachments/{f['id']}")
        names = [hashlib.sha256(x).hexdigest() for x in (gone, kept)]
        week = int(time.time() * 1000) - 8 * 86400000
        self.server.stop()
        try:
            for name in names:
                os.utime(os.path.join(self.server.data, "files", "attached", name[:2], name[2:]),
                         (week / 1000, week / 1000))
            self.server.rows_set("attachment", f"removed_at = {week} WHERE id = {a['id']}")
        finally:
            self.server.start(self.server.port)
        until = time.monotonic() + 10
        while names[0] in self.stored() and time.monotonic() < until:
            time.sleep(.1)
        self.assertNotIn(names[0], self.stored())
        self.assertIn(names[1], self.stored(), "it can still come back")
        self.own.need(200, "POST", f"attachments/{b['id']}/restore")
        self.assertEqual(self.own("GET", f"attachments/{b['id']}").raw, kept)

    def test_a_backup_takes_them_along(self):
        big = os.urandom(1_500_000).hex().encode()
        a, b = self.put("big.txt", big), self.put("small.png", png(3))
        self.own.patch(f"customers/{self.customer}", {"city": "x"})
        file = os.path.join(self.server.dir, "with-files.db")
        r = self.server.run("backup", file)
        self.assertEqual(r.returncode, 0, r.stderr)
        for kind in ("sqlite", "postgres") if self.kind == "postgres" else ("sqlite",):
            other = Server(kind)
            self.addCleanup(other.remove)
            r = other.run("restore", file)
            self.assertEqual(r.returncode, 0, r.stderr)
            r = other.run("token", "create", "--user", self.own.login)
            other.start()
            c = other.client(token=r.stdout.split()[-1])
            self.assertEqual(c("GET", f"attachments/{a['id']}").raw, big)
            self.assertEqual(c("GET", f"attachments/{b['id']}").raw, png(3))


load_tests = None
both(Attachments)

if __name__ == "__main__":
    unittest.main()
