"""All figures with their targets and baselines, in one table. Called by tools/bench.sh.

    bench/run.py [PART...]     parts: value db web start read memory writes import files beside million demo grid

A row that misses its target says so; a bench is no test, so the exit code tells only whether
everything could be measured."""
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, HERE)
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))  # an absolute one stays as it is
WORK = os.environ.get("PATRON_BENCH_DIR", "/var/tmp")


class Table:
    def __init__(self):
        self.rows = []

    def add(self, name, value, unit="", target="", baseline="", ratio=None, limit=None):
        """target: '<=5', '>=4000'; ratio: value over baseline; limit: '<=4' for the ratio."""
        met = ""
        judged, rule = (ratio, limit) if limit else (value, target)
        m = re.fullmatch(r"([<>]=)([\d.]+)", rule or "")
        if m and judged is not None:
            good = judged <= float(m[2]) if m[1] == "<=" else judged >= float(m[2])
            met = "yes" if good else "NO"
        row = (name, figure(value), unit, f"ratio {limit}" if limit else target, baseline,
               "" if ratio is None else figure(ratio), met)
        self.rows.append(row)
        print("  " + "  ".join(c for c in row if c), file=sys.stderr, flush=True)

    def show(self):
        head = ("figure", "value", "unit", "target", "baseline in the same run", "ratio", "met")
        rows = [head] + self.rows
        width = [max(len(r[i]) for r in rows) for i in range(len(head))]
        for i, r in enumerate(rows):
            cells = [c.rjust(w) if k in (1, 5) else c.ljust(w) for k, (c, w) in enumerate(zip(r, width))]
            print("  ".join(cells).rstrip())
            if i == 0:
                print("  ".join("-" * w for w in width))
        missed = [r[0] for r in self.rows if r[6] == "NO"]
        print(f"\n{len(self.rows)} figures, {sum(r[6] == 'yes' for r in self.rows)} targets met, "
              f"{len(missed)} missed" + (": " + ", ".join(missed) if missed else ""))


def figure(v):
    if isinstance(v, int) or abs(v) >= 1000:
        return f"{v:,.0f}"
    return f"{v:.4g}"


def program(*args, **k):
    return subprocess.run(args, check=True, capture_output=True, text=True, **k).stdout


def part_value(t):
    """The value engine alone; the engine's bench prints rows itself."""
    out = program(os.path.join(BUILD, "bench/value_bench"), "--dir", WORK)
    for line in out.splitlines()[1:]:
        name, value, unit, target, *baseline = line.split(None, 4)
        t.add(name, float(value), unit, target if target != "-" else "", " ".join(baseline).strip("- "))
    cdnow = os.path.join(os.environ.get("PATRON_SHARED", os.path.join(ROOT, "../shared")),
                         "data/cdnow_full_transactions.csv")
    if os.path.exists(cdnow):
        with tempfile.TemporaryDirectory(dir=WORK) as folder:
            before = os.times()
            program(os.path.join(BUILD, "patron"), "value", cdnow, "--calibrate-to", "1997-09-30",
                    "--out", os.path.join(folder, "customers.csv"))
            after = os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        t.add("cdnow_full_to_per_customer", cpu, "s CPU", "<=0.5", "69,659 purchases of 23,570 customers")


def part_db(t):
    """Durable inserts through the writer against a transaction per write."""
    out = program(os.path.join(BUILD, "bench/db_bench"), WORK, "1.5", env={**os.environ, "PATRON_TEST_PG": ""})
    rates = {}
    for line in out.splitlines():
        m = re.match(r"\s*(.+?)\s+(\d+) threads\s+(\d+) /s\s+([\d.]+) us", line)
        if m:
            rates[m[1], int(m[2])] = float(m[3]), float(m[4])
    for n in (1, 16, 64):
        ours, base = rates["SQLite durable inserts", n][0], rates["baseline: a transaction per write", n][0]
        t.add(f"db_inserts_{n}_threads", ours, "/s", "", f"a transaction per write: {base:,.0f} /s", ours / base)
    t.add("db_point_read", rates["SQLite point reads", 1][1], "us CPU")


def part_web(t):
    """Transferred scripts and styles, brotli."""
    script = os.path.join(ROOT, "web/scripts/budget.mjs")
    if not os.path.exists(os.path.join(ROOT, "web/dist/index.html")):
        print("  web: web/dist is not built", file=sys.stderr)
        return
    out = subprocess.run(["node", script], capture_output=True, text=True).stdout
    for m in re.finditer(r"^(\S.*?)\s+([\d.]+) KiB of ([\d.]+)", out, re.M):
        t.add("web " + m[1], float(m[2]), "KiB", "<=" + m[3])


def main():
    import server_bench
    parts = {"value": part_value, "db": part_db, "web": part_web, **server_bench.PARTS}
    wanted = sys.argv[1:] or list(parts)
    unknown = [w for w in wanted if w not in parts]
    if unknown:
        sys.exit(f"no part {unknown[0]}; there are: {' '.join(parts)}")
    t = Table()
    begun = time.time()
    bad = 0
    print(f"machine: {os.cpu_count()} processors, load {os.getloadavg()[0]:.2f}", file=sys.stderr)
    with server_bench.House(BUILD, WORK) as house:
        for name in wanted:
            print(name, file=sys.stderr, flush=True)
            try:
                if name in server_bench.PARTS:
                    parts[name](t, house)
                else:
                    parts[name](t)
            except Exception as e:  # one part that fails leaves the others standing
                bad += 1
                print(f"  {name} FAILED: {e!r}", file=sys.stderr, flush=True)
    t.show()
    print(f"{time.time() - begun:.0f} s; load at the end {os.getloadavg()[0]:.2f} on {os.cpu_count()} processors")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
