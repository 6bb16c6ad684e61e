"""Timestamps and durations."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.times import EARLIEST, LATEST, LATEST_MS, duration_ms, milliseconds
from schemas.xapi.errors import Invalid

MOMENT = 1_795_359_845_123


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T15:04:05.123Z", MOMENT),
        ("2026-11-22T15:04:05.123+00:00", MOMENT),
        ("2026-11-22T15:04:05.1239999Z", MOMENT),
        ("2026-11-22T15:04:05.123999999999999999Z", MOMENT),
        ("2026-11-22T15:04:05,123Z", MOMENT),
        ("2026-11-22T16:04:05.123+01:00", MOMENT),
        ("2026-11-22T16:04:05.123+0100", MOMENT),
        ("2026-11-22T16:04:05.123+01", MOMENT),
        ("2026-11-22T09:34:05.123-05:30", MOMENT),
        ("2026-11-22T15:04:05.123", MOMENT),
        ("2026-11-22T15:04:05Z", MOMENT - 123),
        ("2026-11-22T15:04:05.1Z", MOMENT - 23),
        ("1970-01-01T00:00:00Z", 0),
        ("2099-12-31T23:59:59.999Z", LATEST_MS - 1),
        ("2000-02-29T00:00:00Z", 951_782_400_000),
    ],
)
def test_timestamp(text: str, expected: int) -> None:
    assert milliseconds(text, "t") == expected
    assert milliseconds(text, "t") == expected, "the second look, from memory"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-22",
        "2026-11-22T15:04Z",
        "2026-11-22 15:04:05Z",
        "2026-11-22t15:04:05z",
        "2026-11-22T15:04:05-00:00",
        "2026-11-22T15:04:05-0000",
        "2026-11-22T15:04:05-00",
        "2026-11-22T15:04:05.Z",
        "2026-11-22T15:04:05 Z",
        "2026-11-22T15:04:60Z",
        "2026-11-22T24:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-22T15:04:05+25:00",
        "2026-11-22T15:04:05+01:60",
        "2026-W47-7T15:04:05Z",
        "20261122T150405Z",
        "1969-12-31T23:59:59Z",
        "2100-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:00",
        "9999-12-31T23:59:59-23:00",
        "2026-11-22T15:04:05Z\n",
        "\uff12026-11-22T15:04:05Z",
    ],
)
def test_no_timestamp(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        milliseconds(text, "timestamp")
    assert (caught.value.reason, caught.value.field) == ("bad-time", "timestamp")


@given(
    st.datetimes(datetime(1970, 1, 3), datetime(2099, 12, 29)),
    st.integers(-1_439, 1_439).filter(lambda minutes: minutes != 0),
)
def test_any_offset_means_the_same_moment(time: datetime, minutes: int) -> None:
    aware = time.replace(tzinfo=UTC)
    expected = (aware - EARLIEST) // timedelta(milliseconds=1)
    there = aware.astimezone(timezone(timedelta(minutes=minutes)))
    assert EARLIEST <= aware < LATEST
    assert milliseconds(aware.isoformat(), "t") == expected
    assert milliseconds(there.isoformat(), "t") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT1M30.5S", 90_500),
        ("PT0S", 0),
        ("P4W", 4 * 7 * 86_400_000),
        ("P1DT12H", 129_600_000),
        ("P1Y2M", (365 + 60) * 86_400_000),
        ("PT0.5H", 1_800_000),
        ("PT4H35M59,14S", 16_559_140),
    ],
)
def test_duration(text: str, expected: int) -> None:
    assert duration_ms(text, "d") == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "P", "PT", "P4W1D", "1H", "-PT1S", "PT1.5M2S", "PT1S1M", "P1H", "pt1s", "P1DT"),
        *("PT1SX", "PT" + "9" * 200 + "S", "P9999999999Y"),
    ],
)
def test_no_duration(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        duration_ms(text, "d")
    assert caught.value.reason == "bad-duration"
