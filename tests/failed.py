#!/usr/bin/env python3
"""failed.py LIST: which tests have failed and what they said, in few lines, for a reader of whom a
machine has only kept the end of a long log.

Each line of LIST is NAME TAB FILE. A FILE that ends in .json is what Meson wrote about all tests of a
build (meson-logs/testlog.json); all others are the output of one check that failed.
"""
import json
import re
import sys

LINES_MOST = 80
LINES_OF_ONE = 40
BAD = ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS")


def cases_of_tap(text):
    """The cases that failed: "not ok" and the lines of diagnosis behind it."""
    cases = []
    diagnosis = None
    for line in text.split("\n"):
        if re.match(r"not ok\b(?!.*# (TODO|SKIP)\b)", line):
            diagnosis = []
            cases.append((line, diagnosis))
        elif diagnosis is not None and line.startswith("#"):
            diagnosis.append(line)
        else:
            diagnosis = None
    return cases


def end_of(text):
    """The last lines, or less, if what failed is said once more there."""
    lines = [line for line in text.split("\n") if line.strip()][-LINES_OF_ONE:]
    said = [i for i, line in enumerate(lines) if line.startswith("FAILED  ")]
    return lines[said[0]:] if said else lines


def failures_of_build(name, path):
    """[(title, lines)] of all tests of a build that failed."""
    failures = []
    with open(path, encoding="utf-8", errors="replace") as log:
        for test in map(json.loads, log):
            if test["result"] not in BAD:
                continue
            title = f"{name}: {test['name']}: {test['result']}, exit {test.get('returncode')}"
            output, words = test.get("stdout") or "", test.get("stderr") or ""
            words = re.sub(r"\n*\(test program exited with .*\)\n*$", "", words)  # Meson's own
            cases = cases_of_tap(output)
            failures += [(f"{title}: {case}", lines[:LINES_OF_ONE]) for case, lines in cases]
            if words.strip() or not cases:
                failures.append((title, end_of(words if cases else output + words)))
    return failures


def show(failures):
    """Names go first: where there are many, each shows as many lines as all can."""
    share = 0
    while share < LINES_OF_ONE and \
            sum(1 + min(len(lines), share + 1) for _, lines in failures) <= LINES_MOST:
        share += 1
    for title, lines in failures[:LINES_MOST]:
        print(f"FAILED  {title}")
        # TAP says first what matters, all others say it last.
        for line in lines[:share] if "not ok" in title else lines[max(len(lines) - share, 0):]:
            print(f"        {line}")
    if len(failures) > LINES_MOST:
        print(f"        ... and {len(failures) - LINES_MOST} more")


def main():
    failures = []
    with open(sys.argv[1], encoding="utf-8") as file:
        for line in file:
            name, path = line.rstrip("\n").split("\t")
            if path.endswith(".json"):
                failures += failures_of_build(name, path)
            else:
                with open(path, encoding="utf-8", errors="replace") as log:
                    failures.append((name, end_of(log.read())))
    show(failures)


main()
