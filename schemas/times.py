"""Timestamps and durations as text -> milliseconds."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.xapi.errors import Invalid

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""A time at or beyond this is a fault of the sender's clock, and does not fit a date column."""
LATEST_MS: Final = (LATEST - EARLIEST) // timedelta(milliseconds=1)

_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,18})?"
    r"(?:Z|\+\d\d(?::?[0-5]\d)?|-(?!00(?::?00)?$)\d\d(?::?[0-5]\d)?)?",
    re.ASCII,
)
_UTC = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d):([0-5]\d)(?:\.(\d{3})\d{0,15})?(?:Z|\+00:00)", re.ASCII
)
_minutes: dict[str, int] = {}
"""Minutes in UTC met before -> milliseconds: most events share theirs with many others."""
_MINUTES = 50_000

_DURATION = re.compile(
    r"P(?=.)(?:(?P<W>\d+(?:[.,]\d+)?)W|(?:(?P<Y>\d+(?:[.,]\d+)?)Y)?(?:(?P<M>\d+(?:[.,]\d+)?)M)?"
    r"(?:(?P<D>\d+(?:[.,]\d+)?)D)?(?:T(?=.)(?:(?P<h>\d+(?:[.,]\d+)?)H)?"
    r"(?:(?P<m>\d+(?:[.,]\d+)?)M)?(?:(?P<s>\d+(?:[.,]\d+)?)S)?)?)",
    re.ASCII,
)
_UNIT_MS: Final = {
    "Y": 365 * 86_400_000,
    "M": 30 * 86_400_000,
    "W": 7 * 86_400_000,
    "D": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
}
MAX_DURATION_MS: Final = 1_000 * 365 * 86_400_000


def moment(text: str, field: str) -> datetime:
    """A timestamp of xAPI 1.0.x -> aware datetime in whatever offset it was written.

    Date, `T`, time with seconds; offsets `Z`, `+hh`, `+hhmm`, `+hh:mm`; none means UTC. Offsets
    of minus zero, impossible dates and years outside 1970..2099 raise Invalid.
    """
    if _TIME.fullmatch(text) is None:
        raise Invalid("bad-time", field, "a timestamp such as 2026-11-22T15:04:05.123Z")
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("bad-time", field, "a date and time that exist") from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    if not EARLIEST <= time < LATEST:
        raise Invalid("bad-time", field, "a year from 1970 to 2099")
    return time


def milliseconds(text: str, field: str) -> int:
    """A timestamp -> whole milliseconds since 1970 UTC, cut off, not rounded."""
    found = _UTC.fullmatch(text)
    if found is None:
        return _since_1970(moment(text, field))
    minute, second, fraction = found.groups()
    start = _minutes.get(minute)
    if start is None:
        start = _since_1970(moment(minute + ":00Z", field))
        if len(_minutes) >= _MINUTES:
            _minutes.clear()
        _minutes[minute] = start
    return start + int(second) * 1_000 + (int(fraction) if fraction else 0)


def _since_1970(time: datetime) -> int:
    since = time - EARLIEST
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000


def duration_ms(text: str, field: str) -> int:
    """An ISO 8601 duration -> whole milliseconds; a year counts 365 days, a month 30.

    Only the smallest unit may have a fraction, and weeks stand alone, else Invalid.
    """
    found = _DURATION.fullmatch(text) if len(text) <= 100 else None
    if found is None:
        raise Invalid("bad-duration", field, "a duration such as PT1M30.5S")
    parts = [(unit, number) for unit, number in found.groupdict().items() if number is not None]
    if any(not number.isdigit() for _, number in parts[:-1]):
        raise Invalid("bad-duration", field, "a fraction in the smallest unit only")
    total = sum(_UNIT_MS[unit] * float(number.replace(",", ".")) for unit, number in parts)
    if total > MAX_DURATION_MS:
        raise Invalid("bad-duration", field, "at most a thousand years")
    return int(total)
