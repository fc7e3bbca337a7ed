"""The samples of a run: rows, columns, and what each cell has measured."""

import datetime
import json
import os
import platform
import statistics
import subprocess
from pathlib import Path


class Samples:
    def __init__(self):
        self.rows = {}
        self.meta = machine()

    def add(self, row, column, value):
        self.rows.setdefault(row, {}).setdefault(column, []).append(value)

    def sort(self, beginnings):
        """Sorts the rows by how their names begin."""
        def place(row):
            return next(at for at, it in enumerate(beginnings) if row.startswith(it))

        self.rows = {row: self.rows[row] for row in sorted(self.rows, key=place)}

    def write(self, path):
        rounded = {
            row: {column: [round(it, 4) for it in values] for column, values in cells.items()}
            for row, cells in self.rows.items()
        }
        Path(path).write_text(json.dumps({"meta": self.meta, "samples": rounded}).replace("]}, ", "]},\n"))

    @classmethod
    def read(cls, path):
        read = cls.__new__(cls)
        data = json.loads(Path(path).read_text())
        read.meta, read.rows = data["meta"], data["samples"]
        return read


def machine():
    def output(*command):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    here = Path(__file__).parent
    return {
        "date": datetime.date.today().isoformat(),
        "commit": output("git", "-C", str(here), "rev-parse", "--short", "HEAD"),
        "system": f"Linux {platform.release().split('-')[0]}",
        "processors": os.cpu_count(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "files": "files on " + output("findmnt", "-no", "FSTYPE", "-T", os.environ["TMPDIR"]),
        "rustc": output("rustc", "--version").split(" (")[0],
        "python": output(os.environ["BENCH_PYTHON"], "--version"),
        "load": os.getloadavg()[0],
    }


def median(values):
    return statistics.median(values)


def p95(values):
    """The value that at most one sample of twenty is above."""
    values = sorted(values)
    return values[max(0, -(-len(values) * 95 // 100) - 1)]


def number(value):
    """Writes a number with three digits at most, or with thousands separated."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def cell(values):
    """Writes median / p95; a few samples have no p95."""
    if not values:
        return ""
    if len(values) < 20:
        return number(median(values))
    return f"{number(median(values))} / {number(p95(values))}"
