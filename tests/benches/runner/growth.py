"""Measures how times grow with counts: `growth.py [SAMPLES]`."""

import os
import statistics
import subprocess
import sys
import time

from plot import Line, line_chart
from samples import Samples
from workers import BIN, TMP, Worker, control

SAMPLES = int(sys.argv[1]) if len(sys.argv) > 1 else 15
OUT = os.environ["BENCH_OUT"]
BEGAN = time.monotonic()

samples = Samples()


def progress(text):
    print(f"{time.monotonic() - BEGAN:5.0f} s  {text}", file=sys.stderr, flush=True)


def times_for(count, limit):
    """Fewer samples of what takes long."""
    return max(1, min(SAMPLES, limit // count))


def processes():
    workers = {name: Worker(name) for name in ["ours", "tree"]}
    for count in [1, 10, 100, 1000]:
        progress(f"{count} processes")
        for _ in range(max(SAMPLES, 20 // count) if count < 1000 else min(SAMPLES, 3)):
            for name, worker in workers.items():
                answer = worker.ask("many", count, "sequence")
                for what in ["start", "stop"]:
                    samples.add(f"processes, {what}, {name}", count, answer[what] / count)
    close(workers)


def leases():
    worker = Worker("ours")
    for count in [1, 10, 100, 1000, 10_000]:
        progress(f"{count} leases")
        for _ in range(SAMPLES):
            answer = worker.ask("leases", count)
            for what in ["take", "drop"]:
                samples.add(f"leases, {what}", count, answer[what] / count)
    worker.close()


def waiters():
    worker = Worker("ours")
    for count in [1, 10, 100, 1000]:
        progress(f"{count} waiters")
        for _ in range(SAMPLES):
            samples.add("waiters", count, worker.ask("waiters", count)["all"] / count)
    worker.close()


def logs():
    workers = {name: Worker(name) for name in ["ours", "tree"]}
    for size in [10**3, 10**4, 10**5, 10**6, 10**7, 10**8, 10**9]:
        progress(f"a log of {size:,} bytes")
        for _ in range(times_for(size, 3 * 10**8)):
            for name, worker in workers.items():
                samples.add(f"logs, start, {name}", size, worker.ask("log", size, control("log", 0))["start"])
            samples.add("logs, start that fails and its report", size, workers["ours"].ask("report", size)["start"])
    close(workers)


def others():
    """Other processes on the machine, which sleep."""
    workers = {name: Worker(name) for name in ["ours", "tree", "mirakuru"]}
    sleeping = []
    for count in [0, 100, 500, 1000, 2000]:
        progress(f"{count} other processes")
        while len(sleeping) < count:
            sleeping.append(subprocess.Popen([BIN / "bench-server", "banner", "-", "-"], stdout=subprocess.DEVNULL))
        for _ in range(max(5, 2 * SAMPLES)):
            for name, worker in workers.items():
                answer = worker.ask("one", "tcp", "-")
                for what in ["start", "stop"]:
                    samples.add(f"others, {what}, {name}", max(count, 1), answer[what])
    for process in sleeping:
        process.kill()
        process.wait()
    close(workers)


def close(workers):
    for worker in workers.values():
        worker.close()


def line(row, name):
    points = {float(count): statistics.median(values) for count, values in samples.rows[row].items()}
    return Line(name, sorted(points.items()))


def draw():
    names = {"ours": "ours", "tree": "direct (`tree`)", "mirakuru": "mirakuru (Python)"}
    whats = ["start", "stop"]
    both = [f"{what}, {name}" for name in ["ours", "tree"] for what in whats]
    line_chart(
        f"{OUT}/growth-processes.svg", "Many processes: time for each", "processes that run", "ms",
        [line(f"processes, {it}", it) for it in both],
    )
    line_chart(
        f"{OUT}/growth-leases.svg", "Many leases of one process: time for each", "leases that are held", "µs",
        [line(f"leases, {it}", it) for it in ["take", "drop"]],
    )
    line_chart(
        f"{OUT}/growth-waiters.svg", "Threads that wait for one exclusive lease: time of each turn", "threads", "µs",
        [line("waiters", "turn")],
    )
    line_chart(
        f"{OUT}/growth-logs.svg", "Servers that print before they are ready", "bytes of output", "ms",
        [line("logs, start, ours", "start, ours"), line("logs, start, tree", "start, tree"),
         line("logs, start that fails and its report", "failure with report, ours")],
    )
    line_chart(
        f"{OUT}/growth-others.svg", "Other processes on the machine", "other processes", "ms",
        [line(f"others, {what}, {name}", f"{what}, {name}") for name in names for what in whats],
    )


PARTS = {it.__name__: it for it in [processes, leases, waiters, logs, others]}
for part in sys.argv[2:] or PARTS:
    PARTS[part]()
progress("the end")
samples.write(f"{OUT}/growth.json")
if len(sys.argv) <= 2:
    draw()
