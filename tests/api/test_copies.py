"""What stands in one record and was copied from another is told only to who may read it there: the next task of a
customer, the cost of a product in lines and orders. Over every way that leads to it, on both databases."""
from patron import Api, both, quote

ALL = {"read": "all", "write": "all", "delete": "all", "create": True}
NONE = {"read": "none", "write": "none", "delete": "none", "create": False}
READ = {**NONE, "read": "all"}
TASK = ("next_task", "next_task_on", "next_task_id")
DAY = "2031-03-04"


class Copies(Api):
    @classmethod
    def prepare(cls):
        super().prepare()
        a = cls.admin
        make = lambda name, **p: a.post("roles", {"name": name, "permissions": p})["id"]
        cls.blind = make("no tasks", customer=ALL, note=NONE)
        cls.own = make("own tasks", customer=READ, task={**NONE, "read": "own"})
        cls.all_tasks = make("all tasks", customer=READ, task=READ)
        cls.untitled = make("no titles", customer=READ, task={**READ, "fields": {"title": "mask", "due_on": "hide"}})
        cls.k = a.post("customers", {"name": "Copied", "next_step": "by hand"})["id"]
        cls.task = a.post("tasks", {"title": "SECRET fire the manager", "customer_id": cls.k, "due_on": DAY})["id"]
        cls.goods = a.post("products", {"name": "Valve", "list_price": "99.50", "cost": "61.37"})["id"]

    def taken_out(self, who, fields, entity="customer", **more):
        a = who("POST", "exports", {"entity": entity, "format": "csv", "fields": fields, **more})
        if a.status != 202:
            return a, ""
        who.job(a["job_id"])
        return a, who.need(200, "GET", f"exports/{a['job_id']}").raw.decode()

    def order(self, who, **line):
        """With its lines, as the person sees them who made it."""
        made = who.post("orders", {"customer_id": self.k, "ordered_on": "2026-01-02",
                                   "lines": [{"product_id": self.goods, "quantity": "1", **line}]})
        lines = who.get(f"order_lines?order_id={made['id']}")["items"]
        return {**made, "lines": lines}

    def test_next_task(self):
        blind, own = self.people([{"role": self.blind}, {"role": self.own}])
        for p in (blind, own):
            for path in (f"customers/{self.k}", "customers?name=Copied", f"customers/{self.k}/timeline",
                         f"customers/{self.k}/history", "search?q=SECRET", "tasks", f"customers/{self.k}/why"):
                text = p.need(200, "GET", path).raw.decode()
                for word in ("SECRET", DAY, self.task, *TASK):
                    self.assertNotIn(word, text, path)
            for field, op, value in (("next_task", "contains", "SECRET"), ("next_task_on", "eq", DAY),
                                     ("next_task_id", "eq", self.task), ("next_task_id", "null", None)):
                a = p("GET", f"customers?filter={quote({'field': field, 'op': op, 'value': value})}")
                self.assertEqual((a.status, a["errors"][0]["code"]), (422, "unknown-field"), field)
            for path in ("sort=next_task_on", "fields=next_task"):
                self.assertEqual(p("GET", "customers?" + path).status, 400, path)
            a, _ = self.taken_out(p, ["name", "next_task"])
            self.assertEqual((a.status, a["errors"][0]["pointer"]), (422, "/fields/1"))
            self.assertEqual(p("GET", f"tasks/{self.task}").status, 404)
        fields = {f["name"] for e in own.get("metadata")["entities"] if e["name"] == "customer" for f in e["fields"]}
        self.assertFalse(fields & set(TASK))

    def test_who_reads_all_tasks_sees_the_next(self):
        wide, part = self.people([{"role": self.all_tasks}, {"role": self.untitled}])
        for p in (wide, self.admin):
            r = p.get(f"customers/{self.k}")
            self.assertEqual([r[f] for f in TASK], ["SECRET fire the manager", DAY, self.task])
            self.assertEqual(len(p.get(f"customers?filter={quote({'field': 'next_task_on', 'op': 'eq', 'value': DAY})}")["items"]), 1)
            self.assertIn("SECRET", self.taken_out(p, ["name", "next_task"])[1])
        # A level of the task's own field goes along with the copy.
        r = part.get(f"customers/{self.k}")
        self.assertEqual((r["next_task"], r["next_task_id"]), ("S***", self.task))
        self.assertNotIn("next_task_on", r)

    def test_cost(self):
        a = self.admin
        made = self.order(a)
        self.assertEqual((made["cost"]["amount"], made["lines"][0]["unit_cost"]["amount"]), ("61.37", "61.37"))
        # Wherever it is hidden among those that tell of it, and from a product that cannot be seen at all.
        rights = {"of the product": {"product": {**READ, "fields": {"cost": "hide"}}},
                  "of the line": {"order_line": {**ALL, "fields": {"unit_cost": "hide"}}},
                  "of the line, all": {"order_line": {**ALL, "fields": {"cost": "hide"}}},
                  "of the order": {"order": {**ALL, "fields": {"cost": "hide"}}, "order_line": ALL},
                  "no products": {"product": NONE}}
        ids = [a.post("roles", {"name": n, "permissions": {"customer": ALL, "order": ALL, **p}})["id"]
               for n, p in rights.items()]
        for name, p in zip(rights, self.people([{"role": i} for i in ids])):
            path = f"orders/{made['id']}"
            order, lines = p.need(200, "GET", path), p.need(200, "GET", f"order_lines?order_id={made['id']}")
            self.assertEqual(len(lines["items"]), 1, name)
            self.assertNotIn("cost", order.json)
            self.assertNotIn("margin", order.json)
            self.assertNotIn("unit_cost", lines["items"][0])
            event = a.need(200, "PATCH", path, {"channel": name}).headers["X-Event-Id"]
            texts = [order, lines, p("GET", path + "/history"), p("GET", f"customers/{self.k}/timeline"), p("GET", "orders?limit=50"),
                     p.need(200, "POST", f"history/{event}/undo")]
            for t in texts:
                self.assertEqual(t.status, 200, name)
                self.assertNotIn("61.37", t.raw.decode(), name)
                self.assertNotIn("38.13", t.raw.decode(), name)
            if name != "no products":
                self.assertNotIn("61.37", str(self.order(p)), name)
            for field in ("cost", "margin"):
                self.assertEqual(p("GET", f"orders?sort={field}").status, 400)
            tree = {"field": "cost", "op": "eq", "value": "61.37"}
            self.assertEqual(p("GET", f"orders?filter={quote(tree)}").status, 422)
            self.problem(p, "PATCH", path, "validation", 422, "/cost", {"cost": "1.00"}, field_code="unknown-field")
            for field in ("cost", "margin"):
                self.assertEqual(self.taken_out(p, ["number", field], "order")[0].status, 422)
        # What was written by somebody who does not see the cost has it all the same.
        newest = a.get("orders?sort=-id&limit=1")["items"][0]
        self.assertEqual(newest["cost"]["amount"], "61.37")

    def test_sight_follows_and_not_the_right_to_write(self):
        """Who reads what a product costs may say what one line of an order cost."""
        id = self.admin.post("roles", {"name": "reads costs", "permissions": {
            "customer": ALL, "order": ALL, "product": {**READ, "fields": {"cost": "read"}}}})["id"]
        [p] = self.people([{"role": id}])
        self.assertEqual(self.order(p, quantity="2", unit_cost="50.00")["cost"]["amount"], "100.00")

    def test_masks_follow(self):
        id = self.admin.post("roles", {"name": "masked costs", "permissions": {
            "customer": ALL, "order": ALL, "product": {**READ, "fields": {"cost": "mask"}}}})["id"]
        [p] = self.people([{"role": id}])
        made = self.order(p)
        self.assertEqual((made["cost"], made["lines"][0]["unit_cost"], made["lines"][0]["cost"]), ("***", "***", "***"))


load_tests = both(Copies)
