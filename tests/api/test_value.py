"""The valuation: which model, what its figures are, what is kept of them, who may see it. The truth is the library itself,
asked on the same file through `patron value`."""
import csv
import datetime
import itertools
import json
import math
import os
import statistics
import subprocess
import tempfile
import unittest

from patron import PATRON, SLOW, both, quote
from test_import import Import

UNTIL = "2025-12-31"


def program(*args):
    r = subprocess.run([PATRON, "value", *args], capture_output=True, text=True, timeout=120 * SLOW,
                       env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert r.returncode == 0, f"{args}: {r.stderr}"
    return json.loads(r.stdout) if "--json" in args else r.stdout


class Value(Import):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.dir = tempfile.TemporaryDirectory(prefix="patron-value-")
        cls.file = os.path.join(cls.dir.name, "orders.csv")
        program("simulate", "--model", "mbg-nbd", "--params", ".9,8,.8,2.5", "--spend", "4,6,300", "--customers", "400",
                "--from", "2023-01-01", "--join", "60w", "--until", UNTIL, "--seed", "8", "--out", cls.file)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.dir.cleanup()

    def value(self, **body):
        job = self.admin.post("value/refresh", body, status=202)["job_id"]
        self.admin.job(job)
        return self.admin.get("value/overview")

    def near(self, got, want, places=2, what=None):
        self.assertAlmostEqual(float(got), float(want), delta=10 ** -places * 1.0001, msg=what)

    def test_1_the_model_is_chosen_as_the_library_chooses(self):
        with open(self.file, encoding="utf-8") as f:
            self.whole(f.read())
        self.quiet()
        o = self.admin.get("value/overview")
        type(self).last = o["as_of"]
        want = program("compare", self.file, "--json")
        self.assertEqual(o["choice"]["how"], "holdout")
        self.assertEqual((o["choice"]["customers"], o["choice"]["of"]), (want["compared_on"], want["compared_on"]))
        self.assertEqual(o["models"][0]["name"], want["chosen"])
        self.assertEqual([m["name"] for m in o["choice"]["models"] if m["chosen"]], [want["chosen"]])
        self.assertEqual(len(o["choice"]["models"]), len(want["candidates"]))
        for got, truth in zip(o["choice"]["models"], want["candidates"]):
            self.assertEqual((got["name"], got["verdict"], got["usable"]),
                             (truth["model"], truth["verdict"], truth["usable"]))
            if truth["usable"]:
                self.near(got["bic"], truth["bic"], 3, truth["model"])
            self.assertEqual(got["rmse"] is None, truth["rmse"] is None)
            if truth["rmse"] is not None:
                self.near(got["rmse"], truth["rmse"], 8, truth["model"])
                self.near(got["error"], truth["predicted"] / truth["actual"] - 1, 8, truth["model"])
        self.near(o["holdout"]["rmse"], min(c["rmse"] for c in want["candidates"] if c["model"] == want["chosen"]), 8)
        customer = self.admin.get("customers?limit=1&sort=-clv")["items"][0]
        value = self.admin.get(f"customers/{customer['id']}/value")
        self.assertEqual(value["models"], [want["chosen"], "gamma-gamma"])

    def test_1b_how_customers_stand_against_a_month_before(self):
        """The fields that the day is planned by: silence, what is usual, and what changed within thirty days."""
        end = datetime.date.fromisoformat(type(self).last)
        before = end - datetime.timedelta(days=30)
        model = os.path.join(self.dir.name, "model.json")
        o = self.admin.get("value/overview")
        program("fit", self.file, "--model", o["models"][0]["name"], "--save", model)
        now, then = ({c["customer_id"]: c for c in csv.DictReader(
            program("predict", self.file, "--using", model, "--until", str(day), "--discount", str(o["discount"]))
            .splitlines())} for day in (end, before))
        days = {}
        with open(self.file, encoding="utf-8") as f:
            for row in csv.DictReader(f):
                day = datetime.date.fromisoformat(row["date"])
                days.setdefault(row["customer_id"], set()).add(day)
        fields = "ext_id,clv,clv_change,p_alive,p_alive_change,at_risk,usual_days,silence_share,abc,abc_before"
        rows = self.admin.get("customers?limit=500&fields=" + fields)["items"]
        self.assertEqual(len(rows), 400)
        fell = new = 0
        for r in rows:
            key = r["ext_id"]
            self.near(r["p_alive"], now[key]["p_alive"], 6, key)
            gaps = sorted((b - a).days for a, b in itertools.pairwise(sorted(days[key])))
            self.assertEqual(r["usual_days"], None if not gaps else math.floor(statistics.median(gaps) + .5), key)
            self.assertEqual(r["silence_share"] is None, not gaps)
            self.assertTrue(not gaps or 0 <= r["silence_share"] <= 1)
            self.near(r["at_risk"]["amount"], float(r["clv"]["amount"]) * (1 - r["p_alive"]), 2, key)
            if min(days[key]) > before:
                self.assertEqual((r["clv_change"], r["p_alive_change"], r["abc_before"]), (None, None, None), key)
                new += 1
                continue
            self.near(r["p_alive_change"], float(now[key]["p_alive"]) - float(then[key]["p_alive"]), 5, key)
            fell += r["abc_before"] < r["abc"]
            self.near(r["clv_change"]["amount"], float(now[key]["clv"]) - float(then[key]["clv"]), 1, key)
        self.assertGreater(fell, 0)
        # what the home page asks for
        asleep = quote({"and": [{"field": "silence_share", "op": "lte", "value": .1}, {"field": "p_alive", "op": "gte", "value": .1}]})
        got = self.admin.get(f"customers?limit=500&sort=-clv&fields=silence_share,p_alive&filter={asleep}")["items"]
        self.assertEqual(len(got), sum(r["silence_share"] is not None and r["silence_share"] <= .1 and r["p_alive"] >= .1
                                       for r in rows))
        self.assertGreater(len(got), 0)
        worst = self.admin.get("customers?limit=5&sort=-at_risk&fields=at_risk")["items"]
        self.assertEqual([float(r["at_risk"]["amount"]) for r in worst],
                         sorted((float(r["at_risk"]["amount"]) for r in rows), reverse=True)[:5])

    def test_2_cohorts(self):
        got, want = self.admin.get("value/overview")["cohorts"], program("cohort", self.file, "--by", "quarter", "--json")
        self.assertEqual(got["by"], "quarter")  # 36 months would be too many rows
        self.assertEqual(got["last_complete"], want["last_complete"])
        self.assertEqual(len(got["rows"]), len(want["cohorts"]))
        for row, truth in zip(got["rows"], want["cohorts"]):
            self.assertEqual((row["from"], row["customers"], row["active"]),
                             (truth["from"], truth["customers"], truth["active"]))
            self.assertEqual([float(x) for x in row["revenue"]], truth["revenue"])

    def test_3_segments_and_the_customers_in_them(self):
        got = self.admin.get("value/overview")["segments"]
        want = program("rfm", self.file, "--json")["segments"]
        self.assertEqual([(s["code"], s["customers"], float(s["revenue"])) for s in got],
                         [(s["segment"], s["customers"], s["revenue"]) for s in want])
        self.assertEqual(sum(s["customers"] for s in got), 400)
        customer = next(e for e in self.admin.get("metadata")["entities"] if e["name"] == "customer")
        options = next(f for f in customer["fields"] if f["name"] == "segment")["options"]
        self.assertEqual([o["value"] for o in options], [s["code"] for s in got])
        for s in got:
            filter = quote({"field": "segment", "op": "eq", "value": s["code"]})
            a = self.admin.get(f"customers?limit=1&count=exact&filter={filter}")
            self.assertEqual(a["count"]["value"], s["customers"], s["code"])

    def test_4_the_bridge(self):
        o = self.admin.get("value/overview")
        self.assertEqual([b["days"] for b in o["bridges"] if b["by"] == "days"], [91, 182, 365])
        b = o["bridges"][2]
        year = datetime.date.fromisoformat(o["as_of"]).year
        fiscal = [x["before"]["date"] for x in o["bridges"] if x["by"] == "fiscal"]
        self.assertEqual(fiscal, [f"{year - 1}-12-31"])
        want = program("equity", self.file, "--between", b["before"]["date"], b["after"]["date"], "--model",
                       o["models"][0]["name"], "--discount", str(o["discount"]), "--json")
        self.assertEqual(b["after"]["date"], o["as_of"])
        for side in ("before", "after"):
            self.assertEqual((b[side]["customers"], b[side]["date"]), (want[side]["customers"], want[side]["day"]))
            self.near(b[side]["equity"], want[side]["equity"])
            self.near(b[side]["not_counted"], want[side]["not_counted"])
        for step, truth, sign in (("lost", "lost", -1), ("shrunk", "shrunk", -1), ("grown", "grown", 1), ("new", "new", 1)):
            s = next(s for s in b["steps"] if s["code"] == step)
            self.near(s["amount"], sign * want[truth])
            self.assertEqual(s["customers"], want["n_" + truth])
        for b in o["bridges"]:  # to the cent
            cents = [round(float(x) * 100) for x in (b["before"]["equity"], *(s["amount"] for s in b["steps"]),
                                                      b["after"]["equity"])]
            self.assertEqual(sum(cents[:-1]), cents[-1])

    def test_5_a_model_that_was_asked_for(self):
        o = self.value(model="pareto-nbd")
        self.assertEqual((o["models"][0]["name"], o["choice"]["how"], o["choice"]["models"]), ("pareto-nbd", "given", []))
        self.assertTrue(o["holdout"]["rmse"] > 0)
        fit = program("fit", self.file, "--model", "pareto-nbd", "--until", o["as_of"], "--json")
        want = json.dumps(fit)
        self.assertIn("pareto-nbd", want)
        for name in ("sbg", "gamma-gamma", "x", 5):
            with self.subTest(name):
                self.problem(self.admin, "POST", "value/refresh", "validation", 422, "/model", {"model": name},
                             field_code="unknown-option")
        self.assertEqual(self.value(model="auto")["choice"]["how"], "holdout")

    def test_6_values_are_kept_by_date(self):
        customer = self.admin.get("customers?limit=1&sort=-clv")["items"][0]["id"]
        for date in ("2025-06-30", "2025-09-30"):
            self.assertEqual(self.value(as_of=date, model="bg-nbd")["as_of"], date)
        o = self.value(model="bg-nbd")
        history = self.admin.get(f"customers/{customer}/value")["history"]
        self.assertEqual([h["date"] for h in history], ["2025-06-30", "2025-09-30", o["as_of"]])
        now = self.admin.get(f"customers/{customer}/value")
        self.near(history[-1]["clv"], now["clv"]["amount"])
        self.near(history[-1]["p_alive"], now["p_alive"], 9)
        # whole records of two dates at most; snapshots bounded: eight latest, then one a month
        self.assertLessEqual(len(self.server.rows("DISTINCT as_of", "customer_value")), 2)
        for day in range(1, 13):
            self.value(as_of=f"2025-03-{day:02}", model="nbd")
        self.value(model="bg-nbd")
        dates = [h["date"] for h in self.admin.get(f"customers/{customer}/value")["history"]]
        self.assertEqual(dates, sorted({f"2025-03-{d:02}" for d in range(8, 13)} | {"2025-06-30", "2025-09-30", o["as_of"]}))
        # overviews and fits: of the last run of each of those dates; other runs are a line each
        runs = sorted([int(x) for x in run] for run in
                      self.server.rows("id, as_of, length(overview), length(models)", "value_run"))
        last = {run[1]: run[0] for run in runs}
        days = [(datetime.date.fromisoformat(d) - datetime.date(1970, 1, 1)).days for d in dates]
        whole = [run[0] for run in runs if run[2] > 1000 and run[3] > 100]
        self.assertEqual(whole, sorted(last[d] for d in days))
        self.assertGreater(len(runs), len(whole) + 5)
        for run in runs:
            if run[0] not in whole:
                self.assertEqual(run[2:], [2, 2], run)

    def test_6_values_make_a_bridge_between_two_dates(self):
        dates = self.admin.get("value/overview")["dates"]
        self.assertGreater(len(dates), 2)
        self.assertEqual(dates, sorted(set(dates)))
        base = datetime.date(1970, 1, 1)
        said = {}  # by date, of each customer: what was said then
        for customer, as_of, p, clv in self.server.rows("customer_id, as_of, p_alive, clv", "value_snapshot"):
            if clv not in (None, ""):
                said.setdefault(str(base + datetime.timedelta(days=int(as_of))), {})[customer] = (float(p), int(clv))
        for first, second in ((dates[0], dates[-1]), (dates[1], dates[2])):
            b = self.admin.get(f"value/bridge?from={first}&to={second}")
            self.assertEqual((b["by"], b["before"]["date"], b["after"]["date"]), ("dates", first, second))
            was, now = ({c: v for c, (p, v) in said[d].items() if p >= 0.5} for d in (first, second))
            for side, of in (("before", was), ("after", now)):
                self.assertEqual((round(float(b[side]["equity"]) * 100), b[side]["customers"]), (sum(of.values()), len(of)))
            both = [now[c] - was[c] for c in was.keys() & now.keys()]
            want = {"lost": -sum(v for c, v in was.items() if c not in now), "shrunk": sum(x for x in both if x < 0),
                    "grown": sum(x for x in both if x > 0), "new": sum(v for c, v in now.items() if c not in was)}
            self.assertEqual({s["code"]: round(float(s["amount"]) * 100) for s in b["steps"]}, want)
        for query, name in (("", "from"), (f"from={dates[0]}", "to"), (f"from=2001-01-01&to={dates[0]}", "from"),
                            (f"from={dates[0]}&to={dates[0]}", "to"), (f"from={dates[1]}&to={dates[0]}", "to"),
                            (f"from=x&to={dates[0]}", "from")):
            with self.subTest(query):
                problem = self.problem(self.admin, "GET", "value/bridge?" + query, "bad-parameter", 400)
                self.assertEqual(problem["params"], {"name": name})

    def test_6a_cohorts_of_a_fiscal_year(self):
        """Quarters and the bridge begin where the company's year does."""
        self.addCleanup(self.admin.patch, "company", {"fiscal_month": 1})
        month = 2  # no calendar quarter begins with it
        self.admin.patch("company", {"fiscal_month": month})
        o = self.value(model="bg-nbd")
        end = datetime.date.fromisoformat(o["as_of"])

        def quarter(day):
            return (day.year * 12 + day.month - month) // 3

        bought = {}
        with open(self.file, encoding="utf-8") as f:
            for row in csv.DictReader(f):
                bought.setdefault(row["customer_id"], set()).add(quarter(datetime.date.fromisoformat(row["date"])))
        want = {}
        for quarters in bought.values():
            active = want.setdefault(min(quarters), [0] * (quarter(end) - min(quarters) + 1))
            for q in quarters:
                active[q - min(quarters)] += 1
        got = o["cohorts"]
        self.assertEqual((got["by"], got["fiscal_month"]), ("quarter", month))
        first = lambda q: datetime.date((q * 3 + month - 1) // 12, (q * 3 + month - 1) % 12 + 1, 1)
        self.assertEqual([(r["from"], r["active"]) for r in got["rows"]],
                         [(str(first(q)), want[q]) for q in sorted(want)])
        self.assertEqual(got["last_complete"], quarter(end + datetime.timedelta(days=1)) > quarter(end))
        fiscal = next(b for b in o["bridges"] if b["by"] == "fiscal")
        self.assertEqual(fiscal["before"]["date"], f"{end.year - (end.month < month)}-01-31")

    def test_7_who_may_see_it(self):
        own = self.people([{}])[0]
        type(self).admin = self.by_cookie
        self.problem(own, "GET", "value/overview", "forbidden", 403)
        self.problem(own, "GET", "value/bridge?from=2025-06-30&to=2025-09-30", "forbidden", 403)
        self.problem(own, "POST", "value/refresh", "forbidden", 403, body={})
        customer = self.admin.get("customers?limit=1&sort=-clv")["items"][0]["id"]
        self.problem(own, "GET", f"customers/{customer}/value", "not-found", 404)

    def test_8_undo_takes_the_snapshots_along(self):
        self.assertGreater(self.n("value_snapshot"), 400)
        im = self.admin.get("imports?limit=1")["items"][0]["id"]
        self.go(im, "undo")
        self.quiet()
        self.assertEqual((self.n("customers"), self.n("value_snapshot"), self.n("customer_value")), (0, 0, 0))


class Doubt(Import):
    """A base that models must not be told about says so, in both languages, on both pages."""

    def test_a_finding_is_shown(self):
        # Two kinds of customers, wholesale and retail: one spends more than four times what the other does.
        with tempfile.TemporaryDirectory() as folder:
            rows = []
            for k, (spend, seed) in enumerate((("6,8,40", 3), ("6,8,180", 4))):
                file = os.path.join(folder, f"{k}.csv")
                program("simulate", "--params", ".8,6,.9,2.5", "--spend", spend, "--customers", "500", "--join", "26w",
                        "--from", "2024-01-01", "--until", UNTIL, "--seed", str(seed), "--out", file)
                with open(file, encoding="utf-8") as f:
                    rows += [f"{k}{line}" for line in f.read().splitlines()[1:]]
        self.whole("customer_id,date,amount\n" + "\n".join(rows) + "\n")
        self.quiet()
        job = self.admin.get("jobs?limit=1")["items"][0]
        self.assertEqual(job["state"], "done", job)
        o = self.admin.get("value/overview")
        self.assertIn("mixed-spend", [w["code"] for w in o["warnings"]])
        customer = self.admin.get("customers?limit=1&sort=-clv")["items"][0]["id"]
        said = {}
        for lang in ("en", "zh"):
            c = self.server.client(token=self.admin.token, lang=lang) if self.admin.token else self.admin
            warnings = c.get(f"customers/{customer}/value")["warnings"]
            said[lang] = next(w["message"] for w in warnings if w["code"] == "mixed-spend")
            self.assertTrue(said[lang])


class Span(Import):
    """A date that cannot be right ends the valuation with a text that says which days to look at."""

    def test_years_that_cannot_be(self):
        self.whole("customer_id,date,amount\na,2024-02-01,5\nb,9999-12-31,7\na,2024-03-02,3\n")
        self.quiet()
        job = self.admin.get("jobs?limit=1")["items"][0]
        self.assertEqual((job["kind"], job["state"]), ("value", "failed"))
        self.assertIn("Orders from 2024-02-01 to 9999-12-31 cannot both be right", job["message"])
        self.assertEqual(self.n("customer_value"), 0)


load_tests = both(Value, Doubt, Span)
