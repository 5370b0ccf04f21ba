"""Tags: the company's labels on records; found by filters, changed by several at once, merged by administrators."""
import concurrent.futures
import unittest

from patron import Api, both, quote

OWN = {"read": "own", "write": "own", "create": True, "delete": "own"}


class Tags(Api):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        role = cls.admin.post("roles", {"name": "Own", "permissions": {"customer": OWN}})["id"]
        reads = cls.admin.post("roles", {"name": "Reads", "permissions": {"customer": {"read": "all"}}})["id"]
        held = cls.admin.post("roles", {"name": "Held", "permissions": {"customer": {**OWN, "fields": {"tags": "hide"}}}})["id"]
        cls.own, cls.reader, cls.held = cls.people([{"role": role}, {"role": reads}, {"role": held}])
        Tags.serial = 0

    def tag(self, name=None):
        Tags.serial += 1
        return self.admin.post("tags", {"name": name or f"tag {Tags.serial}"})["id"]

    def ids(self, filter, client=None):
        return {r["id"] for r in (client or self.admin).all(f"customers?fields=name&{filter}")}

    def test_on_a_record_and_found_by_it(self):
        a, b, c = self.tag(), self.tag(), self.tag()
        one = self.own.post("customers", {"name": "one", "tags": [b, a, a]})
        self.assertEqual(one["tags"], [a, b])
        two = self.own.post("customers", {"name": "two", "tags": [c]})
        none = self.own.post("customers", {"name": "none"})
        self.assertIsNone(none["tags"])
        self.assertEqual(self.own.patch(f"customers/{none['id']}", {"tags": []})["tags"], None)
        one, two, none = one["id"], two["id"], none["id"]
        self.assertEqual(self.ids(f"tags[in]={a}"), {one})
        self.assertEqual(self.ids(f"tags={b}"), {one})
        self.assertEqual(self.ids(f"tags[in]={a},{c}"), {one, two})
        self.assertTrue({two, none} <= self.ids(f"tags[nin]={a}") and one not in self.ids(f"tags[nin]={a}"))
        self.assertIn(none, self.ids("tags[null]="))
        self.assertNotIn(one, self.ids("tags[null]="))
        both_tags = quote({"and": [{"field": "tags", "op": "in", "value": [a]}, {"not": {"field": "tags", "op": "in", "value": [b, c]}}]})
        self.assertEqual(self.ids(f"filter={both_tags}"), set())
        self.own.patch(f"customers/{one}", {"tags": [c]})
        self.assertEqual(self.ids(f"tags[in]={c}"), {one, two})
        self.assertEqual(self.ids(f"tags[in]={a}"), set())
        self.assertEqual(self.ids(f"tags[in]={c}", self.reader), {one, two})
        for path, code in ((f"customers?tags[contains]={a}", "unknown-operator"), ("customers?tags[in]=x", "id")):
            self.problem(self.own, "GET", path, "validation", 422, "tags", field_code=code)

    def test_history_and_undo(self):
        a = self.tag()
        one = self.own.post("customers", {"name": "undone"})["id"]
        r = self.own.need(200, "POST", f"customers/{one}/tags", {"add": [a]})
        event = self.own.get(f"customers/{one}/history")["items"][0]
        self.assertEqual(event["changes"], [{"field": "tags", "before": None, "after": [a]}])
        self.own.need(200, "POST", f"history/{r.headers['X-Event-Id']}/undo")
        self.assertEqual(self.ids(f"tags[in]={a}"), set())

    def test_several_at_once(self):
        tags = [self.tag() for _ in range(8)]
        one = self.own.post("customers", {"name": "busy"})["id"]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda t: self.own("POST", f"customers/{one}/tags", {"add": [t]}).status, tags))
        self.assertEqual(set(answers), {200})
        self.assertEqual(self.own.get(f"customers/{one}")["tags"], sorted(tags))
        got = self.own.post(f"customers/{one}/tags", {"add": [tags[0]], "remove": tags[1:]}, 200)
        self.assertEqual(got["tags"], tags[:1])

    def test_what_is_refused(self):
        a = self.tag()
        one = self.own.post("customers", {"name": "refused"})["id"]
        gone = self.tag()
        self.admin.delete(f"tags/{gone}")
        p = self.problem
        for body, code in (({"tags": [gone]}, "link-not-found"), ({"tags": ["99"]}, "link-not-found"), ({"tags": "x"}, "type-list"),
                           ({"tags": [1]}, "id"), ({"tags": [str(i) for i in range(100, 150)]}, "value-count")):
            p(self.own, "PATCH", f"customers/{one}", "validation", 422, "/tags", body, field_code=code)
        p(self.own, "POST", f"customers/{one}/tags", "validation", 422, "/add", {"add": ["x"]}, field_code="id")
        p(self.own, "POST", f"customers/{one}/tags", "validation", 422, "/remove", {"remove": "x"})
        p(self.reader, "POST", f"customers/{one}/tags", "forbidden", 403, body={"add": [a]})
        theirs = self.admin.post("customers", {"name": "theirs"})["id"]
        p(self.own, "POST", f"customers/{theirs}/tags", "not-found", 404, body={"add": [a]})
        p(self.own, "POST", f"departments/{one}/tags", "not-found", 404, body={"add": [a]})
        p(self.own, "PATCH", f"tags/{a}", "forbidden", 403, body={"name": "mine"})
        p(self.own, "POST", "tags", "forbidden", 403, body={"name": "mine"})
        p(self.admin, "POST", "tags", "validation", 422, "/color", {"name": "x", "color": "pink"}, field_code="unknown-option")

    def test_held_back(self):
        a = self.tag()
        one = self.held.post("customers", {"name": "held"})["id"]
        self.admin.post(f"customers/{one}/tags", {"add": [a]}, 200)
        self.assertNotIn("tags", self.held.get(f"customers/{one}"))
        self.problem(self.held, "GET", f"customers?tags[in]={a}", "validation", 422)
        self.problem(self.held, "POST", f"customers/{one}/tags", "validation", 422, "/tags", {"add": [a]}, field_code="unknown-field")
        self.problem(self.held, "POST", "tags/find", "forbidden", 403, body={"name": "new"})

    def test_a_new_word(self):
        made = self.own.post("tags/find", {"name": " 重点 "}, 200)
        self.assertEqual((made["name"], made["color"]), ("重点", "gray"))
        self.assertEqual(self.admin.post("tags/find", {"name": "重点"}, 200)["id"], made["id"])
        self.problem(self.own, "POST", "tags/find", "validation", 422, "/name", {"name": "x" * 31}, field_code="too-long")
        self.problem(self.reader, "POST", "tags/find", "forbidden", 403, body={"name": "new"})
        self.problem(self.admin, "POST", "tags", "duplicate", 409, "/name", {"name": "重点"})

    def test_merging(self):
        a, b = self.tag(), self.tag()
        both_, only, task = (self.own.post("customers", {"name": "both", "tags": [a, b]})["id"],
                             self.own.post("customers", {"name": "only", "tags": [a]})["id"],
                             self.admin.post("tasks", {"title": "t", "tags": [a]})["id"])
        self.problem(self.own, "POST", f"tags/{a}/merge", "forbidden", 403, body={"into": b})
        self.problem(self.admin, "POST", f"tags/{a}/merge", "validation", 422, "/into", {"into": a}, field_code="link-to-itself")
        self.problem(self.admin, "POST", f"tags/{a}/merge", "validation", 422, "/into", {"into": "99"}, field_code="link-not-found")
        self.problem(self.admin, "POST", "tags/99/merge", "not-found", 404, body={"into": b})
        self.admin.need(204, "POST", f"tags/{a}/merge", {"into": b})
        for one in (both_, only):
            self.assertEqual(self.own.get(f"customers/{one}")["tags"], [b])
        self.assertEqual(self.admin.get(f"tasks/{task}")["tags"], [b])
        self.assertEqual(self.ids(f"tags[in]={b}"), {both_, only})
        self.assertEqual(self.admin("GET", f"tags/{a}").status, 404)
        self.assertEqual(self.ids(f"tags[in]={a}"), set())

    def test_favourites(self):
        mine = self.own.post("customers", {"name": "dear"})["id"]
        task = self.reader.id  # no task, and no right to any
        self.own.need(204, "PUT", f"customers/{mine}/favourite")
        self.own.need(204, "PUT", f"customers/{mine}/favourite")
        self.assertEqual(self.own.get("favourites"), {"items": [{"entity": "customer", "id": mine}], "titles": {mine: "dear"}})
        self.assertEqual(self.admin.get("favourites")["items"], [], "one's own")
        self.admin.patch(f"customers/{mine}", {"owner_id": self.reader.id})
        self.assertEqual(self.own.get("favourites"), {"items": [], "titles": {}})
        self.problem(self.own, "PUT", f"customers/{mine}/favourite", "not-found", 404)
        self.problem(self.own, "PUT", f"tasks/{task}/favourite", "not-found", 404)
        self.own.need(204, "DELETE", f"customers/{mine}/favourite")
        self.admin.patch(f"customers/{mine}", {"owner_id": self.own.id})
        self.assertEqual(self.own.get("favourites")["items"], [])


load_tests = None
both(Tags)

if __name__ == "__main__":
    unittest.main()
