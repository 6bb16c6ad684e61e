"""Indicators and points for tests of the board."""

from datetime import UTC, datetime

from reports.board.read import Indicator, Point

END = datetime(2026, 11, 16, tzinfo=UTC)


def indicator(name: str = "fcr", measure: str = "rate", kind: str = "lagging") -> Indicator:
    """Good when it goes up."""
    unit = {"rate": "share", "share_of_eligible": "share", "mean": "days"}.get(measure, "tickets")
    return Indicator(name, name.upper(), kind, measure, unit, "up", "what", "do this", 0, 1, [])


def rate(top: int, bottom: int, people: int = 20, at: datetime = END) -> Point:
    """A share of cases."""
    return Point(at, top / bottom, top, bottom, people, 0.4, 0.5, False)


def count(n: int, people: int = 20, provisional: bool = False) -> Point:
    """How often."""
    return Point(END, n, n, None, people, None, None, provisional)
