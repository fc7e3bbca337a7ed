"""Draws the table: a row for each cell, a dot for each way, at its median, with a line to its p95."""

from plot import open_svg, powers, scale, short, text
from samples import median, p95

NAMES = {
    "ours later": "ours", "ours first": "ours, first time", "before": "ours, before", "tree": "tree", "event": "event",
    "hand": "loop by hand", "processkit": "processkit", "mirakuru": "mirakuru (Python)",
}
COLOURS = {"ours first": 3, "ours later": 0, "before": 0, "tree": 2, "event": 2, "hand": 4, "processkit": 1, "mirakuru": 5}
HOLLOW = {"ours first", "before", "event"}
LEFT, RIGHT, TOP, STEP, WIDTH = 250, 40, 92, 26, 880
LEAST = 0.02


def draw(samples, path):
    rows = {row: cells for row, cells in samples.rows.items() if not row.startswith("memory")}
    if not rows:
        return
    height = TOP + STEP * len(rows) + 50
    values = [median(it) for cells in rows.values() for name, it in cells.items() if name in NAMES]
    exponents = powers(max(LEAST, min(values)), max(values))
    at = scale(exponents, LEFT, WIDTH - RIGHT)
    bottom = height - 40
    out = open_svg(WIDTH, height, "Milliseconds, median and p95 (CPU: milliseconds of processor time); left is better")
    out += legend({name for cells in rows.values() for name in cells})
    for power in exponents:
        x = at(10**power)
        out.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP - 14}" x2="{x:.1f}" y2="{bottom}"/>')
        out.append(text(x, bottom + 20, short(10.0**power), "middle"))
    for number, (row, cells) in enumerate(rows.items()):
        y = TOP + STEP * number
        out.append(f'<line class="grid" x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke-dasharray="2 4"/>')
        out.append(text(LEFT - 12, y + 4, row, "end"))
        for name in reversed([it for it in NAMES if it in cells]):
            out += dot(at, y, name, cells[name])
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join([*out, "</svg>", ""]))


def legend(shown):
    out, x = [], 20
    for name, words in NAMES.items():
        if name not in shown:
            continue
        out.append(mark(x + 5, 56, name))
        out.append(text(x + 15, 60, words))
        x += 34 + 7 * len(words)
    return out


def mark(x, y, name):
    colour = COLOURS[name]
    if name in HOLLOW:
        return f'<circle class="s{colour}" cx="{x:.1f}" cy="{y}" r="4" fill="none" stroke-width="2"/>'
    return f'<circle class="f{colour}" cx="{x:.1f}" cy="{y}" r="5"/>'


def dot(at, y, name, values):
    middle = at(max(LEAST, median(values)))
    out = [mark(middle, y, name)]
    if len(values) >= 20:
        end = at(max(LEAST, p95(values)))
        out.insert(0, f'<line class="s{COLOURS[name]}" x1="{middle:.1f}" y1="{y}" x2="{end:.1f}" y2="{y}" stroke-width="2"/>')
    return out
