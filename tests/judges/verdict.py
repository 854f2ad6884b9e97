#!/usr/bin/env python3
"""Reads what Prism said of each exchange, and fails if there was a violation.

usage: verdict.py LOG DOCUMENT
"""
import json
import re
import sys


def operations(document):
    """Method and path of each operation, as a pattern."""
    found = {}
    for path, item in json.load(open(document, encoding="utf-8"))["paths"].items():
        for method in item:
            if method in ("get", "post", "put", "patch", "delete"):
                pattern = re.sub(r"\\{[^/]+?\\}", "[^/]+", re.escape(path))
                found[item[method]["operationId"]] = (method.upper(), re.compile(pattern + "$"))
    return found


def main(log, document):
    known = operations(document)
    exchanges, lost, seen, violations = 0, 0, set(), []
    for line in open(log, encoding="utf-8"):
        judged, exchange, found = line.rstrip("\n").split("\t")
        method, target, status = exchange.split(" ", 2)
        if status.startswith("lost"):
            lost += 1
            continue
        exchanges += 1
        path = target.split("?")[0]
        seen |= {name for name, (verb, it) in known.items() if verb == method and it.match(path)}
        for violation in json.loads(found or "[]"):
            by_client = violation["location"][0] == "request"
            if judged == "Both" or not by_client:
                violations.append(f"{exchange}: {json.dumps(violation)}")
    print(f"Prism: {exchanges} exchanges, {len(seen)} of {len(known)} operations, {len(violations)} violations, {lost} lost")
    for violation in violations[:40]:
        print("  " + violation)
    missing = sorted(set(known) - seen)
    if missing:
        print("  never seen: " + ", ".join(missing))
    return 1 if violations or missing or exchanges < 1000 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
