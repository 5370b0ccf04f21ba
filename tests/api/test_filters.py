"""Every operator of every type against the same condition worked out here, record by record."""
import datetime
import random
import unittest
import zoneinfo

from patron import Api, both, quote

FIELDS = {"name": "text", "city": "text", "description": "longtext", "email": "email", "employees": "int",
          "kinship": "bool", "birthday": "date", "kind": "enum", "industry": "enum", "credit_limit": "money",
          "parent_id": "link", "revenue": "base money", "created_at": "time", "p_alive": "real"}


FISCAL_MONTH = 4


def money(v):
    return v and round(float(v["amount"]) * 100)


def lower(s):
    """ASCII only, as both databases do it."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in s)


class Filters(Api):
    @classmethod
    def prepare(cls):
        super().prepare()
        rnd = random.Random(11)
        today = cls.today()
        items = []
        for i in range(300):
            r = {"name": rnd.choice(["Alpha", "alpha beta", "公司", "上海公司", "100%", "a_b", "Ünal", "it's", "x\\y"])
                 + rnd.choice(["", " 1", "2"]), "kind": rnd.choice(["company", "person", None])}
            if rnd.random() < .6:
                r["city"] = rnd.choice(["上海", "Köln", "koln", "NULL"])
            if rnd.random() < .6:
                r["employees"] = rnd.choice([0, 1, 2, 10, 2 ** 40])
            if rnd.random() < .6:
                r["kinship"] = rnd.random() < .5
            if rnd.random() < .7:
                r["birthday"] = str(today - datetime.timedelta(days=rnd.choice([0, 1, 6, 7, 8, 29, 30, 31, 400, -1, -7, -8])))
            if rnd.random() < .6:
                r["industry"] = rnd.choice(["retail", "finance", "other"])
            if rnd.random() < .6:
                r["credit_limit"] = rnd.choice(["0.00", "0.01", "10.00", "99.99", "1000000.00"])
            if rnd.random() < .5:
                r["description"] = rnd.choice(["long text\nwith lines", "Nothing", "50% off"])
            if rnd.random() < .4:
                r["email"] = rnd.choice(["a@b.cn", "A@b.cn", "info@example.com"])
            items.append(r)
        cls.admin.patch("company", {"fiscal_month": FISCAL_MONTH})
        made = cls.admin.need(200, "POST", "customers/batch", {"items": items})["results"]
        for m in made[:40]:
            cls.admin.patch("customers/" + m["id"], {"parent_id": made[rnd.randrange(100, 110)]["id"]})
        for m in made[:30]:
            cls.admin.post("orders", {"customer_id": m["id"], "ordered_on": "2024-01-01",
                                      "amount": rnd.choice(["1.00", "10.00"])})
        cls.rows = cls.admin.all("customers", 500)
        assert len(cls.rows) == 300
        cls.parents = [made[100]["id"], made[101]["id"]]

    @staticmethod
    def today():
        return datetime.datetime.now(zoneinfo.ZoneInfo("Asia/Shanghai")).date()

    def value(self, row, field):
        v, kind = row[field], FIELDS[field]
        if v is None:
            return None
        if "money" in kind:
            return money(v)
        if kind == "date":
            return datetime.date.fromisoformat(v)
        if kind == "link":
            return v
        return v

    def operand(self, field, v):
        kind = FIELDS[field]
        if "money" in kind:
            return round(float(v) * 100)
        if kind == "date":
            return datetime.date.fromisoformat(v)
        return v

    def holds(self, row, f):
        if "and" in f:
            return all(self.holds(row, x) for x in f["and"])
        if "or" in f:
            return any(self.holds(row, x) for x in f["or"])
        if "not" in f:
            return not self.holds(row, f["not"])
        field, op, arg = f["field"], f["op"], f.get("value")
        v = self.value(row, field)
        if op == "null":
            return v is None
        if op == "notnull":
            return v is not None
        if op in ("last_days", "next_days", "today", "this_month", "this_year", "this_fiscal_year"):
            if FIELDS[field] == "time":
                v = v and datetime.datetime.fromtimestamp(v / 1000, zoneinfo.ZoneInfo("Asia/Shanghai")).date()
            if v is None:
                return False
            t = self.today()
            if op == "last_days":
                return t - datetime.timedelta(days=arg) <= v <= t
            if op == "next_days":
                return t <= v <= t + datetime.timedelta(days=arg)
            if op == "today":
                return v == t
            if op == "this_fiscal_year":
                begin = t.replace(month=FISCAL_MONTH, day=1)
                begin = begin if begin <= t else begin.replace(year=begin.year - 1)
                return begin <= v < begin.replace(year=begin.year + 1)
            return v.year == t.year and (op == "this_year" or v.month == t.month)
        if op in ("in", "nin"):
            hit = v in [self.operand(field, x) for x in arg]
            return hit if op == "in" else not hit
        if op == "ne":
            return v != self.operand(field, arg)
        if v is None:
            return False
        if op == "between":
            return self.operand(field, arg[0]) <= v <= self.operand(field, arg[1])
        if op == "contains":
            return lower(arg) in lower(v)
        if op == "starts":
            return lower(v).startswith(lower(arg))
        x = self.operand(field, arg)
        return {"eq": v == x, "lt": v < x, "lte": v <= x, "gt": v > x, "gte": v >= x}[op] \
            if op == "eq" or type(v) is type(x) or isinstance(v, (int, float)) else self.fail(op)

    def check(self, f):
        want = {r["id"] for r in self.rows if self.holds(r, f)}
        got = [r["id"] for r in self.admin.all(f"customers?fields=name&filter={quote(f)}", 500)]
        self.assertEqual(len(got), len(set(got)))
        self.assertEqual(set(got), want, f)
        n = self.admin.get(f"customers?limit=1&count=exact&filter={quote(f)}")["count"]["value"]
        self.assertEqual(n, len(want), f)
        return len(want)

    def leaves(self):
        t = str(self.today())
        out = []
        values = {"name": ["Alpha", "公司", "100%", "it's", "x\\y", "", "' OR 1=1 --"], "city": ["上海", "NULL", "Köln"],
                  "email": ["a@b.cn", "A@b.cn"], "employees": [0, 2, 2 ** 40, 7], "kinship": [True, False],
                  "birthday": [t, "1900-01-01"], "kind": ["company", "person"], "industry": ["retail", "health"],
                  "credit_limit": ["0.00", "10.00", "99.995", "5"], "parent_id": self.parents,
                  "revenue": ["1.00", "10"], "created_at": [self.rows[5]["created_at"], 0], "p_alive": [0.5]}
        ops = {e["name"]: {f["name"]: f["operators"] for f in e["fields"]}
               for e in self.admin.get("metadata")["entities"]}["customer"]
        for field, kind in FIELDS.items():
            for op in ops[field]:
                if op in ("null", "notnull", "today", "this_month", "this_year", "this_fiscal_year"):
                    out.append({"field": field, "op": op})
                elif op in ("last_days", "next_days"):
                    out += [{"field": field, "op": op, "value": n} for n in (0, 1, 7, 30)]
                elif op in ("contains", "starts"):
                    out += [{"field": field, "op": op, "value": v}
                            for v in ("a", "ALPHA", "公司", "%", "_", "\\", "0% ", "ü", "Ü", "it'", "text\nwith", "@")]
                elif op == "between":
                    v = [x for x in values[field] if x not in ("99.995",)]
                    out += [{"field": field, "op": op, "value": [min(v), max(v)]},
                            {"field": field, "op": op, "value": [max(v), min(v)]}]
                elif op in ("in", "nin"):
                    v = [x for x in values[field] if x not in ("99.995", "")]
                    out += [{"field": field, "op": op, "value": v}, {"field": field, "op": op, "value": v[:1]}]
                else:
                    out += [{"field": field, "op": op, "value": v} for v in values[field] if v != "99.995"]
        return out

    def test_every_operator(self):
        hits = 0
        for f in self.leaves():
            if f.get("value") in ("", []):
                continue
            with self.subTest(f):
                n = self.check(f)
                self.check({"not": f})
                hits += 0 < n < 300
        self.assertGreater(hits, 60, "the data tell nothing")

    def test_trees(self):
        rnd = random.Random(3)
        leaves = [f for f in self.leaves() if f.get("value") not in ("", [])]

        def tree(depth):
            if depth == 0 or rnd.random() < .2:
                return rnd.choice(leaves)
            k = rnd.choice(["and", "or", "not"])
            return {"not": tree(depth - 1)} if k == "not" else {k: [tree(depth - 1) for _ in range(rnd.randrange(1, 4))]}
        for i in range(120):
            f = tree(3)
            with self.subTest(i=i):
                self.check(f)

    def test_short_form(self):
        c = self.admin
        for query, f in (("kind=person", {"field": "kind", "op": "eq", "value": "person"}),
                         ("employees[gte]=2", {"field": "employees", "op": "gte", "value": 2}),
                         ("employees[in]=1,2", {"field": "employees", "op": "in", "value": [1, 2]}),
                         ("employees[between]=1,10", {"field": "employees", "op": "between", "value": [1, 10]}),
                         ("city[null]=1", {"field": "city", "op": "null"}),
                         ("name[contains]=%E5%85%AC%E5%8F%B8", {"field": "name", "op": "contains", "value": "公司"}),
                         ("credit_limit[lt]=10.00", {"field": "credit_limit", "op": "lt", "value": "10"}),
                         ("birthday[last_days]=7", {"field": "birthday", "op": "last_days", "value": 7}),
                         ("kind=person&city[notnull]=1", {"and": [{"field": "kind", "op": "eq", "value": "person"},
                                                                  {"field": "city", "op": "notnull"}]})):
            with self.subTest(query):
                got = {r["id"] for r in c.all("customers?fields=name&" + query, 500)}
                self.assertEqual(got, {r["id"] for r in self.rows if self.holds(r, f)})

    def test_refusals_say_where(self):
        c = self.admin
        for f, pointer, code in (
                ({"field": "nope", "op": "eq", "value": 1}, "/filter", "unknown-field"),
                ({"and": [{"field": "name", "op": "eq", "value": "x"}, {"field": "name", "op": "gt", "value": "x"}]},
                 "/filter/and/1", "unknown-operator"),
                ({"or": [{"not": {"field": "birthday", "op": "eq", "value": "2024-02-30"}}]}, "/filter/or/0/not",
                 "date-no-such-day"),
                ({"field": "credit_limit", "op": "eq", "value": "1,234.50"}, "/filter", "number"),
                ({"field": "employees", "op": "in", "value": []}, "/filter", "value-count"),
                ({"field": "employees", "op": "eq", "value": {"a": 1}}, "/filter", "integer"),
                ([], "/filter", "filter-shape")):
            with self.subTest(f):
                self.problem(c, "GET", f"customers?filter={quote(f)}", "validation", 422, pointer, field_code=code)


both(Filters)

if __name__ == "__main__":
    unittest.main()
