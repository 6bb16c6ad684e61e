"""Charts as SVG text, drawn on the server. Colours come from the page's style sheet."""

from collections.abc import Sequence
from html import escape

from reports.board.read import Indicator, Point
from reports.board.words import number

_WIDTH = 320
_HEIGHT = 72
_PAD = 4


def trend(indicator: Indicator, points: Sequence[Point], least: int, label: str) -> str:
    """A line over time, stepped: a value holds until the next one. Points of fewer than `least`
    people are left out, as gaps. Shares carry their interval as a band."""
    seen = [point for point in points if point.value is not None]
    if len([point for point in seen if point.people >= least]) < 2:
        return ""
    first, last = seen[0].at.timestamp(), seen[-1].at.timestamp()
    values = [value for point in seen if point.people >= least for value in _range(point)]
    least_value = min(values) if indicator.is_share else 0.0
    scale = _Scale(first, last, least_value, max(values))
    parts = []
    for run in _runs(seen, least):
        if all(point.low is not None for point in run):
            parts.append(f'<path class="band" d="{_band(run, scale)}"/>')
        parts.append(f'<path class="line" d="{_line(run, scale)}"/>')
    newest = seen[-1]
    if newest.people >= least and newest.value is not None:
        x, y = scale.x(last), scale.y(newest.value)
        parts.append(f'<path class="dot" d="M{x:.1f} {y:.1f}h0"/>')
    told = f"{label}: from {_told(indicator, seen, least)}"
    return (
        f'<svg class="trend" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'preserveAspectRatio="none"><title>{escape(told)}</title>{"".join(parts)}</svg>'
    )


def bars(counts: Sequence[int], label: str) -> str:
    """One bar a minute, say."""
    top = max([*counts, 1])
    width = _WIDTH / max(1, len(counts))
    drawn = "".join(
        f'<rect class="bar" x="{i * width:.2f}" width="{width * 0.8:.2f}" '
        f'y="{_HEIGHT - _HEIGHT * count / top:.1f}" height="{_HEIGHT * count / top:.1f}"/>'
        for i, count in enumerate(counts)
    )
    return (
        f'<svg class="trend" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'preserveAspectRatio="none"><title>{escape(label)}</title>{drawn}</svg>'
    )


class _Scale:
    def __init__(self, first: float, last: float, low: float, high: float) -> None:
        self._first = first
        self._span = max(last - first, 1.0)
        self._low = low
        self._rise = high - low if high > low else 1.0

    def x(self, moment: float) -> float:
        return _PAD + (moment - self._first) / self._span * (_WIDTH - 2 * _PAD)

    def y(self, value: float) -> float:
        return _HEIGHT - _PAD - (value - self._low) / self._rise * (_HEIGHT - 2 * _PAD)


def _range(point: Point) -> list[float]:
    return [each for each in (point.value, point.low, point.high) if each is not None]


def _runs(points: Sequence[Point], least: int) -> list[list[Point]]:
    """Stretches of points that may be shown."""
    runs: list[list[Point]] = [[]]
    for point in points:
        if point.people >= least:
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _line(run: Sequence[Point], scale: _Scale) -> str:
    path = ""
    for point in run:
        x, y = scale.x(point.at.timestamp()), scale.y(point.value or 0.0)
        path += f"H{x:.1f}V{y:.1f}" if path else f"M{x:.1f} {y:.1f}"
    return path


def _band(run: Sequence[Point], scale: _Scale) -> str:
    up = ""
    down = ""
    before: str | None = None
    for point in run:
        x = f"{scale.x(point.at.timestamp()):.1f}"
        high, low = f"{scale.y(point.high or 0):.1f}", f"{scale.y(point.low or 0):.1f}"
        up += f"H{x}V{high}" if up else f"M{x} {high}"
        down = f"H{x}" + (f"V{before}" if before is not None else "") + down
        before = low
    last = f"V{before}" if before is not None else ""
    return f"{up}{last}{down}Z"


def _told(indicator: Indicator, points: Sequence[Point], least: int) -> str:
    visible = [point for point in points if point.people >= least]
    first, last = visible[0], visible[-1]
    return (
        f"{number(indicator, first.value)} on {first.at:%Y-%m-%d %H:%M} "
        f"to {number(indicator, last.value)} on {last.at:%Y-%m-%d %H:%M} UTC"
    )
