"""The curves of `active_learning.py`: macro-F1 as a share of that with all labels, with intervals, as an SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nflows_core.runtime.curve import HEIGHT, WIDTH, Chart, Curve, draw

WAYS = {
    "batchbald": ("BatchBALD", "#0b5cc2"),
    "bald": ("BALD", "#2e8540"),
    "entropy": ("entropy", "#b35900"),
    "random": ("chance", "#7a2182"),
}
_GOAL = "goal"
_ENDS = ("mean", "low", "high")
_LEFT, _TOP, _WIDTH, _HEIGHT = -60, -24, WIDTH + 180, HEIGHT + 74
_HEAD = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="{_LEFT} {_TOP} {_WIDTH} {_HEIGHT}" font-family="sans-serif"
 font-size="13" fill="#444"><rect x="{_LEFT}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>"""


def drawn(summary: Mapping[str, Any], share: float) -> str:
    """The SVG.

    Arguments:
        summary: What `active_learning.summary` gives.
        share: The share that is drawn as the goal.
    """
    lines: dict[str, Sequence[tuple[float, float]]] = {}
    for way in WAYS:
        scores = {float(count): found for count, found in summary[way]["share_of_full"].items()}
        for place, end in enumerate(_ENDS):
            lines[f"{way} {end}"] = [(count, found[place]) for count, found in scores.items()]
    lines[_GOAL] = [(min(scores), share), (max(scores), share)]
    chart = draw(Curve("", "labels", "macro-F1 / that with all labels", lines))
    return "\n".join((_HEAD, *_axes(chart), *_curves(chart, f"{share:.0%}"), "</svg>")) + "\n"


def _axes(chart: Chart) -> Iterator[str]:
    for x, text in chart.x_ticks:
        yield f'<path d="M{x} 0V{HEIGHT}" stroke="#eee"/>'
        yield _text(x, HEIGHT + 18, text, "middle")
    for y, text in chart.y_ticks:
        yield f'<path d="M0 {y}H{WIDTH}" stroke="#eee"/>'
        yield _text(-8, y + 4, text, "end")
    yield _text(WIDTH / 2, HEIGHT + 40, chart.curve.x_label, "middle")
    yield _text(-45, -8, chart.curve.y_label)


def _curves(chart: Chart, goal: str) -> Iterator[str]:
    points = {name: text for name, text, _ in chart.lines}
    for way, (_, colour) in WAYS.items():
        low = " ".join(reversed(points[f"{way} low"].split()))
        yield f'<polygon points="{points[f"{way} high"]} {low}" fill="{colour}" opacity="0.1"/>'
    for place, (way, (name, colour)) in enumerate(WAYS.items()):
        yield f'<polyline points="{points[f"{way} mean"]}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield _text(WIDTH + 12, 20 + 20 * place, name, colour=colour)
    yield f'<polyline points="{points[_GOAL]}" fill="none" stroke="#444" stroke-dasharray="5 4"/>'
    yield _text(WIDTH + 12, 20 + 20 * len(WAYS), goal)


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = "#444") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{text}</text>'
