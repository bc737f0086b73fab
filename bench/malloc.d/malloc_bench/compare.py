"""
Rows against libraries: time, peak RSS, minor faults and mappings. In each round each row is run
with all libraries in random order. A library that needs more than five times as long as the fastest
takes part in each fourth round only.
"""
import random
import sys

from .numbers import Grid, interval, median_interval, scale
from .peers import OURS, rivals
from .run import Failure
from .table import Table, mib, number

FAR_BEHIND, SELDOM = 5, 4


class Comparison:
    """The samples of a set of rows."""

    def __init__(self, machine, rows, peers):
        self.machine, self.rows, self.peers = machine, rows, peers
        self.names = [peer.name for peer in peers]
        self.results = {}   # (row, peer) -> {round: Result}
        self.failures = {}  # (row, peer) -> why
        self.vmas = Grid()
        self.time, self.rss, self.faults = Grid(), Grid(), Grid()

    def measure(self, rounds, seed=1):
        rng = random.Random(seed)
        try:
            for number_ in range(rounds):
                for row in self.rows:
                    show_progress(f"round {number_ + 1} of {rounds}: {row.name}")
                    order = [p for p in self.peers if row.has(p) and self._due(row, p, number_)]
                    rng.shuffle(order)
                    for peer in order:
                        self._sample(row, peer, number_)
            for row in self.rows:
                show_progress(f"mappings: {row.name}")
                for peer in self.peers:
                    self._count_mappings(row, peer)
        except KeyboardInterrupt:
            print("\ninterrupted: what follows is from the samples so far", flush=True)
        show_progress("")
        self._scale()
        self._compare_sums()
        return self

    def _due(self, row, peer, number_):
        if (row.name, peer.name) in self.failures:
            return False
        first = {name: self.results.get((row.name, name), {}).get(0) for name in self.names}
        times = [r.seconds for r in first.values() if r]
        mine = first[peer.name]
        if not mine or number_ % SELDOM == 0:
            return True
        return mine.seconds <= FAR_BEHIND * min(times)

    def _sample(self, row, peer, number_):
        try:
            result = row.run(self.machine, peer)
        except Failure as failure:
            self.failures[row.name, peer.name] = str(failure)
            self.results.pop((row.name, peer.name), None)
            return
        self.results.setdefault((row.name, peer.name), {})[number_] = result

    def _count_mappings(self, row, peer):
        if (row.name, peer.name) not in self.results:
            return
        try:
            vmas = row.vmas(self.machine, peer)
        except Failure:
            return
        if vmas:
            self.vmas.add(row.name, peer.name, 0, vmas)

    def _scale(self):
        for row in self.rows:
            cells = {n: self.results.get((row.name, n), {}) for n in self.names}
            scaled = scale({n: [(r.seconds, r.cal) for r in cell.values()]
                            for n, cell in cells.items()})
            for name, cell in cells.items():
                for (number_, r), seconds in zip(cell.items(), scaled[name]):
                    self.time.add(row.name, name, number_, seconds)
                    self.rss.add(row.name, name, number_, r.rss)
                    self.faults.add(row.name, name, number_, max(r.faults, 1))

    def _compare_sums(self):
        """All libraries must lead to the same result."""
        for row in self.rows:
            sums = {}
            for name in self.names:
                for r in self.results.get((row.name, name), {}).values():
                    if r.check is not None:
                        sums.setdefault(r.check, set()).add(name)
            if len(sums) > 1:
                print(f"bench/malloc: {row.name}: the result differs: "
                      + "; ".join(f"{s:.0f}: {' '.join(sorted(n))}" for s, n in sums.items()),
                      file=sys.stderr)

    def raw(self):
        """All samples, for a file."""
        return [{"row": row, "peer": peer, "round": n, "seconds": r.seconds, "rss_kib": r.rss,
                 "minor_faults": r.faults, "calibration_ns": r.cal, "foreign": round(r.foreign, 4)}
                for (row, peer), cell in self.results.items() for n, r in sorted(cell.items())]

    # Tables

    def _why_not(self, row, name):
        return self.failures.get((row, name), "-")

    def show_time(self):
        medians = self.time.medians()
        names = [n for n in self.names if any((row, n) in medians for row in self.time.rows)]
        best = self.time.best(medians, names)
        table = Table("time, seconds", names)
        for row in self.time.rows:
            values = {n: self.time.values(row, n) for n in names}
            raw = {n: [r.seconds for r in self.results.get((row, n), {}).values()]
                   for n in names}
            bounds = {n: median_interval(v) if len(v) > 1 else None for n, v in values.items()}
            table.row(f"{row} minimum", [number(min(raw[n])) if raw[n] else
                                         self._why_not(row, n) for n in names])
            table.row("    median", [number(medians.get((row, n))) for n in names])
            table.row("    95 %", [f"{number(b[0])}-{number(b[1])}" if b else "-"
                                   for b in bounds.values()])
            table.row("    ratio", [ratio(medians.get((row, n)), best[row]) for n in names])
        table.gap()
        self._means(table, self.time, medians, best, "to the fastest", names)
        table.show()

    def show_memory(self):
        self._show_grid(self.rss, "peak RSS, MiB", mib)
        self._show_grid(self.faults, "minor faults", number_of)
        self._show_grid(self.vmas, "mappings at the peak", number_of)

    def _show_grid(self, grid, title, text):
        medians = grid.medians()
        names = [n for n in self.names if any((row, n) in medians for row in grid.rows)]
        table = Table(title, names)
        for row in grid.rows:
            table.row(row, [text(medians[row, n]) if (row, n) in medians else
                            self._why_not(row, n) for n in names])
        if not grid.rows:
            return
        table.gap()
        self._means(table, grid, medians, grid.best(medians, names), "to the least", names)
        if "glibc" in names:
            self._means(table, grid, medians, grid.column(medians, "glibc"), "to glibc", names)
        table.show()

    def _means(self, table, grid, medians, base, title, names):
        """A geometric mean for each peer, and its interval by bootstrap."""
        table.row(f"geometric mean {title}",
                  [number(grid.relative(medians, n, base)) for n in names])
        if max((len(c) for c in grid.cells.values()), default=0) < 2:
            return
        drawn = {n: [] for n in names}
        for m in grid.draws():
            of = grid.column(m, "glibc") if title == "to glibc" else grid.best(m, names)
            for n in names:
                value = grid.relative(m, n, of)
                if value:
                    drawn[n].append(value)
        bounds = [interval(drawn[n]) if drawn[n] else None for n in names]
        table.row("    95 %", [f"{b[0]:.2f}-{b[1]:.2f}" if b else "-" for b in bounds])
        missing = [len(grid.rows) - len(grid.column(medians, n)) for n in names]
        if any(missing):
            table.row("    rows it lacks", [m or "" for m in missing])

    # What is required

    def ratio_of(self, grid, over, under):
        """Geometric mean of two columns' ratios, and its interval."""
        def one(medians):
            return grid.relative(medians, over, grid.column(medians, under))
        value = one(grid.medians())
        if value is None:
            return None, None, None
        low, high = interval([one(m) for m in grid.draws()])
        return value, low, high

    def whole(self, name):
        """Whether a peer has nearly all rows; a mean over a few is no rival."""
        rows = self.time.column(self.time.medians(), name)
        return len(rows) >= 0.8 * len(self.time.rows)

    def judge(self, verdicts):
        if OURS not in self.names:
            return
        medians = self.time.medians()
        best = self.time.best(medians, rivals(self.names))
        others = [n for n in rivals(self.names) if self.whole(n)]
        means = {n: self.time.relative(medians, n, best) for n in others}
        means = {n: m for n, m in means.items() if m}
        if not means:
            return
        rival = min(means, key=means.get)
        value, low, high = self.ratio_of(self.time, OURS, rival)
        verdicts.judge(f"time, geometric mean to the best single peer {rival}, upper end", high,
                       0.97, f"{number(value)}, 95 % {number(low)}-{number(high)}")
        rows = {row: medians[row, OURS] / best[row] for row in self.time.rows
                if (row, OURS) in medians and row in best}
        worst = max(rows, key=rows.get)
        verdicts.judge("time, the worst row to its fastest peer", rows[worst], 1.5, worst)
        above = sorted(row for row, r in rows.items() if r > 1.15)
        verdicts.judge("time, rows above 1.15 of their fastest peer", len(above), 5,
                       " ".join(above))
        failed = [row for row in self.time.rows if (row, OURS) not in medians]
        verdicts.judge("rows that fail", len(failed), 0, " ".join(failed))
        if "glibc" in self.names:
            value, low, high = self.ratio_of(self.rss, OURS, "glibc")
            verdicts.judge("RSS, geometric mean to glibc", value, 1.00,
                           f"95 % {number(low)}-{number(high)}")
        near = [n for n in means if n != "glibc" and means[n] <= 1.5 * min(means.values())]
        ratios = {n: self.ratio_of(self.rss, OURS, n)[0] for n in near}
        ratios = {n: r for n, r in ratios.items() if r}
        if ratios:
            highest = max(ratios, key=ratios.get)
            verdicts.judge("RSS, geometric mean to each peer within 1.5 of the fastest's time",
                           ratios[highest], 1.00, f"the nearest is {highest}")


def ratio(value, base):
    return "-" if value is None else f"{value / base:.2f}"


def number_of(value):
    return f"{value:.0f}"


def show_progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
