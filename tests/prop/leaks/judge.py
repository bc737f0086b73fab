#!/usr/bin/env python3
"""judge.py: compares what plat leaks says of workers with what they say themselves.

    judge.py [OPTION]... PLAT NAME=WORKER[,LIBRARY]...

Speaks TAP: a test for each worker. A worker is a program of worker.c, with library.c for its threads'
storage; it runs once for each seed, and is asked for by as many ways as are wanted. Every block that it
has lost must be among `leaks`, below the root that is its own, and no other block may be.

--seeds N        seeds for all workers together, or --each for each (default: 8)
--seed N         the first
--ways WAY,...   live; pointers and full: snapshots; gcore: a core by gdb; core: by the kernel; or "all"
                 (default: all, of which each seed takes "live" and the next of the others)
--every-way      each seed takes all of them
--plat LIBRARY   of workers whose name begins with "own": LD_PRELOAD
--keep DIR       where a failure's log and answer go
"""
import argparse
import collections
import json
import mmap
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

HEAD = struct.Struct("=4I")
NOTE = struct.Struct("=16s16sIBB2x24s")
NOTES = 8192
LOST, HELD, FREED, HIDDEN = 1, 2, 3, 4
STATES = {LOST: "lost", HELD: "held", FREED: "freed", HIDDEN: "held where nobody can see it"}
WAYS = ["live", "pointers", "full", "gcore", "core"]
TIMEOUT = 120
MISSING = "is not there"
CHANCES = 9  # of one seed of glibc-32 four looks in ten found such a pointer
WRONG_SHOWN = 5
# gdb 13 writes no vector registers from the sixteenth on.
LEFT_OUT_BY_GDB = {"register_further"}
# pause(), which is how workers stand; and that of 32 bits.
STANDS = {"34", "29"}

Note = collections.namedtuple("Note", "address root size state is_cycle kind")


class Wrong(Exception):
    pass


class Missing(Wrong):
    """Blocks that are lost and not said to be, and nothing else."""


def address_of(hidden):
    return int.from_bytes(hidden[0:16:2], "little")


class Worker:
    """A worker that comes to a stand, in a folder of its own; `below` is what it runs in."""

    def __init__(self, name, command, seed, environment, folder, below=()):
        self.folder = folder
        self.log_path = os.path.join(folder, "log")
        with open(self.log_path, "wb") as file:
            file.truncate(HEAD.size + NOTES * NOTE.size)
        program, _, library = command.partition(",")
        arguments = [program, self.log_path, str(seed), "own" if name.startswith("own") else "libc"]
        self.child = subprocess.Popen([*below, *arguments] + ([library] if library else []), env=environment,
                                      cwd=folder, stdin=subprocess.DEVNULL)
        self.pid = self.child.pid
        with open(self.log_path, "rb") as file:
            self.log = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    def await_standing(self):
        end = time.monotonic() + TIMEOUT
        while not self.is_standing():
            if self.child.poll() is not None:
                raise Wrong(f"the worker ends by itself with {self.child.returncode}")
            if time.monotonic() > end:
                raise Wrong("the worker does not come to a stand")
            time.sleep(0.002)

    def is_standing(self):
        nthreads, ready = HEAD.unpack_from(self.log)[:2]
        if nthreads == 0 or ready < nthreads:
            return False
        tids = os.listdir(f"/proc/{self.pid}/task")
        return len(tids) == nthreads and all(self.is_pausing(tid) for tid in tids)

    def is_pausing(self, tid):
        with open(f"/proc/{self.pid}/task/{tid}/syscall", encoding="ascii") as file:
            return file.read().split(" ")[0] in STANDS

    def notes(self):
        result = []
        for i in range(HEAD.unpack_from(self.log)[2]):
            address, root, size, state, is_cycle, kind = NOTE.unpack_from(self.log, HEAD.size + i * NOTE.size)
            result.append(Note(address_of(address), address_of(root), size, state, is_cycle,
                               kind.split(b"\0")[0].decode()))
        return result

    def end(self):
        self.child.kill()
        self.child.wait()
        self.log.close()


class Judge:
    def __init__(self, arguments):
        self.plat = os.path.abspath(arguments.plat_command)
        self.library = arguments.plat
        self.keep = arguments.keep
        self.counts = collections.Counter()
        self.hidden = collections.Counter()

    # Ways to look.

    def run(self, command, cwd, allowed=(0,)):
        done = subprocess.run(command, cwd=cwd, capture_output=True, timeout=TIMEOUT, check=False)
        if done.returncode not in allowed:
            raise Wrong(f"{' '.join(command)}: status {done.returncode}: {done.stderr.decode()[-500:]}")
        return done

    def operand(self, worker, way):
        """What plat is to look at; None where this machine cannot make it."""
        if way == "live":
            return str(worker.pid)
        path = os.path.join(worker.folder, way)
        if way == "gcore":
            if not shutil.which("gcore"):
                return None
            self.run(["gcore", "-o", path, str(worker.pid)], worker.folder)
            return f"{path}.{worker.pid}"
        if way == "core":
            return self.kernel_core(worker)
        self.run([self.plat, "snapshot", str(worker.pid), "--content", way, "-o", path], worker.folder)
        return path

    def kernel_core(self, worker):
        """Ends the worker."""
        with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as file:
            pattern = file.read().strip()
        if pattern.startswith(("|", "/")) or "%" in pattern:
            return None
        worker.child.send_signal(signal.SIGABRT)
        worker.child.wait()
        for name in (pattern, f"{pattern}.{worker.pid}"):
            path = os.path.join(worker.folder, name)
            if os.path.exists(path):
                return path
        return None

    # What is said, and what is so.

    def leaks(self, operand, cwd):
        done = self.run([self.plat, "leaks", "--json", operand], cwd, (0, 1, 2))
        try:
            document = json.loads(done.stdout)
        except json.JSONDecodeError as error:
            raise Wrong(f"plat leaks: no JSON: {error}") from error
        return done, {int(leak["address" if "address" in leak else "addr"], 16): leak
                      for leak in document["leaks"]}

    def compare(self, notes, leaks):
        known, wrong = {}, []
        for note in notes:
            if note.state != FREED:
                known[note.address] = note
        freed = {note.address for note in notes if note.state == FREED} - set(known)
        for address in sorted(set(leaks) - set(known)):
            what = "a freed one" if address in freed else "unknown to the worker"
            wrong.append(f"0x{address:x} of {leaks[address]['size']} bytes is no leak: {what}")
        for address, note in sorted(known.items()):
            leak = leaks.get(address)
            if note.state == LOST:
                wrong += self.compare_lost(note, leak)
            elif note.state == HIDDEN:
                self.hidden["reported" if leak else "not reported"] += 1
            elif leak:
                wrong.append(f"0x{address:x} of {note.size} bytes is held: {note.kind}")
            self.counts[STATES[note.state]] += 1
        return wrong

    def compare_lost(self, note, leak):
        where = f"0x{note.address:x} of {note.size} bytes, lost ({note.kind}),"
        if not leak:
            return [f"{where} {MISSING}"]
        if int(leak["root"], 16) != note.root:
            return [f"{where} has the root {leak['root']}, not 0x{note.root:x}"]
        if leak["size"] < note.size:
            return [f"{where} has {leak['size']} bytes"]
        if note.address == note.root and note.is_cycle != (leak["kind"] == "cycle"):
            return [f"{where} is a {leak['kind']}"]
        return []

    def look(self, worker, way, notes):
        operand = self.operand(worker, way)
        if operand is None:
            self.counts[f"skipped {way}"] += 1
            return
        done, leaks = self.leaks(operand, worker.folder)
        said = done.stderr.decode()
        if way == "gcore" and "could not read" in said and done.returncode == 2:
            self.counts["gcore left memory out, and plat says so"] += 1
            return
        if way == "gcore":
            unknown = {note.address for note in notes if note.kind in LEFT_OUT_BY_GDB}
            notes = [note for note in notes if note.address not in unknown]
            leaks = {address: leak for address, leak in leaks.items() if address not in unknown}
        wrong = self.compare(notes, leaks)
        # What a debugger writes says less than there was.
        if done.returncode not in {1 if leaks else 0} | ({2} if way == "gcore" else set()):
            wrong.append(f"the status is {done.returncode}, with {len(leaks)} leaks: {said.strip()}")
        self.counts[f"looked at {way}"] += 1
        if wrong:
            if self.keep:
                os.makedirs(self.keep, exist_ok=True)
                with open(os.path.join(self.keep, f"{way}.json"), "wb") as file:
                    file.write(done.stdout)
            kind = Missing if all(words.endswith(MISSING) for words in wrong) else Wrong
            raise kind(f"{way}: " + "\n#   ".join([f"{len(wrong)} wrong"] + wrong[:WRONG_SHOWN]))

    def judge(self, name, command, seed, ways):
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith(("PLAT_", "MALLOC_", "LD_", "GLIBC_"))}
        environment |= VARIANTS.get(name, {})
        if name.startswith("own"):
            environment["LD_PRELOAD"] = self.library
        folder = tempfile.mkdtemp(prefix="plat-leaks.")
        worker = Worker(name, command, seed, environment, folder)
        try:
            worker.await_standing()
            notes = worker.notes()
            for way in ways:
                self.look(worker, way, notes)
        except Wrong as error:
            raise type(error)(f"{name}, seed {seed}: {error}") from error
        except subprocess.TimeoutExpired as error:
            raise Wrong(f"{name}, seed {seed}: {error}") from error
        finally:
            worker.end()
            shutil.rmtree(folder)


    def judge_again(self, name, command, seed, ways):
        """
        In 32 bits four letters can be an address, and in any, what a frame that waits has not overwritten
        of an earlier one; but not each time, when all is elsewhere. It is counted.
        """
        for _ in range(CHANCES):
            try:
                return self.judge(name, command, seed, ways)
            except Missing as error:
                self.counts["pointers by chance"] += 1
                print(f"# by chance? {str(error).splitlines()[0]}", flush=True)
        return self.judge(name, command, seed, ways)


VARIANTS = {
    "glibc-no-cache": {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"},
    "glibc-one-arena": {"GLIBC_TUNABLES": "glibc.malloc.arena_max=1"},
    "own": {"PLAT_GUARD": "off"},
    "own-hard": {"PLAT_HARD": "1"},
    "own-sampled": {"PLAT_GUARD": "sampled", "PLAT_SAMPLE": "4K"},
}


def ways_of(arguments, seed):
    """Those of this seed; what ends the worker is the last."""
    others = [way for way in arguments.ways if way != "live"]
    if not arguments.every_way and others:
        others = [others[seed % len(others)]]
    return [way for way in arguments.ways if way == "live"] + others


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("plat_command", metavar="PLAT")
    parser.add_argument("workers", metavar="NAME=WORKER[,LIBRARY]", nargs="+")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--each", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ways", default="all")
    parser.add_argument("--every-way", action="store_true")
    parser.add_argument("--plat")
    parser.add_argument("--keep")
    arguments = parser.parse_args()
    arguments.ways = WAYS if arguments.ways == "all" else [way for way in WAYS if way in arguments.ways.split(",")]
    return arguments


def main():
    arguments = parse()
    judge = Judge(arguments)
    workers = [worker.partition("=")[::2] for worker in arguments.workers]
    allow_cores()
    failed = {}
    seeds = collections.Counter()
    for i in range(arguments.seeds * (len(workers) if arguments.each else 1)):
        name, command = workers[i % len(workers)]
        seed = arguments.seed + i
        ways = ways_of(arguments, i // len(workers))
        try:
            seeds[name] += 1
            judge.judge_again(name, command, seed, ways)
        except Wrong as error:
            failed.setdefault(name, []).append(str(error))
            print(f"# {error}", flush=True)
    print(f"1..{len(workers)}")
    for number, (name, _) in enumerate(workers, 1):
        bad = len(failed.get(name, []))
        print(f"{'not ok' if bad else 'ok'} {number} - {name}: {seeds[name] - bad} of {seeds[name]} seeds")
        # Behind its case, where whoever reads the log looks for the reason.
        for error in failed.get(name, []):
            print(f"# {error}")
    for what, n in sorted(judge.counts.items()):
        print(f"# {what}: {n}")
    for what, n in sorted(judge.hidden.items()):
        print(f"# held where nobody can see it, {what}: {n}")
    return bool(failed)


def allow_cores():
    """Whole ones; workers inherit it."""
    with open("/proc/self/coredump_filter", "w", encoding="ascii") as file:
        file.write("0x7f")
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
