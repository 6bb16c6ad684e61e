"""Numbers and lists as text for people."""

from collections.abc import Iterable


def amount(value: float, unit: str) -> str:
    """`3.1` for a share of .031 (percentage points); else three digits that count."""
    return f"{100 * value:.1f}" if unit == "share" else f"{value:.3g}"


def change(value: float, unit: str) -> str:
    """With its sign and unit: `+3.1 points`, `-0.25 days`."""
    sign = "+" if value >= 0 else "-"
    name = "points" if unit == "share" else unit
    return f"{sign}{amount(abs(value), unit)} {name}".rstrip()


def days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def list_of(parts: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    every = list(parts)
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)
