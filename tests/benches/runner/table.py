"""Measures the table of all ways side by side: `table.py [SAMPLES [PARTS]]`."""

import os
import random
import subprocess
import sys
import time

from plot_table import draw
from samples import Samples, cell
from workers import BIN, CONDITIONS, TMP, Worker, control, shuffled

SAMPLES = int(sys.argv[1]) if len(sys.argv) > 1 else 30
OUT = os.environ["BENCH_OUT"]
#: Milliseconds until a server is ready, and how much is added at random at most.
DELAYS = {7: 10, 53: 20, 210: 50}
#: The column `before` is for another commit of this library, if the caller has asked for one.
COLUMNS = {
    "ours first": "ours, first time",
    "ours later": "ours",
    "before": f"ours, {os.environ.get('BEFORE')}",
    "tree": "tree",
    "event": "event",
    "hand": "loop by hand",
    "processkit": "processkit",
    "mirakuru": "mirakuru (Python)",
}
if not os.environ.get("BEFORE"):
    del COLUMNS["before"]
NAMES = {"unix": "Unix socket", "pid_file": "pid file", "tcp": "TCP", "http": "HTTP", "banner": "banner"}
#: The kernel announces `listen` alone; all else, `tree` does as well.
WOKEN = ["tcp", "http"]

samples = Samples()
workers = {name: Worker(name) for name in dict.fromkeys(column.split()[0] for column in COLUMNS)}
fresh_names = iter(range(10**9))


def columns(condition):
    """The columns that have such a condition."""
    left_out = {"hand"} if condition == "banner" else set()
    left_out |= set() if condition in WOKEN else {"event"}
    return [it for it in COLUMNS if it not in left_out]


def worker(column):
    return workers[column.split()[0]]


def control_of(column, condition, base, delay):
    """Each description is known from earlier runs, except in the column `ours first`."""
    name = f"{column.replace(' ', '-')}-{condition}-{base}"
    if column == "ours first":
        name += f"-{next(fresh_names)}"
    return control(name, delay)


def progress(text):
    print(f"{time.monotonic() - BEGAN:5.0f} s  {text}", file=sys.stderr, flush=True)


def starts_at_once():
    for condition in ["tcp", "http", "banner"]:
        progress(f"start, ready at once: {condition}")
        for _ in range(SAMPLES):
            for column in shuffled(columns(condition)):
                known = control_of(column, condition, 0, 0)
                answer = worker(column).ask("one", condition, known)
                known.unlink()
                samples.add(f"start, ready at once: {NAMES[condition]}", column, answer["start"])
                if condition == "tcp":
                    samples.add("stop", column, answer["stop"])


def first_starts():
    """Each in a new process, then once more. `debug` is this library in a debug build, as most tests are."""
    progress("first starts")
    for _ in range(SAMPLES):
        for name in shuffled([*workers, "debug"]):
            new = Worker(name)
            column = "ours later" if name in ["ours", "debug"] else name
            kind = ", debug build" if name == "debug" else ""
            for which in ["first", "second"]:
                answer = new.ask("one", "tcp", control_of(column, "tcp", 0, 0))
                samples.add(f"{which} start{kind}: TCP", column, answer["start"])
            new.close()


def lags():
    for condition in CONDITIONS:
        progress(f"lag: {condition}")
        for base in DELAYS:
            worker("ours later").ask("one", condition, control_of("ours later", condition, base, base))
        for _ in range(max(1, SAMPLES // len(DELAYS))):
            for base, jitter in DELAYS.items():
                delay = base + random.uniform(0, jitter)
                for column in shuffled(columns(condition)):
                    known = control_of(column, condition, base, delay)
                    answer = worker(column).ask("one", condition, known)
                    samples.add(f"lag: {NAMES[condition]}", column, answer["lag"])


def cpu():
    """All columns at the same time: they hardly work."""
    for condition in CONDITIONS:
        progress(f"CPU: {condition}")
        extra = Worker("ours")
        extra.ask("one", condition, control_of("ours first", condition, 1000, 1))
        worker("ours later").ask("one", condition, control_of("ours later", condition, 1000, 960))
        for _ in range(SAMPLES):
            asked = []
            for column in columns(condition):
                by = extra if column == "ours first" else worker(column)
                by.send(f"one {condition} {control_of(column, condition, 1000, 960)}")
                asked.append((column, by))
            for column, by in asked:
                samples.add(f"CPU while waiting 1 s: {NAMES[condition]}", column, by.receive()["cpu"])
        extra.close()


def many():
    """The slow ones are asked less often."""
    every = {"mirakuru": SAMPLES, "processkit": max(1, SAMPLES // 3), "hand": max(1, SAMPLES // 5)}
    for number in range(max(1, SAMPLES // 3)):
        progress(f"200 servers, {number + 1}")
        for how in ["sequence", "parallel"]:
            for name in shuffled(workers):
                if number % every.get(name, 1) == 0:
                    answer = workers[name].ask("many", 200, how)
                    column = "ours later" if name == "ours" else name
                    samples.add(f"200 started in {how}", column, answer["start"])
                    samples.add(f"200 stopped in {how}", column, answer["stop"])


def memory():
    for _ in range(3):
        supervisor, launcher = workers["ours"].ask("memory")["helpers"][:2]
        samples.add("memory of a supervisor, kB", "ours later", supervisor)
        samples.add("memory of the launcher, kB", "ours later", launcher)


def redis():
    suites = [("ours", "ours later", ""), ("ours_killed", "ours later", ", killed"), ("by_hand", "hand", ", killed")]
    progress("100 tests, each with a Redis")
    for _ in range(max(1, SAMPLES // 3)):
        for suite, column, how in shuffled(suites):
            began = time.monotonic()
            run = subprocess.run([BIN / f"redis-{suite}"], capture_output=True, text=True, cwd=TMP)
            took = (time.monotonic() - began) * 1e3
            if run.returncode == 0:
                samples.add(f"100 tests with a Redis each{how}", column, took)
            else:  # By hand, another process may take the port before Redis does.
                progress(f"{suite} has failed:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")


def markdown():
    lines = ["| | " + " | ".join(COLUMNS.values()) + " |", "|---|" + "--:|" * len(COLUMNS)]
    for row, cells in samples.rows.items():
        lines.append(f"| {row} | " + " | ".join(cell(cells.get(it, [])) for it in COLUMNS) + " |")
    return "\n".join(lines)


BEGAN = time.monotonic()
PARTS = {it.__name__: it for it in [starts_at_once, first_starts, lags, cpu, many, memory, redis]}
for part in sys.argv[2:] or PARTS:
    PARTS[part]()
progress("the end")
samples.sort(["start", "first start:", "first", "second start:", "second", "200", "lag", "stop", "CPU", "memory", "100"])
for each in workers.values():
    each.close()
samples.write(f"{OUT}/table.json")
with open(f"{OUT}/table.md", "w", encoding="utf-8") as file:
    file.write(markdown() + "\n")
draw(samples, f"{OUT}/table.svg")
print(markdown())
