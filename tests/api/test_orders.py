"""Order lines: what an order gets from them, exactly; undo, trash, rights, versions."""
import random
import unittest
from decimal import ROUND_HALF_UP, Decimal

from patron import Api, both, quote

CENT = Decimal("0.01")


def cents(x):
    """Half away from zero."""
    return abs(x).quantize(CENT, ROUND_HALF_UP) * (1 if x >= 0 else -1)


def money(x):
    return {"amount": str(x), "currency": "CNY"}


def expected(lines):
    """Amount and cost of an order, computed apart from the program."""
    total, cost = Decimal(0), Decimal(0)
    for line in lines:
        quantity = Decimal(line["quantity"])
        price = Decimal(line["list_price"]["amount"]) if line.get("list_price") else None
        if line.get("discount") is not None:
            price = cents(price * (100 - Decimal(line["discount"])) / 100)
        elif line.get("price"):
            price = Decimal(line["price"]["amount"])
        total += cents(price * quantity)
        cost = None if cost is None or not line.get("unit_cost") else \
            cost + cents(Decimal(line["unit_cost"]["amount"]) * quantity)
    return total, cost


def random_line(rnd):
    line = {"description": rnd.choice(["刀具", "Bearing", "切削液"]) + str(rnd.randrange(1000)),
            "quantity": str(Decimal(rnd.randrange(1, 200000)) / rnd.choice([1, 10, 100, 1000, 10000]))}
    price = money(Decimal(rnd.randrange(1, 500000)) / 100)
    kind = rnd.randrange(3)
    if kind == 0:
        line["price"] = price
    else:
        line["list_price"] = price
    if kind == 2:
        line["discount"] = str(Decimal(rnd.randrange(0, 1000001)) / 10000)
    if rnd.random() < .8:
        line["unit_cost"] = money(Decimal(rnd.randrange(1, 400000)) / 100)
    return line


class Lines(Api):
    def setUp(self):
        self.customer = self.admin.post("customers", {"name": "Lines"})["id"]

    def order(self, lines, **more):
        return self.admin.post("orders", {"customer_id": self.customer, "ordered_on": "2026-03-01",
                                          "lines": lines, **more})

    def lines(self, order, client=None):
        return (client or self.admin).get(
            f"order_lines?sort=line_no&limit=500&filter={quote({'field': 'order_id', 'op': 'eq', 'value': order})}"
        )["items"]

    def right(self, order):
        """The order says what its lines say, and the customer what their orders say."""
        o = self.admin.get(f"orders/{order}")
        lines = self.lines(order)
        total, cost = expected([{k: v for k, v in x.items() if k != "price" or x["discount"] is None}
                                for x in lines])
        self.assertEqual(Decimal(o["amount"]["amount"]), total)
        self.assertEqual(o["cost"] and Decimal(o["cost"]["amount"]), cost)
        self.assertEqual(o["margin"] and Decimal(o["margin"]["amount"]), None if cost is None else total - cost)
        self.assertEqual(sum(Decimal(x["amount"]["amount"]) for x in lines), total)
        self.assertEqual([x["line_no"] for x in lines], list(range(1, len(lines) + 1)))
        revenue = sum(Decimal(x["amount"]["amount"])
                      for x in self.admin.all(f"orders?customer_id={self.customer}&status=confirmed&fields=amount"))
        self.assertEqual(Decimal(self.admin.get(f"customers/{self.customer}")["revenue"]["amount"]), revenue)
        return o

    def test_one_order(self):
        product = self.admin.post("products", {"name": "丝锥 M8", "unit": "支", "list_price": "46.00",
                                               "cost": "25.30"})
        o = self.order([{"product_id": product["id"], "quantity": "2.5", "discount": "12.5"},
                        {"description": "送货", "quantity": 1, "price": "30.005".rstrip("5")}])
        first, second = self.lines(o["id"])
        self.assertEqual((first["description"], first["unit"], first["line_no"]), ("丝锥 M8", "支", 1))
        self.assertEqual(first["quantity"], "2.5")
        self.assertEqual(first["price"]["amount"], "40.25")
        self.assertEqual(first["amount"]["amount"], "100.63")  # 100.625
        self.assertEqual(first["cost"]["amount"], "63.25")
        self.assertEqual(second["amount"]["amount"], "30.00")
        self.assertEqual(o["amount"]["amount"], "130.63")
        self.assertIsNone(o["cost"], "the cost of one line is not known")
        self.assertIsNone(o["units"], "two and a half are no pieces")
        back = self.order([{"description": "退", "quantity": "-2", "price": "10.005".rstrip("5")}], status="returned")
        self.assertEqual((back["amount"]["amount"], back["units"]), ("-20.00", -2))

    def test_margin(self):
        """Amount less cost, whatever they come from; sorted, filtered and taken out by; unknown where a cost is."""
        c, rnd, want = self.admin, random.Random(11), {}
        c.patch("company", {"rates": {"EUR": 7.8}})
        def typed(amount, cost, currency="CNY", other=None):
            of = lambda x, cur: x is not None and {"amount": str(x), "currency": cur} or None
            return c.post("orders", {"customer_id": self.customer, "ordered_on": "2026-03-02",
                                     "status": "returned" if amount < 0 else "confirmed",
                                     "amount": of(amount, currency), "cost": of(cost, other or currency)})
        for _ in range(20):
            amount, cost = (Decimal(rnd.randrange(-500000, 500000)) / 100 for _ in range(2))
            cost = rnd.choice([cost, None])
            o = typed(amount, cost)
            want[o["id"]] = None if cost is None else amount - cost
            self.assertEqual(o["margin"] and Decimal(o["margin"]["amount"]), want[o["id"]])
        euro = typed(Decimal("100.00"), "60.00", "EUR")
        self.assertEqual(euro["margin"], {"amount": "40.00", "currency": "EUR"})
        self.assertIsNone(typed(Decimal("100.00"), "60.00", "EUR", "CNY")["margin"], "two currencies have no difference")
        changed = c.patch(f"orders/{euro['id']}", {"cost": None})
        self.assertIsNone(changed["margin"])
        event = c.get(f"orders/{euro['id']}/history")["items"][0]["id"]
        c.need(200, "POST", f"history/{event}/undo")
        self.assertEqual(c.get(f"orders/{euro['id']}")["margin"]["amount"], "40.00")
        self.problem(c, "PATCH", f"orders/{euro['id']}", "validation", 422, "/margin", {"margin": "1.00"},
                     field_code="read-only")
        listed = c.get(f"orders?customer_id={self.customer}&sort=margin&limit=100&fields=id,margin")["items"]
        got = [Decimal(r["margin"]["amount"]) * (Decimal("7.8") if r["margin"]["currency"] == "EUR" else 1)
               for r in listed if r["margin"]]
        self.assertEqual((got, [r["margin"] for r in listed[:len(listed) - len(got)]]),
                         (sorted(got), [None] * (len(listed) - len(got))))
        self.assertEqual({r["id"]: Decimal(r["margin"]["amount"]) for r in listed if r["margin"] and r["id"] in want},
                         {k: v for k, v in want.items() if v is not None})
        loss = {"and": [{"field": "customer_id", "op": "eq", "value": self.customer},
                        {"field": "margin", "op": "lt", "value": "0"}]}
        found = c.get(f"orders?limit=100&fields=id&filter={quote(loss)}")["items"]
        self.assertEqual({r["id"] for r in found}, {k for k, v in want.items() if v is not None and v < 0})
        job = c.need(202, "POST", "exports", {"entity": "order", "format": "csv", "fields": ["id", "margin"],
                                              "filter": loss, "language": "zh"})["job_id"]
        c.job(job)
        text = c.need(200, "GET", f"exports/{job}").raw.decode("utf-8-sig").splitlines()
        self.assertIn("毛利", text[0])
        self.assertEqual(sorted(Decimal(x.split(",")[1].strip('"')) for x in text[1:]),
                         sorted(v for v in want.values() if v is not None and v < 0))

    def test_random_lines(self):
        rnd = random.Random(4)
        for round in range(12):
            lines = [random_line(rnd) for _ in range(rnd.randrange(1, 12))]
            o = self.order(lines)
            total, cost = expected(lines)
            self.assertEqual(Decimal(o["amount"]["amount"]), total)
            self.assertEqual(o["cost"] and Decimal(o["cost"]["amount"]), cost)
            self.right(o["id"])
            for _ in range(3):
                before = self.lines(o["id"])
                was = self.admin.get(f"orders/{o['id']}")
                body = []
                for x in before:
                    if rnd.random() < .25:
                        continue
                    line = {"id": x["id"]}
                    if rnd.random() < .4:
                        fresh = random_line(rnd)
                        line.update({"price": None, "discount": None, "list_price": None, "unit_cost": None, **fresh})
                    body.append(line)
                body += [random_line(rnd) for _ in range(rnd.randrange(0, 3))]
                rnd.shuffle(body)
                if not body:
                    continue
                a = self.admin.need(200, "PATCH", f"orders/{o['id']}", {"lines": body},
                                    {"If-Match": f'"{was["version"]}"'})
                self.assertEqual(a["version"], was["version"] + (self.lines(o["id"]) != before))
                now = self.right(o["id"])
                if rnd.random() < .5 and a.headers["X-Event-Id"]:
                    self.admin.post(f"history/{a.headers['X-Event-Id']}/undo", status=200)
                    self.right(o["id"])
                    said = [(x["id"], x["amount"], x["quantity"], x["line_no"]) for x in self.lines(o["id"])]
                    self.assertEqual(said, [(x["id"], x["amount"], x["quantity"], x["line_no"]) for x in before])
                    self.assertEqual(self.admin.get(f"orders/{o['id']}")["amount"], was["amount"])
                else:
                    self.assertEqual(now["id"], o["id"])
            if round % 3 == 0:
                kept = self.lines(o["id"])
                a = self.admin.need(204, "DELETE", f"orders/{o['id']}")
                self.assertEqual(self.lines(o["id"]), [])
                self.admin.post(f"history/{a.headers['X-Event-Id']}/undo", status=200)
                self.assertEqual([x["id"] for x in self.lines(o["id"])], [x["id"] for x in kept])
                self.right(o["id"])

    def test_undo_of_a_new_order(self):
        a = self.admin.need(201, "POST", "orders", {"customer_id": self.customer, "ordered_on": "2026-03-01",
                                                    "lines": [{"description": "x", "quantity": 1, "price": "5.00"}]})
        self.admin.post(f"history/{a.headers['X-Event-Id']}/undo", status=200)
        self.assertEqual(self.lines(a["id"]), [])
        self.assertEqual(self.server.rows("count(*)", "order_lines", f"WHERE order_id = {a['id']} AND deleted_at IS NULL"),
                         [("0",)])

    def test_undo_stops_where_somebody_went_on(self):
        o = self.order([{"description": "x", "quantity": 1, "price": "5.00"}])
        line = self.lines(o["id"])[0]["id"]
        a = self.admin.need(200, "PATCH", f"orders/{o['id']}", {"lines": [{"id": line, "quantity": 2}]})
        self.admin.patch(f"orders/{o['id']}", {"lines": [{"id": line, "quantity": 3}]})
        self.problem(self.admin, "POST", f"history/{a.headers['X-Event-Id']}/undo", "undo-conflict", 409)
        self.assertEqual(self.right(o["id"])["amount"]["amount"], "15.00")

    def test_lines_and_the_version_of_the_order(self):
        o = self.order([{"description": "x", "quantity": 1, "price": "5.00"}])
        line = self.lines(o["id"])[0]["id"]
        text = self.admin.patch(f"orders/{o['id']}", {"lines": [{"id": line, "description": "y"}]})
        self.assertEqual((text["version"], text["amount"]["amount"]), (2, "5.00"))
        same = self.admin.need(200, "PATCH", f"orders/{o['id']}", {"lines": [{"id": line, "quantity": "1.0"}]})
        self.assertEqual(same["version"], 2)
        self.problem(self.admin, "PATCH", f"orders/{o['id']}", "version-conflict", 412,
                     body={"lines": []}, headers={"If-Match": '"1"'})
        self.admin.patch(f"orders/{o['id']}", {"lines": []})
        free = self.admin.patch(f"orders/{o['id']}", {"amount": "7.00"})
        self.assertEqual(free["amount"]["amount"], "7.00", "without lines, the amount is typed again")

    def test_bad_lines(self):
        o = self.order([{"description": "x", "quantity": 1, "price": "5.00"}])
        line = self.lines(o["id"])[0]["id"]
        other = self.lines(self.order([{"description": "x", "quantity": 1, "price": "5.00"}])["id"])[0]["id"]
        good = {"description": "x", "quantity": 1, "price": "5.00"}
        chinese = self.people([{"admin": True, "lang": "zh"}])[0]
        for lines, pointer, code, en, zh in [
            ([good, {**good, "quantity": "x"}], "/lines/1/quantity", "number", "number", "数字"),
            ([{"description": "x", "price": "5.00"}], "/lines/0/quantity", "required", "empty", "不能为空"),
            ([{**good, "quantity": "1.00001"}], "/lines/0/quantity", "decimal-places", "four decimals", "四位"),
            ([{"quantity": 1, "price": "5.00"}], "/lines/0/description", "line-empty", "product or a text", "产品或品名"),
            ([{"description": "x", "quantity": 1}], "/lines/0/price", "required", "", ""),
            ([{**good, "discount": "5"}], "/lines/0/list_price", "required", "", ""),
            ([{**good, "list_price": "5.00", "discount": "101"}], "/lines/0/discount", "out-of-range", "range", "范围"),
            ([{**good, "list_price": "6.00", "discount": "5"}], "/lines/0/price", "price-and-discount", "match", "对不上"),
            ([{**good, "quantity": "900000000000"}, {**good, "price": "90000000000000.00"}], "/lines/1/quantity",
             "out-of-range", "", ""),
            ([{**good, "amount": "5.00"}], "/lines/0/amount", "read-only", "computed", "算出"),
            ([{**good, "colour": 1}], "/lines/0/colour", "unknown-field", "", ""),
            ([{**good, "id": other}], "/lines/0/id", "link-not-found", "no such", ""),
            ([{"id": line}, {"id": line}], "/lines/1/id", "link-not-found", "", ""),
            ([{**good, "product_id": "7"}], "/lines/0/product_id", "link-not-found", "", ""),
            (["x"], "/lines/0", "type-object", "", ""),
            ([good] * 501, "/lines", "value-count", "", ""),
            ({}, "/lines", "value-count", "", ""),
        ]:
            with self.subTest(pointer=pointer, code=code):
                if code == "out-of-range" and pointer == "/lines/1/quantity":
                    lines[1]["quantity"] = "99999"
                for client, text in ((self.admin, en), (chinese, zh)):
                    self.problem(client, "PATCH", f"orders/{o['id']}", "validation", 422, pointer,
                                 {"lines": lines}, field_code=code, text=text)
        self.problem(self.admin, "PATCH", f"orders/{o['id']}", "validation", 422, "/amount", {"amount": "9.00"},
                     field_code="amount-from-lines", text="lines")
        self.problem(self.admin, "POST", "orders", "validation", 422, "/customer_id",
                     {"ordered_on": "2026-03-01", "lines": [good]}, field_code="required")
        two = self.problem(self.admin, "POST", "orders", "validation", 422, None,
                           {"customer_id": self.customer, "ordered_on": "x",
                            "lines": [{**good, "quantity": "a"}, {**good, "price": "b"}]})
        self.assertEqual({e["pointer"] for e in two["errors"]},
                         {"/ordered_on", "/lines/0/quantity", "/lines/1/price"}, "all at once")

    def test_currencies(self):
        self.admin.patch("company", {"rates": {"USD": 7.1}})
        usd = {"amount": "10.00", "currency": "USD"}
        o = self.order([{"description": "x", "quantity": 3, "price": usd, "unit_cost": {**usd, "amount": "4.00"}}])
        self.assertEqual((o["amount"], o["cost"]), ({"amount": "30.00", "currency": "USD"},
                                                    {"amount": "12.00", "currency": "USD"}))
        self.assertEqual(self.admin.get(f"customers/{self.customer}")["revenue"]["amount"], "213.00")
        for lines, pointer in [([{"description": "x", "quantity": 1, "price": usd},
                                 {"description": "x", "quantity": 1, "price": "1.00"}], "/lines/1/price"),
                               ([{"description": "x", "quantity": 1, "price": usd, "unit_cost": "1.00"}],
                                "/lines/0/unit_cost")]:
            self.problem(self.admin, "PATCH", f"orders/{o['id']}", "validation", 422, pointer, {"lines": lines},
                         field_code="currency-differs", text="one currency")

    def test_no_line_by_itself(self):
        o = self.order([{"description": "x", "quantity": 1, "price": "5.00"}])
        a = self.admin.need(200, "PATCH", f"orders/{o['id']}",
                            {"lines": [{"id": self.lines(o["id"])[0]["id"], "quantity": 2}]})
        line = self.lines(o["id"])[0]["id"]
        event = self.admin.get(f"order_lines/{line}/history")["items"][0]["id"]
        for method, path, body in [("POST", "order_lines", {"description": "x", "quantity": 1, "price": "1.00"}),
                                   ("PATCH", f"order_lines/{line}", {"quantity": 9}),
                                   ("DELETE", f"order_lines/{line}", None),
                                   ("POST", f"history/{event}/undo", None)]:
            self.problem(self.admin, method, path, "part-of-whole", 409, body=body, text="part of another")
        self.assertTrue(a.headers["X-Event-Id"])

    def test_rights_are_those_of_the_order(self):
        role = self.admin.post("roles", {"name": "Seller", "permissions": {
            "customer": {"read": "own", "write": "own"},
            "order": {"read": "own", "write": "own", "create": True, "delete": "own"}}})["id"]
        one, two = self.people([{"role": role}, {"role": role}])
        mine = self.admin.post("customers", {"name": "Ours", "owner_id": one.id})["id"]
        o = one.post("orders", {"customer_id": mine, "ordered_on": "2026-03-01",
                                "lines": [{"description": "x", "quantity": 1, "price": "5.00"}]})
        line = self.lines(o["id"], one)[0]
        self.assertEqual(line["owner_id"], one.id)
        self.assertEqual(self.lines(o["id"], two), [])
        self.assertEqual(two("GET", f"order_lines/{line['id']}").status, 404)
        self.problem(two, "PATCH", f"orders/{o['id']}", "not-found", 404, body={"lines": []})
        self.admin.patch(f"customers/{mine}", {"owner_id": two.id})
        self.assertEqual(self.lines(o["id"], one), [], "the lines go along with the customer")
        self.assertEqual(len(self.lines(o["id"], two)), 1)
        self.admin.patch(f"orders/{o['id']}", {"owner_id": one.id})
        self.assertEqual(len(self.lines(o["id"], one)), 1, "and with the order")
        self.assertEqual(one.get("session")["permissions"]["order_line"]["write"], "own")

    def test_costs_are_held_back(self):
        role = self.admin.post("roles", {"name": "No costs", "permissions": {
            "customer": {"read": "all"}, "order": {"read": "all", "write": "all", "create": True},
            "order_line": {"fields": {"unit_cost": "hide", "cost": "hide"}}}})["id"]
        one, = self.people([{"role": role}])
        o = self.order([{"description": "x", "quantity": 2, "price": "5.00", "unit_cost": "3.00"}])
        line = self.lines(o["id"], one)[0]
        self.assertFalse({"unit_cost", "cost"} & set(line))
        self.problem(one, "PATCH", f"orders/{o['id']}", "validation", 422, "/lines/0/unit_cost",
                     {"lines": [{"id": line["id"], "unit_cost": "1.00"}]}, field_code="unknown-field")
        one.patch(f"orders/{o['id']}", {"lines": [{"id": line["id"], "quantity": "3"}]})
        self.assertEqual(self.right(o["id"])["cost"]["amount"], "9.00", "what is not seen stays")


class Products(Api):
    def test_categories_are_a_tree(self):
        c = self.admin
        top = c.post("categories", {"name": "刀具"})["id"]
        mid = c.post("categories", {"name": "铣刀", "parent_id": top})["id"]
        low = c.post("categories", {"name": "立铣刀", "parent_id": mid})["id"]
        for id, parent, code in [(top, low, "tree-circle"), (top, mid, "tree-circle"), (top, top, "link-to-itself")]:
            self.problem(c, "PATCH", f"categories/{id}", "validation", 422, "/parent_id",
                         {"parent_id": parent}, field_code=code)
        p = c.post("products", {"name": "D10", "category_id": low})
        self.assertEqual(p["category"], "立铣刀")
        c.patch(f"categories/{low}", {"name": "端铣刀", "parent_id": top})
        self.assertEqual(c.get(f"products/{p['id']}")["category"], "端铣刀")
        found = c.get("search?q=%E7%AB%AF%E9%93%A3&entity=product")["items"]
        self.assertEqual([h["id"] for h in found], [p["id"]])
        for id in (low, top):
            self.problem(c, "DELETE", f"categories/{id}", "in-use", 409)
        self.assertIsNone(c.patch(f"products/{p['id']}", {"category_id": None})["category"])
        c.delete(f"categories/{low}")


load_tests = None
both(Lines, Products)

if __name__ == "__main__":
    unittest.main()
