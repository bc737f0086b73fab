#!/usr/bin/env python3
"""loops.py PLAT STRANGE WHAT ROUNDS [WRAPPER...]: plat looks at a process that does not hold still.

exec     the process executes two programs in turn, as fast as it can
vanish   a process with thousands of mappings is killed while plat looks
churn    threads begin and end all the time

Always: plat answers with exit 0, 2 or 3; with 3 it says why; otherwise its answer is a document whose
regions and gaps cover [0, 2^64) once and are of one program only.
"""
import json
import os
import random
import signal
import shutil
import subprocess
import sys
import tempfile
import time

ROUNDS_AT_LEAST = 0.2  # the share of looks that must have met a living process


class Wrong(Exception):
    pass


def look(plat, pid):
    """Exit code, document or None, complaint."""
    run = subprocess.run([plat, "map", "--json", str(pid)], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    code, complaint = run.returncode, run.stderr.strip()
    if code not in (0, 2, 3):
        raise Wrong(f"exit {code}: {complaint}")
    if code == 3:
        if not complaint or run.stdout:
            raise Wrong(f"exit 3 without a reason or with an answer: {complaint!r}")
        return code, None, complaint
    try:
        document = json.loads(run.stdout)
    except ValueError as error:
        raise Wrong(f"exit {code}: {error}: {run.stdout[-200:]!r}") from error
    if code == 2 and not document["unknown"]:
        raise Wrong("exit 2 without a reason")
    judge(document)
    return code, document, complaint


def judge(document):
    at = 0
    pieces = document["regions"] + document["gaps"]
    for start, end in sorted((int(p["start"], 16), int(p["end"], 16)) for p in pieces):
        if start != at or end <= start:
            raise Wrong(f"regions and gaps do not fit at {at:#x}, {start:#x}")
        at = end
    if at != 1 << 64:
        raise Wrong(f"regions and gaps end at {at:#x}")
    kinds = {r["kind"] for r in document["regions"]}
    if not {"text", "stack"} <= kinds:
        raise Wrong(f"regions of a whole program are missing: {sorted(kinds)}")
    threads = {t["tid"] for t in document["threads"]}
    for region in document["regions"]:
        if region["tid"] is not None and region["tid"] not in threads:
            raise Wrong(f"{region['start']} is of thread {region['tid']}, which is not listed")


def of_one_program(document):
    seen = set()
    for region in document["regions"]:
        for name in ("alpha", "beta"):
            if region["name"].endswith((f"/{name}", f"memfd {name}")):
                seen.add(name)
    if len(seen) != 1:
        raise Wrong(f"regions of {sorted(seen)} in one answer")
    # exec sets the name after the memory: `command` may still be the former program's for a moment,
    # but then plat has looked at a process that was not yet the new one, and must look again.
    if document["command"] not in seen:
        raise Wrong(f"command {document['command']} with regions of {sorted(seen)}")


def wait_for(pid, names):
    """Until it is one of these programs: whatever wraps it is done."""
    for _ in range(5000):
        with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as file:
            if file.read().strip() in names:
                return
        time.sleep(0.01)
    raise Wrong(f"{pid} has not become one of {names}")


def run_exec(plat, strange, rounds, wrapper, folder):
    programs = [os.path.join(folder, name) for name in ("alpha", "beta")]
    for program in programs:
        shutil.copy(strange, program)
    fine = 0
    for delay in ("0", "1000", "3000"):
        process = subprocess.Popen(wrapper + [programs[0], "exec", *programs, delay],
                                   stdout=subprocess.DEVNULL)
        try:
            wait_for(process.pid, ("alpha", "beta"))
            for _ in range(rounds // 3 + 1):
                _, document, _ = look(plat, process.pid)
                if document:
                    of_one_program(document)
                    fine += 1
        finally:
            process.kill()
            process.wait()
    return fine


def run_vanish(plat, strange, rounds, wrapper, _):
    fine = 0
    for _ in range(rounds):
        process = subprocess.Popen(wrapper + [strange, "maps", "4000"], stdout=subprocess.PIPE)
        killer = None
        try:
            process.stdout.readline()
            # Whoever kills must not be us, for we wait for plat.
            killer = subprocess.Popen(["sh", "-c", f"sleep {random.random() * 0.03:.4f}; "
                                       f"kill -9 {process.pid}"])
            _, document, _ = look(plat, process.pid)
            fine += document is not None
        finally:
            if killer:
                killer.wait()  # first: the number is nobody else's until we have waited for it
            process.kill()
            process.wait()
    return max(fine, 1)  # that each died in time is fine too


def run_churn(plat, strange, rounds, wrapper, _):
    process = subprocess.Popen(wrapper + [strange, "churn"], stdout=subprocess.DEVNULL)
    fine = 0
    try:
        time.sleep(0.1)
        for _ in range(rounds):
            code, document, complaint = look(plat, process.pid)
            if code != 0:
                raise Wrong(f"exit {code}: {complaint}")
            fine += document is not None
    finally:
        process.kill()
        process.wait()
    return fine


def main():
    plat, strange, what, rounds, *wrapper = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    run = {"exec": run_exec, "vanish": run_vanish, "churn": run_churn}[what]
    with tempfile.TemporaryDirectory() as folder:
        try:
            fine = run(plat, strange, int(rounds), wrapper, folder)
        except Wrong as error:
            print(error)
            return 1
    if fine == 0 or what != "vanish" and fine < int(rounds) * ROUNDS_AT_LEAST:
        print(f"only {fine} of {rounds} looks met the process")
        return 1
    print(f"{fine} of {rounds} looks met the process")
    return 0


if __name__ == "__main__":
    sys.exit(main())
