#!/usr/bin/env python3
"""leaks_peers.py: what plat leaks, LeakSanitizer and Memcheck say of the same workers, kind by kind.

    leaks_peers.py [--seeds N] [--only plat|lsan|memcheck]... PLAT WORKER LSAN-WORKER [LIBRARY]

The workers are those of tests/prop/leaks, the second built with -fsanitize=leak, both with
leaks_examine.c. Each seed is run once for each checker: plat looks at it from outside. What is counted is
blocks: of each way to lose something how many were found, of each way to hold something how many were
called lost. Status 0 if plat errs nowhere.
"""
import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "prop", "leaks"))
import judge  # noqa: E402  pylint: disable=wrong-import-position

CHECKERS = ["plat", "lsan", "memcheck", "memcheck, possibly"]


class Table:
    def __init__(self):
        self.blocks = collections.Counter()
        self.said = collections.Counter()
        self.unknown = collections.Counter()

    def count(self, checker, notes, sets):
        """sets: for each name of a column the addresses that it calls lost."""
        known = {note.address: note for note in notes if note.state != judge.FREED}
        for note in known.values():
            self.blocks[(checker, note.state, note.kind)] += 1
        for name, addresses in sets.items():
            for address in addresses:
                if address in known:
                    self.said[(name, known[address].state, known[address].kind)] += 1
                else:
                    self.unknown[name] += 1

    def show(self):
        kinds = sorted({key[1:] for key in self.blocks})
        print(f"{'':24}" + "".join(f"{name:>20}" for name in CHECKERS))
        for state, kind in kinds:
            cells = ""
            for name in CHECKERS:
                n = self.blocks[(name.split(",")[0], state, kind)]
                cells += f"{self.said[(name, state, kind)]:>10} of {n:<6}" if n else f"{'-':>20}"
            print(f"{judge.STATES[state][:4]} {kind:<19}{cells}")
        print(f"{'not the workers own':<24}" + "".join(f"{self.unknown[name]:>10}{'':10}" for name in CHECKERS))


def clean_environment():
    return {key: value for key, value in os.environ.items()
            if not key.startswith(("PLAT_", "MALLOC_", "LD_", "GLIBC_", "LSAN_", "ASAN_"))}


def run_examined(command, seed, library, environment):
    """Until the checker inside has said all. The log's notes, and what was said."""
    with tempfile.TemporaryDirectory(prefix="plat-peers.") as folder:
        worker = judge.Worker("libc", ",".join([command[-1], library]), seed, environment, folder, command[:-1])
        try:
            worker.child.wait(timeout=300)
            return worker.notes()
        finally:
            worker.end()


def ask_lsan(program, seed, library, table):
    with tempfile.TemporaryDirectory(prefix="plat-peers.") as folder:
        report = os.path.join(folder, "report")
        environment = clean_environment() | {
            "LSAN_OPTIONS": f"report_objects=1:log_path={report}:max_leaks=0:detect_leaks=1"}
        notes = run_examined([program], seed, library, environment)
        text = ""
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                text += file.read()
    if "LeakSanitizer has encountered a fatal error" in text:
        raise SystemExit(text)
    found = {int(address, 16) for address in re.findall(r"^(0x[0-9a-f]+) \(\d+ bytes\)$", text, re.M)}
    table.count("lsan", notes, {"lsan": found})


def ask_memcheck(program, seed, library, table):
    with tempfile.TemporaryDirectory(prefix="plat-peers.") as folder:
        report = os.path.join(folder, "report")
        notes = run_examined(["valgrind", "-q", f"--log-file={report}", "--num-callers=2", program], seed, library,
                             clean_environment())
        with open(report, encoding="utf-8", errors="replace") as file:
            text = file.read()
    sets = {"memcheck": set(), "memcheck, possibly": set()}
    current = None
    for line in text.splitlines():
        record = re.search(r" (definitely|indirectly|possibly|still) \w+ in loss record", line)
        if record:
            current = None if record[1] == "still" else sets[
                "memcheck, possibly" if record[1] == "possibly" else "memcheck"]
        block = re.match(r"==\d+==\s+(0x[0-9A-F]+)\[\d+\]", line)
        if block and current is not None:
            current.add(int(block[1], 16))
    table.count("memcheck", notes, sets)


def ask_plat(plat, program, seed, library, table):
    with tempfile.TemporaryDirectory(prefix="plat-peers.") as folder:
        worker = judge.Worker("libc", ",".join([program, library]), seed, clean_environment(), folder)
        try:
            worker.await_standing()
            _, leaks = plat.leaks(str(worker.pid), folder)
            table.count("plat", worker.notes(), {"plat": set(leaks)})
            return len(plat.compare(worker.notes(), leaks))
        finally:
            worker.end()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", action="append")
    parser.add_argument("plat_command", metavar="PLAT")
    parser.add_argument("worker", metavar="WORKER")
    parser.add_argument("lsan_worker", metavar="LSAN-WORKER")
    parser.add_argument("library", metavar="LIBRARY", nargs="?", default="")
    arguments = parser.parse_args()
    arguments.plat = arguments.keep = None
    plat = judge.Judge(arguments)
    table, wrong = Table(), 0
    wanted = arguments.only or ["plat", "lsan", "memcheck"]
    examined = arguments.worker + "-examined"
    for seed in range(1, arguments.seeds + 1):
        if "plat" in wanted:
            wrong += ask_plat(plat, arguments.worker, seed, arguments.library, table)
        if "lsan" in wanted:
            ask_lsan(arguments.lsan_worker, seed, arguments.library, table)
        if "memcheck" in wanted:
            ask_memcheck(examined, seed, arguments.library, table)
    table.show()
    print(f"plat errs in {wrong} blocks")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
