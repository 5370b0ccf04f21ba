#!/usr/bin/env python3
"""kill -9 at random moments of concurrent writing and importing, again and again (SQLite).

After each kill the data is opened again and compared: every write that was answered is there with
its value and exactly one history row of its version, nothing is half done, and the import goes on to
exactly the rows of its file. KILLS=50 for all of them (12 unless told); SEED for the same moments.
Prints `N passed, N failed, 0 skipped`; a kill with all its comparisons is one."""
import http.client
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
    for record, kind in server.rows("record_id, kind", "history", "WHERE entity = 'customer' ORDER BY id"):
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


def import_file(round):
    rnd = random.Random(round)
    rows = [(f"R{round}-{rnd.randrange(ROWS // 4)}", f"2024-{rnd.randrange(1, 13):02}-{rnd.randrange(1, 29):02}",
             f"{rnd.randrange(1, 99999) / 100:.2f}") for _ in range(ROWS)]
    return rows, ("customer_id,date,amount\n" + "".join(",".join(r) + "\n" for r in rows)).encode()


def check_import(server, id, rows, began):
    """Exactly the rows of the file; called when the import says it is done."""
    got = sorted((c, int(d), int(a)) for c, d, a in server.rows(
        "c.ext_id, o.ordered_on, o.amount", "orders o JOIN customers c ON c.id = o.customer_id", f"WHERE o.import_id = {id}"))
    day = {}
    import datetime
    epoch = datetime.date(1970, 1, 1)
    want = sorted((c, day.setdefault(d, (datetime.date.fromisoformat(d) - epoch).days), round(float(a) * 100))
                  for c, d, a in rows)
    wrong = [] if got == want else [f"import: {len(got)} rows stored, {len(want)} in the file"]
    sums = server.rows("count(*)", "customers c", "WHERE import_id = %s AND (orders_count, revenue) IS NOT (SELECT count(*), "
                       "sum(amount_base) FROM orders o WHERE o.customer_id = c.id)" % id)
    if sums != [("0",)]:
        wrong.append(f"import: sums of {sums[0][0]} customers are wrong")
    return wrong


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
            rows, data = import_file(kill)
            a = admin.need(201, "POST", "imports?entity=order&name=kill.csv", raw=data)
            admin.post(f"imports/{a['id']}/run", status=202)
            running = (a["id"], rows, kill)
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
