"""What the API tests stand on: the real program on a fresh data directory or a fresh PostgreSQL
database, a client that talks JSON, and a checksum over everything that is stored.

Only the standard library. A test class derives from Api and runs once per database: the module's
load_tests (see both()) makes an SQLite and a PostgreSQL class out of it."""
import contextlib
import functools
import hashlib
import http.client
import json
import os
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("BUILD", "build")
PATRON = os.path.join(BUILD if os.path.isabs(BUILD) else os.path.join(ROOT, BUILD), "patron")
PG = os.environ.get("PATRON_TEST_PG")
SLOW = float(os.environ.get("PATRON_TEST_SLOW", "1"))  # sanitizers: more patience

PASSWORD = "correct horse 1"
COMPANY = {"name": "锐进工业用品", "currency": "CNY", "time_zone": "Asia/Shanghai",
           "discount_rate": 0.1, "language": "en"}
# Tables whose rows say who asked and not what is stored, and the lease of the node number.
NOT_DATA = {"session", "idempotency", "node", "job", "import", "import_error"}


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.raw = body

    @property
    def json(self):
        return json.loads(self.raw) if self.raw else None

    def __getitem__(self, key):
        return self.json[key]

    def __repr__(self):
        return f"{self.status} {self.raw[:600]!r}"


class Client:
    """One person: a cookie or a token, a language."""

    def __init__(self, port, token=None, lang=None):
        self.port = port
        self.token = token
        self.lang = lang
        self.cookie = None
        self.local = threading.local()

    def connection(self):
        c = getattr(self.local, "c", None)
        if c is None:
            c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60 * SLOW)
            self.local.c = c
        return c

    def close(self):
        c = getattr(self.local, "c", None)
        if c:
            c.close()
            self.local.c = None

    def __call__(self, method, path, body=None, headers=None, raw=None):
        head = {}
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
            head["Content-Type"] = "application/json"
        if self.token:
            head["Authorization"] = "Bearer " + self.token
        if self.cookie:
            head["Cookie"] = self.cookie
            head["X-Patron"] = "1"
        if self.lang:
            head["Accept-Language"] = self.lang
        head.update(headers or {})
        head = {k: v for k, v in head.items() if v is not None}
        if not path.startswith("/"):
            path = "/api/v1/" + path
        for again in (True, False):
            fresh = getattr(self.local, "c", None) is None
            c = self.connection()
            try:
                c.request(method, path, data, head)
                r = c.getresponse()
                answer = Answer(r.status, r.headers, r.read())
                if r.headers.get("Set-Cookie"):
                    self.cookie = r.headers["Set-Cookie"].split(";")[0]
                return answer
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()
                # An idle connection that the server had closed meanwhile: nothing was begun.
                if not again or fresh:
                    raise

    def need(self, status, method, path, body=None, headers=None, raw=None):
        a = self(method, path, body, headers, raw)
        if a.status != status:
            raise AssertionError(f"{method} {path}: {a!r}, wanted {status}")
        return a

    def get(self, path):
        return self.need(200, "GET", path).json

    def post(self, path, body=None, status=201):
        return self.need(status, "POST", path, body).json

    def patch(self, path, body):
        return self.need(200, "PATCH", path, body).json

    def delete(self, path):
        return self.need(204, "DELETE", path)

    def all(self, path, limit=200):
        """Every item of a list, page by page."""
        items, cursor = [], None
        sep = "&" if "?" in path else "?"
        while True:
            page = self.get(f"{path}{sep}limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
            items += page["items"]
            cursor = page["next"]
            if not cursor:
                return items

    def job(self, id, wanted="done", seconds=180):
        until = time.monotonic() + seconds * SLOW
        while True:
            j = self.get(f"jobs/{id}")
            if j["state"] in ("done", "failed", "cancelled"):
                if wanted and j["state"] != wanted:
                    raise AssertionError(f"job {j}")
                return j
            if time.monotonic() > until:
                raise AssertionError(f"job does not end: {j}")
            time.sleep(0.02)


def quote(filter):
    return urllib.parse.quote(json.dumps(filter))


class Psql:
    """A psql that stays: one and a connection for every question take ten times as long as the question."""

    def __init__(self, url):
        self.url, self.process, self.lock = url, None, threading.Lock()

    def ask(self, text):
        """Rows, as tuples of texts. One whose connection was ended meanwhile is begun anew, once."""
        with self.lock:
            old = self.process is not None
            out, said = self.once(text)
            if out is None and old and "connection" in said:
                out, said = self.once(text)
            if out is None:
                raise AssertionError(f"psql: {said} in {text[:300]}")
            return [tuple(r.split("\x1f")) for r in out.rstrip("\n").split("\x1e") if r]

    def once(self, text):
        if not self.process:
            self.said = tempfile.TemporaryFile()
            self.process = subprocess.Popen(
                ["psql", "-X", "-q", "-At", "-F", "\x1f", "-R", "\x1e", "-v", "ON_ERROR_STOP=1", "-d", self.url],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said)
        out = b""
        try:
            self.process.stdin.write(f"{text}\n;\n\\echo \x1d\n".encode())
            self.process.stdin.flush()
            while not out.endswith(b"\x1d\n") and (part := os.read(self.process.stdout.fileno(), 1 << 16)):
                out += part
        except BrokenPipeError:
            out = b""
        if out.endswith(b"\x1d\n"):
            return out[:-2].decode(), ""
        self.close()
        self.said.seek(0)
        return None, self.said.read().decode()

    def close(self):
        if self.process:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
            self.process.stdout.close()
            self.process.wait(30 * SLOW)
            self.process = None


class Server:
    """The program on one data directory; start, stop, kill, start again."""

    def __init__(self, kind, before=(), args=(), env=None):
        self.kind = kind
        self.dir = tempfile.mkdtemp(prefix="patron-api-")
        self.data = os.path.join(self.dir, "data")
        self.args = list(args)
        self.before = list(before)
        self.env = env
        self.url = None
        self.process = None
        self.link = None
        if kind == "postgres":
            self.name = "t_" + os.path.basename(self.dir)[11:].lower().replace("-", "_") + "_%d" % os.getpid()
            psql(PG, f'CREATE DATABASE "{self.name}"')
            self.url = re.sub(r"///\w+", "///" + self.name, PG)
            self.asked = Psql(self.url)

    def options(self):
        return ["--data", self.data] + (["--db", self.url] if self.url else [])

    def start(self, port=0, wait=True):
        self.log = open(os.path.join(self.dir, "log"), "ab")
        self.process = subprocess.Popen(
            self.before + [PATRON, "serve", "--port", str(port)] + self.options() + self.args,
            stdout=subprocess.PIPE, stderr=self.log, env={**os.environ, "LANG": "en_US.UTF-8", **(self.env or {})})
        if not wait:
            return self
        # Both lines come in one piece.
        first = ""
        if select.select([self.process.stdout], [], [], 30 * SLOW)[0]:
            first = os.read(self.process.stdout.fileno(), 4096).decode()
        m = re.search(r"http://[^:]+:(\d+)/\n", first)
        if not m:
            self.process.wait(10)
            raise AssertionError(f"the server did not start: {first!r} {self.said()[-2000:]}")
        self.port = int(m.group(1))
        m = re.search(r"/setup#(\S+)", first)
        self.link = m and m.group(1)
        return self

    def said(self):
        with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def stop(self, how=signal.SIGTERM, seconds=60):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(seconds * SLOW)
        code = self.process.returncode if self.process else 0
        if self.process:
            self.process.stdout.close()
            self.log.close()
            self.process = None
        return code

    def remove(self):
        try:
            code = self.stop()
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = -9
        if code:
            print("the server said:\n" + self.said()[-6000:], flush=True)
        shutil.rmtree(self.dir, ignore_errors=True)
        if self.url:
            self.asked.close()
            psql(PG, f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
        return code

    def run(self, *args, input=None, lang="en_US.UTF-8"):
        """A command of the program on the same data; the server must not run."""
        return subprocess.run([PATRON, *args, *self.options()], input=input, capture_output=True,
                              text=True, timeout=120 * SLOW,
                              env={**os.environ, "LANG": lang, "LC_ALL": lang})

    def client(self, **k):
        return Client(self.port, **k)

    def set_up(self, company=None):
        c = self.client()
        c.need(201, "POST", "setup", {
            "token": self.link, "company": {**COMPANY, **(company or {})},
            "admin": {"name": "赵倩", "login": "zhao", "password": PASSWORD}})
        return c

    # --- what is stored ---------------------------------------------------------------------------

    def sql(self, text):
        """Rows of a query, as tuples of texts."""
        if self.url:
            return self.asked.ask(text)
        db = sqlite3.connect(os.path.join(self.data, "patron.db"), timeout=30)
        try:
            rows = db.execute(text).fetchall()
            db.commit()
        finally:
            db.close()
        return [tuple("" if v is None else str(v) for v in r) for r in rows]

    @functools.cached_property
    def schema(self):
        return self.sql("SELECT schemaname FROM pg_tables WHERE tablename = 'customers'")[0][0]

    def tables(self):
        if self.url:
            s = self.schema
            return [f'"{s}"."{r[0]}"' for r in self.sql(
                f"SELECT tablename FROM pg_tables WHERE schemaname = '{s}' ORDER BY 1")]
        return [r[0] for r in self.sql("SELECT name FROM sqlite_master WHERE type = 'table' AND "
                                       "name NOT LIKE 'sqlite_%' AND name NOT LIKE 'search_doc_words%' AND name <> 'search_doc_terms' ORDER BY 1")]

    def table(self, name):
        return f'"{self.schema}".{name}' if self.url else name

    def rows(self, columns, table, rest=""):
        return self.sql(f"SELECT {columns} FROM {self.table(table)} {rest}")

    def rows_set(self, table, assignment):
        """What only time could do, done at once."""
        self.sql(f"UPDATE {self.table(table)} SET {assignment}")

    @contextlib.contextmanager
    def held(self, table):
        """Somebody else locks a table meanwhile: whoever asks it waits (PostgreSQL)."""
        psql = subprocess.Popen(["psql", "-X", "-q", "-d", self.url, "-c", "BEGIN", "-c",
                                 f"LOCK TABLE {self.table(table)} IN ACCESS EXCLUSIVE MODE", "-c", "SELECT pg_sleep(600)"],
                                env={**os.environ, "PGAPPNAME": "holder"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + 60 * SLOW
            while not self.sql("SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = "
                               f"'{self.table(table)}'::regclass"):
                assert time.monotonic() < until, f"{table} is not to be had"
                time.sleep(.02)
            yield
        finally:
            self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder' AND "
                     "datname = current_database()")
            psql.wait()

    def cut(self, waiting=False):
        """Ends the program's connections (those that wait for a lock); how many there were."""
        which = "AND wait_event_type = 'Lock'" if waiting else ""
        return len(self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'patron' "
                            f"AND datname = current_database() {which}"))

    def checksum(self, leave=NOT_DATA):
        """One hash over all rows of all tables but those that are not data."""
        tables = [t for t in self.tables() if t.split(".")[-1].strip('"') not in leave]
        if self.url:
            return "".join(sorted(r[0] for r in self.sql(" UNION ALL ".join(
                f"SELECT '{t}=' || md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {t} t"
                for t in tables))))
        total = hashlib.sha256()
        for table in tables:
            for r in sorted(self.sql(f'SELECT * FROM "{table}"')):
                total.update(repr((table, r)).encode())
        return total.hexdigest()


def psql(url, sql, *options):
    r = subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, *options, "-c", sql],
                       capture_output=True, text=True)
    if r.returncode:
        raise AssertionError(f"psql: {r.stderr} in {sql[:300]}")
    return r.stdout


class Api(unittest.TestCase):
    """A server per class, set up; self.admin is the administrator by token (English)."""
    kind = None
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        if cls.kind is None:
            raise unittest.SkipTest("abstract")
        cls.server = Server(cls.kind).start()
        cls.prepare()

    @classmethod
    def prepare(cls):
        cls.by_cookie = cls.server.set_up()
        cls.admin = cls.by_cookie
        cls.admin_id = cls.admin.get("session")["user"]["id"]

    @classmethod
    def tearDownClass(cls):
        code = cls.server.remove()
        assert code == 0, f"the server ended with {code}"

    _serial = 0

    @classmethod
    def people(cls, wanted):
        """Several at once: [{role, department, lang, admin}] → tokens' clients, one restart."""
        made = []
        for w in wanted:
            Api._serial += 1
            login = f"user{Api._serial}"
            body = {"name": f"User {Api._serial}", "login": login, "language": w.get("lang", "en"),
                    "is_admin": w.get("admin", False)}
            for key in ("role", "department"):
                if w.get(key):
                    body[key + "_id"] = w[key]
            made.append((cls.admin.post("users", body)["id"], login))
        cls.server.stop()
        clients = []
        for id, login in made:
            r = cls.server.run("token", "create", "--user", login)
            assert r.returncode == 0, r.stderr
            token = re.search(r"pat_\S+", r.stdout).group(0)
            c = cls.server.client(token=token)
            c.id, c.login = id, login
            clients.append(c)
        cls.server.start(cls.server.port)
        return clients

    def quiet(self):
        """Waits until no job runs: an import is followed by a valuation."""
        until = time.monotonic() + 300 * SLOW
        while self.server.rows("id", "job", "WHERE state IN ('queued', 'running')"):
            if time.monotonic() > until:
                self.fail("a job does not end")
            time.sleep(.02)

    def problem(self, client, method, path, code, status, pointer=None, body=None, raw=None,
                headers=None, field_code=None, text=None):
        """The request is refused with this code; nothing in the database changes."""
        self.quiet()
        before = self.server.checksum()
        a = client(method, path, body, headers, raw)
        self.assertEqual((a.status, a["code"]), (status, code), repr(a))
        self.assertTrue(a["title"])
        self.assertEqual(a.headers["Content-Type"], "application/problem+json")
        self.assertTrue(a.headers["X-Request-Id"])
        self.assertEqual(a["request_id"], a.headers["X-Request-Id"])
        if pointer is not None:
            found = {e["pointer"]: e for e in a["errors"]}
            self.assertIn(pointer, found, repr(a))
            if field_code:
                self.assertEqual(found[pointer]["code"], field_code)
            self.assertTrue(found[pointer]["message"])
        if text:
            said = a["title"] + " " + " ".join(e["message"] for e in a.json.get("errors", []))
            self.assertIn(text, said)
        self.assertEqual(before, self.server.checksum(), "something was written")
        return a


def both(*classes):
    """Makes the two classes of each test class; for load_tests of a test module."""
    module = sys.modules[classes[0].__module__]
    made = []
    for cls in classes:
        for kind in getattr(cls, "kinds", ("sqlite", "postgres")):
            if kind == "postgres" and not PG:
                continue
            name = f"{cls.__name__}_{kind}"
            new = type(name, (cls,), {"kind": kind, "__module__": module.__name__})
            setattr(module, name, new)
            made.append(new)

    def load_tests(loader, tests, pattern):
        suite = unittest.TestSuite()
        for c in made:
            suite.addTests(loader.loadTestsFromTestCase(c))
        return suite
    module.load_tests = load_tests
    module.made = made
