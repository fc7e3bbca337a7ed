"""Starts workers and asks them for samples."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TMP = Path(os.environ["TMPDIR"])
BIN = TMP / "bin"
VENV_PYTHON = os.environ["BENCH_PYTHON"]

COMMANDS = {
    "ours": [BIN / "bench-ours"],
    "before": [BIN / "bench-before"],
    "debug": [BIN / "debug/bench-ours"],
    "tree": [BIN / "bench-limits", "tree"],
    "event": [BIN / "bench-limits", "event"],
    "hand": [BIN / "bench-limits", "hand"],
    "processkit": [BIN / "bench-processkit"],
    "mirakuru": [VENV_PYTHON, HERE / "mirakuru_worker.py", BIN / "bench-server"],
}

CONDITIONS = ["tcp", "http", "unix", "pid_file", "banner"]


class Worker:
    """A process that starts servers in one way."""

    def __init__(self, name):
        self.process = subprocess.Popen(
            [str(word) for word in COMMANDS[name]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def send(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()

    def receive(self):
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.process.args} has failed")
        return json.loads(answer)

    def ask(self, *words):
        self.send(" ".join(str(word) for word in words))
        return self.receive()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def control(name, delay_ms):
    """Writes a control file: the server becomes ready after the delay."""
    path = TMP / f"control-{name}"
    path.write_text(f"{int(delay_ms * 1000)}\n")
    return path


def shuffled(items):
    """In a new order each time, so that no column always comes after the same one."""
    items = list(items)
    random.shuffle(items)
    return items
