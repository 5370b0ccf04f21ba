"""Import of order lines, contacts and products: what belongs together is written together or not at all."""
import csv as csvfile
import io
import unittest

from patron import both, quote
from test_import import Import, csv

LINES = "单号,客户编号,客户名称,下单日期,产品编码,品名,数量,单价"


class Lines(Import):
    def lines(self, order):
        return [(l["product_id"], l["description"], l["quantity"], l["price"]["amount"], l["amount"]["amount"])
                for l in self.admin.get(f"order_lines?order_id={order}&sort=line_no")["items"]]

    def order(self, number):
        return self.admin.get(f"orders?number={number}&fields=number,amount,units,status,ordered_on,customer_id")["items"][0]

    def test_1_guessed_and_exact(self):
        p = self.admin.post("products", {"name": "Bohrer", "code": "B-1", "unit": "Stk", "cost": {"amount": "1.10", "currency": "CNY"}})
        Lines.p = p["id"]
        rows = [("S1", "C1", "Eins", "2024-03-01", "B-1", "", "3", "0.333"[:4]), ("S2", "C2", "Zwei", "2024-03-02", "N-1", "Neu", "2.5", "10.01"),
                ("S1", "C1", "Eins", "2024-03-01", "N-1", "Neu", "1", "9.99"), ("S1", "C1", "Eins", "2024-03-01", "", "Fracht", "1", "7")]
        im = self.upload(csv(rows, LINES), "lines.csv", "order_line")
        self.assertEqual([c["field"] for c in im["columns"]],
                         ["order.number", "customer.ext_id", "customer.name", "order.ordered_on", "product.code", "description",
                          "quantity", "price"])
        before = self.server.checksum()
        _, im = self.go(im["id"], "check")
        self.assertEqual({k: im["check"][k] for k in ("rows", "new", "existing", "rejected", "new_customers")},
                         {"rows": 4, "new": 4, "existing": 0, "rejected": 0, "new_customers": 2})
        self.assertEqual(self.server.checksum(), before, "a check makes no products either")
        _, im = self.go(im["id"], "run")
        self.assertEqual((im["result"]["created"], im["result"]["customers_created"]), (4, 2))
        o = self.order("S1")
        self.assertEqual((o["amount"]["amount"], o["units"], o["ordered_on"], o["status"]), ("17.98", 5, "2024-03-01", "confirmed"))
        self.assertEqual([l[1:] for l in self.lines(o["id"])],
                         [("Bohrer", "3", "0.33", "0.99"), ("Neu", "1", "9.99", "9.99"), ("Fracht", "1", "7.00", "7.00")])
        made = self.admin.get("products?code=N-1")["items"][0]["id"]
        self.assertEqual([l[0] for l in self.lines(o["id"])], [Lines.p, made, None])
        self.assertEqual(self.order("S2")["amount"]["amount"], "25.03", "2.5 × 10.01, half away from zero")
        c = self.admin.get(f"customers/{o['customer_id']}")
        self.assertEqual((c["name"], c["orders_count"], c["revenue"]["amount"]), ("Eins", 1, "17.98"))
        Lines.file, Lines.first = rows, im["id"]

    def test_2_the_same_again_and_changed(self):
        self.quiet()
        before = self.server.rows("id, version", "orders", "ORDER BY id"), self.server.rows("id, version", "order_lines", "ORDER BY id")
        for way in ("skip", "update"):
            r = self.whole(csv(self.file, LINES), "again.csv", "order_line", on_existing=way)["result"]
            self.assertEqual((r["created"], r["updated"], r["skipped"], r["rejected"]), (0, 0, 4, 0))
        self.assertEqual((self.server.rows("id, version", "orders", "ORDER BY id"),
                          self.server.rows("id, version", "order_lines", "ORDER BY id")), before)
        changed = [self.file[0][:6] + ("4", "0.33"), *self.file[1:3]]
        r = self.whole(csv(changed, LINES), "changed.csv", "order_line")["result"]
        self.assertEqual((r["updated"], r["skipped"]), (0, 3))
        im = self.whole(csv(changed, LINES), "changed.csv", "order_line", on_existing="update")
        self.assertEqual((im["result"]["updated"], im["result"]["skipped"]), (2, 1))
        o = self.order("S1")
        self.assertEqual((o["amount"]["amount"], [l[2] for l in self.lines(o["id"])]), ("11.31", ["4", "1"]))
        self.quiet()
        self.go(im["id"], "undo")
        o = self.order("S1")
        self.assertEqual((o["amount"]["amount"], [l[2] for l in self.lines(o["id"])]), ("17.98", ["3", "1", "1"]))

    def test_3_whole_or_not_at_all(self):
        rows = [("T1", "C1", "Eins", "2024-03-01", "X-9", "Neues", "3", "1"), ("T1", "C1", "Eins", "2024-03-01", "X-9", "Neues", "drei", "1"),
                ("T2", "C1", "Eins", "2024-03-01", "X-9", "Neues", "3", "1"), ("T2", "C1", "Eins", "2024-03-09", "X-9", "Neues", "1", "1"),
                ("T3", "C1", "Eins", "2024-03-01", "X-9", "Neues", "3", "1"), ("T3", "C2", "Zwei", "2024-03-01", "X-9", "Neues", "1", "1"),
                ("S2", "C1", "Eins", "2024-03-01", "X-9", "Neues", "3", "1"),
                ("T4", "C1", "Eins", "2024-03-01", "", "", "3", "1"), ("", "C1", "Eins", "2024-03-01", "X-9", "Neues", "3", "1"),
                ("T5", "C1", "Eins", "2024-03-01", "", "Gut", "2", "1.50")]
        im = self.whole(csv(rows, LINES), "bad.csv", "order_line")
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (1, 9))
        self.assertEqual(self.order("T5")["amount"]["amount"], "3.00")
        self.assertEqual(self.n("orders", "WHERE number LIKE 'T%'"), 1)
        self.assertEqual(self.n("products", "WHERE code = 'X-9'"), 0, "no product for an order that is not written")
        a = self.admin.need(200, "GET", f"imports/{im['id']}/rejected.csv")
        bad = list(csvfile.reader(io.StringIO(a.raw.decode("utf-8-sig"))))[1:]
        other = "another row of this order has a problem, and an order is imported whole"
        self.assertEqual([(r[0], r[1], r[2]) for r in bad], [
            ("2", "单号", other), ("3", "数量", "not a number"), ("4", "单号", other),
            ("5", "下单日期", "the rows of this order say different things here"), ("6", "单号", other),
            ("7", "客户编号", "the rows of this order say different things here"),
            ("8", "单号", "this order number belongs to another customer"), ("9", "品名", bad[7][2]),
            ("10", "单号", "must not be empty")])

    def test_4_returns(self):
        rows = [("R1", "C1", "Eins", "2024-04-01", "", "zurück", "-2", "5"), ("R2", "C1", "Eins", "2024-04-01", "", "zurück", "2", "5")]
        im = self.upload(csv([r + (s,) for r, s in zip(rows, ("returned", "returned"))], LINES + ",状态"), "r.csv", "order_line")
        _, im = self.go(im["id"], "run")
        self.assertEqual(im["result"]["rejected"], 0)
        for n in ("R1", "R2"):
            o = self.order(n)
            self.assertEqual((o["status"], o["amount"]["amount"]), ("returned", "-10.00"))
        _, im = self.go(self.upload(csv([("R3",) + rows[0][1:]], LINES), "r.csv", "order_line")["id"], "run")
        self.assertEqual((self.order("R3")["status"], im["result"]["created"]), ("returned", 1))

    def test_4b_amounts_of_lines(self):
        """Files that give what a line comes to, and no price: the sums are theirs to the last cent."""
        head = "单号,客户名称,下单日期,品名,数量,单位,单位成本,金额"
        rows = [("A1", "Vier", "2024-05-01", "even", "4", "Stk", "", "10.00"), ("A1", "Vier", "2024-05-01", "lot", "3", "Stk", "1.10", "10.00"),
                ("A1", "Vier", "2024-05-01", "part", "2.5", "", "", "25.03"), ("A1", "Vier", "2024-05-01", "fine", "0.3333", "kg", "", "0.01"),
                ("A2", "Vier", "2024-05-02", "back", "3", "Stk", "", "-10.00"), ("A2", "Vier", "2024-05-02", "back", "-2", "", "", "4.00"),
                ("A3", "Vier", "2024-05-03", "free", "2", "", "", "0")]
        im = self.upload(csv(rows, head), "amounts.csv", "order_line")
        self.assertEqual([c["field"] for c in im["columns"]][-2:], ["unit_cost", "amount"])
        _, im = self.go(im["id"], "run")
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (7, 0))
        sums = {n: self.order(n) for n in ("A1", "A2", "A3")}
        self.assertEqual({n: (o["amount"]["amount"], o["status"]) for n, o in sums.items()},
                         {"A1": ("45.04", "confirmed"), "A2": ("-14.00", "returned"), "A3": ("0.00", "confirmed")})
        lines = [(l[1:], u["unit"]) for l, u in zip(self.lines(sums["A1"]["id"]), self.admin.get(
            f"order_lines?order_id={sums['A1']['id']}&sort=line_no&fields=unit")["items"])]
        self.assertEqual(lines, [(("even", "4", "2.50", "10.00"), "Stk"), (("lot", "1", "10.00", "10.00"), "3 Stk"),
                                 (("part", "2.5", "10.01", "25.03"), None), (("fine", "0.3333", "0.03", "0.01"), "kg")])
        cost = self.admin.get(f"order_lines?order_id={sums['A1']['id']}&sort=line_no&fields=unit_cost,cost")["items"][1]
        self.assertEqual((cost["unit_cost"]["amount"], cost["cost"]["amount"]), ("3.30", "3.30"))
        margin = lambda n: self.admin.get(f"orders?number={n}&fields=margin")["items"][0]["margin"]
        self.assertIsNone(margin("A1"), "the cost of a line is not known")
        one = csv([("A9", "Vier", "2024-05-04", "whole", "2", "", "1.10", "10.00"), ("A9", "Vier", "2024-05-04", "too", "1", "", "0.05", "1.00")], head)
        self.assertEqual(self.whole(one, "margin.csv", "order_line")["result"]["created"], 2)
        self.assertEqual(margin("A9")["amount"], "8.75")
        self.whole(csv([("A10", "Vier", "2024-05-05", "3.00", "4.25")], "单号,客户名称,下单日期,金额,成本"), "margins.csv", "order")
        self.assertEqual(margin("A10")["amount"], "-1.25")
        self.assertEqual([l[2:] for l in self.lines(sums["A2"]["id"])], [("-1", "10.00", "-10.00"), ("-2", "2.00", "-4.00")])
        r = self.whole(csv(rows, head), "amounts.csv", "order_line", on_existing="update")["result"]
        self.assertEqual((r["updated"], r["skipped"]), (0, 7), "the same file changes nothing")
        head = "单号,客户名称,下单日期,品名,数量,单价,金额"
        rows = [("A4", "Vier", "2024-05-01", "rounded", "3", "3.33", "10.00"), ("A5", "Vier", "2024-05-01", "wrong", "3", "3.33", "100.00"),
                ("A6", "Vier", "2024-05-01", "as said", "3", "3.33", "9.99"), ("A7", "Vier", "2024-05-01", "too far", "3", "3.33", "10.02")]
        im = self.whole(csv(rows, head), "both.csv", "order_line")
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (2, 2))
        self.assertEqual([self.order(n)["amount"]["amount"] for n in ("A4", "A6")], ["10.00", "9.99"])
        a = self.admin.need(200, "GET", f"imports/{im['id']}/rejected.csv")
        bad = list(csvfile.reader(io.StringIO(a.raw.decode("utf-8-sig"))))[1:]
        self.assertEqual([r[1:3] for r in bad], [["金额", "is not quantity times price, even if the price was rounded"]] * 2)

    def test_5_undo(self):
        self.quiet()
        _, im = self.go(self.first, "undo")
        # S2 and its customer go, the product made for it with the last line; S1 was changed and put back since.
        self.assertEqual(im["state"], "undone")
        self.assertEqual(self.n("orders", "WHERE number = 'S2'"), 0)
        self.assertEqual(self.n("order_lines", "WHERE order_id NOT IN (SELECT id FROM %s)" % self.server.table("orders")), 0)

    def test_6_missing(self):
        for head, field in (("客户编号,产品编码,数量,下单日期", "order.number"), ("单号,客户编号,数量", "order.ordered_on"),
                            ("单号,下单日期,客户编号", "quantity"), ("单号,下单日期,数量", "customer.ext_id")):
            im = self.upload(f"{head}\n{','.join('1' for _ in head.split(','))}\n", "m.csv", "order_line")
            a = self.problem(self.admin, "POST", f"imports/{im['id']}/check", "validation", 422, "/mapping",
                             field_code="import-missing-column")
            self.assertIn(a["errors"][0]["params"]["field"], (field, "customer.name"))


class People(Import):
    HEAD = "客户名称,姓名,职务,手机,邮箱,首要"

    def test_contacts(self):
        a = self.admin
        k = a.post("customers", {"name": "Alfa"})["id"]
        c = a.post("contacts", {"customer_id": k, "name": "Ann", "email": "ann@alfa.cn", "is_primary": True})["id"]
        rows = [("Alfa", "Ann", "Chefin", "13800000001", "", ""), ("Alfa", "Ann Li", "", "", "ann@alfa.cn", ""),
                ("Alfa", "Bob", "Lager", "13800000002", "bob@alfa.cn", ""), ("Alfa", "Bob", "", "", "", ""),
                ("Beta", "Cy", "", "13800000002", "", "是"), ("Alfa", "Dee", "", "", "", "是"),
                ("Beta", "Eve", "", "", "no-mail", ""), ("", "Fay", "", "", "", "")]
        im = self.upload(csv(rows, self.HEAD), "people.csv", "contact")
        self.assertEqual([x["field"] for x in im["columns"]], ["customer.name", "name", "title", "phone", "email", "is_primary"])
        self.admin.patch(f"imports/{im['id']}", {"options": {"on_existing": "update"}})
        before = self.server.checksum()
        _, im = self.go(im["id"], "check")
        self.assertEqual({x: im["check"][x] for x in ("new", "changed", "rejected", "new_customers")},
                         {"new": 2, "changed": 2, "rejected": 4, "new_customers": 1})
        self.assertEqual(self.server.checksum(), before)
        _, im = self.go(im["id"], "run")
        self.assertEqual((im["result"]["created"], im["result"]["updated"], im["result"]["customers_created"]), (2, 2, 1))
        ann = a.get(f"contacts/{c}")
        self.assertEqual((ann["name"], ann["title"], ann["phone"], ann["is_primary"]), ("Ann Li", "Chefin", "13800000001", True))
        listed = {x["name"]: x for x in a.get("contacts?fields=name,customer_id,owner_id,is_primary")["items"]}
        self.assertEqual(sorted(listed), ["Ann Li", "Bob", "Cy"])
        self.assertEqual(listed["Bob"]["customer_id"], k)
        self.assertTrue(listed["Cy"]["is_primary"])
        self.assertEqual([h["id"] for h in a.get("search?q=Bob")["items"]], [listed["Bob"]["id"]])
        _, im = self.go(im["id"], "undo")
        self.assertEqual((im["state"], im["undo"]["removed"], im["undo"]["kept"]), ("undone", 3, 0))
        self.assertEqual([x["name"] for x in a.get("contacts?fields=name")["items"]], ["Ann"])
        self.assertEqual(a.get(f"contacts/{c}")["title"], None)
        self.assertEqual(self.n("customers", "WHERE name = 'Beta'"), 0)



class Elsewhere(Import):
    def at(self, customer):
        """Who is met there: name, role there (None = their own), by the contact."""
        a = self.admin
        k = a.get("customers?fields=name&filter=" + quote({"field": "name", "op": "eq", "value": customer}))["items"][0]["id"]
        own = [(c["name"], None) for c in a.get(f"contacts?customer_id={k}&fields=name")["items"]]
        met = a.get(f"affiliations?customer_id={k}&fields=role,contact_id,is_primary&include=titles")
        return sorted(own + [(met["titles"][x["contact_id"]], x["role"]) for x in met["items"]])

    def test_one_person_at_several_customers(self):
        a = self.admin
        head = "customer name,contact name,role,phone,email"
        rows = [("Firm One", "Li Si", "Purchasing", "13811112222", ""), ("Firm Two", "Li Si", "Advisor", "+86 138-1111-2222", ""),
                ("Firm Three", "Li Si", "", "", "li@si.cn"), ("Firm One", "Wang Wu", "Decides", "", ""), ("Firm Two", "Wang Wu", "拍板人", "", ""),
                ("Firm Two", "Zhao Liu", "QA", "13811112222", ""), ("Firm Three", "Mo", "Board", "", "Mo@firm.cn"),
                ("Firm One", "Mo", "Owner", "", "mo@FIRM.cn")]
        im = self.upload(csv(rows, head), "people.csv", "contact")
        self.assertEqual([x["field"] for x in im["columns"]], ["customer.name", "name", "affiliation.role", "phone", "email"])
        before = self.server.checksum()
        _, im = self.go(im["id"], "check")
        self.assertEqual({x: im["check"][x] for x in ("new", "changed", "rejected", "new_customers")},
                         {"new": 8, "changed": 0, "rejected": 0, "new_customers": 3})
        self.assertEqual(self.server.checksum(), before)
        _, im = self.go(im["id"], "run")
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (8, 0))
        self.assertEqual(self.at("Firm One"), [("Li Si", None), ("Mo", None), ("Wang Wu", None)])
        self.assertEqual(self.at("Firm Two"), [("Li Si", "Advisor"), ("Wang Wu", None), ("Zhao Liu", None)], "a number is shared, a name with it is not")
        self.assertEqual(self.at("Firm Three"), [("Li Si", None), ("Mo", "Board")], "neither number nor e-mail is the same")
        said = sorted((x["name"], x["title"] or "", x["decision_role"] or "") for x in a.get("contacts?fields=name,title,decision_role")["items"]
                      if x["name"] in ("Li Si", "Wang Wu", "Mo"))
        self.assertEqual(said, [("Li Si", "", ""), ("Li Si", "Purchasing", ""), ("Mo", "Owner", ""),
                                ("Wang Wu", "", "decider"), ("Wang Wu", "", "decider")])
        for way, changed in (("skip", 0), ("update", 2)):
            again = [rows[0][:2] + ("Buyer",) + rows[0][3:], rows[1][:2] + ("Chair",) + rows[1][3:], *rows[2:]]
            im2 = self.whole(csv(again, head), "again.csv", "contact", on_existing=way)
            r = im2["result"]
            self.assertEqual((r["created"], r["updated"], r["skipped"], r["rejected"]), (0, changed, 8 - changed, 0), way)
        self.assertEqual(self.at("Firm Two")[0], ("Li Si", "Chair"))
        self.assertEqual([x["title"] for x in a.get("contacts?fields=title&title=Buyer")["items"]], ["Buyer"])
        _, im2 = self.go(im2["id"], "undo")
        self.assertEqual(self.at("Firm Two")[0], ("Li Si", "Advisor"))
        _, im = self.go(im["id"], "undo")
        self.assertEqual(im["state"], "undone")
        self.assertEqual(self.n("affiliations", "WHERE version = 1"), 0, "what was changed since and put back is kept")

    def test_whom_one_does_not_see_is_not_joined(self):
        a = self.admin
        k = a.post("customers", {"name": "Secret"})["id"]
        a.post("contacts", {"customer_id": k, "name": "Hidden", "phone": "13877770000"})
        role = a.post("roles", {"name": "r", "permissions": {
            e: {"read": "own", "write": "own", "create": True} for e in ("customer", "contact")}})["id"]
        [p] = self.people([{"role": role}])
        im = self.upload(csv([("Open", "Hidden", "Chief", "13877770000")], "customer name,contact name,role,phone"), "p.csv", "contact", client=p)
        _, im = self.go(im["id"], "run", client=p)
        self.assertEqual(im["result"]["created"], 1)
        self.assertEqual(self.at("Open"), [("Hidden", None)])

    def test_a_role_needs_the_right_to_the_title(self):
        a = self.admin
        role = a.post("roles", {"name": "r2", "permissions": {"customer": {"read": "own", "write": "own", "create": True},
            "contact": {"read": "own", "write": "own", "create": True, "fields": {"title": "read", "decision_role": "hide"}}}})["id"]
        [p] = self.people([{"role": role}])
        im = self.upload(csv([("Kept", "One", "Chief"), ("Kept", "Two", "decider")], "customer name,contact name,role"), "p.csv", "contact", client=p)
        _, im = self.go(im["id"], "run", client=p)
        self.assertEqual((im["result"]["created"], im["result"]["rejected"]), (2, 0))
        k = a.get("customers?fields=name&name=Kept")["items"][0]["id"]
        self.assertEqual({(x["title"], x["decision_role"]) for x in a.get(f"contacts?customer_id={k}&fields=title,decision_role")["items"]}, {(None, None)})


class Goods(Import):
    def test_products(self):
        a = self.admin
        top = a.post("categories", {"name": "Werkzeug"})["id"]
        old = a.post("products", {"name": "Säge", "code": "S-1", "list_price": {"amount": "10.00", "currency": "CNY"}})["id"]
        rows = [("S-1", "Säge", "Werkzeug / Sägen", "12.50", "6", "Stk"), ("B-1", "Bohrer", "Werkzeug / Bohrer / Metall", "3", "", ""),
                ("B-2", "Bohrer lang", "Werkzeug/Bohrer/Metall", "¥4.50", "2", ""), ("D-1", "Dienst", "", "100", "", ""),
                ("D-1", "Dienst noch einmal", "", "100", "", ""), ("X-1", "", "", "1", "", ""), ("X-2", "Teuer", "", "1.005", "", "")]
        im = self.upload(csv(rows, "编码,产品名称,品类,标价,成本,单位"), "goods.csv", "product")
        self.assertEqual([x["field"] for x in im["columns"]], ["code", "name", "category", "list_price", "cost", "unit"])
        a.patch(f"imports/{im['id']}", {"options": {"on_existing": "update"}})
        before = self.server.checksum()
        _, im = self.go(im["id"], "check")
        self.assertEqual({x: im["check"][x] for x in ("new", "changed", "rejected", "new_customers")},
                         {"new": 3, "changed": 1, "rejected": 3, "new_customers": 0})
        self.assertEqual(self.server.checksum(), before, "a check makes no categories")
        _, im = self.go(im["id"], "run")
        self.assertEqual((im["result"]["created"], im["result"]["updated"], im["result"]["rejected"]), (3, 1, 3))
        tree = {c["id"]: (c["name"], c["parent_id"]) for c in a.get("categories?fields=name,parent_id")["items"]}
        self.assertEqual(sorted(n for n, _ in tree.values()), ["Bohrer", "Metall", "Sägen", "Werkzeug"])
        goods = {p["code"]: p for p in a.get("products?fields=code,category,category_id,list_price,cost")["items"]}
        self.assertEqual((goods["B-2"]["category"], goods["B-2"]["list_price"]["amount"], goods["B-2"]["cost"]["amount"]),
                         ("Metall", "4.50", "2.00"))
        self.assertEqual(goods["B-1"]["category_id"], goods["B-2"]["category_id"])
        self.assertEqual(tree[tree[goods["B-1"]["category_id"]][1]], ("Bohrer", top))
        self.assertEqual((goods["S-1"]["category"], goods["S-1"]["list_price"]["amount"]), ("Sägen", "12.50"))
        r = self.whole(csv(rows[:4], "编码,产品名称,品类,标价,成本,单位"), "goods.csv", "product", on_existing="update")["result"]
        self.assertEqual((r["created"], r["updated"], r["skipped"]), (0, 0, 4))
        _, im = self.go(im["id"], "undo")
        self.assertEqual(im["state"], "undone")
        self.assertEqual([c["name"] for c in a.get("categories?fields=name")["items"]], ["Werkzeug"])
        self.assertEqual([(p["id"], p["category"]) for p in a.get("products?fields=category")["items"]], [(old, None)])

    def test_who_may(self):
        role = self.admin.post("roles", {"name": "r", "permissions": {
            "customer": {"read": "all", "write": "all", "create": True}, "order": {"read": "all", "write": "all", "create": True}}})["id"]
        [p] = self.people([{"role": role}])
        self.upload("name\nx\n", entity="product", status=403, client=p)
        self.upload("name\nx\n", entity="task", status=400)


class Memory(Import):
    HEAD = "kunde,wann,wieviel,sonst"

    def fields(self, im):
        return {c["header"]: im["mapping"][str(c["index"])] for c in im["columns"]}

    def test_a_mapping_is_remembered(self):
        row = [("C1", "03/04/2024", "5", "x")]
        im = self.upload(csv(row, self.HEAD))
        self.assertFalse(im["format"]["remembered"])
        self.assertEqual(set(self.fields(im).values()), {None})
        wanted = {"kunde": "customer.ext_id", "wann": "ordered_on", "wieviel": "amount", "sonst": None}
        self.admin.patch(f"imports/{im['id']}", {"mapping": {"0": "customer.ext_id", "1": "ordered_on", "2": "amount"},
                                                 "format": {"date_format": "DD/MM/YYYY"}})
        self.go(im["id"], "check")
        self.assertFalse(self.upload(csv(row, self.HEAD))["format"]["remembered"], "a check is no decision")
        self.go(im["id"], "run")
        # Other rows, columns in another order and written a little otherwise: the same kind of file.
        again = self.upload(csv([("9", "C2", "04/05/2024", "y")], "Wieviel,KUNDE,wann,sonst"))
        self.assertEqual({k.lower(): v for k, v in self.fields(again).items()}, wanted)
        self.assertEqual((again["format"]["remembered"], again["format"]["date_format"]), (True, "DD/MM/YYYY"))
        other = self.upload(csv(row, self.HEAD + ",mehr"))
        self.assertFalse(other["format"]["remembered"])
        self.assertFalse(self.upload(csv(row, self.HEAD), entity="customer")["format"]["remembered"])
        self.assertEqual(self.admin("DELETE", f"imports/{again['id']}/memory").status, 204)
        self.assertFalse(self.upload(csv(row, self.HEAD))["format"]["remembered"])

    def test_what_one_may_not_write_is_not_proposed(self):
        self.whole(csv([("C8", "2024-01-02", "5", "HB")], "customer_id,date,amount,channel"))
        role = self.admin.post("roles", {"name": "r", "permissions": {
            e: {"read": "all", "write": "all", "create": True, "fields": {"channel": "read"} if e == "order" else {}}
            for e in ("customer", "order")}})["id"]
        [p] = self.people([{"role": role}])
        im = self.upload(csv([("C9", "2024-01-02", "5", "HB")], "customer_id,date,amount,channel"), client=p)
        self.assertEqual((im["format"]["remembered"], im["mapping"]["3"]), (True, None))


both(Lines, People, Elsewhere, Goods, Memory)

if __name__ == "__main__":
    unittest.main()
