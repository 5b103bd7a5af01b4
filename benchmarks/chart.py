"""Line charts as SVG, side by side, without a library: x is logarithmic, y starts at 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 200, 60, 40, 90
COLOURS = ("#1b6ca8", "#c8553d", "#4f8a3c", "#7d5ba6")


class Line(NamedTuple):
    name: str
    points: list[tuple[float, float]]


def chart(panels: Sequence[tuple[str, str, Sequence[Line]]]) -> str:
    """One drawing of all `panels`: (title, what x is, lines)."""
    width = LEFT + len(panels) * (WIDTH + GAP)
    drawn = "".join(panel(LEFT + at * (WIDTH + GAP), *one) for at, one in enumerate(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT + TOP + 110}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>{drawn}</svg>\n'
    )


def panel(left: int, title: str, axis: str, lines: Sequence[Line]) -> str:
    xs = sorted({x for line in lines for x, _ in line.points})
    low, high = math.log(xs[0]), math.log(xs[-1])
    top = max(max(y for line in lines for _, y in line.points), 1e-9)

    def place(x: float, y: float) -> tuple[float, float]:
        return left + (math.log(x) - low) / (high - low) * WIDTH, TOP + HEIGHT - y / top * HEIGHT

    parts = [f'<text x="{left}" y="{TOP - 14}" font-weight="bold">{title}</text>']
    parts += [tick(left, TOP + HEIGHT - share * HEIGHT, number(share * top)) for share in (0, 0.25, 0.5, 0.75, 1)]
    parts += [text(place(x, 0)[0], TOP + HEIGHT + 16, f"{x:g}", "middle") for x in xs]
    parts.append(text(left + WIDTH / 2, TOP + HEIGHT + 34, axis, "middle"))
    for at, line in enumerate(lines):
        colour = COLOURS[at % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line.points))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{left}" y="{TOP + HEIGHT + 54 + 16 * at}" fill="{colour}">{line.name}</text>')
    return "".join(parts)


def tick(left: float, y: float, label: str) -> str:
    rule = f'<line x1="{left}" x2="{left + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
    return rule + text(left - 6, y + 4, label, "end")


def text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
