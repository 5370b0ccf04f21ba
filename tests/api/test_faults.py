"""Faults of the machine: a full disk, a lost database, a clock that jumps."""
import http.client
import os
import signal
import struct
import subprocess
import threading
import time
import unittest

from patron import BUILD, PASSWORD, PG, ROOT, SLOW, Api, Server, both, psql

FULL = {"en": "The disk is full. Nothing was written", "zh": "磁盘满了，什么也没有写"}


def speakers(cls):
    """Two administrators, one Chinese, one English; also where nobody is signed in."""
    zh, en = cls.people([{"admin": True, "lang": "zh"}, {"admin": True, "lang": "en"}])
    zh.lang, en.lang = "zh", "en"
    return zh, en


class FullDisk(Api):
    """A file system of its own for what the program writes, and it has no room left."""

    @classmethod
    def setUpClass(cls):
        if cls.kind is None or os.geteuid() != 0:
            raise unittest.SkipTest("mounting needs root")
        cls.server = Server(cls.kind)
        cls.mounts = []
        try:
            cls.mount(cls.server.data, "14m" if cls.kind == "sqlite" else "3m")
            if cls.kind == "postgres":
                cls.move_database()
            cls.server.start()
            cls.prepare()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def mount(cls, path, size, owner="root"):
        os.makedirs(path, exist_ok=True)
        r = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700,uid={owner}", "tmpfs", path],
                           capture_output=True, text=True)
        if r.returncode:
            raise unittest.SkipTest(r.stderr)
        cls.mounts.append(path)

    @classmethod
    def move_database(cls):
        """The tables, and not the log of the cluster, which others use."""
        cls.space = os.path.join(os.path.dirname(PG.split("host=")[1].split("&")[0]), cls.server.name)
        cls.mount(cls.space, "26m", "postgres")
        psql(PG, f"CREATE TABLESPACE {cls.server.name} LOCATION '{cls.space}'")
        psql(PG, f'ALTER DATABASE "{cls.server.name}" SET TABLESPACE {cls.server.name}')
        # What the checksum sorts goes elsewhere.
        psql(PG, f'ALTER DATABASE "{cls.server.name}" SET temp_tablespaces = pg_default')

    @classmethod
    def tearDownClass(cls):
        code = cls.server.remove()
        if cls.kind == "postgres" and len(cls.mounts) > 1:
            psql(PG, f"DROP TABLESPACE IF EXISTS {cls.server.name}")
        for path in cls.mounts:
            subprocess.run(["umount", "-l", path], check=True)
            os.rmdir(path)
        os.path.isdir(cls.server.dir) and os.rmdir(cls.server.dir)
        assert code == 0, f"the server ended with {code}"

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.zh, cls.en = speakers(cls)

    def stored(self):
        """The checksum. PostgreSQL needs a little room even to let somebody in and read: it is kept in a file."""
        ballast = os.path.join(self.mounts[-1], "ballast")
        if os.path.exists(ballast):
            os.remove(ballast)
        sum = self.server.checksum()
        with open(ballast, "wb", buffering=0) as f:
            try:
                while f.write(bytes(4096)):
                    pass
            except OSError:
                pass
        return sum

    def room(self):
        for path in self.mounts:
            subprocess.run(["mount", "-o", "remount,size=200m", path], check=True)

    def test_full(self):
        made, full = [], None
        with open(os.path.join(self.mounts[-1], "ballast"), "wb") as f:
            f.write(bytes(1 << 20))
        for i in range(2000):
            a = self.en("POST", "customers/batch", {"items": [{"name": f"{i} {k}", "description": "x" * 900} for k in range(25)]})
            if a.status != 200:
                full = a
                break
            made += [r["id"] for r in a["results"]]
        self.assertIsNotNone(full, "the disk never was full")
        many = {"items": [{"name": "y", "description": "y" * 9000}] * 50}
        rows = b"customer_id,date,amount\n" + b"C1,2024-01-01,5\n" * 400000
        before = self.stored()
        for c in (self.en, self.zh):
            for path, body, raw in (("customers/batch", many, None), ("imports?entity=order&name=x.csv", None, rows)):
                a = c("POST", path, body, raw=raw)
                self.assertEqual((a.status, a["code"], a["title"]), (507, "storage-full", FULL[c.lang]), a)
                self.assertEqual(self.stored(), before, "something was written")
        for folder in ("uploads", os.path.join("files", "imports")):
            folder = os.path.join(self.server.data, folder)
            self.assertEqual(os.listdir(folder) if os.path.isdir(folder) else [], [], "what could not be kept is left")
        # Reading goes on, and all that was answered is there.
        self.assertEqual(self.en.get(f"customers/{made[0]}")["id"], made[0])
        self.assertEqual(self.en.get("customers?limit=1&count=exact")["count"]["value"], len(made))
        # With room again all goes on, without a restart.
        self.room()
        self.assertEqual({r[0] for r in self.server.rows("id", "customers")}, set(made))
        self.en.post("customers", {"name": "room again"})
        job = self.en("POST", "imports?entity=order&name=x.csv", raw=rows[:2000])
        self.assertEqual(job.status, 201, job)
        self.server.stop()
        r = self.server.run("check")
        self.assertEqual((r.returncode, r.stdout.splitlines()[-1]), (0, "0 findings"), r.stdout + r.stderr)
        self.server.start(self.server.port)


class FileLimit(Api):
    """The largest file the process may write is bounded: for it the disk is full."""
    kinds = ("sqlite",)

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.kind, before=["bash", "-c", "ulimit -f 2400; trap '' XFSZ; exec \"$@\"", "x"]).start()
        cls.prepare()

    def test_says_so_and_goes_on(self):
        c, made, full = self.admin, [], None
        zh = self.server.client(lang="zh")
        for i in range(400):
            a = c("POST", "customers/batch", {"items": [{"name": f"{i} {k}", "description": "x" * 900} for k in range(25)]})
            if a.status != 200:
                full = a
                break
            made += [r["id"] for r in a["results"]]
        self.assertIsNotNone(full, "the disk never was full")
        self.assertEqual((full.status, full["code"]), (507, "storage-full"), full)
        self.assertEqual(full["title"], "The disk is full. Nothing was written")
        refused = 0
        for _ in range(60):
            before = self.server.checksum()
            a = c("POST", "customers/batch", {"items": [{"name": "y", "description": "y" * 9000}] * 50})
            if a.status == 200:  # the log was written back meanwhile, and has room again
                made += [r["id"] for r in a["results"]]
                continue
            self.assertEqual((a.status, self.server.checksum()), (507, before))
            refused += 1
            if refused == 5:
                break
        self.assertEqual(refused, 5)
        # Reading goes on, and all that was answered is there.
        stored = {r[0] for r in self.server.rows("id", "customers")}
        self.assertEqual(set(made), stored)
        self.assertEqual(c.get("customers?limit=1&count=exact")["count"]["value"], len(stored))
        self.assertEqual(c.get(f"customers/{made[0]}")["id"], made[0])
        a = c("POST", "imports?entity=order&name=x.csv", raw=b"customer_id,date,amount\n" + b"C1,2024-01-01,5\n" * 400000)
        self.assertEqual((a.status, a["code"]), (507, "storage-full"), a)
        # With room again (a new start without the bound) all goes on.
        self.server.stop()
        self.server.before = []
        self.server.start(self.server.port)
        c.post("customers", {"name": "room again"})
        self.server.stop()
        r = self.server.run("check")
        self.assertEqual((r.returncode, r.stdout.splitlines()[-1]), (0, "0 findings"), r.stdout + r.stderr)
        self.server.start(self.server.port)


class LostConnection(Api):
    kinds = ("postgres",)

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.zh, cls.en = speakers(cls)

    def test_connections_are_cut(self):
        """Every connection is ended again and again: requests succeed or fail cleanly, then all is well."""
        made, failed, wrong, over = [], [], [], threading.Event()
        lock = threading.Lock()

        def work(n):
            c = self.server.client()
            c.cookie = self.admin.cookie
            i = 0
            while not over.is_set():
                i += 1
                a = c("POST", "customers", {"name": "cut", "ext_id": f"{n}-{i}"})
                b = c("GET", "customers?limit=5&name=cut")
                with lock:
                    (made if a.status == 201 else failed).append((f"{n}-{i}", a.status))
                    for x, ok in ((a, (201, 503)), (b, (200, 503))):
                        if x.status not in ok:
                            wrong.append(x)
        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        [t.start() for t in threads]
        for _ in range(12):
            time.sleep(.2)
            self.server.cut()
        over.set()
        [t.join() for t in threads]
        self.assertEqual(wrong, [])
        self.assertGreater(len(made), 20)
        for _ in range(20):
            self.admin.post("customers", {"name": "after"})
            self.admin.get("customers?limit=1")
        stored = [r[0] for r in self.server.rows("ext_id", "customers", "WHERE name = 'cut'")]
        self.assertEqual(len(stored), len(set(stored)))
        self.assertEqual({m for m, _ in made} - set(stored), set(), "answered and not there")
        self.assertEqual(set(stored) - {m for m, _ in made + failed}, set())
        history = int(self.server.rows("count(*)", "history", "WHERE title = 'cut' AND kind = 'create'")[0][0])
        self.assertEqual(history, len(stored))

    def test_an_import_whose_connection_is_cut(self):
        """Rows are sent without waiting for each: those of a transaction that is lost are all sent again."""
        rows = 12_000
        data = "order_no,customer_id,date,amount\n" + "".join(
            f"CUT{i:06},K{i % 900},{2023 + i % 3}-05-{1 + i % 28:02},{i % 977}.50\n" for i in range(rows))
        im = self.admin.need(201, "POST", "imports?entity=order&name=cut.csv", raw=data.encode())["id"]
        job = self.admin.post(f"imports/{im}/run", status=202)["job_id"]
        for _ in range(3):
            with self.server.held("orders"):
                self.cut_waiting()
        self.admin.job(job)
        result = self.admin.get(f"imports/{im}")["result"]
        self.assertEqual((result["created"], result["customers_created"], result["rejected"]), (rows, 900, 0))
        self.assertEqual(self.server.rows("count(*), count(DISTINCT number)", "orders", f"WHERE import_id = {im}"),
                         [(str(rows), str(rows))])
        self.assertEqual(self.server.rows("sum(orders_count), sum(revenue)", "customers", f"WHERE import_id = {im}"),
                         [(str(rows), str(sum(i % 977 * 100 + 50 for i in range(rows))))])

    def test_a_valuation_whose_connection_is_cut(self):
        """A job that loses the database is not failed: it is queued again, and ends."""
        data = "order_no,customer_id,date,amount\n" + "".join(
            f"LOST{i:06},L{i % 900},{2023 + i % 3}-{1 + i % 12:02}-{1 + i % 28:02},{i % 977}.50\n" for i in range(9000))
        im = self.admin.need(201, "POST", "imports?entity=order&name=lost.csv", raw=data.encode())["id"]
        self.admin.job(self.admin.post(f"imports/{im}/run", status=202)["job_id"])
        self.quiet()
        with self.server.held("orders"):
            job = self.admin.post("value/refresh", {}, status=202)["job_id"]
            self.cut_waiting()
        self.admin.job(job)
        self.assertEqual(self.server.rows("attempts", "job", f"WHERE id = {job}"), [("2",)])
        self.assertIn("is tried again", self.server.said())

    def cut_waiting(self):
        """Ends the connection of whoever waits for what is held."""
        until = time.monotonic() + 30 * SLOW
        while not self.server.cut(waiting=True):
            self.assertLess(time.monotonic(), until, "nobody asks for it")
            time.sleep(.05)

    def test_request_that_outlasts_the_stop(self):
        """Somebody holds a lock in the database for longer than a stop is patient: the request ends all the same."""
        server = self.server

        def write():
            c = server.client()
            c.cookie = self.admin.cookie
            try:
                c("POST", "customers", {"name": "waits for the lock"})
            except (OSError, http.client.HTTPException):
                pass  # its connection was closed

        def until(what):
            end = time.monotonic() + 60 * SLOW
            while not what():
                self.assertLess(time.monotonic(), end, server.said()[-3000:])
                time.sleep(.05)
        writer = threading.Thread(target=write)
        with server.held("customers"):
            writer.start()
            until(lambda: server.sql("SELECT 1 FROM pg_stat_activity WHERE application_name = 'patron' AND "
                                     "datname = current_database() AND wait_event_type = 'Lock'"))
            server.process.send_signal(signal.SIGTERM)
            until(lambda: "waiting for them" in server.said())
        server.process.wait(30 * SLOW)
        writer.join()
        code, said = server.stop(), server.said()[-3000:]
        server.start(server.port)
        self.assertEqual(code, 0, said)
        self.assertEqual(self.admin.get("customers?name=waits%20for%20the%20lock&count=exact")["count"]["value"], 1)

    def test_database_away(self):
        """Nobody can connect: both languages say so, nothing is written, and it goes on when the database is back."""
        self.quiet()  # the valuation after an import would ring meanwhile
        clients = [(self.en, "The database does not answer. Nothing was written"),
                   (self.zh, "数据库没有回应，什么也没有写")]
        before = self.server.checksum()
        elsewhere = self.server.url.replace(self.server.name, "postgres")
        psql(elsewhere, f'ALTER DATABASE "{self.server.name}" ALLOW_CONNECTIONS false')
        try:
            psql(elsewhere, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                 f"datname = '{self.server.name}'")
            for c, text in clients:
                for method, path, body in (("GET", "customers", None), ("POST", "customers", {"name": "x"}),
                                           ("GET", "/readyz", None)):
                    a = c(method, path, body)
                    self.assertEqual((a.status, a["code"], a["title"]), (503, "database-unavailable", text), a)
                    self.assertTrue(a.headers["Retry-After"])
            self.assertEqual(self.server.client().need(200, "GET", "/healthz")["status"], "ok")
        finally:
            psql(elsewhere, f'ALTER DATABASE "{self.server.name}" ALLOW_CONNECTIONS true')
        self.assertEqual(self.server.checksum(), before)
        until = time.monotonic() + 10 * SLOW
        while self.en("POST", "customers", {"name": "back"}).status != 201 and time.monotonic() < until:
            time.sleep(.1)
        self.en.post("customers", {"name": "back"})


class Clock(Api):
    """The wall clock jumps under a running server (tests/fault/shifted_clock.c)."""
    YEAR = 366 * 24 * 3600

    @classmethod
    def setUpClass(cls):
        if cls.kind is None:
            raise unittest.SkipTest("abstract")
        cls.server = Server(cls.kind)
        cls.file = os.path.join(cls.server.dir, "shift")
        cls.jump(0)
        library = os.path.join(ROOT, BUILD, "tests", "libshifted_clock.so")
        options = os.environ.get("ASAN_OPTIONS", "")
        cls.server.env = {"LD_PRELOAD": library, "SHIFTED_CLOCK": cls.file,
                          "ASAN_OPTIONS": options + ":verify_asan_link_order=0"}
        cls.server.start()
        cls.prepare()

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.zh, cls.en = speakers(cls)

    @classmethod
    def jump(cls, seconds):
        with open(cls.file, "r+b" if os.path.exists(cls.file) else "wb") as f:
            f.write(struct.pack("q", int(seconds * 1000)))

    def tearDown(self):
        self.jump(0)

    def test_forward_and_back(self):
        made = []
        for shift in (0, self.YEAR, 0, -3600, -self.YEAR, 30):
            self.jump(shift)
            r = self.en.post("customers", {"name": f"at {shift}", "ext_id": f"J{len(made)}"})
            self.assertLess(abs(r["created_at"] / 1000 - time.time() - shift), 30)
            self.assertEqual(self.en.patch(f"customers/{r['id']}", {"employees": 1})["version"], 2)
            made.append(int(r["id"]))
        self.assertEqual(made, sorted(made), "a key went back")
        self.server.stop()
        self.jump(-self.YEAR)
        self.server.start(self.server.port)
        made.append(int(self.en.post("customers", {"name": "after a start in the past", "ext_id": "J9"})["id"]))
        self.assertEqual(made, sorted(made))
        listed = [int(r["id"]) for r in self.en.get("customers?sort=-id&limit=7")["items"]]
        self.assertEqual(listed, made[::-1])
        kinds = [e["kind"] for e in self.en.get(f"customers/{made[1]}/history")["items"]]
        self.assertEqual(kinds, ["update", "create"])

    def test_session_runs_out_and_tokens_do_not(self):
        c = self.server.client()
        c.need(201, "POST", "session", {"login": "zhao", "password": PASSWORD})
        c.get("session")
        self.jump(2 * self.YEAR)
        for c.lang, text in (("en", "You are not signed in"), ("zh", "还没有登录")):
            self.problem(c, "POST", "customers", "not-signed-in", 401, body={"name": "x"}, text=text)
        self.en.get("session")
        self.jump(0)
        self.en.get("session")

    def test_forward_during_an_import(self):
        """The lease of a job that runs seems to be over: nobody may run it a second time beside it."""
        rows = "".join(f"K{i},2024-01-{1 + i % 28:02},5.00\n" for i in range(8000))
        ids = [self.en("POST", "imports?entity=order&name=x.csv", raw=("customer_id,date,amount\n" + r).encode())["id"]
               for r in (rows, "other,2024-01-01,5\n")]
        job = self.en.post(f"imports/{ids[0]}/run", status=202)["job_id"]
        until = time.monotonic() + 30 * SLOW
        while self.en.get(f"jobs/{job}")["phase"] != "write":
            self.assertLess(time.monotonic(), until, self.en.get(f"jobs/{job}"))
            time.sleep(.02)
        for hours in range(1, 6):
            self.jump(hours * 3600)
            if hours == 1:
                other = self.en.post(f"imports/{ids[1]}/run", status=202)["job_id"]
            time.sleep(.05)
        for id in (job, other):
            self.en.job(id)
        self.quiet()
        self.assertEqual(self.server.rows("attempts", "job", f"WHERE id IN ({job}, {other})"), [("1",), ("1",)])
        self.assertEqual(self.server.rows("count(*)", "orders"), [("8001",)])
        self.assertEqual(self.server.rows("count(*)", "customers", "WHERE ext_id LIKE 'K%'"), [("8000",)])


both(FullDisk, FileLimit, LostConnection, Clock)

if __name__ == "__main__":
    unittest.main()
