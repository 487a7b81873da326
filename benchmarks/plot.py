"""A plain SVG plot: panels of grouped bars, each bar with its figure above it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

COLOURS = ("#8a8a8a", "#0b6fb8", "#d1600a", "#2a8a4a")  # told apart by colour-blind readers, and in print
WIDTH, PANEL_HEIGHT, COLUMNS = 960, 250, 2
_MARGIN, _TOP, _FONT = 36, 92, "font-family='sans-serif'"


@dataclass(frozen=True, slots=True)
class Panel:
    """`groups`: the label of a group of bars, and the value of each series in it."""

    title: str
    groups: Mapping[str, Sequence[float]]
    digits: int = 0


def draw(*, title: str, subtitle: str, series: Sequence[str], panels: Sequence[Panel]) -> str:
    """The SVG document. Each panel has a scale of its own, which begins at zero."""
    height = _TOP + PANEL_HEIGHT * -(-len(panels) // COLUMNS)
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' role='img'>",
        f"<title>{escape(title)}</title>",
        f"<rect width='{WIDTH}' height='{height}' fill='white'/>",
        _text(_MARGIN, 30, title, size=18, weight="bold"),
        _text(_MARGIN, 51, subtitle, size=12, fill="#444"),
        *_legend(series),
    ]
    for number, panel in enumerate(panels):
        row, column = divmod(number, COLUMNS)
        parts += _panel(panel, x=column * WIDTH // COLUMNS + _MARGIN, y=_TOP + row * PANEL_HEIGHT)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(series: Sequence[str]) -> list[str]:
    parts = []
    x = float(_MARGIN)
    for name, colour in zip(series, COLOURS, strict=False):
        parts.append(f"<rect x='{x:.0f}' y='66' width='12' height='12' fill='{colour}'/>")
        parts.append(_text(x + 18, 77, name, size=13))
        x += 50 + 7.5 * len(name)
    return parts


def _panel(panel: Panel, *, x: float, y: float) -> list[str]:
    width, height = WIDTH / COLUMNS - 2 * _MARGIN, PANEL_HEIGHT - 90
    floor = y + 45 + height
    highest = max(value for values in panel.groups.values() for value in values) or 1.0
    parts = [
        _text(x, y + 22, panel.title, size=14, weight="bold"),
        f"<line x1='{x:.0f}' x2='{x + width:.0f}' y1='{floor:.0f}' y2='{floor:.0f}' stroke='#444'/>",
    ]
    group_width = width / len(panel.groups)
    for place, (label, values) in enumerate(panel.groups.items()):
        bar_width = group_width * 0.8 / len(values)
        left = x + place * group_width + group_width * 0.1
        parts.append(_text(left + group_width * 0.4, floor + 17, label, size=12, anchor="middle"))
        for number, value in enumerate(values):
            tall, at = height * value / highest, left + number * bar_width
            shape = f"x='{at + 1:.1f}' y='{floor - tall:.1f}' width='{bar_width - 2:.1f}' height='{tall:.1f}'"
            parts.append(f"<rect {shape} fill='{COLOURS[number]}'/>")
            written = f"{value:.{panel.digits}f}"
            parts.append(_text(at + bar_width / 2, floor - tall - 4, written, size=11, anchor="middle"))
    return parts


def _text(
    x: float, y: float, text: str, *, size: int, weight: str = "normal", anchor: str = "start", fill: str = "#111"
) -> str:
    style = f"font-size='{size}' font-weight='{weight}' text-anchor='{anchor}' fill='{fill}' {_FONT}"
    return f"<text x='{x:.1f}' y='{y:.1f}' {style}>{escape(text)}</text>"
