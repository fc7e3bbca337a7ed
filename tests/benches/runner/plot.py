"""Draws line charts with logarithmic axes as SVG, readable on light and on dark pages."""

import math
from dataclasses import dataclass
from html import escape

#: Colours that differ in brightness too, for light and for dark pages.
LIGHT = ["#0550ae", "#bc4c00", "#1a7f37", "#8250df", "#9a6700", "#cf222e"]
DARK = ["#79c0ff", "#ffa657", "#56d364", "#d2a8ff", "#e3b341", "#ff7b72"]

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 50, 60


@dataclass
class Line:
    name: str
    points: list


def style():
    def rules(page, text, grid, colours):
        series = "".join(f".s{at}{{stroke:{it}}}.f{at}{{fill:{it}}}" for at, it in enumerate(colours))
        return f".page{{fill:{page}}}text{{fill:{text}}}.grid{{stroke:{grid}}}{series}"

    light = rules("#ffffff", "#1f2328", "#d1d9e0", LIGHT)
    dark = rules("#0d1117", "#e6edf3", "#30363d", DARK)
    return (
        "<style>text{font:13px sans-serif}.title{font-size:15px;font-weight:600}"
        ".line{fill:none;stroke-width:2}"
        f"{light}@media(prefers-color-scheme:dark){{{dark}}}</style>"
    )


def text(x, y, words, anchor="start", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(words)}</text>'


def open_svg(width, height, title):
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title>{style()}",
        f'<rect class="page" width="{width}" height="{height}" rx="6"/>',
        text(20, 28, title, extra=' class="title"'),
    ]


def powers(low, high):
    """The powers of ten around a range, at least two."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return list(range(first, max(last, first + 1) + 1))


def short(value):
    """Writes a tick: 1,000 as 1 k, 0.01 as it is."""
    for size, unit in [(1e9, " G"), (1e6, " M"), (1e3, " k")]:
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def scale(exponents, begin, end):
    low, high = exponents[0], exponents[-1]
    return lambda value: begin + (math.log10(value) - low) / (high - low) * (end - begin)


def apart(ys, distance):
    """Moves labels apart that would overlap; the order stays."""
    order = sorted(range(len(ys)), key=lambda at: ys[at])
    moved = {}
    below = -math.inf
    for at in order:
        moved[at] = below = max(ys[at], below + distance)
    return [moved[at] for at in range(len(ys))]


def line_chart(path, title, x_name, y_name, lines):
    xs = [x for it in lines for x, _ in it.points]
    ys = [y for it in lines for _, y in it.points]
    x_powers, y_powers = powers(min(xs), max(xs)), powers(min(ys), max(ys))
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    x_at, y_at = scale(x_powers, LEFT, right), scale(y_powers, bottom, TOP)
    out = open_svg(WIDTH, HEIGHT, f"{title} ({y_name})")
    for power in y_powers:
        y = y_at(10**power)
        out.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
        out.append(text(LEFT - 8, y + 4, short(10.0**power), "end"))
    for power in x_powers:
        x = x_at(10**power)
        out.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}"/>')
        out.append(text(x, bottom + 20, short(10.0**power), "middle"))
    out.append(text((LEFT + right) / 2, bottom + 44, x_name, "middle"))
    labels = apart([y_at(it.points[-1][1]) for it in lines], 17)
    for at, (it, label) in enumerate(zip(lines, labels)):
        points = [(x_at(x), y_at(y)) for x, y in it.points]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        out.append(f'<polyline class="line s{at}" points="{joined}"/>')
        out += [f'<circle class="f{at}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in points]
        out.append(text(points[-1][0] + 10, label + 4, it.name, extra=f' class="f{at}"'))
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join([*out, "</svg>", ""]))
