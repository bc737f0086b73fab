"""
The rows of the section time: our own workloads, real programs, an external suite's programs. A row
runs once with a library and says what that cost.
"""
import os
import re
import shutil
import socket
import subprocess
import threading
import time

from . import inputs
from .run import Failure

PROGRAMS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "programs")
QUICK = 8  # --quick does an eighth of the work


class Result:
    """Seconds, KiB, faults; the calibration and whether the machine was ours; the sum if any."""

    def __init__(self, sample, seconds, check=None):
        self.seconds = seconds
        self.rss, self.faults, self.cal = sample.rss, sample.faults, sample.cal
        self.check, self.foreign = check, sample.foreign


class Work:
    """One of our workloads. It counts its mappings itself, at its peak."""

    def __init__(self, name, work, n, several=False):
        self.name, self.work, self.n, self.several = name, work, n, several

    def has(self, peer):
        return True

    def _run(self, machine, peer, **options):
        nthreads = machine.threads if self.several else 1
        return machine.work(peer, self.work, self.n, nthreads, **options)

    def run(self, machine, peer):
        sample = self._run(machine, peer)
        return Result(sample, sample.seconds if self.several else sample.cpu, sample.said("sum"))

    def vmas(self, machine, peer):
        return self._run(machine, peer, vmas=True, calibrate=False).said("vmas")

    def shrink(self):
        self.n = max(self.n // QUICK, 2)


class Program:
    """A real program; its mappings are counted from outside."""

    def __init__(self, name, command, nthreads=1, env=None, cwd=None, metric=None):
        self.name, self.command, self.nthreads = name, command, nthreads
        self.env, self.cwd, self.metric = env or {}, cwd, metric

    def has(self, peer):
        return not peer.musl

    def _run(self, machine, peer, **options):
        return machine.run(self.command, {**self.env, **peer.environment()}, self.nthreads,
                           cwd=self.cwd, **options)

    def run(self, machine, peer):
        sample = self._run(machine, peer)
        if self.metric:
            return Result(sample, self.metric(sample.output))
        return Result(sample, sample.seconds if self.nthreads > 1 else sample.cpu)

    def vmas(self, machine, peer):
        return self._run(machine, peer, look=True, calibrate=False).vmas

    def shrink(self):
        pass


class Redis:
    """redis-server under redis-benchmark: time is the client's, memory the server's."""

    name = "redis"
    LOADS = [
        ["-t", "set", "-r", "100000", "-n", "150000", "-P", "16", "-d", "200"],
        ["-t", "lpush,lpop,sadd,hset", "-r", "20000", "-n", "50000", "-P", "16", "-d", "64"],
        ["-t", "mset", "-r", "100000", "-n", "10000", "-P", "8", "-d", "120"],
    ]

    def __init__(self):
        self.divide = 1

    def has(self, peer):
        return not peer.musl

    def shrink(self):
        self.divide = QUICK

    def _serve(self, machine, peer, path, result, look):
        try:
            result.append(machine.once(
                ["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir",
                 machine.folder.name, "--appendonly", "no", "--daemonize", "no"],
                peer.environment(), machine.cpus[-1:], seconds=120, look=look))
        except (KeyboardInterrupt, SystemExit):
            pass  # the other thread notices that there is no result

    def _both(self, machine, peer, look=False):
        path, served, seconds = machine.path("redis.sock"), [], 0
        if os.path.exists(path):
            os.unlink(path)
        server = threading.Thread(target=self._serve, args=(machine, peer, path, served, look))
        server.start()
        try:
            for _ in range(1000):
                if answers(path) or not server.is_alive():
                    break
                time.sleep(0.01)
            for load in self.LOADS:
                load = list(load)
                at = load.index("-n") + 1
                load[at] = str(int(load[at]) // self.divide)
                client = machine.once(["redis-benchmark", "-s", path, "-q", *load], {},
                                      machine.cpus[:1], calibrate=False)
                seconds += client.seconds
                if client.status or not server.is_alive():
                    raise Failure("fail")
        finally:
            if server.is_alive():
                subprocess.run(["redis-cli", "-s", path, "shutdown", "nosave"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            server.join()
        if not served or served[0].status:
            raise Failure("fail")
        return served[0], seconds

    def run(self, machine, peer):
        server, seconds = self._both(machine, peer)
        return Result(server, seconds)

    def vmas(self, machine, peer):
        return self._both(machine, peer, look=True)[0].vmas


def answers(path):
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
            s.sendall(b"PING\r\n")
            return s.recv(5) == b"+PONG"
        except OSError:
            return False


def own():
    """Sizes that take some 0.3 s with a fast library."""
    return [
        Work("numbers", "numbers", 1500000),
        Work("cubes", "cubes", 400),
        Work("bodies", "bodies", 60),
        Work("lifetimes", "lifetimes", 2000000),
        Work("lifetimes-N", "lifetimes", 4000000, several=True),
        Work("bursts", "bursts", 8000000),
        Work("bursts-N", "bursts", 16000000, several=True),
        Work("heirs-N", "heirs", 8000000, several=True),
        Work("phases-N", "phases", 60, several=True),
        Work("medium-N", "medium", 1500, several=True),
        Work("batches-N", "batches", 1000, several=True),
        Work("nested", "nested", 16000),
        Work("nested-N", "nested", 32000, several=True),
        Work("scratch", "scratch", 120000),
        Work("scratch-N", "scratch", 240000, several=True),
        Work("thrash", "thrash", 120000),
        Work("thrash-N", "thrash", 240000, several=True),
        Work("large", "large", 150),
        Work("brief-N", "brief", 8000, several=True),
        Work("grow", "grow", 2000000),
        Work("arrays", "arrays", 1000000),
        Work("aligned", "aligned", 3000000),
        Work("cache", "cache", 500000),
        Work("text", "text", 50000),
        Work("store", "store", 2400),
        Work("starts", "starts", 250),
    ]


def programs(machine, quick):
    """The real programs that are installed; complains about none, the table shows them."""
    scale = 1 if quick else 4
    out = []
    if shutil.which("redis-server") and shutil.which("redis-benchmark"):
        out.append(Redis())
        if quick:
            out[-1].shrink()
    if shutil.which("sqlite3"):
        path = machine.path("input.sql")
        inputs.write_sql(path, 12000 * scale)
        out.append(Program("sqlite3", ["sqlite3", ":memory:", f".read {path}"]))
    python = shutil.which("python3", path="/usr/bin") or shutil.which("python3")
    if python:
        out.append(Program("python3", [python, f"{PROGRAMS}/objects.py", str(scale)],
                           env={"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "1"}))
    if shutil.which("perl"):
        out.append(Program("perl", ["perl", f"{PROGRAMS}/words.pl", str(scale)],
                           env={"PERL_HASH_SEED": "1"}))
    if shutil.which("gcc"):
        path = machine.path("input.c")
        inputs.write_c(path, 10 * scale)
        out.append(Program("gcc", ["gcc", "-O2", "-c", path, "-o", machine.path("input.o")]))
    lua = shutil.which("lua5.4") or shutil.which("lua")
    if lua:
        out.append(Program("lua", [lua, f"{PROGRAMS}/trees.lua", str(scale)]))
    return out


def found(pattern, divide=None):
    """The number in an output, or a constant divided by it."""
    def metric(output):
        match = re.search(pattern, output)
        if not match:
            raise Failure("fail")
        number = float(match.group(1))
        return divide / number if divide else number
    return metric


# What an external suite's programs are called, parameters with which each takes about a second, how
# many threads they have, and where they print a time of their own. "-s" is a program that its
# owner built with a smaller constant; it is taken where it exists.
SUITE = [
    ("cfrac", ["cfrac", "175451865205073170563711388363274837927"], 1, None),
    ("espresso", ["espresso", "esp1500.pla"], 1, None),
    ("barnes", ["barnes"], 1, None),
    ("alloc-test1", ["alloc-test", "1"], 1, None),
    ("alloc-testN", ["alloc-test", "2"], 2, None),
    ("larsonN", "larson 1 8 1000 5000 100 4141 2".split(), 2, found(r"time: ([0-9.]+)")),
    ("larsonN-sized", "larson-sized 1 8 1000 5000 100 4141 2".split(), 2,
     found(r"time: ([0-9.]+)")),
    ("mstressN", "mstress 2 50 200".split(), 2, None),
    ("rptestN", "rptest 2 0 1 2 1500 1000 100 8 16000".split(), 2,
     found(r"\.\.([0-9]+) memory ops", 2e6)),
    ("xmalloc-testN", "xmalloc-test -w 2 -t 1 -s 64".split(), 2, found(r"rtime: ([0-9.]+)")),
    ("cache-scratch1", "cache-scratch 1 1000 1 1000000 2".split(), 1, None),
    ("cache-scratchN", "cache-scratch 2 1000 1 1000000 2".split(), 2, None),
    ("cache-thrash1", "cache-thrash 1 1000 1 1000000 2".split(), 1, None),
    ("cache-thrashN", "cache-thrash 2 1000 1 1000000 2".split(), 2, None),
    ("glibc-simple", ["glibc-simple"], 1, None),
    ("glibc-thread", ["glibc-thread", "2"], 2, found(r"([0-9]+) iterations", 1e8)),
    ("malloc-large", ["malloc-large"], 1, None),
    ("mleak50", ["mleak", "50"], 1, None),
]


def suite(folder):
    """The rows of an external suite whose programs are in a folder."""
    folder = os.path.abspath(folder)
    out = []
    for name, (program, *arguments), nthreads, metric in SUITE:
        paths = [p for p in (f"{folder}/{program}-s", f"{folder}/{program}") if os.path.exists(p)]
        if not paths:
            continue
        command = [paths[0], *arguments]
        if name == "espresso" and not os.path.exists(f"{folder}/{arguments[0]}"):
            command[1] = "largest.espresso"
        if name == "barnes":
            command = ["sh", "-c", f"exec '{paths[0]}' < input"]
        out.append(Program(name, command, nthreads, cwd=folder, metric=metric))
    return out
