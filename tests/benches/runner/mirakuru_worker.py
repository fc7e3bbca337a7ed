"""Starts servers with mirakuru for Python. The requests are those of the other workers."""

import itertools
import json
import os
import socket
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mirakuru import HTTPExecutor, OutputExecutor, PidExecutor, TCPExecutor, UnixSocketExecutor
from mirakuru.exceptions import ExecutorError

SERVER = sys.argv[1]
NUMBERS = itertools.count()
GIVEN = set()


def free_port():
    while True:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        if port not in GIVEN:
            GIVEN.add(port)
            return port


def path():
    return os.path.join(tempfile.gettempdir(), f"{os.getpid()}-{next(NUMBERS)}")


def executor(condition, control):
    has_port = condition in ("tcp", "http")
    target = free_port() if has_port else "-" if condition == "banner" else path()
    command = [SERVER, condition, str(target), control]
    if condition == "tcp":
        return TCPExecutor(command, "127.0.0.1", target, timeout=30)
    if condition == "http":
        return HTTPExecutor(command, f"http://127.0.0.1:{target}/", timeout=30)
    if condition == "unix":
        return UnixSocketExecutor(command, target, timeout=30)
    if condition == "pid_file":
        return PidExecutor(command, target, timeout=30)
    return OutputExecutor(command, "ready", timeout=30)


def stamp(control):
    """Returns when the server became ready; `start` may return before the server has written that down."""
    ends = time.monotonic() + 5
    while time.monotonic() < ends:
        lines = Path(control).read_text().splitlines(keepends=True)
        if len(lines) == 2 and lines[1].endswith("\n"):
            return int(lines[1])
        os.sched_yield()
    sys.exit("the server has not written down when it was ready")


def one(condition, control):
    cpu, began = time.process_time_ns(), time.monotonic_ns()
    running = start(condition, control)
    ended, cpu = time.monotonic_ns(), time.process_time_ns() - cpu
    lag = 0 if control == "-" else ended - stamp(control)
    stopping = time.monotonic_ns()
    running.stop()
    stopped = time.monotonic_ns()
    remove(running)
    return {"start": (ended - began) / 1e6, "lag": lag / 1e6, "stop": (stopped - stopping) / 1e6, "cpu": cpu / 1e6}


def remove(running):
    target = running.command_parts[2]
    if os.path.exists(target):
        os.remove(target)


def start(condition, control):
    """Starts a server, again if it fails: between the choice of a port and `bind`, another process may take it."""
    try:
        return executor(condition, control).start()
    except ExecutorError:
        return executor(condition, control).start()


def many(count, how):
    with ThreadPoolExecutor(count if how == "parallel" else 1) as pool:
        began = time.monotonic()
        running = list(pool.map(lambda _: start("tcp", "-"), range(count)))
        started = time.monotonic()
        list(pool.map(lambda it: it.stop(), running))
        stopped = time.monotonic()
    return {"start": (started - began) * 1e3, "stop": (stopped - started) * 1e3}


for line in sys.stdin:
    match line.split():
        case ["one", condition, control]:
            answer = one(condition, control)
        case ["many", count, how]:
            answer = many(int(count), how)
        case _:
            sys.exit(f"there is no request `{line}`")
    print(json.dumps(answer), flush=True)
