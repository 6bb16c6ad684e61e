"""Times on the command line."""

from datetime import UTC, datetime

from uptake.cli.errors import Exit, fail

TIME_HELP = "a time (2026-11-22, 2026-11-22T15:00Z), or how long ago (35d, 12h, 30m)."


def moment(text: str, now: datetime) -> int | None:
    """ms since 1970 UTC; None: not given. Ends the command when it is none."""
    if not text:
        return None
    if text[-1] in "mhd":
        return ms(now) - duration(text)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise fail(f"'{text}' is no time: expected {TIME_HELP}", Exit.USAGE) from None
    return ms(time if time.tzinfo else time.replace(tzinfo=UTC))


def duration(text: str) -> int:
    """ms. Ends the command when it is none."""
    from streams.catalog.load import CatalogError, duration_ms

    try:
        return duration_ms(text)
    except CatalogError as error:
        raise fail(str(error), Exit.USAGE) from None


def ms(time: datetime) -> int:
    """ms since 1970 UTC."""
    return int(time.timestamp() * 1000)
