"""The commands of `patron value`: what they answer, what they refuse, what they leave behind."""
import csv
import glob
import io
import json
import math
import os
import pty
import re
import signal
import stat
import subprocess
import threading
import time

from tool import PATRON, SLOW, WORLD, Tool

NAMES = ["summary", "fit", "predict", "compare", "simulate", "at", "rfm", "cohort", "equity", "plot"]


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


class Help(Tool):
    def test_every_command_is_listed(self):
        for lang, word in (("en", "Commands:"), ("zh", "命令：")):
            text = self.value("--help", lang)
            self.assertIn(word, text)
            self.assertEqual(re.findall(r"^  patron value (\w+) ", text.split(word)[1], re.M), [*NAMES, "textbook"])

    def test_examples_run(self):
        """Every example of every help, one after the other in one folder, in both languages."""
        for name in NAMES:
            texts = [self.value(f"{name} --help", lang) for lang in ("en", "zh")]
            examples = re.findall(r"^  patron value (.*)$", texts[0], re.M)
            self.assertEqual(examples, re.findall(r"^  patron value (.*)$", texts[1], re.M))
            self.assertGreaterEqual(len(examples), 2, name)
            self.assertRegex(texts[1], "用法：[\\s\\S]*示例：")
            for i, example in enumerate(examples):
                with self.subTest(example):
                    r = self.run_value(example, ("en", "zh")[i % 2])
                    self.assertEqual((r.returncode, r.stderr), (0, ""), r.stdout)
        for i, example in enumerate(re.findall(r"^  patron value (orders.*)$", self.value("--help"), re.M)):
            self.assertEqual(self.run_value(example).returncode, 0, example)

    def test_options_of_others_are_refused(self):
        for line, option in (("fit orders.csv --cuts 1", "--cuts"), ("rfm orders.csv --model nbd", "--model"),
                             ("orders.csv --save x", "--save"), ("at --out x", "--out")):
            r = self.run_value(line)
            self.assertEqual((r.returncode, r.stdout), (2, ""))
            self.assertIn(f"{option}: unknown option\n", r.stderr)
            self.assertRegex(r.stderr, r"Try: patron value( \w+)? --help")

    def test_bad_command_lines(self):
        for line, en, zh in (
                ("predict orders.csv", "--using: missing", "--using：缺失"),
                ("simulate --params .8,6,.9,2.5", "--until: missing", "--until：缺失"),
                ("simulate --until 2025-01-01", "--params: numbers above 0 expected: r,alpha,a,b", "应为大于 0 的数：r,alpha,a,b"),
                ("simulate --params .8,6,.9 --until 2025-01-01", "--params", "--params"),
                ("simulate --params .8,6,.9,2.5,3 --until 2025-01-01", "--params", "--params"),
                ("simulate --params .8,6,.9,-2 --until 2025-01-01", "--params", "--params"),
                ("simulate --params r=1,r=2,a=3,b=4 --until 2025-01-01", "--params", "--params"),
                ("simulate --params .8,6,.9,2.5, --until 2025-01-01", "--params", "--params"),
                ("simulate --params .8,6,.9,2.5 --spend 1,2 --until 2025-01-01", "--spend", "--spend"),
                ("simulate --params .8,6,.9,2.5 --until 2025-01-01 --from 2026-01-01", "nobody would come", "没有客户到来"),
                ("simulate --params .8,6,.9,2.5 --until 2025-01-01 --customers 1.5", "--customers: not understood", "无法理解"),
                ("simulate --params .8,6,.9,2.5 --until 2025-02-30", "--until: not understood", "无法理解"),
                ("simulate --model auto --params 1 --until 2025-01-01", "--model: auto is not one of", "不在"),
                ("simulate orders.csv", "no file is read", "不读取文件"),
                ("equity orders.csv --between 2025-01-01", "--between: needs a value", "缺少参数值"),
                ("equity orders.csv --between 2025-06-01 2025-01-01", "the earlier day comes first", "先写较早的日期"),
                ("cohort orders.csv --by week", "--by: not understood", "无法理解"),
                ("rfm orders.csv --cuts 90,60,30,10/1,2,3,4/1,2,3,4", "ascending", "递增"),
                ("rfm orders.csv --cuts 1,2,3,4/1,2,3,4", "ascending", "递增"),
                ("plot --params .8,6,.9,2.5 --until 2025-01-01 --what dream", "--what", "--what"),
                ("at --params 1,1,1,1 --x x", "--x: not understood", "无法理解"),
                ("at --model gamma-gamma --params 1,1,1", "is not one of bg-nbd", "不在"),
                ("fit", "FILE.csv: missing", "缺少文件"), ("fit a.csv b.csv", "one file only", "只能有一个文件")):
            for lang, text in (("en", en), ("zh", zh)):
                r = self.run_value(line, lang)
                self.assertEqual((r.returncode, r.stdout), (2, ""), line)
                self.assertIn(text, r.stderr, line)


class Truth(Tool):
    """Simulated customers, whose truth is known."""

    def test_parameters_come_back(self):
        self.value(f"simulate {WORLD.replace('800', '6000')} --out many.csv")
        fit = json.loads(self.value("fit many.csv --json"))["models"]
        for model, truth in (("bg-nbd", {"r": .8, "alpha": 6, "a": .9, "b": 2.5}),
                             ("gamma-gamma", {"p": 6, "q": 4, "gamma": 15})):
            self.assertEqual(fit[model]["verdict"], "ok")
            for name, value in truth.items():
                off = (fit[model]["params"][name] - value) / fit[model]["std_errors"][name]
                self.assertLess(abs(off), 3.5, f"{model} {name}")

    def test_same_seed_same_bytes(self):
        a, b = self.value(f"simulate {WORLD}"), self.value(f"simulate {WORLD}")
        self.assertEqual(a, b)
        self.assertEqual(a, self.read("orders.csv"))
        self.assertNotEqual(a, self.value(f"simulate {WORLD} --seed 8"))
        # The first customers are the same in a larger base that joins in no time.
        few = self.value("simulate --params .8,6,.9,2.5 --customers 10 --until 2025-12-31").splitlines()
        more = self.value("simulate --params .8,6,.9,2.5 --customers 11 --until 2025-12-31").splitlines()
        self.assertEqual(few, more[:len(few)])

    def test_at_the_figures_of_the_paper(self):
        """Fader, Hardie & Lee (2005): 1.23 purchases in 39 weeks of the customer x 2, t_x 30.43, T 38.86."""
        at = json.loads(self.value("at --params .243,4.414,.793,2.426 --x 2 --tx 30.43 --T 38.86 --horizon 39 --json"))
        self.assertAlmostEqual(at["expected"], 1.226, 3)
        sbg = json.loads(self.value("at --model sbg --params 1,2 --T 3 --discount 1 --json"))
        self.assertAlmostEqual(sbg["survival"], 2 / 5, 12)  # B(1, 5) / B(1, 2)
        self.assertAlmostEqual(sbg["retention"], 4 / 5, 12)
        nbd = json.loads(self.value("at --model nbd --params 2,10 --x 3 --tx 9 --T 10 --horizon 8 --json"))
        self.assertAlmostEqual(nbd["expected"], 5 / 20 * 8, 12)
        self.assertAlmostEqual(nbd["none"], (20 / 28) ** 5, 12)
        self.assertAlmostEqual(nbd["dert"], 5 / 20 / (math.log(1.15) / 52), 8)
        self.assertEqual(self.run_value("at --params 1,1,1,1 --x 2 --tx 9 --T 3").returncode, 1)

    def test_choice_knows_regular_buyers(self):
        self.value("simulate --model mbg-cnbd-3 --params .9,2,.8,2.5 --customers 1500 --join 20w --until 2025-12-31 "
                   "--seed 3 --out regular.csv")
        c = json.loads(self.value("compare regular.csv --json"))
        self.assertEqual(c["chosen"], "mbg-cnbd-3")
        text = self.value("compare regular.csv")
        self.assertIn("→ mbg-cnbd-3", text)
        self.assertIn(c["why"], text)
        tried = [m["model"] for m in c["candidates"] if m["model"].startswith("mbg-cnbd") and m["rmse"] is not None]
        self.assertEqual(tried, ["mbg-cnbd-3"])
        self.assertNotIn("drawn by chance", text)
        self.value("simulate --model bg-cnbd-9 --params .9,.6,.8,2.5 --customers 1500 --join 20w --until 2025-12-31 "
                   "--seed 3 --out ninth.csv")
        self.assertEqual(json.loads(self.value("compare ninth.csv --json"))["chosen"], "bg-cnbd-9")

    def test_a_large_base_is_compared_by_some(self):
        self.value("simulate --model mbg-nbd --params .6,20,.9,2 --customers 150000 --join 20w --from 2025-01-01 "
                   "--until 2025-12-31 --seed 4 --out large.csv")
        c = json.loads(self.value("compare large.csv --json"))
        self.assertEqual((c["chosen"], c["customers"]), ("mbg-nbd", 150000))
        self.assertLess(abs(c["compared_on"] - 100000), 1000)
        for lang, words in (("en", f"Compared on {c['compared_on']:,} of 150,000 customers, drawn by chance."),
                            ("zh", f"随机抽取 {c['compared_on']:,} 位，共 150,000 位")):
            self.assertIn(words, self.value("compare large.csv", lang))
        fit = json.loads(self.value("fit large.csv --model auto --json"))
        self.assertEqual(fit["models"]["mbg-nbd"]["customers"], 150000)


class Models(Tool):
    def test_kept_and_used(self):
        """What is predicted from a file is what is predicted from the fit itself."""
        self.value("fit orders.csv --save model.json")
        self.assertLess(os.path.getsize(self.path("model.json")), 2000)
        whole = json.loads(self.value("orders.csv --json --out all.csv"))
        used = json.loads(self.value("predict orders.csv --using model.json --json --out used.csv"))
        self.assertAlmostEqual(used["equity"], whole["equity"]["amount"], 2)
        self.assertAlmostEqual(used["equity_low95"], whole["equity"]["low95"], 2)
        self.assertEqual(used["expected_orders"], whole["expected_orders"])
        for a, b in zip(rows(self.read("all.csv")), rows(self.read("used.csv")), strict=True):
            for key in ("customer_id", "p_alive", "expected_orders", "clv", "clv_low", "clv_high"):
                self.assertEqual(a[key], b[key])
        self.assertEqual(self.value("predict orders.csv --using model.json"), self.read("used.csv"))

    def test_a_summary_serves_as_orders_do(self):
        for unit in ("week", "day"):
            for until in ("", "--until 2025-08-15"):
                self.value(f"summary orders.csv --unit {unit} {until} --out summary.csv")
                a = self.value(f"fit orders.csv --unit {unit} {until} --model pareto-nbd --json --save a.json")
                b = self.value(f"fit summary.csv --unit {unit} --model pareto-nbd --json --save b.json")
                a, b = json.loads(a), json.loads(b)
                checks = a.pop("checks")
                self.assertEqual([k for k, v in checks.items() if v["asked"]], ["left-truncated", "mixed-spend", "mixed-rates"])
                self.assertEqual([k for k, v in checks.items() if v["found"]], [])
                self.assertEqual(b.pop("checks"), {})  # a summary has no days to ask about
                self.assertEqual(a, b)
                self.assertEqual(self.read("a.json"), self.read("b.json"))
        r = self.run_value("predict summary.csv --unit day --using b.json --out /dev/null")
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        self.assertEqual(self.value("rfm summary.csv --unit day --until 2025-08-15"), self.value("rfm orders.csv --until 2025-08-15"))

    def test_summaries_of_others(self):
        self.write("other.csv", "ID;frequency;recency;T;monetary_value\n7;2;30.43;38.86;22.35\n8;0;0;12.0;0\n")
        r = self.run_value("fit other.csv --json")
        self.assertEqual(r.returncode, 3, r.stderr)
        self.assertEqual(json.loads(r.stdout)["models"]["bg-nbd"]["verdict"], "too-few-customers")
        self.assertIsNone(json.loads(r.stdout)["until"])
        self.assertEqual(rows(self.value("rfm other.csv --out /dev/stdout").split("  ")[0])[0]["purchases"], "3")

    def test_bad_summaries(self):
        for text, en, zh, code in (
                ("x,t_x,T\n1,5,3\n", ':2: column "t_x": "5" must lie between 0 and T', "必须介于", "out-of-range"),
                ("x,t_x,T\n0,5,9\n", ':2: column "t_x"', "必须介于", "out-of-range"),
                ("x,t_x,T\n1.5,5,9\n", ':2: column "x": "1.5"', "数值过大", "out-of-range"),
                ("x,t_x,T\n1,,9\n", ':2: column "t_x": "" is empty', "为空", "empty"),
                ("x,t_x,T\n1,2,9\n1,much,9\n", ':3: column "t_x": "much" is not a number', "不是数字", "number"),
                ("x,t_x,T\n1,-2,9\n", "is not a number", "不是数字", "number"),
                ("x,t_x,T\n1,nan,9\n", "is not a number", "不是数字", "number"),
                ("x,t_x,T\n1,2\n", ":2: 2 fields, at least 3", "只有 2 个字段", "missing-column"),
                ("x,t_x,T\n", "no customers in it", "没有任何客户", "empty"),
                ("id,x,t_x,T\na,1,2,9\na,1,2,9\n", ':3: column "customer_id": "a" stands twice', "出现了两次", "duplicate"),
                ("x,t_x,T,first_order\n1,2,9,2024-01-01\n0,0,9,2024-01-02\n", "another --unit?", "截止日不同", "end-differs"),
                ("x,t_x,T,first_order\n1,2,9,yesterday\n", "is not a date", "不是日期", "date"),
                ("x,t_x,T,spend\n1,2,9,lots\n", "is not a number", "不是数字", "number"),
                ('x,t_x,T\n1,2,"9\n', "cut off", "文件不完整", "truncated")):
            self.write("bad.csv", text)
            for lang, words in (("en", en), ("zh", zh)):
                r = self.run_value("fit bad.csv", lang)
                self.assertEqual((r.returncode, r.stdout), (1, ""), text)
                self.assertIn(words, r.stderr)
                self.assertIn(f"[{code}]", r.stderr)
        self.write("noday.csv", "customer,amount\n1,2\n")
        self.assertIn("the columns x, t_x and T are needed", self.run_value("fit noday.csv --summary").stderr)
        self.value("summary orders.csv --out s.csv")
        self.assertIn("needs single orders", self.run_value("compare s.csv --calibrate-to 2025-01-01").stderr)
        self.assertIn("--until is not the day", self.run_value("fit s.csv --until 2025-01-01").stderr)

    def test_bad_model_files(self):
        self.value("fit orders.csv --save good.json")
        good = self.read("good.json")
        for change, en, zh, code in (
                (lambda t: "", "byte 0: this is not JSON", "不是 JSON", "syntax"),
                (lambda t: "customer,date\n1,2\n", "this is not JSON", "不是 JSON", "syntax"),
                (lambda t: "{}", "format: this is no model", "不是由", "format"),
                (lambda t: t.replace('"version": 1', '"version": 2'), "version: written by a later", "更新版本", "version"),
                (lambda t: t.replace('"bg-nbd"', '"best"'), "fit.model: no model of this name", "没有这个名称", "model"),
                (lambda t: re.sub(r'"alpha": [^,]*', '"alpha": -1', t), "fit.params.alpha: a value that is not", "数值不可能", "range"),
                (lambda t: re.sub(r'"alpha": [^,]*, ', "", t), "fit.params: too few or too many", "个数不对", "count"),
                (lambda t: re.sub(r'covariance": \[\[', r'covariance": [[-', t), "fit.log_covariance: not a cov", "并非半正定", "not-positive"),
                (lambda t: t.replace('"money_scale": 100,', ""), "money_scale: is missing", "缺失", "missing"),
                (lambda t: t + " " * 300000, "too large for a model", "文件过大", "too-large"),
                (lambda t: t.replace('"until": ', '"until": [[[[[[[[[[1]]]]]]]]]], "x": '), "too many brackets", "嵌套过深", "too-deep")):
            self.assertNotEqual(change(good), good)
            self.write("bad.json", change(good))
            for lang, words in (("en", en), ("zh", zh)):
                r = self.run_value("predict orders.csv --using bad.json", lang)
                self.assertEqual((r.returncode, r.stdout), (1, ""), r.stderr)
                self.assertIn(words, r.stderr)
                self.assertIn(f"[{code}]", r.stderr)
        r = self.run_value("predict orders.csv --using nosuch.json")
        self.assertEqual((r.returncode, r.stderr), (1, "nosuch.json: No such file or directory\n"))

    def test_other_data_than_the_model_s(self):
        self.value("fit orders.csv --until 2025-06-30 --save half.json")
        same = self.run_value("predict orders.csv --until 2025-06-30 --using half.json --out /dev/null")
        self.assertEqual(same.stderr, "")
        later = self.run_value("predict orders.csv --using half.json --out /dev/null")
        self.assertEqual(later.returncode, 0)
        self.assertRegex(later.stderr, "observed until 2025-06-30; these customers are seen until 2025-12-")
        self.assertIn("警告：模型依据截至 2025-06-30",
                      self.run_value("predict orders.csv --using half.json --out /dev/null", "zh").stderr)
        lines = self.read("orders.csv").splitlines()
        self.write("fewer.csv", "\n".join(l for l in lines if not l.startswith("C007,")) + "\n")
        other = self.run_value("predict fewer.csv --until 2025-06-30 --using half.json --out /dev/null")
        self.assertIn("fitted to other customers", other.stderr)
        self.write("turned.csv", "\n".join([lines[0], *reversed(lines[1:])]) + "\n")
        turned = self.run_value("predict turned.csv --until 2025-06-30 --using half.json --out /dev/null")
        self.assertEqual(turned.stderr, "")
        unit = self.run_value("predict orders.csv --unit day --until 2025-06-30 --using half.json --out /dev/null")
        self.assertIn("units of 7 days", unit.stderr)

    def test_not_to_be_trusted(self):
        """A model that does not fit is kept with its verdict, and nothing is predicted from it."""
        self.write("few.csv", "customer,date,amount\n1,2024-01-01,5\n1,2024-03-01,5\n2,2024-02-01,9\n")
        r = self.run_value("fit few.csv --save few.json")
        self.assertEqual(r.returncode, 3)
        self.assertEqual(json.loads(self.read("few.json"))["fit"]["verdict"], "too-few-customers")
        for line in ("predict few.csv --using few.json", "at --using few.json", "compare few.csv", "equity few.csv",
                     "simulate --using few.json --until 2025-01-01"):
            r = self.run_value(line)
            self.assertEqual(r.returncode, 3, line)
            self.assertRegex(r.stderr + r.stdout, "trusted")


class Covariates(Tool):
    """Two channels, one of which brings customers who buy twice as often and spend 40/15 as much."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        orders, customers = ["customer,date,amount"], ["age,channel,customer"]
        for k, (channel, alpha, spend) in enumerate((("网店", 6, 15), ("门店", 3, 40))):
            cls.value(f"simulate --params .8,{alpha},.9,2.5 --spend 6,4,{spend} --customers 1200 --join 26w "
                      f"--from 2024-01-01 --until 2025-12-31 --seed {k + 3} --out one.csv")
            with open(os.path.join(cls.dir, "one.csv"), encoding="utf-8") as f:
                lines = f.read().splitlines()[1:]
            orders += [f"{k}-{line}" for line in lines]
            customers += [f"{20 + int(c[1:]) % 4 * 15},{channel},{k}-{c}" for c in sorted({x.split(",")[0] for x in lines})]
        for name, table in (("two.csv", orders), ("known.csv", customers)):
            with open(os.path.join(cls.dir, name), "w", encoding="utf-8") as f:
                f.write("\n".join(table) + "\n")

    def test_coefficients_come_back(self):
        got = json.loads(self.value("fit two.csv --covariates known.csv --json"))
        self.assertEqual(got["compared_with"], ["channel=网店"])
        c = {(x["model"], x["process"], x["column"]): x for x in got["covariates"]}
        self.assertEqual(len(c), 8)
        for key, want in ((("bg-nbd", "purchases", "channel=门店"), math.log(2)), (("bg-nbd", "purchases", "age"), 0),
                          (("gamma-gamma", "spend", "channel=门店"), math.log(40 / 15)), (("gamma-gamma", "spend", "age"), 0)):
            self.assertLess(abs(c[key]["value"] - want), 3 * c[key]["std_error"], key)
            self.assertLess(c[key]["std_error"], 0.1)
        plain = json.loads(self.value("fit two.csv --json"))
        self.assertGreater(got["models"]["bg-nbd"]["loglik"], plain["models"]["bg-nbd"]["loglik"] + 20)
        self.assertNotIn("covariates", plain)
        shy = json.loads(self.value("fit two.csv --covariates known.csv --penalty 1e6 --json"))
        self.assertLess(max(abs(x["effect"]) for x in shy["covariates"]), 0.01)
        for lang, words in (("en", "compared with +channel=网店"), ("zh", "对照类别 +channel=网店")):
            self.assertRegex(self.value("fit two.csv --covariates known.csv", lang), words)

    def test_a_group_is_predicted_as_a_base_of_its_own(self):
        """One category is all there is: then the fit of both is the fit of each, and so are predictions."""
        lines = self.read("known.csv").splitlines()
        self.write("channel.csv", "\n".join(",".join(line.split(",")[1:]) for line in lines) + "\n")
        self.value("fit two.csv --covariates channel.csv --save two.json")
        with_ = {r["customer_id"]: r for r in rows(self.value("predict two.csv --using two.json --covariates channel.csv"))}
        self.assertEqual(len(with_), 2400)
        both = json.loads(self.value("predict two.csv --using two.json --covariates channel.csv --json"))
        apart = 0.0
        for k in (0, 1):
            orders = self.read("two.csv").splitlines()
            self.write("half.csv", "\n".join([orders[0], *(x for x in orders if x.startswith(f"{k}-"))]) + "\n")
            self.value("fit half.csv --until 2025-12-31 --save half.json")
            alone = rows(self.value("predict half.csv --until 2025-12-31 --using half.json"))
            apart += json.loads(self.value("predict half.csv --until 2025-12-31 --using half.json --json"))["equity"]
            for key in ("expected_orders", "expected_money", "clv"):
                one, other = (sum(float(r[key]) for r in t) for t in (alone, [with_[r["customer_id"]] for r in alone]))
                self.assertLess(abs(math.log(one / other)), 0.06, (k, key, one, other))
        self.assertLess(abs(math.log(both["equity"] / apart)), 0.05)
        self.assertLess(both["equity_low95"], both["equity"])
        self.assertLess(both["equity"], both["equity_high95"])

    def test_what_is_wrong_is_named(self):
        known = self.read("known.csv")
        first = known.splitlines()[1]
        for change, code, en, zh in (
                (known.replace(first, first.replace("网店", "")), 1, 'bad.csv:2: column "channel": "" is empty [empty]', "为空 [empty]"),
                (known.replace(first + "\n", ""), 1, 'no row of customer "0-C0001" [missing]', "没有客户“0-C0001”的行 [missing]"),
                (known + first + "\n", 1, '"0-C0001" stands twice [duplicate]', "出现了两次 [duplicate]"),
                (known.replace("age,channel", "age,age"), 1, 'bad.csv:1: the column "age" appears twice', "列名“age”出现了两次"),
                (known.replace("customer", "who"), 1, "bad.csv:1: no column looks like the customer [missing-column]", "找不到客户列"),
                (known.replace("channel", 'the ""big"" one').replace("the", '"the').replace("one", 'one"'), 1, "bad.csv:1: column 2: a name of at most", "第 2 列：列名须有"),
                ("customer\n0-C0001\n", 1, "nothing but customers in it", "除客户外没有其他列"),
                ("", 1, "bad.csv: the file is empty [empty]", "bad.csv：文件是空的 [empty]"),
                (re.sub(r"(?m)^(\d+),([^,]*),", lambda m: f"{m[1]},{m[2]}{int(m.string[m.end() + 3:m.end() + 7]) % 40},", known), 1,
                 'column "channel": more than 32 columns and categories', "合计超过 32 个 [too-many]"),
                (re.sub(r"(?m)^\d+,", "7,", known), 3, "age", "age"),
                ("no.csv", 1, "No such file", "No such file")):
            name = change if change == "no.csv" else self.write("bad.csv", change)
            for lang, words in (("en", en), ("zh", zh)):
                r = self.run_value(f"fit two.csv --covariates {name} --save nothing.json" if code != 3 else
                                   f"fit two.csv --covariates {name}", lang)
                self.assertEqual(r.returncode, code, r.stderr)
                self.assertIn(words, r.stderr + r.stdout)
        self.assertFalse(os.path.exists(self.path("nothing.json")))

    def test_a_model_knows_its_columns(self):
        self.value("fit two.csv --covariates known.csv --save two.json")
        known = self.read("known.csv")
        for change, en, zh in (
                (known.replace("age,", "old,", 1), 'bad.csv:1: no column for "age" of the model [missing-column]', "没有模型中“age”对应的列"),
                (known.replace("网店", "电话", 1), '"电话" is no category that the model knows [unknown]', "不是模型认识的类别"),
                (re.sub(r"(?m)^\d+,", "x,", known, count=1), '"x" is not a number', "不是数字")):
            self.write("bad.csv", change)
            for lang, words in (("en", en), ("zh", zh)):
                r = self.run_value("predict two.csv --using two.json --covariates bad.csv", lang)
                self.assertEqual((r.returncode, r.stdout), (1, ""))
                self.assertIn(words, r.stderr)
        more = re.sub(r"(?m)$", ",9", known.strip()).replace(",9", ",note", 1) + "\n"
        self.write("more.csv", more)
        self.assertEqual(self.value("predict two.csv --using two.json --covariates more.csv"),
                         self.value("predict two.csv --using two.json --covariates known.csv --threads 2"))
        for line, code, words in (("predict two.csv --using two.json", 2, "--covariates: missing: the model has some"),
                                  ("at --using two.json", 1, "only `patron value predict`"),
                                  ("equity two.csv --using two.json", 1, "only `patron value predict`"),
                                  ("fit two.csv --penalty 1", 2, "--penalty: needs --covariates"),
                                  ("fit two.csv --covariates known.csv --penalty -1", 2, "--penalty: not understood")):
            r = self.run_value(line)
            self.assertEqual((r.returncode, r.stdout), (code, ""), line)
            self.assertIn(words, r.stderr)
        self.value("fit two.csv --save plain.json")
        r = self.run_value("predict two.csv --using plain.json --covariates known.csv")
        self.assertEqual((r.returncode, r.stdout), (2, ""))
        self.assertIn("the model has none", r.stderr)


class Spans(Tool):
    def test_days_that_cannot_both_be_right(self):
        """A year that was mistyped: the rows that have the two days are named, and nothing is said of anybody."""
        self.write("far.csv", "customer,date,amount\n1,2024-01-01,5\n2,9999-12-31,7\n1,2024-03-01,5\n")
        for command in ("", "summary", "fit", "compare", "rfm", "cohort", "equity"):
            for lang, text in (("en", "far.csv:2: 2024-01-01 lies more than 2097151 days before 9999-12-31 (row 3)"),
                               ("zh", "far.csv:2：2024-01-01 比 9999-12-31（第 3 行）早 2097151 天以上")):
                r = self.run_value(f"{command} far.csv", lang)
                self.assertEqual((r.returncode, r.stdout), (1, ""), command)
                self.assertIn(text, r.stderr)
                self.assertIn("[out-of-range]", r.stderr)
        r = self.run_value("summary far.csv --until 9999-12-31")
        self.assertIn("(--until)", r.stderr)
        self.assertEqual(len(rows(self.value("summary far.csv --until 2024-12-31"))), 1)


class Counting(Tool):
    def test_rfm(self):
        self.write("three.csv", "customer,date,amount\na,2024-01-01,10\na,2024-01-20,10\nb,2024-01-31,100\nc,2024-01-02,1\n")
        out = self.value("rfm three.csv --cuts 5,10,15,20/2,3,4,5/5,15,50,99 --out /dev/stdout --json")
        table, answer = out[:out.index("{")], json.loads(out[out.index("{"):])
        self.assertEqual([(r["customer_id"], r["r"], r["f"], r["m"], r["days_since"]) for r in rows(table)],
                         [("a", "3", "2", "3", "11"), ("b", "5", "1", "5", "0"), ("c", "1", "1", "1", "29")])
        self.assertEqual(answer["edges"]["money"], [5, 15, 50, 99])
        self.assertEqual(sum(s["customers"] for s in answer["segments"]), 3)
        self.assertEqual(sum(s["revenue"] for s in answer["segments"]), 121)

    def test_cohort(self):
        self.write("c.csv", "customer,date,amount\na,2024-01-05,10\na,2024-02-01,5\nb,2024-01-31,1\nc,2024-02-10,2\nc,2024-03-31,3\n")
        out = self.value("cohort c.csv --out /dev/stdout --json")
        table, answer = out[:out.index("{")], json.loads(out[out.index("{"):])
        self.assertEqual([tuple(r.values()) for r in rows(table)], [
            ("2024-01-01", "0", "2", "2", "2", "11.00"), ("2024-01-01", "1", "2", "1", "1", "5.00"),
            ("2024-01-01", "2", "2", "0", "0", "0.00"), ("2024-02-01", "0", "1", "1", "1", "2.00"),
            ("2024-02-01", "1", "1", "1", "1", "3.00")])
        self.assertTrue(answer["last_complete"])
        self.assertEqual(answer["cohorts"][0]["active"], [2, 1, 0])
        quarter = json.loads(self.value("cohort c.csv --by quarter --json"))["cohorts"]
        self.assertEqual([(q["from"], q["customers"]) for q in quarter], [("2024-01-01", 3)])
        self.assertIn("100.0  50.0   0.0", self.value("cohort c.csv"))

    def test_equity_adds_up(self):
        for more in ("", "--alive 0", "--between 2025-03-01 2025-10-01", "--model pareto-nbd"):
            e = json.loads(self.value(f"equity orders.csv --json {more}"))
            self.assertAlmostEqual(e["before"]["equity"], e["kept"] + e["shrunk"] + e["lost"], 4)
            self.assertAlmostEqual(e["after"]["equity"], e["kept"] + e["grown"] + e["new"], 4)
            self.assertGreater(e["kept"], 0)
            self.assertEqual(e["before"]["customers"] + e["n_new"] - e["n_lost"], e["after"]["customers"])
            if "--alive" in more:
                self.assertEqual((e["n_lost"], e["after"]["not_counted"]), (0, 0))
        # At --alive 0 everybody counts, and the end is what `predict` says the base is worth.
        self.value("fit orders.csv --save m.json")
        whole = json.loads(self.value("predict orders.csv --using m.json --json"))["equity"]
        e = json.loads(self.value("equity orders.csv --using m.json --alive 0 --json"))
        self.assertAlmostEqual(e["after"]["equity"] / whole, 1, 5)


class Files(Tool):
    def test_pipes_and_devices_stay(self):
        self.value("fit orders.csv --save model.json")
        for line in ("simulate --params .8,6,.9,2.5 --until 2025-12-31", "summary orders.csv",
                     "predict orders.csv --using model.json", "rfm orders.csv",
                     "cohort orders.csv", "plot --params .8,6,.9,2.5 --until 2025-12-31"):
            name, heard = self.path("pipe"), []
            os.mkfifo(name)
            reader = threading.Thread(target=lambda: heard.append(open(name, encoding="utf-8").read()), daemon=True)
            reader.start()
            self.value(f"{line} --out pipe")
            reader.join(10)
            self.assertTrue(stat.S_ISFIFO(os.stat(name).st_mode), line)
            self.assertGreater(len(heard[0]), 500, line)
            os.unlink(name)
            r = self.run_value(f"{line} --out /dev/full")
            self.assertEqual(r.returncode, 1, line)
            self.assertIn("/dev/full: No space left on device", r.stderr)

    def test_no_half_file(self):
        """Ctrl-C while a large file is written leaves the old one, and nothing beside it."""
        self.write("big.csv", "old\n")
        line = ["simulate", "--params", ".8,6,.9,2.5", "--until", "2025-12-31", "--customers", "100000000", "--out", "big.csv"]
        for number in (signal.SIGINT, signal.SIGTERM):
            p = subprocess.Popen([PATRON, "value", *line], cwd=self.dir, stderr=subprocess.DEVNULL)
            until = time.monotonic() + 20 * SLOW
            while not glob.glob(self.path("big.csv.*")) and time.monotonic() < until:
                time.sleep(0.02)
            self.assertEqual(len(glob.glob(self.path("big.csv.*"))), 1)
            p.send_signal(number)
            self.assertEqual(p.wait(20 * SLOW), 128 + number)
            self.assertEqual(self.read("big.csv"), "old\n")
            self.assertEqual(glob.glob(self.path("big.csv.*")), [])

    def test_progress(self):
        r = self.run_value("fit orders.csv --progress")
        self.assertEqual(r.stderr.splitlines(), ["reading", "bg-nbd"])
        self.assertEqual(self.run_value("fit orders.csv").stderr, "")
        # On a terminal one line is written over, and is gone in the end.
        master, terminal = pty.openpty()
        p = subprocess.Popen([PATRON, "value", "fit", "orders.csv", "--progress", "--lang", "zh"], cwd=self.dir,
                             stdout=subprocess.DEVNULL, stderr=terminal)
        self.assertEqual(p.wait(60 * SLOW), 0)
        os.close(terminal)
        shown = os.read(master, 10000).decode()
        os.close(master)
        self.assertRegex(shown, r"^\r\x1b\[K读取\r[\s\S]*bg-nbd[\s\S]*\r\x1b\[K$")

    def test_pictures(self):
        for what in ("tracking", "frequency", "alive"):
            svg = self.value(f"plot --what {what} --params .8,6,.9,2.5 --customers 500 --join 8w --until 2025-12-31")
            self.assertTrue(svg.startswith("<svg ") and svg.endswith("</svg>\n"))
            self.assertLess(len(svg), 15000)
            self.assertNotIn("nan", svg.lower().replace("finance", ""))
            self.assertIn("prefers-color-scheme:dark", svg)
        for line in ("--what survival --params 1,2,3,4", "--what recency --model sbg --params 1,2"):
            r = self.run_value(f"plot {line}")
            self.assertEqual((r.returncode, r.stdout), (2, ""))
            self.assertIn("survival is of contracts", r.stderr)
        # A curve of known numbers: S(t) = 2 / (2 + t) of alpha 1, beta 2.
        svg = self.value("plot --what survival --model sbg --params 1,2")
        points = re.search(r'class="a" d="M([^"]*)"', svg).group(1).split("L")
        for t, point in enumerate(points):
            x, y = map(float, point.split())
            self.assertAlmostEqual(x, 56 + t / 12 * (640 - 56 - 16), delta=0.06)
            self.assertAlmostEqual(y, 300 - 40 - 2 / (2 + t) * 220, delta=0.06)
