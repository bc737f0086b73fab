"""Tables on the terminal, and the verdicts below them."""


class Table:
    """A title, columns by name, rows of text; the first column is as wide as it needs to be."""

    def __init__(self, title, columns):
        self.title, self.columns, self.rows = title, list(columns), []

    def row(self, name, cells):
        self.rows.append((name, [str(c) for c in cells]))

    def gap(self):
        self.rows.append(None)

    def show(self):
        rows = [row for row in self.rows if row]
        first = max([len(name) for name, _ in rows] + [len(self.title)])
        widths = [max([len(c)] + [len(cells[i]) for _, cells in rows])
                  for i, c in enumerate(self.columns)]
        print("\n" + "  ".join([self.title.ljust(first)] +
                               [c.rjust(w) for c, w in zip(self.columns, widths)]))
        for row in self.rows:
            if row is None:
                print()
                continue
            name, cells = row
            line = [name.ljust(first)] + [c.rjust(w) for c, w in zip(cells, widths)]
            print("  ".join(line).rstrip(), flush=True)


def number(value, digits=3):
    """Three digits that count, whatever the size."""
    if value is None:
        return "-"
    size = abs(value)
    if size >= 10 ** (digits - 1) or size == 0:
        return f"{value:.0f}"
    after = digits
    while after > 0 and size >= 10 ** (digits - after):
        after -= 1
    return f"{value:.{min(after, digits)}f}"


def plain(value):
    """A count as it is, a figure with four digits."""
    return str(value) if isinstance(value, int) else number(value, 4)


def mib(kib):
    return number(None if kib is None else kib / 1024)


class Verdicts:
    """What was required, what is, and whether it holds; without our library nothing is judged."""

    def __init__(self, judged):
        self.judged, self.all = judged, []

    def judge(self, what, value, limit, detail=""):
        """value and limit are numbers, or None if there is nothing to compare."""
        if not self.judged:
            return
        if value is None or limit is None:
            verdict = "not measured"
        else:
            verdict = "holds" if value <= limit else "does not hold"
        line = (f"{verdict}: {what}: {plain(value)}, at most {plain(limit)}"
                + (f" ({detail})" if detail else ""))
        self.all.append((verdict, line))
        print(line, flush=True)

    def summary(self):
        if self.all:
            count = {v: sum(1 for verdict, _ in self.all if verdict == v)
                     for v in ("holds", "does not hold", "not measured")}
            print("\nrequirements: " + ", ".join(f"{n} {v}" for v, n in count.items() if n))
            for verdict, line in self.all:
                if verdict != "holds":
                    print(f"  {line}")
