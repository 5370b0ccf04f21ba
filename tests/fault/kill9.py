#!/usr/bin/env python3
"""kill -9 at random moments of concurrent writing, importing and exporting, again and again (SQLite).

After each kill the data is opened again and compared: every write that was answered is there with
its value and exactly one history row of its version, nothing is half done, the import (of orders, of
their lines, of contacts, of products, in turn) goes on to exactly the rows of its file, and an export
is a whole file or none. KILLS=50 for all of them (12 unless told); SEED for the same moments.
Prints `N passed, N failed, 0 skipped`; a kill with all its comparisons is one."""
import csv
import datetime
import http.client
import io
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "api"))
from patron import Server  # noqa: E402

KILLS = int(os.environ.get("KILLS", "12"))
SEED = int(os.environ.get("SEED", "0")) or int(time.time())
WRITERS = 6
ROWS = 40000  # of an import: a few chunks


class Writer(threading.Thread):
    """Creates, changes and deletes customers; remembers what was answered and what was under way."""

    def __init__(self, server, cookie, number):
        super().__init__(daemon=True)
        self.client = server.client()
        self.client.cookie = cookie
        self.number = number
        self.known = {}    # id -> (version, name, deleted)
        self.unsure = {}   # id -> what it may have become
        self.begun = set()  # names of creates without an answer
        self.over = False
        self.answered = 0

    def run(self):
        rnd = random.Random(self.number)
        i = 0
        while not self.over:
            i += 1
            name = f"w{self.number}-{i}"
            living = [k for k, v in self.known.items() if not v[2]]
            what = rnd.random() if living else 1
            id = rnd.choice(living) if living else None
            try:
                if what < .35:
                    version = self.known[id][0]
                    self.unsure[id] = (version + 1, name, False)
                    a = self.client("PATCH", f"customers/{id}", {"name": name}, {"If-Match": f'"{version}"'})
                    good, now = a.status == 200, (version + 1, name, False)
                elif what < .45:
                    version, old, _ = self.known[id]
                    self.unsure[id] = (version + 1, old, True)
                    a = self.client("DELETE", f"customers/{id}")
                    good, now = a.status == 204, (version + 1, old, True)
                else:
                    self.begun.add(name)
                    a = self.client("POST", "customers", {"name": name})
                    good, now = a.status == 201, (1, name, False)
                    if good:
                        id = a["id"]
                        self.begun.discard(name)
            except (OSError, http.client.HTTPException):
                return
            if a.status == 503:
                self.unsure.pop(id, None)
                continue
            if not good:
                raise AssertionError(f"unexpected answer {a}")
            self.answered += 1
            self.known[id] = now
            self.unsure.pop(id, None)


def compare(server, writers):
    """What is stored against what was answered."""
    wrong = []
    rows = {r[0]: (int(r[1]), r[2], r[3] != "") for r in
            server.rows("id, version, name, deleted_at", "customers", "WHERE import_id IS NULL")}
    history = {}
    for record, kind in server.rows("record_id, kind", "history", "WHERE entity = 'customer' AND record_id > 0 ORDER BY id"):
        history.setdefault(record, []).append(kind)
    docs = {r[0] for r in server.rows("id", "search_doc", "WHERE entity = 'customer'")}
    outbox = {}
    for r in server.rows("record_id, count(*)", "outbox", "WHERE entity = 'customer' GROUP BY record_id"):
        outbox[r[0]] = int(r[1])
    names, seen = set(), set()
    for w in writers:
        names |= w.begun
        for id, want in w.known.items():
            seen.add(id)
            got = rows.get(id)
            if got != want and got != w.unsure.get(id):
                wrong.append(f"{id}: answered {want}, stored {got}")
    for id, (version, name, deleted) in rows.items():
        if id not in seen and name not in names:
            wrong.append(f"{id} {name}: nobody asked for it")
        if len(history.get(id, [])) != version:
            wrong.append(f"{id}: version {version}, history {history.get(id)}")
        if outbox.get(id) != version:
            wrong.append(f"{id}: version {version}, outbox {outbox.get(id)}")
        if deleted == (id in docs):
            wrong.append(f"{id}: deleted {deleted}, found by the search {id in docs}")
    for id in history:
        if id not in rows and not server.rows("id", "customers", f"WHERE id = {id}"):
            wrong.append(f"{id}: history of nothing")
    return wrong


def day(text):
    return (datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days


def random_date(rnd):
    return f"2024-{rnd.randrange(1, 13):02}-{rnd.randrange(1, 29):02}"


# Each kind of file: its head, its row by number, what is stored of it, and how a row is found there.


def order_row(rnd, round, i):
    return f"R{round}-{rnd.randrange(ROWS // 4)}", random_date(rnd), f"{rnd.randrange(1, 99999) / 100:.2f}"


def line_row(rnd, round, i):
    order = i // 4  # four lines, all of one customer and day
    return (f"O{round}-{order}", f"L{round}-{order % 1000}", f"2024-{order % 12 + 1:02}-{order % 28 + 1:02}", f"part {i}",
            str(rnd.randrange(1, 9)), f"{rnd.randrange(1, 9999) / 100:.2f}")


def contact_row(rnd, round, i):
    return f"K{round}-{i % 500}", f"person {round}-{i}", f"1{round:02}{i:08}"


def product_row(rnd, round, i):
    return f"P{round}-{i}", f"product {i}", f"{rnd.randrange(1, 9999) / 100:.2f}", f"group {i % 20}"


cents = lambda text: round(float(text) * 100)
KINDS = {
    "order": (
        "customer_id,date,amount", order_row,
        "SELECT c.ext_id, o.ordered_on, o.amount FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.import_id = {id}",
        lambda r: (r[0], str(day(r[1])), str(cents(r[2])))),
    "order_line": (
        "order number,customer_id,date,description,quantity,unit price", line_row,
        "SELECT o.number, c.ext_id, o.ordered_on, l.description, l.amount FROM order_lines l JOIN orders o ON o.id = l.order_id "
        "JOIN customers c ON c.id = o.customer_id WHERE o.import_id = {id}",
        lambda r: (r[0], r[1], str(day(r[2])), r[3], str(int(r[4]) * cents(r[5])))),
    "contact": (
        "customer name,contact name,phone", contact_row,
        "SELECT c.name, p.name, p.phone FROM contacts p JOIN customers c ON c.id = p.customer_id WHERE p.import_id = {id}",
        lambda r: r),
    "product": (
        "code,product name,list price,category", product_row,
        "SELECT p.code, p.name, p.list_price, c.name FROM products p JOIN categories c ON c.id = p.category_id "
        "WHERE p.import_id = {id}",
        lambda r: (r[0], r[1], str(cents(r[2])), r[3])),
}


def import_file(kind, round):
    head, row, _, _ = KINDS[kind]
    rnd = random.Random(round)
    rows = [row(rnd, round, i) for i in range(ROWS)]
    return rows, (head + "\n" + "".join(",".join(r) + "\n" for r in rows)).encode()


def check_import(server, id, kind, rows):
    """Exactly the rows of the file; called when the import says it is done."""
    _, _, sql, stored = KINDS[kind]
    got = sorted(server.sql(sql.format(id=id)))
    want = sorted(stored(r) for r in rows)
    wrong = [] if got == want else [f"import of {kind}: {len(got)} rows stored, {len(want)} in the file"]
    sums = server.rows("count(*)", "customers c", "WHERE import_id = %s AND (coalesce(orders_count, 0), coalesce(revenue, 0)) IS NOT "
                       "(SELECT count(*), coalesce(sum(amount_base), 0) FROM orders o WHERE o.customer_id = c.id)" % id)
    if sums != [("0",)]:
        wrong.append(f"import of {kind}: sums of {sums[0][0]} customers are wrong")
    totals = server.sql("SELECT count(*) FROM orders o WHERE EXISTS (SELECT 1 FROM order_lines l WHERE l.order_id = o.id) AND "
                        "o.amount <> (SELECT sum(l.amount) FROM order_lines l WHERE l.order_id = o.id)")
    if totals != [("0",)]:
        wrong.append(f"{totals[0][0]} orders are not the sum of their lines")
    return wrong


def check_export(server, admin, id):
    """A whole file, and nothing of the ones that were begun."""
    job = admin.job(id)
    data = admin.need(200, "GET", f"exports/{id}").raw
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))[1:]
    wrong = []
    if len(rows) != job["result"]["rows"] or len(data) != job["result"]["bytes"] or len({r[0] for r in rows}) != len(rows):
        wrong.append(f"export: {len(rows)} rows and {len(data)} bytes where {job['result']} is said")
    begun = [f for f in os.listdir(os.path.join(server.data, "files", "exports")) if f.endswith(".part")]
    return wrong + [f"export: {f} is left" for f in begun]


def main():
    rnd = random.Random(SEED)
    server = Server("sqlite").start()
    admin = server.set_up()
    cookie = admin.cookie
    writers, passed, failed, running, answered = [], 0, 0, None, 0
    print(f"seed {SEED}", flush=True)
    for kill in range(KILLS):
        now = [Writer(server, cookie, kill * 100 + n) for n in range(WRITERS)]
        # They go on with what the ones before made.
        for old, new in zip(writers[-WRITERS:], now):
            new.known = {k: v for k, v in old.known.items() if k not in old.unsure}
            old.known = {k: v for k, v in old.known.items() if k in old.unsure}
        writers += now
        [w.start() for w in now]
        if running is None:
            kind = list(KINDS)[kill // 3 % len(KINDS)]
            rows, data = import_file(kind, kill)
            a = admin.need(201, "POST", f"imports?entity={kind}&name=kill.csv", raw=data)
            admin.post(f"imports/{a['id']}/run", status=202)
            running = (a["id"], kind, rows)
            export = admin.post("exports", {"entity": "customer", "format": "csv", "fields": ["id", "name", "ext_id"]},
                                status=202)["job_id"]
        time.sleep(rnd.uniform(.05, 1.2))
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server.process.stdout.close()
        server.log.close()
        for w in now:
            w.over = True
            w.join(20)
            answered += w.answered
        wrong = compare(server, writers)
        server.start()
        admin = server.client()
        admin.cookie = cookie
        if admin("GET", "session").status != 200:
            wrong.append("the session is gone")
        # Every third time the import may end; else the next kill comes into the middle of it again.
        if kill % 3 == 2 or kill == KILLS - 1:
            until = time.monotonic() + 60
            while True:
                im = admin.get(f"imports/{running[0]}")
                if im["state"] not in ("running", "uploaded") or time.monotonic() > until:
                    break
                time.sleep(.1)
            if im["state"] != "done" or im["result"]["created"] != ROWS or im["result"]["rejected"]:
                wrong.append(f"import after the restart: {im['state']} {im.get('result')}")
            wrong += check_import(server, *running)
            wrong += check_export(server, admin, export)
            running = None
        for line in wrong[:10]:
            print(f"FAIL kill {kill} (seed {SEED}): {line}", flush=True)
        passed, failed = passed + (not wrong), failed + bool(wrong)
    server.stop()
    r = server.run("check")
    if r.returncode or r.stdout.splitlines()[-1] != "0 findings":
        print("FAIL check: " + r.stdout + r.stderr)
        failed += 1
    else:
        passed += 1
    server.remove()
    print(f"{answered} answered writes compared after {KILLS} kills")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


sys.exit(main())
