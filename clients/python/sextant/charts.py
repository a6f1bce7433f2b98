# SPDX-License-Identifier: Apache-2.0
"""Small drawings for notebooks: SVG text, made here, without any library and without script."""
import dataclasses
import math
from html import escape
from typing import Optional, Sequence

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 620, 300, 70, 46, 26, 14
COLOURS = ("#0072b2", "#b84e00", "#00734f", "#a3457f", "#8a5f00", "#2f7aa8")


@dataclasses.dataclass(frozen=True)
class Series:
    """One line, or points where `points`; `low` and `high` are shaded behind a line and bars of points."""
    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Optional[Sequence[float]] = None
    high: Optional[Sequence[float]] = None
    points: bool = False


@dataclasses.dataclass(frozen=True)
class Svg:
    """A drawing: notebooks show it, `text` is the file."""
    text: str

    def _repr_svg_(self) -> str:
        return self.text

    def save(self, path: str) -> None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.text)


def _usable(value: float) -> bool:
    return value is not None and math.isfinite(value) and value > 0


def _label(value: float) -> str:
    for unit, suffix in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if 1e16 > value >= unit * 0.9995:
            return f"{value / unit:.3g}{suffix}"
    return f"{value:.3g}"


def _ticks(low: float, high: float) -> "list[float]":
    found = [m * 10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1) for m in (1, 2, 5)]
    found = [value for value in found if low <= value <= high]
    decades = [value for value in found if abs(math.log10(value) - round(math.log10(value))) < 1e-9]
    if len(decades) >= 2:
        return decades[::max(1, len(decades) // 7)]
    return found or [low, high]


def chart(title: str, x_label: str, y_label: str, series: Sequence[Series]) -> Svg:
    """Lines and points on logarithmic axes. What is not positive and finite is left out."""
    xs = [x for one in series for x in one.x if _usable(x)]
    ys = [y for one in series for y in one.y if _usable(y)]
    if not xs or not ys:
        return Svg(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="40"><text x="8" y="24">{escape(title)}: nothing to draw</text></svg>')

    def span(values: "list[float]") -> "tuple[float, float]":
        low, high = min(values), max(values)
        return (low / 1.5, high * 1.5) if high / low < 1.0001 else (low / (high / low)**0.04, high * (high / low)**0.04)
    (x0, x1), (y0, y1) = span(xs), span(ys)

    def at(x: float, y: float) -> "tuple[float, float]":
        y = min(max(y, y0), y1)
        return (LEFT + (WIDTH - LEFT - RIGHT) * math.log(x / x0) / math.log(x1 / x0),
                TOP + (HEIGHT - TOP - BOTTOM) * (1 - math.log(y / y0) / math.log(y1 / y0)))
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" font-family="sans-serif" font-size="12">',
           f"<title>{escape(title)}</title>", f'<text x="{LEFT}" y="16" font-weight="bold">{escape(title)}</text>']
    for value in _ticks(x0, x1):
        x, _ = at(value, y0)
        out.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#d0d7de"/><text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" '
                   f'text-anchor="middle">{_label(value)}</text>')
    for value in _ticks(y0, y1):
        _, y = at(x0, value)
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#d0d7de"/><text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_label(value)}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>')
    out.append(f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>')
    for k, one in enumerate(series):
        colour = COLOURS[k % len(COLOURS)]
        rows = [i for i, (x, y) in enumerate(zip(one.x, one.y)) if _usable(x) and _usable(y)]
        spread = one.low is not None and one.high is not None
        if one.points:
            for i in rows:
                x, y = at(one.x[i], one.y[i])
                if spread and _usable(one.low[i]) and _usable(one.high[i]):
                    out.append(f'<path d="M{x:.1f} {at(one.x[i], one.low[i])[1]:.1f}V{at(one.x[i], one.high[i])[1]:.1f}" stroke="{colour}"/>')
                out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"><title>{escape(one.name)}: {_label(one.x[i])}, {one.y[i]:.5g}</title></circle>')
        elif rows:
            if spread:
                band = [i for i in rows if _usable(one.low[i]) and _usable(one.high[i])]
                edge = [at(one.x[i], one.high[i]) for i in band] + [at(one.x[i], one.low[i]) for i in reversed(band)]
                if len(band) > 1:
                    out.append(f'<path d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in edge)}Z" fill="{colour}" opacity="0.18"/>')
            line = [at(one.x[i], one.y[i]) for i in rows]
            out.append(f'<path d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in line)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out.append(f'<text x="{WIDTH - RIGHT - 4}" y="{TOP + 14 + 15 * k}" text-anchor="end" fill="{colour}">{escape(one.name)}</text>')
    return Svg("\n".join([*out, "</svg>"]))
