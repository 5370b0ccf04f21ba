#!/usr/bin/env python3
"""Writes what a data directory of the present program looks like as SQL text: make_fixture.py NAME.

tests/api/data/NAME.sql is opened, and upgraded, by every later program (test_life.OldData). Make one
when the tables change; never change one that is there."""
import os
import re
import sqlite3
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from patron import Server  # noqa: E402


def literal(v):
    if v is None:
        return "NULL"
    if isinstance(v, bytes):
        return f"x'{v.hex()}'"
    return repr(v) if isinstance(v, (int, float)) else "'" + v.replace("'", "''") + "'"


def dump(db, out):
    rows = db.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'").fetchall()
    virtual = [(n, s) for t, n, s in rows if s.upper().startswith("CREATE VIRTUAL")]
    shadow = re.compile("|".join(f"^{n}_" for n, _ in virtual) or "^$")
    for kind in ("table", "index"):
        for t, name, sql in rows:
            if t != kind or (name, sql) in virtual or shadow.match(name):
                continue
            out.write(sql + ";\n")
            if t == "table" and name not in ("session", "node"):
                for r in db.execute(f'SELECT * FROM "{name}"'):
                    out.write(f'INSERT INTO "{name}" VALUES ({", ".join(literal(v) for v in r)});\n')
    for name, sql in virtual:
        out.write(f"{sql};\nINSERT INTO {name}({name}) VALUES ('rebuild');\n")


def main():
    server = Server("sqlite").start()
    c = server.set_up()
    k = c.post("customers", {"name": "上海锐进贸易公司", "ext_id": "OLD-1", "credit_limit": "1234.50", "hobbies": "围棋",
                             "birthday": "1980-02-29"})
    c.patch(f"customers/{k['id']}", {"city": "上海"})
    c.post("customers", {"name": "Müller", "kind": "person", "parent_id": k["id"]})
    c.post("notes", {"customer_id": k["id"], "body": "谈了价格"})
    gone = c.post("customers", {"name": "gone"})["id"]
    c.delete(f"customers/{gone}")
    a = c.need(201, "POST", "imports?entity=order&name=old.csv",
               raw=b"customer_id,date,amount\nOLD-1,2024-01-05,100.00\nOLD-2,2024-02-06,50.25\n")
    c.job(c.post(f"imports/{a['id']}/run", status=202)["job_id"])
    server.stop()
    path = os.path.join(HERE, "data", sys.argv[1] + ".sql")
    with open(path, "w", encoding="utf-8") as out:
        out.write("-- Made by tests/api/make_fixture.py: never change it, later programs must open it.\n")
        dump(sqlite3.connect(os.path.join(server.data, "patron.db")), out)
    server.remove()
    print(path)


main()
