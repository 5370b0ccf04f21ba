"""An invented company: what is in it, that it is the same each time, and who may ask for it."""
import datetime
import json
import time
import unittest
import urllib.parse

from patron import Api, Server, both

CONTENT = ("SELECT c.ext_id, c.name, c.orders_count, c.revenue, c.next_step, c.next_task, c.next_task_on, "
           "(SELECT sum(l.amount * l.line_no + l.cost) FROM {order_lines} l JOIN {orders} o ON o.id = l.order_id "
           "WHERE o.customer_id = c.id), "
           "(SELECT count(*) FROM {contacts} k WHERE k.customer_id = c.id), "
           "(SELECT count(*) FROM {notes} n WHERE n.customer_id = c.id), "
           "(SELECT sum(o.amount * o.ordered_on) FROM {orders} o WHERE o.customer_id = c.id) "
           "FROM {customers} c ORDER BY c.ext_id")
WRONG_SUMS = ("SELECT count(*) FROM {customers} c WHERE "
              "revenue <> (SELECT sum(amount_base) FROM {orders} o WHERE o.customer_id = c.id) OR "
              "orders_count <> (SELECT count(*) FROM {orders} o WHERE o.customer_id = c.id AND status = 'confirmed') OR "
              "first_order_on <> (SELECT min(ordered_on) FROM {orders} o WHERE o.customer_id = c.id "
              "AND status = 'confirmed') OR "
              "last_order_on <> (SELECT max(ordered_on) FROM {orders} o WHERE o.customer_id = c.id "
              "AND status = 'confirmed')")

WRONG_LINES = ("SELECT count(*) FROM (SELECT order_id, sum(amount) AS amount, sum(cost) AS cost, sum(quantity) AS q "
               "FROM {order_lines} GROUP BY order_id) l JOIN {orders} o ON o.id = l.order_id "
               "WHERE o.amount <> l.amount OR o.cost <> l.cost OR o.units * 10000 <> l.q OR l.cost > l.amount "
               "AND o.status = 'confirmed'")
WRONG_STEPS = ("SELECT count(*) FROM {customers} c WHERE coalesce(next_task_on, 0) <> coalesce((SELECT min(due_on) "
               "FROM {tasks} t WHERE t.customer_id = c.id AND t.status = 'open'), 0)")


def ask(server, text):
    return server.sql(text.format(**{t: server.table(t) for t in ("customers", "contacts", "notes", "orders", "job",
                                                            "order_lines", "products", "categories", "tasks", "tags", "favourite")}))


class Demo(Api):
    def test_1_what_is_wrong_is_refused(self):
        for field, value, code in (("customers", 0, "out-of-range"), ("customers", 3_000_000, "out-of-range"),
                                   ("customers", "many", "number"), ("seed", 1.5, "number")):
            with self.subTest(field=field, value=value):
                self.problem(self.admin, "POST", "demo", "validation", 422, "/" + field, {field: value},
                             field_code=code)
        one = self.people([{}])[0]
        type(self).admin = self.by_cookie
        self.problem(one, "POST", "demo", "forbidden", 403, body={"customers": 10})

    def test_2_a_company_is_filled(self):
        job = self.admin.post("demo", {"customers": 300, "seed": 7}, status=202)["job_id"]
        self.assertEqual(self.admin.job(job)["result"], {"customers_created": 300})
        self.quiet()
        self.assertEqual(ask(self.server, WRONG_SUMS), [("0",)])
        rows = ask(self.server, CONTENT)
        self.assertEqual(len(rows), 300)
        self.assertGreater(sum(int(r[2]) for r in rows), 900)
        self.assertTrue(ask(self.server, "SELECT count(*) FROM {orders} WHERE status = 'returned' AND amount < 0 "
                                        "AND original_id IS NOT NULL")[0][0] > "0")
        self.assertEqual({t["name"] for t in self.admin.get("tags")["items"]}, {"框架协议", "重点维护", "展会认识", "付款慢", "转介绍"})
        self.assertGreater(len(self.admin.get("customers?tags[notnull]=&fields=name")["items"]), 20)
        self.assertEqual(len(self.admin.get("tasks?items_total=3&fields=title")["items"]), 12)
        # orders of the last year have lines, and are what they say
        self.assertEqual(ask(self.server, WRONG_LINES), [("0",)])
        self.assertEqual(ask(self.server, "SELECT count(*) FROM {orders} WHERE margin IS NULL OR margin <> amount - cost OR "
                                          "margin_base <> margin OR margin_currency <> amount_currency"), [("0",)])
        self.assertGreater(int(ask(self.server, "SELECT count(*) FROM {order_lines}")[0][0]), 600)
        self.assertEqual(ask(self.server, "SELECT count(*) FROM {products} p WHERE category_id IS NULL OR category <> "
                                          "(SELECT name FROM {categories} k WHERE k.id = p.category_id)"), [("0",)])
        self.assertEqual(ask(self.server, WRONG_STEPS), [("0",)])
        self.assertGreater(int(ask(self.server, "SELECT count(*) FROM {tasks} WHERE status = 'open'")[0][0]), 3)
        # it is found, valued, and belongs to the people who are there
        name = rows[0][1]
        found = self.admin.get("search?q=" + urllib.parse.quote(name))["items"]
        self.assertIn(name, [i["title"] for i in found])
        self.assertEqual(self.admin.get("customers?limit=1&count=exact")["count"]["value"], 300)
        self.assertGreater(int(ask(self.server, "SELECT count(*) FROM {customers} WHERE clv IS NOT NULL")[0][0]), 290)
        self.assertEqual(ask(self.server, "SELECT count(*) FROM {customers} WHERE owner_id IS NULL")[0][0], "0")

    def test_3_only_once(self):
        self.problem(self.admin, "POST", "demo", "state-conflict", 409, body={"customers": 10})

    def test_4_the_same_company_from_the_command_line(self):
        until = json.loads(ask(self.server, "SELECT params FROM {job} WHERE kind = 'demo'")[0][0])["until"]
        iso = (datetime.date(1970, 1, 1) + datetime.timedelta(days=until)).isoformat()
        other = Server("sqlite")
        try:
            r = other.run("demo", "--customers", "300", "--seed", "7", "--until", iso)
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertEqual(ask(other, CONTENT), ask(self.server, CONTENT))
            again = other.run("demo")
            self.assertEqual(again.returncode, 1)
            self.assertIn("already", again.stderr)
            for wrong in (["--customers", "x"], ["--until", "2026-02-30"], ["--seed", "-1"], ["somewhere"]):
                self.assertEqual(other.run("demo", *wrong).returncode, 2, wrong)
            third = Server("sqlite")
            self.assertEqual(third.run("demo", "--customers", "300", "--seed", "8", "--until", iso).returncode, 0)
            self.assertNotEqual(ask(third, CONTENT), ask(other, CONTENT))
            third.remove()
            lean = Server("sqlite")
            r = lean.run("demo", "--customers", "300", "--seed", "7", "--until", iso, "--lean")
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertEqual(ask(lean, WRONG_SUMS), [("0",)])
            self.assertEqual(ask(lean, "SELECT (SELECT count(*) FROM {customers}), (SELECT count(*) FROM {contacts}), "
                                       "(SELECT count(*) FROM {order_lines}), (SELECT count(*) FROM {tasks}), "
                                       "(SELECT count(*) FROM {tags}), (SELECT count(*) FROM {favourite})"),
                             [("300", "0", "0", "0", "0", "0")])
            # one piece of index, and joined again as it grows from now on
            self.assertEqual(lean.sql("SELECT count(DISTINCT segid) FROM search_doc_words_idx"), [("1",)])
            self.assertEqual(lean.sql("SELECT k, v FROM search_doc_words_config WHERE k LIKE '%merge' ORDER BY k"),
                             [("automerge", "4"), ("crisismerge", "16")])
            lean.sql("INSERT INTO search_doc_words (search_doc_words) VALUES ('integrity-check')")
            self.assertEqual(ask(lean, "SELECT kind, state FROM {job} WHERE kind = 'value'"), [("value", "queued")])
            self.assertEqual(ask(lean, f"SELECT count(*) FROM {{orders}} WHERE ordered_on <= {until} - 365"), [("0",)])
            lean.remove()
        finally:
            other.remove()


TABLES = ("customers", "contacts", "orders", "order_lines", "notes", "tasks", "products", "categories", "change")


class Cancelled(Api):
    """What a cancelled one wrote is taken back; a killed one goes on, at either."""

    @property
    def seconds(self):
        """Customers that take some seconds."""
        return 1500 if self.server.url else 12000

    def left(self):
        s = self.server
        words = s.sql(f"SELECT count(*) FROM {s.table('search_doc')} WHERE entity <> 'user'")[0][0]
        return {t: int(s.rows("count(*)", t)[0][0]) for t in TABLES} | {"words": int(words)}

    def begun(self, n=None):
        """A job that has written some of its n customers, and not all: one that is cancelled has far to go."""
        n = n or 5 * self.seconds
        job = self.admin.post("demo", {"customers": n, "seed": 5}, status=202)["job_id"]
        end = time.monotonic() + 120
        while time.monotonic() < end:
            j = self.admin.get(f"jobs/{job}")
            if j["state"] == "running" and n > j["done"] > 0:
                return job
            self.assertNotEqual(j["state"], "done", "too quick to be cancelled")
            time.sleep(.005)
        self.fail("it does not begin")

    def kill(self):
        self.server.process.kill()
        self.server.process.wait()
        self.server.stop()
        self.server.rows_set("job", "lease_until = 0 WHERE state = 'running'")
        self.server.start(self.server.port)

    def cancel(self, job):
        self.admin.need(202, "POST", f"jobs/{job}/cancel")
        return self.admin.job(job, "cancelled")["result"]

    def test_1_cancelled(self):
        job = self.begun()
        result = self.cancel(job)
        self.assertEqual(self.left(), dict.fromkeys(self.left(), 0))
        self.assertEqual(result["kept"], 0)
        self.assertGreater(result["removed"], 0)
        self.problem(self.admin, "POST", f"jobs/{job}/cancel", "state-conflict", 409)

    def test_2_killed_while_it_takes_back(self):
        job = self.begun()
        self.admin.need(202, "POST", f"jobs/{job}/cancel")
        end = time.monotonic() + 60
        while self.admin.get(f"jobs/{job}")["phase"] != "undo" and time.monotonic() < end:
            time.sleep(.002)
        self.kill()
        self.admin.job(job, "cancelled")
        self.assertEqual(self.left(), dict.fromkeys(self.left(), 0))

    def test_3_what_somebody_touched_stays(self):
        a, job = self.admin, self.begun()
        noted, linked, gone = (r["id"] for r in a.get("customers?sort=id&limit=3&fields=id")["items"])
        a.post("notes", {"customer_id": noted, "body": "mine"})
        mine = a.post("customers", {"name": "Mine", "parent_id": linked})["id"]
        orders = {k: a.get(f"orders?customer_id={k}&count=exact&limit=1")["count"]["value"] for k in (noted, linked)}
        self.assertEqual(self.cancel(job)["kept"], 2)
        self.assertEqual({r["id"] for r in a.all("customers?fields=id")}, {noted, linked, mine})
        self.assertEqual({k: a.get(f"orders?customer_id={k}&count=exact&limit=1")["count"]["value"] for k in orders}, orders)
        self.assertEqual(a("GET", f"customers/{gone}").status, 404)
        self.assertEqual(self.left()["orders"], sum(orders.values()))
        self.problem(a, "POST", "demo", "state-conflict", 409, body={"customers": 10})
        # What was kept goes like anything else.
        s = self.server
        self.quiet()
        s.stop()
        for t in ("customer_value", "value_snapshot", *TABLES[1:6], "change"):
            s.sql(f"DELETE FROM {s.table(t)}")
        for t in ("search_doc", "history"):
            sql = f"DELETE FROM {s.table(t)} WHERE entity <> 'user'"
            s.sql(sql)
        for sql in (f"UPDATE {s.table('customers')} SET parent_id = NULL, next_task_id = NULL", f"DELETE FROM {s.table('customers')}",
                    f"DELETE FROM {s.table('products')}", f"UPDATE {s.table('categories')} SET parent_id = NULL",
                    f"DELETE FROM {s.table('categories')}"):
            s.sql(sql)
        s.start(s.port)

    def test_4_killed_and_gone_on(self):
        """The same company as one that nobody disturbed, at the second try and after a kill."""
        n = self.seconds
        job = self.begun(n)
        until = json.loads(ask(self.server, f"SELECT params FROM {{job}} WHERE id = {job}")[0][0])["until"]
        self.kill()
        self.assertEqual(self.admin.job(job)["result"], {"customers_created": n})
        other = Server("sqlite")
        try:
            iso = (datetime.date(1970, 1, 1) + datetime.timedelta(days=until)).isoformat()
            r = other.run("demo", "--customers", str(n), "--seed", "5", "--until", iso)
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertEqual(ask(other, CONTENT), ask(self.server, CONTENT))
        finally:
            other.remove()


load_tests = both(Demo, Cancelled)

if __name__ == "__main__":
    unittest.main()
