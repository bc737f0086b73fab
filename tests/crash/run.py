#!/usr/bin/env python3
"""run.py: does every misuse with a library, in every mode, and compares with what misuse --list expects.

    run.py [--library FILE] [--checked FILE] [--mode MODE]... [--goals FILE] MISUSE [REGEX]

Speaks TAP. Modes: default and hard (PLAT_HARD=1), without guards that are drawn; guard (PLAT_GUARD=all);
sampled, where nothing is set, and hard-sampled; checked, which is default with libplat-checked in front; and
report and ignore, which are default with PLAT_ON_ERROR: what aborts by default then goes on, with the same
line or with none. Without --mode all of them. REGEX chooses cases. Without --library the C library's own malloc
is used, which is no good but shows that the cases do what they say.

--checked FILE   libplat-checked; without it the mode is left out
--goals FILE     also that program, whose cases must not reach their goal: see goals.c
--env NAME=VALUE for every case
--counts         only how many cases each mode notices, by any signal and with any words or none: to
                 compare with other libraries
"""
import argparse
import concurrent.futures
import os
import re
import signal
import subprocess
import sys

MODES = {
    "default": {"PLAT_GUARD": "off"},
    "hard": {"PLAT_HARD": "1", "PLAT_GUARD": "off"},
    "guard": {"PLAT_GUARD": "all"},
    "sampled": {},
    "hard-sampled": {"PLAT_HARD": "1"},
    "checked": {"PLAT_GUARD": "off"},
    "report": {"PLAT_GUARD": "off", "PLAT_ON_ERROR": "report"},
    "ignore": {"PLAT_GUARD": "off", "PLAT_ON_ERROR": "ignore"},
}
SURVIVED, EFFECT, GOAL, UNAVAILABLE = 0, 3, 42, 77
TIMEOUT = 120


class Case:
    def __init__(self, program, line):
        self.program = program
        self.name, self.mode, self.signals, self.pattern = line.split("\t")


class Result:
    """How a case ended."""

    def __init__(self, case, environment, library):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PLAT_")} | environment
        if library:
            environment["LD_PRELOAD"] = library
        try:
            done = subprocess.run([case.program, case.name], env=environment, timeout=TIMEOUT,
                                  capture_output=True, check=False)
        except subprocess.TimeoutExpired:
            self.end, self.out, self.err = "took too long", "", ""
            return
        self.out = done.stdout.decode(errors="replace")
        self.err = done.stderr.decode(errors="replace")
        self.end = done.returncode
        if self.end < 0:
            self.end = signal.Signals(-self.end).name

    def lines(self):
        return [line for line in self.err.splitlines() if line.startswith("plat-malloc:")]

    def stacks(self):
        """Which stacks are under the line."""
        return {line.split(" 0x")[0].strip() for line in self.err.splitlines()
                if re.match(r" +(made|freed) by 0x[0-9a-f]+ misuse\+0x", line)}

    def __str__(self):
        said = "; ".join((self.out + self.err).splitlines())
        return f"{self.end}; {said}"


def wrong_line(case, result):
    """What is wrong with the one line there is."""
    match = re.fullmatch(case.pattern, result.lines()[0])
    if not match:
        return f"the line does not match: {case.pattern}"
    where = re.search(r"^address (\S+) (\S+)$", result.out, re.M)
    if where:
        low, high = int(where[1], 16), int(where[2], 16)
        if not low <= int(match[2], 16) <= high:
            return f"the address is not in {low:#x} to {high:#x}"
    return None


def wrong(case, mode, result):
    """What is not as expected, or None."""
    nlines = len(result.lines())
    if result.end == "took too long":
        return result.end
    if case.signals == "any":
        return None
    if mode in ("report", "ignore"):
        if result.end not in (SURVIVED, EFFECT):
            return "it ended"
        if nlines != (mode == "report"):
            return f"{nlines} lines"
        return wrong_line(case, result) if nlines else None
    if case.signals == "none":
        if result.end != SURVIVED:
            return "it should go on"
        return "it should be silent" if nlines else None
    silent_too = case.signals.endswith("?")
    if result.end not in case.signals.rstrip("?").split(","):
        return f"it should end by {case.signals}"
    if nlines == 0 and silent_too:
        return None
    if nlines != 1:
        return f"{nlines} lines"
    if mode in ("sampled", "hard-sampled"):
        wanted = {"made by"} | ({"freed by"} if "use after free" in case.pattern else set())
        if result.stacks() != wanted:
            return f"the stacks are {result.stacks() or 'missing'}"
    return wrong_line(case, result)


def cases_of(options, mode):
    """The cases that say something in this mode."""
    of_mode = "default" if mode in ("report", "ignore") else mode
    listed = subprocess.run([options.misuse, "--list"], capture_output=True, check=True, text=True)
    for line in listed.stdout.splitlines():
        case = Case(options.misuse, line)
        if case.mode != of_mode or not re.search(options.regex, case.name):
            continue
        if mode in ("report", "ignore") and case.signals != "SIGABRT":
            continue
        yield case


def goals_of(options):
    listed = subprocess.run([options.goals, "--list"], capture_output=True, check=True, text=True)
    for name in listed.stdout.split():
        if re.search(options.regex, name):
            yield Case(options.goals, f"{name}\t\tgoal\t")


def wrong_goal(result):
    if result.end == GOAL:
        return "the goal is reached"
    if result.end in (SURVIVED, EFFECT, "SIGABRT", "SIGSEGV", "SIGBUS"):
        return None
    return "it should abort, fault, or get nowhere"


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--library")
    parser.add_argument("--checked")
    parser.add_argument("--mode", action="append", choices=MODES)
    parser.add_argument("--goals")
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--counts", action="store_true")
    parser.add_argument("misuse")
    parser.add_argument("regex", nargs="?", default="")
    options = parser.parse_args()
    added = dict(word.split("=", 1) for word in options.env)

    work = []
    for mode in options.mode or [m for m in MODES if m != "checked" or options.checked]:
        work += [(mode, case) for case in cases_of(options, mode)]
        if options.goals and mode in ("default", "hard", "guard"):
            work += [(mode, case) for case in goals_of(options)]

    def do(item):
        mode, case = item
        preload = [options.library]
        if mode == "checked":
            preload.insert(0, options.checked)
        return Result(case, MODES[mode] | added, " ".join(filter(None, preload)))

    failed = 0
    noticed = {}
    if not options.counts:
        print(f"1..{len(work)}")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, ((mode, case), result) in enumerate(zip(work, pool.map(do, work)), 1):
            if options.counts:
                if case.signals not in ("any", "none"):
                    seen = noticed.setdefault((mode, case.signals == "goal"), [0, 0])
                    ended = isinstance(result.end, str) and result.end.startswith("SIG")
                    if case.signals == "goal":
                        ended = result.end != GOAL
                    seen[0] += ended
                    seen[1] += 1
                continue
            title = f"{number} - {mode} {case.name}"
            if result.end == UNAVAILABLE:
                print(f"ok {title} # SKIP there is no such function, or the block stayed")
                continue
            why = wrong_goal(result) if case.signals == "goal" else wrong(case, mode, result)
            print(f"{'not ok' if why else 'ok'} {title}", flush=True)
            if why:
                print(f"# {why}: {result}")
                failed += 1
    for (mode, goals), (n, total) in noticed.items():
        print(f"{mode}: {n} of {total} {'goals not reached' if goals else 'noticed'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
