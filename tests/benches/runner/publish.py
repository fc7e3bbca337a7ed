"""Puts the last results into README.md and `results/`: `publish.py`, after `run table`, `run growth` and `run in_process`."""

import os
import re
import shutil
from pathlib import Path

from samples import Samples

HERE = Path(__file__).parent.parent
OUT = Path(os.environ["BENCH_OUT"])
RESULTS = HERE / "results"
PLOTS = ["processes", "leases", "waiters", "logs", "others"]


def section(text, name, content):
    """Replaces what stands between the two marks of a section."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    pattern = re.escape(begin) + ".*?" + re.escape(end)
    return re.sub(pattern, lambda _: f"{begin}\n{content.strip()}\n{end}", text, flags=re.DOTALL)


def taken(samples):
    meta = samples.meta
    return (
        f"{meta['date']}, commit {meta['commit']}, {meta['system']}, {meta['processors']} processors, {meta['memory']}, "
        f"{meta['files']}, {meta['rustc']}, {meta['python']}, load {meta['load']:.1f} at the beginning:"
    )


def main():
    RESULTS.mkdir(exist_ok=True)
    table, growth = Samples.read(OUT / "table.json"), Samples.read(OUT / "growth.json")
    for name in ["table.svg", "table.json", "growth.json", *(f"growth-{it}.svg" for it in PLOTS)]:
        shutil.copy(OUT / name, RESULTS)
    readme = HERE / "README.md"
    text = readme.read_text()
    picture = "![the table as a plot](results/table.svg)"
    rows = (OUT / "table.md").read_text()
    text = section(text, "table", f"{taken(table)}\n\n{rows}\n{picture}")
    plots = "\n".join(f"![{it}](results/growth-{it}.svg)" for it in PLOTS)
    text = section(text, "growth", f"{taken(growth)}\n\n{plots}")
    inside = (OUT / "in_process.txt").read_text().strip()
    text = section(text, "in process", f"```text\n{inside}\n```")
    readme.write_text(text)


main()
