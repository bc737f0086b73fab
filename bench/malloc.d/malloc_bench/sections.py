"""The sections beside time: each measures, prints its table, and judges."""
import os
import random
import re
import signal
import subprocess
import time

from . import rows
from .compare import Comparison, show_progress
from .numbers import geomean, median, median_interval, scale
from .peers import OURS, Peer, rivals
from .run import Failure
from .table import Table, number

PAGE_BOUND, PAGE_SLACK = 1.10, 16  # of the pages with a live byte; MiB


class Bench:
    """What all sections are given."""

    def __init__(self, machine, peers, rounds, quick, verdicts):
        self.machine, self.peers = machine, peers
        self.rounds, self.quick, self.verdicts = rounds, quick, verdicts
        self.rng = random.Random(2)
        self.baseline = Peer("none", machine.tool("libempty.so"))
        self.native = [p for p in peers if not p.musl]

    def size(self, n):
        return max(n // rows.QUICK, 1) if self.quick else n

    def turns(self, section, peers, rounds, run):
        """run(peer) in random order, round by round: peer's name -> what it returned."""
        out, failed = {peer.name: [] for peer in peers}, {}
        for number_ in range(rounds):
            order = [p for p in peers if p.name not in failed]
            self.rng.shuffle(order)
            for peer in order:
                show_progress(f"{section}: round {number_ + 1} of {rounds}: {peer.name}")
                try:
                    out[peer.name].append(run(peer))
                except Failure as failure:
                    failed[peer.name] = str(failure)
                    out[peer.name] = []
        show_progress("")
        return out, failed


def summary_rows(table, samples, failed, names, title):
    """Minimum, median and interval of what was measured, and the ratio to the least median."""
    values = {n: samples[n] for n in names}
    medians = {n: median(v) for n, v in values.items() if v}
    least = min(medians.values(), default=None)
    table.row(f"{title} minimum", [number(min(values[n])) if values[n] else failed.get(n, "-")
                                   for n in names])
    table.row("    median", [number(medians.get(n)) for n in names])
    if max(len(v) for v in values.values()) > 1:
        bounds = [median_interval(values[n]) if len(values[n]) > 1 else None for n in names]
        table.row("    95 %", [f"{number(b[0])}-{number(b[1])}" if b else "-" for b in bounds])
    table.row("    ratio", [f"{medians[n] / least:.2f}" if n in medians and least else "-"
                            for n in names])
    return medians


def judge_least(bench, medians, what, factor, plus=0.0):
    """Ours against the least of the others, times a factor or plus something."""
    others = {n: medians[n] for n in rivals(medians)}
    if not others or OURS not in medians:
        bench.verdicts.judge(what, medians.get(OURS), None)
        return
    rival = min(others, key=others.get)
    bench.verdicts.judge(what, medians[OURS], others[rival] * factor + plus,
                         f"{rival} has {number(others[rival])}")


# empty: what an empty program costs

def look_at_empty(bench, peer):
    """(RssAnon, RSS) in KiB of the empty program, once it waits; counted page by page."""
    env = {**os.environ, **peer.environment()}
    child = subprocess.Popen([bench.machine.tool("empty"), "wait"], env=env,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        asleep = 0
        for _ in range(2000):
            time.sleep(0.002)
            with open(f"/proc/{child.pid}/stat", encoding="utf-8", errors="replace") as stat:
                asleep = asleep + 1 if stat.read().rpartition(") ")[2][:1] == "S" else 0
            if child.poll() is not None:
                raise Failure("fail")
            if asleep == 3:
                break
        with open(f"/proc/{child.pid}/smaps_rollup", encoding="ascii") as file:
            text = file.read()
        return tuple(int(re.search(rf"^{name}: +([0-9]+) kB", text, re.M).group(1))
                     for name in ("Anonymous", "Rss"))
    finally:
        child.kill()
        child.wait()


def empty(bench):
    peers = [bench.baseline, *bench.native]
    names = [p.name for p in peers]
    runs = 30 if bench.quick else 200
    looks = 3 if bench.quick else 25

    def measure(peer):
        # Where libraries come to lie is drawn, and with it how much of them a fault brings in.
        anon, rss = (median(figures) for figures in
                     zip(*(look_at_empty(bench, peer) for _ in range(looks))))
        sample = bench.machine.run([bench.machine.tool("empty")], peer.environment(), runs=runs)
        return anon, rss, sample.cpu * 1e6, sample.cal

    samples, failed = bench.turns("empty", peers, bench.rounds, measure)
    table = Table("an empty program", names)
    for at, title in ((0, "RssAnon, KiB"), (1, "RSS, KiB")):
        medians = {n: median([s[at] for s in samples[n]]) for n in names if samples[n]}
        base = medians["none"]
        table.row(title, [number_or(medians, n, failed) for n in names])
        table.row("    over an empty library",
                  [f"{medians[n] - base:+.0f}" if n in medians else "-" for n in names])
        if at == 0:
            anon = {n: v - base for n, v in medians.items()}
        else:
            rss = {n: v - base for n, v in medians.items()}
    times = scale({n: [(s[2], s[3]) for s in samples[n]] for n in names})
    summary_rows(table, times, failed, names, "exec and exit, us")
    table.show()
    bench.verdicts.judge("empty program, RssAnon over an empty library, KiB", anon.get(OURS), 48)
    bench.verdicts.judge("empty program, RSS over an empty library, KiB", rss.get(OURS), 160)


def number_or(medians, name, failed):
    return f"{medians[name]:.0f}" if name in medians else failed.get(name, "-")


# return: what is given back; idle: what a thread keeps

def said(bench, peer, work, n, nthreads, names, **options):
    sample = bench.machine.work(peer, work, n, nthreads, **options)
    return {name: sample.said(name) for name in names}


def give_back(bench):
    size = 128 if bench.quick else 1024
    keys = ("base", "filled", "partly", "pages", "partly-later", "freed", "freed-later")
    samples, failed = bench.turns(
        "return", bench.peers, 1 if bench.quick else min(bench.rounds, 3),
        lambda peer: said(bench, peer, "give-back", size, 2, keys, calibrate=False, seconds=300))
    names = [p.name for p in bench.peers]
    values = {n: {k: median([s[k] for s in samples[n]]) / 2**20 for k in keys}
              for n in names if samples[n]}
    table = Table(f"{size} MiB of blocks, RSS in MiB", names)

    def show(title, text):
        table.row(title, [text(values[n]) if n in values else failed.get(n, "-") for n in names])

    def limit(v):
        return PAGE_BOUND * v["pages"] + PAGE_SLACK

    show("filled", lambda v: number(v["filled"]))
    show("95 % freed, at once", lambda v: number(v["partly"]))
    show("    pages with a live byte", lambda v: number(v["pages"]))
    show(f"    limit: {PAGE_BOUND} x + {PAGE_SLACK} MiB", lambda v: number(limit(v)))
    show("    within the limit", lambda v: "yes" if v["partly"] <= limit(v) else "no")
    show("    a second later", lambda v: number(v["partly-later"]))
    show("all freed, over the empty program", lambda v: number(v["freed"] - v["base"]))
    show("    a second later", lambda v: number(v["freed-later"] - v["base"]))
    table.show()
    ours = values.get(OURS)
    bench.verdicts.judge("return, RSS after 95 % were freed, MiB", ours and ours["partly"],
                         ours and limit(ours))
    bench.verdicts.judge("return, RSS after all was freed over the empty program, MiB",
                         ours and ours["freed"] - ours["base"], 32)


def idle(bench):
    samples, failed = bench.turns(
        "idle", bench.peers, 1 if bench.quick else min(bench.rounds, 5),
        lambda peer: said(bench, peer, "idle", 1000, 200, ("idle", "idle-later"),
                          calibrate=False))
    names = [p.name for p in bench.peers]
    table = Table("200 idle threads, KiB each", names)
    medians = {}
    for key, title in (("idle", "after 1000 blocks each, at once"),
                       ("idle-later", "    a second later")):
        medians[key] = {n: median([s[key] for s in samples[n]]) for n in names if samples[n]}
        table.row(title, [number(medians[key][n]) if n in medians[key] else failed.get(n, "-")
                          for n in names])
    table.show()
    bench.verdicts.judge("idle threads, KiB each", medians["idle"].get(OURS), 32)


# pair, cross, latency: single calls

def callgrind(bench, peer, work, n, env=None):
    """Instructions that the whole program executes, or None if it does not run there."""
    program = bench.machine.tool("work.musl" if peer.musl else "work")
    try:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, work,
             str(n)], env={**os.environ, **peer.environment(), **(env or {})},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"Collected : ([0-9]+)", done.stderr)
    return int(match.group(1)) if match and done.returncode == 0 else None


def stepped(bench, peer, work, n):
    """Instructions between the marks, by stepping through them."""
    program = bench.machine.tool("work.musl" if peer.musl else "work")
    child = subprocess.Popen(
        [bench.machine.tool("step"), program, work, str(n)],
        env={**os.environ, **peer.environment(), "BENCH_STEP": "1"}, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, start_new_session=True)
    try:
        out = child.communicate(timeout=120)[0]
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return None
    match = re.match(r"instructions ([0-9]+)", out)
    return int(match.group(1)) if match else None


def instructions_per_pair(bench, peer, work):
    """(instructions, whether they were stepped through)."""
    for count, low, high, mark in ((callgrind, 5000, 55000, ""), (stepped, 100, 600, "*")):
        few = count(bench, peer, work, low)
        many = few is not None and count(bench, peer, work, high)
        if few is not None and many:
            return (many - few) / (high - low), mark
    return None, ""


def pair(bench):
    names = [p.name for p in bench.peers]
    table = Table("malloc and free, in cache", names)
    instructions = {}
    for work, title in (("pair", "instructions, 64 bytes"),
                        ("pair-random", "instructions, random of 1000")):
        cells = []
        for peer in bench.peers:
            show_progress(f"pair: instructions: {peer.name}")
            value, mark = instructions_per_pair(bench, peer, work)
            cells.append("-" if value is None else f"{value:.1f}{mark}")
            if value is not None:
                instructions.setdefault(work, {})[peer.name] = value
        table.row(title, cells)
    medians = {}
    for work, n, title in (("pair", 20000000, "ns, 64 bytes"),
                           ("pair-random", 10000000, "ns, random of 1000")):
        def measure(peer, work=work, n=n):
            sample = bench.machine.work(peer, work, bench.size(n))
            return sample.said("ns"), sample.cal
        samples, failed = bench.turns(work, bench.peers, bench.rounds, measure)
        medians[work] = summary_rows(table, scale(samples), failed, names, title)
    table.show()
    print("* by stepping through them; callgrind cannot run it. The loop's own are included.")
    judge_least(bench, instructions.get("pair", {}), "pair, instructions", 1, 12)
    judge_least(bench, medians["pair"], "pair of 64 bytes, ns", 1.05)
    judge_least(bench, medians["pair-random"], "pair, random of 1000, ns", 1.05)


def cross(bench):
    names = [p.name for p in bench.peers]

    def measure(peer):
        sample = bench.machine.work(peer, "cross", bench.size(4000000), 2)
        return sample.said("ns"), sample.cal
    samples, failed = bench.turns("cross", bench.peers, bench.rounds, measure)
    table = Table("made in one thread, freed in another", names)
    medians = summary_rows(table, scale(samples), failed, names, "ns")
    table.show()
    judge_least(bench, medians, "cross, ns", 1.1)


def latency(bench):
    names = [p.name for p in bench.peers]
    keys = ("p50", "p99.9", "p99.99", "max")
    table = Table("one call, ns", names)
    judged = {}
    for work, n, title in (("latency", 10000000, "16 to 1024 bytes"),
                           ("latency-mixed", 2000000, "mixed with 32 KiB to 2 MiB")):
        samples, failed = bench.turns(
            work, bench.peers, bench.rounds,
            lambda peer, w=work, m=n: said(bench, peer, w, bench.size(m), 1, keys,
                                           calibrate=False))
        table.row(title, ["" for _ in names])
        for key in keys:
            # above the slowest calls lie interrupts: the best round has the fewest
            of = min if key == "max" else median
            medians = {n: of([s[key] for s in samples[n]]) for n in names if samples[n]}
            table.row(f"    {key}" + (", of the best round" if key == "max" else ""),
                      [number(medians[n]) if n in medians else failed.get(n, "-")
                       for n in names])
            judged[work, key] = medians
    table.show()
    judge_least(bench, judged["latency", "p99.99"], "latency, p99.99, ns", 1.1)


# fork

def forks(bench):
    peers = [bench.baseline, *bench.peers]
    names = [p.name for p in peers]

    def measure(peer):
        sample = bench.machine.work(peer, "forks", bench.size(300))
        return sample.said("us"), sample.cal
    samples, failed = bench.turns("fork", peers, bench.rounds, measure)
    times = scale(samples)
    table = Table("fork and wait with 64 MiB of heap", names)
    medians = summary_rows(table, times, failed, names, "us")
    base = medians.get("none")
    table.row("    over an empty library",
              [f"{medians[n] / base:.2f}" if n in medians and base else "-" for n in names])
    table.show()
    bench.verdicts.judge("fork, to an empty library",
                         medians[OURS] / base if OURS in medians and base else None, 1.1)


# checks: what our own modes cost

def checks(bench, all_rows, unchecked, rounds):
    ours = next((p for p in bench.peers if p.name == OURS), None)
    if not ours:
        print("\nchecks: our library is not there")
        return None
    variants = [ours, ours.with_env("hard", PLAT_HARD="1")]
    if unchecked:
        variants.append(Peer("unchecked", unchecked))
    comparison = Comparison(bench.machine, all_rows, variants).measure(rounds, seed=3)
    table = Table("what checks cost, geometric mean", ["time", "95 %", "RSS", "95 %"])
    judged = []
    for over, under, title, limits in (
            (OURS, "unchecked", "default to unchecked", (1.04, 1.03)),
            ("hard", OURS, "hard mode to default", (1.20, None))):
        if not {over, under} <= {v.name for v in variants}:
            table.row(title, ["-"] * 4)
            continue
        cells = []
        for grid, limit, what in ((comparison.time, limits[0], "time"),
                                  (comparison.rss, limits[1], "RSS")):
            value, low, high = comparison.ratio_of(grid, over, under)
            cells += [number(value, 4), f"{number(low, 4)}-{number(high, 4)}"]
            if limit:
                judged.append((f"checks, {title}, {what}", value, limit))
        table.row(title, cells)
    table.show()
    for what, value, limit in judged:
        bench.verdicts.judge(what, value, limit)
    return comparison


# profile: what sampling costs

def profile(bench):
    ours = next((p for p in bench.peers if p.name == OURS), None)
    if not ours:
        print("\nprofile: our library is not there")
        return
    table = Table("PLAT_SAMPLE=512K", ["without", "with", "ratio"])
    ratios = []
    for work, low, high in (("pair-random", 100000, 1100000), ("cache", 5000, 25000),
                            ("text", 500, 2500)):
        counts = []
        for env in ({}, {"PLAT_SAMPLE": "512K"}):
            show_progress(f"profile: {work}")
            few = callgrind(bench, ours, work, bench.size(low), env)
            many = callgrind(bench, ours, work, bench.size(high), env)
            counts.append(many - few if few and many else None)
        if None in counts:
            table.row(f"{work}, instructions", ["-"] * 3)
            continue
        ratios.append(counts[1] / counts[0])
        table.row(f"{work}, instructions", [*counts, f"{ratios[-1]:.4f}"])
    show_progress("")
    if ratios:
        table.row("geometric mean", ["", "", f"{geomean(ratios):.4f}"])
    table.show()
    bench.verdicts.judge("profile, instructions, geometric mean",
                         geomean(ratios) if ratios else None, 1.005)


# misuse: an external suite's programs that misuse memory

def misuse(bench, folder):
    """
    Counts the programs that end within a second without saying that nobody caught them. It is a
    second of the processor: a busy machine is no fault of the library. Our own comes in its other
    modes, too, and there with the copies that ask first.
    """
    folder = os.path.abspath(folder)
    programs = sorted(entry.path for entry in os.scandir(folder)
                      if entry.is_file() and os.access(entry.path, os.X_OK)
                      and not entry.name.endswith((".sh", ".cmake")))
    peers = list(bench.native)
    for ours in [p for p in peers if p.name == OURS]:
        peers += [ours.with_env("hard", PLAT_HARD="1").with_checked(),
                  ours.with_env("guard-all", PLAT_GUARD="all").with_checked()]
    names = [p.name for p in peers]
    count = {name: {"caught": 0, "late": 0, "not caught": 0, "over a second": 0}
             for name in names}
    for path in programs:
        for peer in peers:
            show_progress(f"misuse: {os.path.basename(path)}: {peer.name}")
            count[peer.name][verdict_of(bench, path, peer)] += 1
    show_progress("")
    table = Table(f"misuse, of {len(programs)} programs", names)
    for verdict in ("caught", "late", "not caught", "over a second"):
        table.row(verdict, [count[name][verdict] for name in names])
    table.show()


def verdict_of(bench, path, peer):
    sample = bench.machine.once([path], peer.environment(), bench.machine.cpus, seconds=5,
                                calibrate=False, cwd=bench.machine.folder.name)
    if "NOT_CAUGHT" in sample.output:
        return "late" if sample.status >= 128 else "not caught"
    return "over a second" if sample.cpu >= 1 or sample.seconds >= 5 else "caught"

