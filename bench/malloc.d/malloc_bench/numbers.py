"""Arithmetic on samples: medians, means, intervals by bootstrap, the fit of calibration."""
import math
import random


def median(values):
    ordered = sorted(values)
    n = len(ordered)
    middle = n // 2
    return ordered[middle] if n % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def quantile(values, part):
    ordered = sorted(values)
    at = part * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def geomean(values):
    logs = [math.log(v) for v in values if v > 0]
    return math.exp(sum(logs) / len(logs)) if logs else None


def interval(values):
    """The 95 % interval of what a bootstrap gave."""
    return quantile(values, 0.025), quantile(values, 0.975)


def median_interval(values, draws=300):
    """The 95 % interval of a median, by bootstrap."""
    rng = random.Random(1)
    return interval([median(rng.choices(values, k=len(values))) for _ in range(draws)])


def calibration_exponent(points):
    """
    How a row follows the speed of the machine: the slope of log(time / the peer's median) over
    log(calibration), between 0 and 1.2. Points are (time over median, calibration).
    """
    if len(points) < 20 or any(not cal for _, cal in points):
        return 0.0
    xs = [math.log(cal) for _, cal in points]
    ys = [math.log(ratio) for ratio, _ in points]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    if spread < 1e-9:
        return 0.0
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys)) / spread
    return min(max(slope, 0.0), 1.2)


def scale(cells):
    """
    Times as they would be while the machine is quiet. cells: what -> [(time, calibration)].
    """
    cals = sorted(cal for cell in cells.values() for _, cal in cell if cal)
    quiet = cals[len(cals) // 20] if cals else 1
    points = []
    for cell in cells.values():
        middle = median([t for t, _ in cell]) if cell else None
        points += [(t / middle, cal) for t, cal in cell]
    k = calibration_exponent(points)
    return {what: [t * (quiet / cal) ** k if cal else t for t, cal in cell]
            for what, cell in cells.items()}


class Grid:
    """
    Samples by row, peer and round: what all tables and geometric means are made from. A cell
    without samples is a failure, and leaves the row out of that peer's mean.
    """

    def __init__(self):
        self.cells = {}  # (row, peer) -> {round: value}
        self.rows, self.peers = [], []

    def add(self, row, peer, number, value):
        if row not in self.rows:
            self.rows.append(row)
        if peer not in self.peers:
            self.peers.append(peer)
        self.cells.setdefault((row, peer), {})[number] = value

    def values(self, row, peer):
        return list(self.cells.get((row, peer), {}).values())

    def medians(self, rounds=None):
        """(row, peer) -> median; of the given rounds, with repetitions, or of all."""
        out = {}
        for key, cell in self.cells.items():
            if rounds is None:
                drawn = list(cell.values())
            else:
                drawn = [cell[r] for r in rounds[key[0]] if r in cell] or list(cell.values())
            if drawn:
                out[key] = median(drawn)
        return out

    def draws(self, count=400):
        """Bootstrap: medians of rounds drawn anew, for each row by itself, peers in step."""
        rng = random.Random(1)
        numbers = {row: sorted({r for peer in self.peers
                                for r in self.cells.get((row, peer), {})}) for row in self.rows}
        for _ in range(count):
            yield self.medians({row: rng.choices(n, k=len(n)) for row, n in numbers.items() if n})

    def best(self, medians, peers):
        """row -> the least median of these peers."""
        out = {}
        for row in self.rows:
            values = [medians[row, p] for p in peers if (row, p) in medians]
            if values:
                out[row] = min(values)
        return out

    def relative(self, medians, peer, base):
        """Geometric mean of peer over base (row -> number), in the rows that have both."""
        return geomean([medians[row, peer] / base[row] for row in self.rows
                        if (row, peer) in medians and base.get(row, 0) > 0])

    def column(self, medians, peer):
        return {row: medians[row, peer] for row in self.rows if (row, peer) in medians}
