"""Starting, stopping, slow senders, upgrades, backups."""
import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import unittest

from patron import PATRON, SLOW, Api, Server, both


class Stop(Api):
    def test_with_open_streams(self):
        """SIGTERM: streams say goodbye, requests under way end, all within three seconds."""
        streams = []
        for _ in range(5):
            c = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
            c.request("GET", "/api/v1/events", headers={"Cookie": self.admin.cookie})
            streams.append((c, c.getresponse()))
        idle = [socket.create_connection(("127.0.0.1", self.server.port)) for _ in range(3)]
        began = time.monotonic()
        code = self.server.stop()
        self.assertLess(time.monotonic() - began, 3 * SLOW)
        self.assertEqual(code, 0)
        for c, r in streams:
            text = r.read().decode()
            self.assertIn("event: bye", text)
            c.close()
        for s in idle:
            s.close()
        self.server.start(self.server.port)
        self.assertEqual(self.admin.get("session")["user"]["login"], "zhao")

    def test_under_load(self):
        """What was answered with 201 before the stop is there after it."""
        made, lock, over = [], threading.Lock(), threading.Event()

        def write():
            c = self.server.client()
            c.cookie = self.admin.cookie
            while not over.is_set():
                try:
                    a = c("POST", "customers", {"name": "load"})
                except (OSError, http.client.HTTPException):
                    return
                if a.status == 201:
                    with lock:
                        made.append(a["id"])
        threads = [threading.Thread(target=write) for _ in range(8)]
        [t.start() for t in threads]
        time.sleep(.7)
        code = self.server.stop()
        over.set()
        [t.join() for t in threads]
        said = self.server.said()[-5000:]
        self.server.start(self.server.port)
        self.assertEqual(code, 0, said)
        stored = {r[0] for r in self.server.rows("id", "customers", "WHERE name = 'load'")}
        self.assertGreater(len(made), 10)
        self.assertEqual(set(made) - stored, set())

    def test_interrupt(self):
        self.assertEqual(self.server.stop(signal.SIGINT), 0)
        self.server.start(self.server.port)

    def test_port_taken(self):
        other = Server(self.kind)
        try:
            for lang, text in (("en_US.UTF-8", "port is taken"), ("zh_CN.UTF-8", "端口被别的程序占用了")):
                r = subprocess.run([PATRON, "serve", "--port", str(self.server.port), *other.options()],
                                   capture_output=True, text=True, timeout=30 * SLOW,
                                   env={**os.environ, "LANG": lang, "LC_ALL": lang})
                self.assertEqual(r.returncode, 1)
                self.assertIn(text, r.stderr)
                self.assertIn(str(self.server.port), r.stderr)
        finally:
            other.remove()

    def test_second_process(self):
        for args in (["serve", "--port", "0"], ["check"], ["token", "create", "--user", "zhao"]):
            r = self.server.run(*args)
            self.assertEqual(r.returncode, 1 if args[0] == "serve" else r.returncode)
            self.assertNotEqual(r.returncode, 0)
            self.assertIn("already has this data directory open", r.stderr)
        self.assertIn("已被另一个知客打开", self.server.run("check", lang="zh_CN.UTF-8").stderr)
        self.admin.get("session")

    def test_slow_senders(self):
        """One byte a second is no request: closed when its time is over, others are served."""
        slow = []
        for head in (b"", b"GET /api/v1/setup HTTP/1.1\r\nHo",
                     b"POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"):
            s = socket.create_connection(("127.0.0.1", self.server.port))
            s.sendall(head)
            slow.append(s)
        began, open_for = time.monotonic(), {}
        while len(open_for) < len(slow) and time.monotonic() - began < 45 * SLOW:
            for s in slow:
                if s in open_for:
                    continue
                try:
                    s.settimeout(.01)
                    s.sendall(b"x")
                    if s.recv(1000) == b"":
                        open_for[s] = time.monotonic() - began
                except TimeoutError:
                    pass
                except OSError:
                    open_for[s] = time.monotonic() - began
            t = time.monotonic()
            self.server.client().need(200, "GET", "/healthz")
            self.assertLess(time.monotonic() - t, 1 * SLOW)
            time.sleep(1)
        self.assertEqual(len(open_for), len(slow), "a slow sender is never closed")
        times = [open_for[s] for s in slow]
        self.assertTrue(all(3 < t < 14 * SLOW for t in times[:2]), times)  # heads: ten seconds
        self.assertTrue(10 < times[2] < 40 * SLOW, times)  # a body: thirty, then its own pace
        for s in slow:
            s.close()

    def test_reader_who_stops_reading(self):
        """A client that asks and does not read holds up nobody."""
        s = socket.create_connection(("127.0.0.1", self.server.port))
        for _ in range(200):
            s.sendall(b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(20):
            self.server.client().need(200, "GET", "/healthz")
        s.close()

    def test_usage(self):
        for args in (["serve", "--nothing"], ["serve", "--port", "x"], ["serve", "--port"], ["nothing"],
                     ["serve", "--port", "70000"]):
            r = subprocess.run([PATRON, *args, "--data", self.server.dir + "/other"], capture_output=True, text=True,
                               timeout=30)
            self.assertEqual(r.returncode, 2, (args, r.stderr))
            self.assertTrue(r.stderr.startswith("patron: "), r.stderr)
        r = subprocess.run([PATRON, "help"], capture_output=True, text=True)
        self.assertEqual(r.returncode, 0)
        for command in ("serve", "value", "backup", "restore", "check", "token", "user"):
            self.assertIn(command, r.stdout)


class Upgrade(Api):
    """Data made by an older commit opens, is brought up to date, and a backup was made first."""

    def restart(self):
        self.server.stop()
        self.server.start(self.server.port)

    def test_older_data(self):
        c = self.admin
        self.addCleanup(self.restart)
        k = c.post("customers", {"name": "旧数据", "hobbies": "围棋", "ext_id": "OLD"})["id"]
        c.post("orders", {"customer_id": k, "ordered_on": "2024-01-01", "amount": "5.00", "number": "O1"})
        for i in range(0, 2100, 100):  # more than one portion of the job
            c.need(200, "POST", "orders/batch", {"items": [
                {"customer_id": k, "ordered_on": "2024-01-02", "amount": "0.00", "number": f"M{n}",
                 **({"cost": f"{n}.07"} if n % 7 else {})} for n in range(i, i + 100)]})
        margins = lambda: {r["number"]: r["margin"] for r in c.all("orders?limit=500&fields=number,margin,cost")}
        known = margins()
        self.assertEqual((known["M2099"]["amount"], known["M2093"]), ("-2099.07", None))
        self.server.stop()
        s = self.server
        before = {t: s.rows("count(*)", t) for t in ("customers", "orders", "history", "users", "search_doc")}
        # As an older commit had it: a column, an index and a table less.
        for sql in (f"DROP INDEX {s.schema + '.' if s.url else ''}ix_customers_clv_id",
                    f"ALTER TABLE {s.table('customers')} DROP COLUMN risk_tolerance",
                    f"ALTER TABLE {s.table('orders')} DROP COLUMN promotion",
                    *(f"ALTER TABLE {s.table('orders')} DROP COLUMN margin{x}" for x in ("", "_currency", "_base")),
                    f"DELETE FROM {s.table('setting')} WHERE name = 'orders.margin'",
                    f"DROP TABLE {s.table('outbox')}"):
            s.sql(sql)
        s.start(s.port)
        self.assertIn("backup", s.said())
        backups = os.listdir(os.path.join(s.data, "backups"))
        self.assertEqual(len(backups), 1, backups)
        self.assertEqual({t: s.rows("count(*)", t) for t in before}, before)
        r = c.get(f"customers/{k}")
        self.assertEqual((r["name"], r["hobbies"], r["risk_tolerance"], r["revenue"]["amount"]), ("旧数据", "围棋", None, "5.00"))
        self.assertEqual(c.patch(f"customers/{k}", {"risk_tolerance": "low"})["risk_tolerance"], "low")
        filled = [j for j in c.get("jobs?limit=50")["items"] if j["kind"] == "margins"]
        self.assertEqual(len(filled), 1)
        c.job(filled[0]["id"])
        self.assertEqual(margins(), known)
        before["orders"] = s.rows("count(*)", "orders")
        c.post("orders", {"customer_id": k, "ordered_on": "2024-01-01", "amount": "5.00", "promotion": "x"})
        # A second start finds nothing to do.
        s.stop()
        s.start(s.port)
        self.assertEqual(os.listdir(os.path.join(s.data, "backups")), backups)
        # The backup can be put into an empty directory, of either database, and is what was there before.
        s.stop()
        other = Server("sqlite")
        try:
            r = other.run("restore", os.path.join(s.data, "backups", backups[0]))
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertEqual({t: other.rows("count(*)", t) for t in before}, before)
            other.start()
            d = other.client()
            d.need(201, "POST", "session", {"login": "zhao", "password": "correct horse 1"})
            self.assertEqual(d.get(f"customers/{k}")["name"], "旧数据")
            self.assertEqual([i["id"] for i in d.get("search?q=OLD")["items"]], [k])
        finally:
            other.remove()

    def test_words_are_cut_anew(self):
        """Search documents of an older program: a job makes them anew, once."""
        c, s = self.admin, self.server
        self.addCleanup(self.restart)
        n = 1200  # more than two chunks
        for at in range(0, n, 100):
            c.need(200, "POST", "customers/batch", {"items": [{"name": f"旧文档{i}"} for i in range(at, at + 100)]})
        k = c.post("customers", {"name": "華東機電"})["id"]
        gone = c.post("customers", {"name": "华西机电"})["id"]
        c.delete("customers/" + gone)

        def reindexings():
            return [j for j in c.get("jobs?limit=50")["items"] if j["kind"] == "reindex"]
        self.assertEqual(reindexings(), [])  # nothing was there at the first start
        s.stop()
        old = f"UPDATE {s.table('search_doc')} SET tokens = 'xcustomer ' WHERE entity = 'customer'"
        for sql in (old, f"DELETE FROM {s.table('setting')} WHERE name = 'search.version'"):
            s.sql(sql)
        if not s.url:
            s.sql("INSERT INTO search_doc_words (search_doc_words) VALUES ('rebuild')")
        s.start(s.port)
        job = reindexings()[0]
        c.job(job["id"])
        self.assertEqual([i["id"] for i in c.get("search?q=huadong")["items"]], [k])
        self.assertEqual(c.get("search?q=huaxi")["items"], [])
        self.assertEqual(len(c.get("search?q=jiuwendang&limit=50")["items"]), 50)
        self.assertEqual(len(c.get("search?q=wend1199&limit=50")["items"]), 0)
        s.stop()
        s.start(s.port)
        self.assertEqual(len(reindexings()), 1)

    def test_backup_and_restore(self):
        c = self.admin
        self.addCleanup(self.restart)
        k = c.post("customers", {"name": "公司 💾", "credit_limit": "1.50", "description": "a\nb\tc"})
        self.server.stop()
        file = os.path.join(self.server.dir, "all.backup")
        r = self.server.run("backup", file)
        self.assertEqual(r.returncode, 0, r.stderr)
        r = self.server.run("restore", file)
        self.assertNotEqual(r.returncode, 0, "a restore over data")
        for kind in ("sqlite", self.kind):
            other = Server(kind)
            try:
                r = other.run("restore", file)
                self.assertEqual(r.returncode, 0, r.stderr)
                self.assertEqual(other.run("check").returncode, 0)
                other.start()
                d = other.client()
                d.need(201, "POST", "session", {"login": "zhao", "password": "correct horse 1"})
                self.assertEqual(d.get(f"customers/{k['id']}"), k)
                self.assertGreater(int(d.post("customers", {"name": "new"})["id"]), int(k["id"]))
            finally:
                other.remove()
        with open(file, "r+b") as f:
            f.seek(os.path.getsize(file) // 2)
            f.write(b"\0" * (os.path.getsize(file) // 8))  # more than a page, for a single one may be empty
        other = Server("sqlite")
        try:
            r = other.run("restore", file)
            self.assertNotEqual(r.returncode, 0, "a broken backup was restored")
            self.assertIn("damaged", r.stderr)
            self.assertEqual(other.rows("count(*)", "customers"), [("0",)])
        finally:
            other.remove()


class OldData(Api):
    """Every data directory that was ever written down (make_fixture.py) opens and holds what it held."""
    kinds = ("sqlite",)

    def test_all(self):
        folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
        files = sorted(f for f in os.listdir(folder) if f.endswith(".sql"))
        self.assertTrue(files)
        for name in files:
            with self.subTest(name):
                other = Server("sqlite")
                try:
                    os.makedirs(other.data)
                    db = sqlite3.connect(os.path.join(other.data, "patron.db"))
                    with open(os.path.join(folder, name), encoding="utf-8") as f:
                        db.executescript("BEGIN;" + f.read() + "COMMIT;")
                    db.close()
                    other.start()
                    c = other.client()
                    c.need(201, "POST", "session", {"login": "zhao", "password": "correct horse 1"})
                    k = c.get("customers?ext_id=OLD-1")["items"][0]
                    self.assertEqual((k["name"], k["city"], k["hobbies"], k["birthday"], k["orders_count"]),
                                     ("上海锐进贸易公司", "上海", "围棋", "1980-02-29", 1))
                    self.assertEqual(k["credit_limit"], {"amount": "1234.50", "currency": "CNY"})
                    self.assertEqual(k["revenue"]["amount"], "100.00")
                    self.assertEqual([i["title"] for i in c.get("search?q=%E9%94%90%E8%BF%9B")["items"]], [k["name"]])
                    kinds = [e["kind"] for e in c.get(f"customers/{k['id']}/history")["items"]]
                    self.assertEqual(kinds[-2:], ["update", "create"])
                    self.assertEqual([r["name"] for r in c.get("customers?trash=1")["items"]], ["gone"])
                    made = c.post("customers", {"name": "new"})
                    self.assertGreater(int(made["id"]), int(k["id"]))
                    im = c.get("imports")["items"][0]
                    c.job(c.post(f"imports/{im['id']}/undo", status=202)["job_id"])
                    self.assertEqual(c.get("customers?ext_id=OLD-1")["items"][0]["orders_count"] or 0, 0)
                    other.stop()
                    self.assertEqual(other.run("check").returncode, 0)
                finally:
                    other.remove()


class BrokenData(Api):
    kinds = ("sqlite",)

    def test_a_file_that_is_no_database(self):
        other = Server("sqlite")
        try:
            os.makedirs(other.data)
            with open(os.path.join(other.data, "patron.db"), "wb") as f:
                f.write(b"this is no database, whatever it says it is\n" * 200)
            r = other.run("check")
            self.assertNotEqual(r.returncode, 0)
            self.assertIn("damaged", r.stderr)
            with open(os.path.join(other.data, "patron.db"), "rb") as f:
                self.assertTrue(f.read(20).startswith(b"this is no database"), "it was overwritten")
        finally:
            other.remove()


both(Stop, Upgrade, OldData, BrokenData)

if __name__ == "__main__":
    unittest.main()
