"""Exchange rates with dates: by which rate an order stands in the company's currency, whatever way it came in, and what
happens when rates change. What is wanted is computed here with Python's decimals."""
import json
import random
import threading
import time
import unittest
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from patron import both
from test_import import Import

DECIMALS = {"CNY": 2, "USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}


def rounded(x, places):
    return int((abs(x) * 10 ** places).quantize(Decimal(1), ROUND_HALF_UP)) * (1 if x >= 0 else -1)


class Book:
    """Rates as a company keeps them: per currency (first day or None, rate as a text)."""

    def __init__(self, **of):
        self.of = of

    def json(self):
        return {c: [{"from": day, "rate": float(rate)} for day, rate in rows] for c, rows in self.of.items()}

    def on(self, currency, day):
        rows = sorted(self.of[currency], key=lambda r: r[0] or "")
        begun = [r for r in rows if (r[0] or "") <= day]
        return Decimal((begun[-1] if begun else rows[0])[1])

    def base(self, minor, currency, day):
        """Minor units of the currency in minor units of CNY."""
        if currency == "CNY":
            return minor
        return rounded(Decimal(minor) / 10 ** DECIMALS[currency] * self.on(currency, day), 2)

    def line(self, line, day):
        """(amount, cost) of a line in base currency: prices are converted, then multiplied."""
        def price(key):
            m = line.get(key)
            return None if not m else self.base(rounded(Decimal(m["amount"]), DECIMALS[m["currency"]]), m["currency"], day)
        one = price("price")
        if line.get("discount"):
            one = rounded(price("list_price") * (100 - Decimal(line["discount"])) / 100, 0)
        elif one is None:
            one = price("list_price")
        quantity, cost = Decimal(line["quantity"]), price("unit_cost")
        return rounded(one * quantity, 0), None if cost is None else rounded(cost * quantity, 0)


BOOK = Book(USD=[("2025-01-01", "7.3"), (None, "6.9"), ("2024-03-01", "7.1")],
            JPY=[("2024-06-01", "0.047"), ("2024-09-01", "0.0515")], KWD=[("2024-01-01", "23.456789")])


class Rates(Import):
    def setUp(self):
        self.now(BOOK)
        self.customer = self.admin.post("customers", {"name": "Dated"})["id"]

    def now(self, book, client=None):
        """Sets the rates and waits until everything is converted by them."""
        a = (client or self.admin).patch("company", {"rates": book.json() if isinstance(book, Book) else book})
        return self.admin.job(a["converting"]) if a["converting"] else None

    def order(self, day, amount, currency="USD", **more):
        return self.admin.post("orders", {"customer_id": self.customer, "ordered_on": day,
                                          "amount": {"amount": str(amount), "currency": currency}, **more})

    def base(self, id, column="amount_base", table="orders"):
        text = self.server.rows(column, table, f"WHERE id = {id}")[0][0]
        return int(text) if text else None

    def revenue(self, customer=None):
        return self.admin.get(f"customers/{customer or self.customer}")["revenue"]["amount"]

    def holds(self, book, where="1 = 1"):
        """Every order, line and sum that is stored stands by these rates; how many orders were looked at."""
        lines = {}
        for order, *m, quantity, discount, amount, cost, gone in self.server.rows(
                "order_id, price, price_currency, list_price, unit_cost, quantity, discount, amount_base, cost_base, deleted_at",
                "order_lines"):
            lines.setdefault(order, []).append((m, quantity, discount, amount, cost, gone))
        rows = self.server.rows("id, ordered_on, amount, amount_currency, amount_base, cost, cost_currency, cost_base, "
                                "margin_base, deleted_at", "orders", f"WHERE {where}")
        for id, day, amount, currency, base, cost, cost_currency, cost_base, margin, gone in rows:
            day = str(date(1970, 1, 1) + timedelta(int(day)))
            want = [book.base(int(amount), currency, day), None if not cost else book.base(int(cost), cost_currency, day)]
            if id in lines:
                want = [0, 0]
                for (price, money, list_price, unit_cost), quantity, discount, stored, stored_cost, line_gone in lines[id]:
                    say = lambda minor: minor and {"amount": str(Decimal(minor).scaleb(-DECIMALS[money])), "currency": money}
                    a, c = book.line({"price": say(price), "list_price": say(list_price), "unit_cost": say(unit_cost),
                                      "quantity": Decimal(quantity) / 10000,
                                      "discount": discount and Decimal(discount) / 10000}, day)
                    self.assertEqual((int(stored), int(stored_cost) if stored_cost else None), (a, c), (id, day, money))
                    if line_gone == gone:
                        want = [want[0] + a, None if want[1] is None or c is None else want[1] + c]
            self.assertEqual((int(base), int(cost_base) if cost_base else None), tuple(want), (id, day, amount, currency))
            if margin:
                self.assertEqual(int(margin), want[0] - want[1])
        sums = self.server.rows("c.id, c.revenue, coalesce(sum(o.amount_base), 0)", "customers",
                                f"c LEFT JOIN {self.server.table('orders')} o ON o.customer_id = c.id AND o.deleted_at IS NULL "
                                "AND o.status IN ('confirmed', 'returned') WHERE c.revenue IS NOT NULL GROUP BY c.id, c.revenue")
        self.assertEqual([r for r in sums if int(r[1]) != int(r[2])], [])
        return len(rows)


class ByDate(Rates):
    def test_the_day_decides(self):
        for day, rate in (("2019-05-05", "6.9"), ("2024-02-29", "6.9"), ("2024-03-01", "7.1"), ("2024-12-31", "7.1"),
                          ("2025-01-01", "7.3"), ("2033-01-01", "7.3")):
            o = self.order(day, "10.01", cost={"amount": "3.33", "currency": "USD"})
            self.assertEqual(self.base(o["id"]), rounded(Decimal("10.01") * Decimal(rate), 2), day)
            self.assertEqual(self.base(o["id"], "margin_base"),
                             rounded(Decimal("10.01") * Decimal(rate), 2) - rounded(Decimal("3.33") * Decimal(rate), 2))
        for day, rate in (("2020-01-01", "0.047"), ("2024-08-31", "0.047"), ("2024-09-01", "0.0515")):
            self.assertEqual(self.base(self.order(day, "12345", "JPY")["id"]), rounded(12345 * Decimal(rate), 2),
                             "before the first day the earliest rate")
        self.assertEqual(self.base(self.order("2024-05-05", "1.234", "KWD")["id"]), 2895)
        self.assertEqual(self.base(self.order("2024-05-05", "1.23", "CNY")["id"]), 123)
        back = self.order("2024-03-01", "-10.01", status="returned")
        self.assertEqual(self.base(back["id"]), -7107)
        self.holds(BOOK, f"customer_id = {self.customer}")

    def test_batch_and_changes(self):
        item = lambda day, amount: {"customer_id": self.customer, "ordered_on": day,
                                    "amount": {"amount": amount, "currency": "USD"}}
        made = self.admin.need(200, "POST", "orders/batch", {"items": [item("2023-01-01", "1.00"), item("2024-04-01", "1.00"),
                                                                        item("x", "1.00"), item("2026-04-01", "1.00")]}).json
        ids = [r["id"] for r in made["results"] if r["status"] == 201]
        self.assertEqual([self.base(i) for i in ids], [690, 710, 730])
        self.assertEqual(self.revenue(), "21.30")
        first = ids[0]
        self.admin.patch(f"orders/{first}", {"ordered_on": "2024-03-01"})
        self.assertEqual((self.base(first), self.revenue()), (710, "21.50"), "the day alone")
        event = self.admin.get(f"orders/{first}/history")["items"][0]
        self.assertEqual([c["field"] for c in event["changes"]], ["ordered_on"])
        self.admin.need(200, "POST", f"history/{event['id']}/undo")
        self.assertEqual((self.base(first), self.revenue()), (690, "21.30"))
        self.admin.patch(f"orders/{first}", {"amount": {"amount": "2.00", "currency": "USD"}})
        self.assertEqual(self.base(first), 1380, "by the rate of its day, not of today")
        self.admin.patch(f"orders/{first}", {"amount": {"amount": "2.00", "currency": "USD"}, "place": "Shanghai"})
        self.assertEqual(self.base(first), 1380)
        self.admin.patch(f"orders/{first}", {"amount": {"amount": "200", "currency": "JPY"}, "ordered_on": "2024-10-01"})
        self.assertEqual(self.base(first), 1030)
        self.admin.patch(f"orders/{first}", {"amount": "2.00"})
        self.assertEqual(self.base(first), 200)
        self.admin.patch(f"orders/{first}", {"ordered_on": "2023-01-01"})
        self.assertEqual(self.base(first), 200)

    def test_lines(self):
        usd = lambda x: {"amount": x, "currency": "USD"}
        product = self.admin.post("products", {"name": "Dated tool", "list_price": usd("3.33"), "cost": usd("1.11")})["id"]
        lines = [{"product_id": product, "quantity": "2.5", "discount": "12.5"},
                 {"description": "agreed", "quantity": "7", "price": usd("0.07"), "unit_cost": usd("0.05")}]
        o = self.admin.post("orders", {"customer_id": self.customer, "ordered_on": "2023-06-01", "lines": lines})
        full = [{**lines[0], "list_price": usd("3.33"), "unit_cost": usd("1.11")}, lines[1]]
        def want(day):
            each = [BOOK.line(line, day) for line in full]
            return sum(a for a, _ in each), sum(c for _, c in each)
        self.assertEqual((self.base(o["id"]), self.base(o["id"], "cost_base")), want("2023-06-01"))
        self.admin.patch(f"orders/{o['id']}", {"ordered_on": "2025-06-01"})
        self.assertEqual((self.base(o["id"]), self.base(o["id"], "cost_base")), want("2025-06-01"))
        self.holds(BOOK, f"customer_id = {self.customer}")
        stand = self.admin.get(f"order_lines?order_id={o['id']}&sort=line_no")["items"]
        # One line changed and the day with it: the other, which is sent as it is, is converted, too.
        self.admin.patch(f"orders/{o['id']}", {"ordered_on": "2024-04-01", "lines": [
            {"id": stand[0]["id"]}, {"id": stand[1]["id"], "quantity": "8"}]})
        full[1]["quantity"] = "8"
        self.assertEqual((self.base(o["id"]), self.base(o["id"], "cost_base")), want("2024-04-01"))
        self.holds(BOOK, f"customer_id = {self.customer}")
        event = self.admin.get(f"orders/{o['id']}/history")["items"][0]["id"]
        self.admin.need(200, "POST", f"history/{event}/undo")
        full[1]["quantity"] = "7"
        self.assertEqual((self.base(o["id"]), self.base(o["id"], "cost_base")), want("2025-06-01"))
        self.holds(BOOK, f"customer_id = {self.customer}")

    def test_what_an_order_says(self):
        say = lambda id, c=self.admin: c.get(f"orders/{id}/rate")
        o = self.order("2024-03-01", "10.00")
        self.assertEqual(say(o["id"]), {"currency": "USD", "base": {"amount": "71.00", "currency": "CNY"}, "rate": 7.1,
                                        "from": "2024-03-01"})
        self.assertEqual((say(self.order("2024-02-29", "1")["id"])["rate"], say(self.order("2024-02-29", "1")["id"])["from"]),
                         (6.9, None))
        self.assertEqual(say(self.order("2024-02-29", "1.00", "CNY")["id"]),
                         {"currency": "CNY", "base": {"amount": "1.00", "currency": "CNY"}, "rate": None, "from": None})
        rights = {"customer": {"read": "all"}, "order": {"read": "all"}}
        own, hidden = (self.admin.post("roles", {"name": n, "permissions": p})["id"] for n, p in (
            ("own only", {"order": {"read": "own"}}),
            ("no amounts", {**rights, "order": {"read": "all", "fields": {"amount": "hide"}}})))
        stranger, blind = self.people([{"role": own}, {"role": hidden}])
        self.assertEqual(stranger("GET", f"orders/{o['id']}/rate").status, 404)
        self.problem(blind, "GET", f"orders/{o['id']}/rate", "field-held-back", 403)


class Changed(Rates):
    def test_only_what_changed(self):
        """A rate that begins later touches nothing before it; what people see of an order stays as it was."""
        ids = {day: self.order(day, "10.00")["id"] for day in ("2023-01-01", "2024-03-01", "2024-08-31", "2024-09-01", "2025-02-01")}
        trash = self.order("2024-10-01", "10.00")["id"]
        self.admin.delete(f"orders/{trash}")
        versions = self.server.rows("id, version, updated_at", "orders", "ORDER BY id")
        events = self.n("history", "WHERE entity = 'order'")
        more = Book(**{**BOOK.of, "USD": BOOK.of["USD"] + [("2024-09-01", "7.2")]})
        effect = self.admin.post("company/rates/effect", {"rates": more.json()}, 200)
        others = self.n("orders", "WHERE amount_currency = 'USD' AND deleted_at IS NULL AND ordered_on >= 19967 AND ordered_on < 20089")
        self.assertEqual(effect, {"items": [{"currency": "USD", "from": "2024-09-01", "to": "2025-01-01", "orders": others}],
                                  "orders": others})
        job = self.now(more)
        self.assertEqual((job["kind"], job["result"]["orders"]), ("rates", others + 1), "the one in the trash, too")
        self.assertEqual({day: self.base(id) for day, id in ids.items()},
                         {"2023-01-01": 6900, "2024-03-01": 7100, "2024-08-31": 7100, "2024-09-01": 7200, "2025-02-01": 7300})
        self.assertEqual(self.revenue(), "356.00")
        self.assertEqual(self.base(trash), 7200)
        self.admin.post(f"orders/{trash}/restore", status=200)
        self.assertEqual(self.revenue(), "428.00")
        self.assertEqual([r for r in self.server.rows("id, version, updated_at", "orders", "ORDER BY id") if r[0] != trash],
                         [r for r in versions if r[0] != trash])
        self.assertEqual(self.n("history", "WHERE entity = 'order'"), events + 1)
        noted = self.admin.get("audit?entity=company&limit=1")["items"][0]
        change = {c["field"]: (json.loads(c["before"]), json.loads(c["after"])) for c in noted["changes"]}
        was, now = ({c: sorted(({"from": f, "rate": float(r)} for f, r in rows), key=lambda x: x["from"] or "")
                     for c, rows in b.of.items()} for b in (BOOK, more))
        self.assertEqual(change, {"rates": (was, now)})
        self.assertEqual(self.admin.patch("company", {"rates": more.json()})["converting"], None, "nothing changed")
        self.holds(more, f"customer_id = {self.customer}")

    def test_a_currency_that_has_no_rate_any_more(self):
        o = self.order("2024-04-01", "10.00")
        self.now({"JPY": 0.05, "KWD": 23})
        self.assertEqual((self.base(o["id"]), self.revenue()), (7100, "71.00"), "what stands, stands")
        self.admin.patch(f"orders/{o['id']}", {"place": "Ningbo", "ordered_on": "2025-06-01"})
        self.assertEqual(self.base(o["id"]), 7100)
        self.assertEqual(self.admin.get(f"orders/{o['id']}/rate")["rate"], None)
        self.problem(self.admin, "PATCH", f"orders/{o['id']}", "validation", 422, "/amount",
                     {"amount": {"amount": "1.00", "currency": "USD"}}, field_code="no-rate")
        self.now(BOOK)
        self.assertEqual((self.base(o["id"]), self.revenue()), (7300, "73.00"), "and is converted when there is one again")

    def test_to_the_cent(self):
        """Random orders with and without lines; random rates, changed again and again."""
        rnd = random.Random(5)
        self.now({})
        days = [str(date(2023, 1, 1) + timedelta(rnd.randrange(1000))) for _ in range(12)]
        def book():
            return Book(**{c: [(None, f"{rnd.uniform(.01, 30):.6f}")] +
                           [(d, f"{rnd.uniform(.01, 30):.6f}") for d in rnd.sample(days, rnd.randrange(6))]
                           for c in ("USD", "EUR", "JPY", "KWD")})
        self.now(book())
        def money(currency):
            places = DECIMALS[currency]
            return {"amount": str(Decimal(rnd.randrange(1, 900000)).scaleb(-places)), "currency": currency}
        customers = [self.admin.post("customers", {"name": f"Cent {i}"})["id"] for i in range(5)]
        for i in range(60):
            currency = rnd.choice(list(DECIMALS))
            body = {"customer_id": rnd.choice(customers), "ordered_on": rnd.choice(days)}
            if i % 2:
                body |= {"amount": money(currency), "cost": rnd.choice([None, money(currency), money("USD")])}
            else:
                body["lines"] = [{"description": "x", "quantity": str(Decimal(rnd.randrange(1, 90000)) / 1000),
                                  **rnd.choice([{"price": money(currency)},
                                                {"list_price": money(currency), "discount": str(Decimal(rnd.randrange(10000)) / 100)}]),
                                  "unit_cost": rnd.choice([None, money(currency)])} for _ in range(rnd.randrange(1, 5))]
            self.admin.post("orders", body)
        where = f"customer_id IN ({','.join(customers)})"
        for _ in range(4):
            new = book()
            self.now(new)
            self.assertEqual(self.holds(new, where), 60)

    def test_written_while_it_runs(self):
        """Whoever writes while rates change and orders are converted: in the end everything is by the last rates."""
        for i in range(150):
            self.order(str(date(2024, 1, 1) + timedelta(i)), "10.01")
        stop, wrong = threading.Event(), []
        def write(seed):
            rnd, c = random.Random(seed), self.server.client(token=self.token)
            try:
                while not stop.is_set():
                    day = str(date(2024, 1, 1) + timedelta(rnd.randrange(500)))
                    o = c.post("orders", {"customer_id": self.customer, "ordered_on": day, "lines": [
                        {"description": "x", "quantity": "3", "price": {"amount": "1.07", "currency": "USD"}}]})
                    c.patch(f"orders/{o['id']}", {"ordered_on": str(date(2024, 1, 1) + timedelta(rnd.randrange(500)))})
                    c.patch(f"orders/{o['id']}", {"place": "here"})
            except Exception as x:
                wrong.append(x)
        self.token = self.admin.post("tokens", {"name": "writer"})["secret"]
        threads = [threading.Thread(target=write, args=(i,)) for i in range(3)]
        for t in threads:
            t.start()
        last, jobs = None, []
        for i in range(6):
            last = Book(**{**BOOK.of, "USD": [(None, f"{5 + i}.5"), ("2024-05-01", f"{6 + i}.25"), ("2024-09-01", f"{7 + i}.125")]})
            jobs.append(self.admin.patch("company", {"rates": last.json()})["converting"])
            time.sleep(.15)
        for j in jobs:
            self.admin.job(j)
        stop.set()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])
        self.assertGreater(self.holds(last, f"customer_id = {self.customer}"), 160)

    def test_everything_anew(self):
        o = self.order("2024-04-01", "10.00")
        self.server.rows_set("orders", f"amount_base = 1 WHERE id = {o['id']}")  # as an older program left it
        self.admin.job(self.admin.post("company/rates/convert", status=202)["job_id"])
        self.assertEqual((self.base(o["id"]), self.revenue()), (7100, "71.00"))
        (seller,) = self.people([{"role": self.admin.post("roles", {"name": "S", "permissions": {}})["id"]}])
        self.problem(seller, "POST", "company/rates/convert", "forbidden", 403)
        self.problem(seller, "POST", "company/rates/effect", "forbidden", 403, body={"rates": {}})
        self.now({})
        self.problem(self.admin, "POST", "company/rates/convert", "state-conflict", 409)


class Settings(Rates):
    def test_how_they_are_kept(self):
        c = self.admin
        self.assertEqual(c.patch("company", {"rates": {"USD": 7.1, "JPY": [{"from": "2024-02-29", "rate": 0.05}, {"rate": 1}]}})["rates"],
                         {"JPY": [{"from": None, "rate": 1}, {"from": "2024-02-29", "rate": 0.05}],
                          "USD": [{"from": None, "rate": 7.1}]}, "a number is one rate without a beginning")
        self.assertEqual(c.patch("company", {"rates": {"USD": []}})["rates"], {})
        many = {"USD": [{"from": str(date(2010, 1, 1) + timedelta(i)), "rate": round(7 + i / 10000, 4)} for i in range(5000)]}
        self.assertEqual(c.patch("company", {"rates": many})["rates"], many)
        self.assertEqual(c.get("company")["rates"], many)
        o = self.order("2023-09-08", "1000.00")
        self.assertEqual(self.base(o["id"]), rounded(1000 * Decimal("7.4998"), 2))

    def test_those_of_an_older_program(self):
        o = self.order("2024-04-01", "10.00")
        self.now({"USD": 7.1})
        self.server.stop()
        value = '{"USD":6.5,"JPY":0.047}'
        self.server.rows_set("setting", f"value = '{value}' WHERE name = 'company.rates'")
        self.server.start(self.server.port)
        self.assertEqual(self.admin.get("company")["rates"], {"JPY": [{"from": None, "rate": 0.047}],
                                                              "USD": [{"from": None, "rate": 6.5}]})
        self.assertEqual(self.base(o["id"]), 7100, "what stands, stands")
        self.assertEqual(self.base(self.order("2019-01-01", "10.00")["id"]), 6500)
        self.now(Book(USD=[(None, "6.5"), ("2024-01-01", "7.0")]))
        self.assertEqual(self.base(o["id"]), 7000)

    def test_what_is_refused(self):
        (zh,) = self.people([{"admin": True, "lang": "zh"}])
        row = lambda **k: {"rates": {"USD": [{"from": "2024-01-01", "rate": 7}, k]}}
        for body, pointer, code, en, text in (
                ({"rates": []}, "/rates", "type-object", "An object belongs here", "这里要一个对象"),
                ({"rates": {"XYZ": 1}}, "/rates/XYZ", "unknown-currency", "not a currency code", "没有这种货币"),
                ({"rates": {"CNY": 1}}, "/rates/CNY", "rate-of-base", "own currency", "本位币"),
                ({"rates": {"USD": 0}}, "/rates/USD", "rate-range", "USD, row 1", "USD 第 1 行"),
                ({"rates": {"USD": "7.1"}}, "/rates/USD", "rate-range", "USD, row 1", "USD 第 1 行"),
                ({"rates": {"USD": [7.1]}}, "/rates/USD/0", "type-object", "An object belongs here", "这里要一个对象"),
                (row(), "/rates/USD/1/rate", "rate-range", "USD, row 2", "USD 第 2 行"),
                (row(rate=1e-7), "/rates/USD/1/rate", "rate-range", "0.000001", "0.000001"),
                (row(rate=-7.1), "/rates/USD/1/rate", "rate-range", "USD, row 2", "USD 第 2 行"),
                (row(rate=7, **{"from": "2024-13-01"}), "/rates/USD/1/from", "rate-from", "2024-03-01", "生效日期"),
                (row(rate=7, **{"from": 5}), "/rates/USD/1/from", "rate-from", "USD, row 2", "USD 第 2 行"),
                (row(rate=7, **{"from": "2024-01-01"}), "/rates/USD/1/from", "rate-twice", "same day", "同一天"),
                ({"rates": {"USD": [{"rate": 7}, {"from": None, "rate": 7}]}}, "/rates/USD/1/from", "rate-twice", "same day", "同一天"),
                (row(rate=7, to="2025-01-01"), "/rates/USD/1/to", "unknown-field", "There is no field", "没有"),
                ({"rates": {"USD": [{"rate": 7}] * 5001}}, "/rates", "rates-most", "5000", "5000")):
            with self.subTest(str(body)[:80]):
                for c, words, method, path in ((self.admin, en, "PATCH", "company"),
                                               (zh, text, "POST", "company/rates/effect")):
                    self.problem(c, method, path, "validation", 422, pointer, body=body, field_code=code, text=words)
        two = self.problem(self.admin, "PATCH", "company", "validation", 422, None,
                           {"rates": {"USD": 0, "JPY": [{"rate": 1}, {"from": "x", "rate": 1}]}})
        self.assertEqual({e["pointer"] for e in two["errors"]}, {"/rates/USD", "/rates/JPY/1/from"}, "all at once")


class Imported(Rates):
    def test_orders(self):
        rows = [("R1", "2023-12-31", "10.01", "USD"), ("R1", "2024-02-29", "10.01", "USD"), ("R2", "2024-03-01", "10.01", "USD"),
                ("R2", "2025-01-01", "-10.01", "USD"), ("R1", "2024-08-31", "12345", "JPY"), ("R1", "2024-09-01", "12345", "JPY"),
                ("R2", "2024-09-01", "1.234", "KWD"), ("R2", "2024-09-01", "5.00", "")]
        data = "customer_id,date,amount,currency\n" + "".join(",".join(r) + "\n" for r in rows)
        im = self.whole(data)
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (8, 0))
        self.assertEqual(self.holds(BOOK, f"import_id = {im['id']}"), 8)
        im = self.whole(data)
        self.assertEqual((im["result"]["created"], im["result"]["skipped"]), (0, 8), "the same file twice")
        # Its date corrected by a file: by the rate of the new day.
        number = "order_id,customer_id,date,amount,currency\nRATE-1,R3,%s,10.00,USD\n"
        self.whole(number % "2024-02-01")
        self.whole(number % "2025-02-01", on_existing="update")
        self.assertEqual(self.server.rows("amount_base", "orders", "WHERE number = 'RATE-1'"), [("7300",)])

    def test_lines(self):
        rows = [("L1", "R5", "2024-02-29", "3", "1.07", "USD"), ("L1", "R5", "2024-02-29", "2.5", "0.33", "USD"),
                ("L2", "R5", "2025-01-01", "3", "1.07", "USD"), ("L3", "R5", "2024-09-01", "7", "333", "JPY"),
                ("L4", "R5", "2024-09-01", "7", "3.33", "CNY")]
        im = self.whole("order_id,customer_id,date,quantity,price,currency,text\n" +
                        "".join(",".join(r) + ",x\n" for r in rows), entity="order_line")
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (5, 0))
        self.assertEqual(self.holds(BOOK, f"import_id = {im['id']}"), 4)
        # An amount instead of a price: three for 10.00 is one lot.
        im = self.whole("order_id,customer_id,date,quantity,line amount,currency,text\nL5,R5,2024-02-29,3,10.00,USD,x\n"
                        "L5,R5,2024-02-29,4,9.00,USD,y\n", entity="order_line")
        self.assertEqual(im["result"]["created"], 2)
        self.holds(BOOK, f"import_id = {im['id']}")

    def test_rates_that_change_meanwhile(self):
        """An import that runs while rates change: what it wrote before and after stands by the new ones."""
        rnd = random.Random(3)
        rows = "".join(f"M{rnd.randrange(400)},{date(2024, 1, 1) + timedelta(rnd.randrange(700))},{rnd.randrange(1, 9999) / 100},USD\n"
                       for _ in range(20000))
        im = self.upload("customer_id,date,amount,currency\n" + rows)
        job = self.admin.post(f"imports/{im['id']}/run", status=202)["job_id"]
        last = BOOK
        for i in range(4):
            last = Book(USD=[(None, f"{5 + i}"), ("2024-07-01", f"{6 + i}.33"), ("2025-03-01", f"{7 + i}.77")])
            converting = self.admin.patch("company", {"rates": last.json()})["converting"]
            time.sleep(.1)
        self.admin.job(job)
        self.admin.job(converting)
        self.assertEqual(self.holds(last, f"import_id = {im['id']}"), 20000)


load_tests = None
both(ByDate, Changed, Settings, Imported)

if __name__ == "__main__":
    unittest.main()
