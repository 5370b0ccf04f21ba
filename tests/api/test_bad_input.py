"""Bad input to records: code, pointer, text in both languages, and a database that did not change."""
import http.client
import json
import os
import socket
import unittest

from patron import Api, Server, both


class BadInput(Api):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.zh, cls.en = cls.people([{"admin": True, "lang": "zh"}, {"admin": True, "lang": "en"}])
        # Where nobody's language is known yet (no such method), the header decides.
        cls.zh.lang, cls.en.lang = "zh-CN,zh;q=0.9", "en-GB"
        cls.customer = cls.admin.post("customers", {"name": "甲", "ext_id": "C1"})["id"]
        cls.other = cls.admin.post("customers", {"name": "乙", "ext_id": "C2"})["id"]
        cls.order = cls.admin.post("orders", {"customer_id": cls.customer, "ordered_on": "2024-01-01", "amount": "5.00"})["id"]

    def refused(self, method, path, code, status, en, zh, pointer=None, field_code=None, **k):
        for c, text in ((self.en, en), (self.zh, zh)):
            self.problem(c, method, path, code, status, pointer, field_code=field_code, text=text, **k)

    def test_fields_of_a_customer(self):
        cases = [
            ({"nmae": "x", "name": "y"}, "/nmae", "unknown-field", "There is no field nmae", "没有「nmae」这个字段"),
            ({}, "/name", "required", "must not be empty", "不能为空"),
            ({"name": None}, "/name", "required", "must not be empty", "不能为空"),
            ({"name": "   "}, "/name", "required", "must not be empty", "不能为空"),
            ({"name": 5}, "/name", "type-text", "A text belongs here", "这里要写文字"),
            ({"name": ["x"]}, "/name", "type-text", "A text belongs here", "这里要写文字"),
            ({"name": "x" * 201}, "/name", "too-long", "longer than 200 characters", "超过 200 个字符"),
            ({"name": "公" * 201}, "/name", "too-long", "longer than 200 characters", "超过 200 个字符"),
            ({"name": "a\u0001b"}, "/name", "control-character", "control characters", "控制字符"),
            ({"name": "x", "employees": "many"}, "/employees", "integer", "not a whole number", "不是整数"),
            ({"name": "x", "employees": 1.5}, "/employees", "integer", "not a whole number", "不是整数"),
            ({"name": "x", "employees": True}, "/employees", "integer", "not a whole number", "不是整数"),
            ({"name": "x", "employees": -1}, "/employees", "out-of-range", "outside the allowed range", "超出允许的范围"),
            ({"name": "x", "kinship": "yes"}, "/kinship", "boolean", "neither yes nor no", "不是「是」或「否」"),
            ({"name": "x", "kinship": 1}, "/kinship", "boolean", "neither yes nor no", "不是「是」或「否」"),
            ({"name": "x", "birthday": "2024-02-30"}, "/birthday", "date-no-such-day", "there is no such day", "没有这一天"),
            ({"name": "x", "birthday": "30.02.2024"}, "/birthday", "date", "not a date", "认不出日期"),
            ({"name": "x", "birthday": 20240201}, "/birthday", "type-text", "A text belongs here", "这里要写文字"),
            ({"name": "x", "credit_limit": "1,234.50"}, "/credit_limit", "number", "not a number", "不是数字"),
            ({"name": "x", "credit_limit": "￥1,234.50"}, "/credit_limit", "number", "not a number", "不是数字"),
            ({"name": "x", "credit_limit": 5}, "/credit_limit", "type-money", "An amount belongs here", "这里要金额"),
            ({"name": "x", "credit_limit": {"amount": 5, "currency": "CNY"}}, "/credit_limit", "type-money",
             "An amount belongs here", "这里要金额"),
            ({"name": "x", "credit_limit": {"amount": "5", "currency": "CNY", "more": 1}}, "/credit_limit", "type-money",
             "An amount belongs here", "这里要金额"),
            ({"name": "x", "credit_limit": {"amount": "5", "currency": "USD"}}, "/credit_limit", "no-rate",
             "no exchange rate", "汇率"),
            ({"name": "x", "credit_limit": {"amount": "5", "currency": "ABC"}}, "/credit_limit", "unknown-currency",
             "not a currency code", "没有这种货币"),
            ({"name": "x", "credit_limit": "1.234"}, "/credit_limit", "too-many-decimals", "more decimals", "小数位数"),
            ({"name": "x", "credit_limit": "92233720368547758.08"}, "/credit_limit", "out-of-range",
             "outside the allowed range", "超出允许的范围"),
            ({"name": "x", "email": "nobody"}, "/email", "email", "not an e-mail address", "不是邮箱地址"),
            ({"name": "x", "phone": "call me"}, "/phone", "phone", "not a phone number", "不是电话号码"),
            ({"name": "x", "website": "javascript:alert(1)"}, "/website", "url", "not a web address", "不是网址"),
            ({"name": "x", "kind": "firm"}, "/kind", "unknown-option", "not one of the choices", "不在可选的值里"),
            ({"name": "x", "parent_id": "x"}, "/parent_id", "id", "not a record id", "不是记录编号"),
            ({"name": "x", "parent_id": 5}, "/parent_id", "type-text", "A text belongs here", "这里要写文字"),
            ({"name": "x", "parent_id": "12345"}, "/parent_id", "link-not-found", "no such record", "没有这条记录"),
            ({"name": "x", "revenue": "5.00"}, "/revenue", "read-only", "computed", "算出来"),
            ({"name": "x", "id": "5"}, "/id", "read-only", "computed", "算出来"),
            ({"name": "x", "version": 5}, "/version", "read-only", "computed", "算出来"),
            ({"name": "x", "deleted_at": 5}, "/deleted_at", "unknown-field", "no field", "没有"),
        ]
        for body, pointer, code, en, zh in cases:
            with self.subTest(body=str(body)[:60]):
                self.refused("POST", "customers", "validation", 422, en, zh, pointer, code, body=body)
        with self.subTest("all at once"):
            a = self.problem(self.en, "POST", "customers", "validation", 422, "/email",
                             body={"email": "x", "birthday": "x", "employees": "x", "nothing": 1})
            self.assertEqual({e["pointer"] for e in a["errors"]}, {"/email", "/birthday", "/employees", "/nothing", "/name"})
        with self.subTest("duplicate"):
            self.refused("POST", "customers", "duplicate", 409, "already has this value", "已有另一条记录", "/ext_id",
                         "duplicate-value", body={"name": "x", "ext_id": "C1"})
        with self.subTest("itself"):
            self.refused("PATCH", f"customers/{self.customer}", "validation", 422, "cannot point to itself", "不能指向自己",
                         "/parent_id", "link-to-itself", body={"parent_id": self.customer})
        for body in ([], "x", 5, None):
            with self.subTest(body=body):
                self.refused("POST", "customers", "validation", 422, "An object belongs here", "这里要一个对象", "",
                             "type-object", raw=json.dumps(body).encode(), headers={"Content-Type": "application/json"})

    def test_two_people_edit_one_customer(self):
        """The second one learns that the first was quicker, and what the record says now."""
        path = "customers/" + self.admin.post("customers", {"name": "two", "employees": 1})["id"]
        self.admin.patch(path, {"employees": 2})
        for method, body in (("PATCH", {"employees": 3}), ("DELETE", None)):
            for c, text in ((self.en, "Somebody saved this record in the meantime"), (self.zh, "这条记录刚被别人保存过")):
                a = self.problem(c, method, path, "version-conflict", 412, body=body, headers={"If-Match": '"1"'})
                self.assertEqual(a["title"], text)
                self.assertEqual((a["current"]["version"], a["current"]["employees"]), (2, 2))
        self.assertEqual(self.admin.get(path)["employees"], 2)

    def test_orders(self):
        base = {"customer_id": self.customer, "ordered_on": "2024-01-01", "amount": "5.00"}
        for change, pointer, code, en, zh in (
                ({"amount": "-5.00"}, "/amount", "order-negative", "only a return is", "只有退货才是"),
                ({"status": "returned"}, "/amount", "return-positive", "its amount is negative", "金额要写负数"),
                ({"customer_id": None}, "/customer_id", "required", "must not be empty", "不能为空"),
                ({"ordered_on": "2024-02-30"}, "/ordered_on", "date-no-such-day", "no such day", "没有这一天"),
                ({"customer_id": self.other, "status": "returned", "amount": "-5.00", "original_id": self.order},
                 "/original_id", "return-other-customer", "another customer", "另一位客户"),
                ({"original_id": "7"}, "/original_id", "link-not-found", "no such record", "没有这条记录"),
                ({"amount": {"amount": "5.00", "currency": "EUR"}}, "/amount", "no-rate", "no exchange rate", "汇率")):
            with self.subTest(change):
                self.refused("POST", "orders", "validation", 422, en, zh, pointer, code, body={**base, **change})

    def test_malformed(self):
        j = {"Content-Type": "application/json"}
        for raw, code, status, en, zh, offset in (
                (b'{"name":"x"', "malformed-json", 400, "not JSON", "不是 JSON", None),
                (b'{"name":"x",}', "malformed-json", 400, "at byte", "个字节", None),
                (b"", "malformed-json", 400, "at byte 0", "第 0 个字节", "0"),
                (b"name=x", "malformed-json", 400, "not JSON", "不是 JSON", None),
                (b'{"name":"a","name":"b"}', "malformed-json", 400, "not JSON", "不是 JSON", None),
                (b'{"name":"\xff"}', "bad-utf8", 400, "not UTF-8", "不是 UTF-8", "9"),
                (b'{"name":"\xed\xa0\x80"}', "bad-utf8", 400, "not UTF-8", "不是 UTF-8", "9"),
                (b'{"name":"\xe5\x85', "bad-utf8", 400, "not UTF-8", "不是 UTF-8", "9"),
                (b'{"name":"a\\u0000b"}', "malformed-json", 400, "not JSON", "不是 JSON", None),
                (b"[" * 70 + b"]" * 70, "malformed-json", 400, "at byte 64", "第 64 个字节", "64"),
                (b"[" + b"1," * 10001 + b"1]", "malformed-json", 400, "not JSON", "不是 JSON", None),
                (b'{"name":"' + b"x" * (3 << 20) + b'"}', "too-large", 413, "too large", "太大", None)):
            with self.subTest(raw[:30]):
                for c, text in ((self.en, en), (self.zh, zh)):
                    a = self.problem(c, "POST", "customers", code, status, raw=raw, headers=j, text=text)
                    if offset:
                        self.assertEqual(a["params"]["offset"], offset)

    def test_paths_and_parameters(self):
        for path in ("customers/x", "customers/0", "customers/-1", "customers/99999999999999999999", "customers/1/2/3",
                     "customers/1'%20OR%201=1", "customers/%00", "customers/1%2f..", "nothing/1"):
            a = self.en("GET", path)
            self.assertIn(a.status, (400, 404), path)
            self.assertEqual(a.json["status"], a.status)
        self.refused("GET", f"customers/{int(self.customer) + 1}", "not-found", 404, "no such record", "没有这条记录")
        self.refused("DELETE", f"customers/{int(self.customer) + 1}", "not-found", 404, "no such record", "没有这条记录")
        self.refused("GET", "customers?limit=-1", "bad-parameter", 400, "limit", "limit")
        self.refused("PUT", "customers", "method-not-allowed", 405, "does not take that method", "不接受这种方法")
        self.refused("GET", "history/1/undo", "method-not-allowed", 405, "does not take that method", "不接受这种方法")
        a = self.en("GET", "customers?name=" + "%E4" * 5)
        self.assertIn(a.status, (200, 400))
        many = "&".join(f"name=x{i}" for i in range(51))
        self.refused("GET", "customers?" + many, "validation", 422, "too large or too deep", "太多或太深", "/filter",
                     "filter-too-large")

    def test_raw_requests(self):
        """What no client library would send."""
        for data, statuses in ((b"GARBAGE\r\n\r\n", (400, None)), (b"GET / HTTP/9.9\r\n\r\n", (400, 505, None)),
                               (b"GET /api/v1/setup HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", (400, 413, 200, None)),
                               (b"POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", (413, 400, None)),
                               (b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", (400, 413, 414, 431, None)),
                               (b"GET /api/v1/setup HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100000 + b"\r\n\r\n", (400, 413, 431, None)),
                               (b"GET /api/v1/setup HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", (400, 200, None)),
                               (b"GET /api/v1/\0setup HTTP/1.1\r\nHost: a\r\n\r\n", (400, 404, None)),
                               (b"\x16\x03\x01\x02\x00\x01\x00", (400, None))):
            s = socket.create_connection(("127.0.0.1", self.server.port), 10)
            s.settimeout(1)
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                first = s.recv(200)
            except OSError:
                first = b""
            s.close()
            status = int(first.split()[1]) if first.startswith(b"HTTP/") else None
            self.assertIn(status, statuses, data[:60])
        self.assertEqual(self.server.client().need(200, "GET", "/healthz")["status"], "ok")

    def test_chunked_body_over_the_limit(self):
        before = self.server.checksum()
        c = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        try:
            c.request("POST", "/api/v1/customers", iter([b'{"name":"'] + [b"x" * 65536] * 40 + [b'"}']),
                      {"Authorization": "Bearer " + self.en.token, "Content-Type": "application/json"}, encode_chunked=True)
            r = c.getresponse()
            self.assertEqual((r.status, json.loads(r.read())["code"]), (413, "too-large"))
        except (BrokenPipeError, ConnectionResetError):
            pass  # closed while we were still sending: refused, too
        c.close()
        self.assertEqual(self.server.checksum(), before)

    def test_roles_and_people(self):
        for permissions in ({"nothing": {}}, {"customer": 5}, {"customer": {"read": "everything"}}):
            self.refused("POST", "roles", "validation", 422, "", "", "/permissions",
                         body={"name": "r", "permissions": permissions})
        self.refused("POST", "users", "duplicate", 409, "already has this value", "已有另一条记录", "/login",
                     body={"name": "x", "login": "zhao"})
        self.refused("POST", "users", "validation", 422, "not one of the choices", "不在可选的值里", "/language",
                     body={"name": "x", "login": "y", "language": "fr"})


class TooLarge(Api):
    """A file over --max-upload, with its length said before and without."""

    @classmethod
    def setUpClass(cls):
        if cls.kind is None:
            raise unittest.SkipTest("abstract")
        cls.server = Server(cls.kind, args=["--max-upload", "50000"]).start()
        cls.prepare()

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.zh, cls.en = cls.people([{"admin": True, "lang": "zh"}, {"admin": True, "lang": "en"}])

    def test_upload(self):
        rows = b"customer_id,date,amount\n" + b"C1,2024-01-01,5\n" * 4000
        for c, text in ((self.en, "The request is too large"), (self.zh, "请求太大")):
            self.problem(c, "POST", "imports?entity=order&name=x.csv", "too-large", 413, raw=rows, text=text)
            before = self.server.checksum()
            h = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
            try:
                h.request("POST", "/api/v1/imports?entity=order&name=x.csv", iter([rows[i:i + 4096] for i in range(0, len(rows), 4096)]),
                          {"Authorization": "Bearer " + c.token, "Accept-Language": "en"}, encode_chunked=True)
                r = h.getresponse()
                a = json.loads(r.read())
                self.assertEqual((r.status, a["code"]), (413, "too-large"))
                self.assertIn(text, a["title"])
            except (BrokenPipeError, ConnectionResetError):
                pass  # closed while we were still sending: refused, too
            h.close()
            self.assertEqual(self.server.checksum(), before)
        self.assertEqual(self.server.rows("count(*)", "import"), [("0",)])
        self.assertEqual(os.listdir(os.path.join(self.server.data, "uploads")), [])
        self.en.need(201, "POST", "imports?entity=order&name=x.csv", raw=rows[:49000 // 16 * 16])


both(BadInput, TooLarge)

if __name__ == "__main__":
    unittest.main()
