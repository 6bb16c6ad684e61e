"""Places of dead letters, what is shown of them, and what is sent again."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import DeadLetter
from schemas.settings import ClickHouseSettings, Settings
from schemas.topics import DIRECTORY, EVENTS, PANES
from sinks.clickhouse.client import Store
from streams.intake import dead_letters
from streams.kafka_clients import MAX_RECORD_BYTES
from tests.unit.intake.records import ToyRecord
from uptake.dead_letters import letters, replay
from uptake.dead_letters.letters import Fate, Found, Place


def _letter(
    topic: str = "events.lms",
    value: bytes | None = b"x",
    headers: tuple[tuple[str, bytes | None], ...] = (("h", b"\xff"),),
    offset: int = 7,
) -> DeadLetter:
    record = ToyRecord(topic, 1, offset, value, b"key", headers_=headers)
    return dead_letters.letter(record, "lms", "not-json", "a number", 1_000, 2_000, 3)


@given(
    st.sampled_from((*EVENTS, DIRECTORY, PANES)),
    st.integers(-1, 999),
    st.integers(0, 2**40),
    st.integers(0, 5),
)
def test_a_place_is_read_as_it_is_printed(topic: str, part: int, offset: int, now: int) -> None:
    letter = DeadLetter(0, 0, "", "", "", "", topic, part, offset, 3, "", None, None)
    place = letters.place_of(letters.named(letter, now))
    assert place == Place(topic, part, offset, -1 if now == 3 else 3)


@pytest.mark.parametrize("text", ["", "a", "a/1", "a/b/c", "a/1/-2", "a/-2/1", "a/1/2@x", "/1/2"])
def test_other_text_is_no_place(text: str) -> None:
    assert letters.place_of(text) is None


def test_what_is_shown_is_safe_on_a_screen() -> None:
    found = Found(_letter(value=b'{"a": "\xc3\xa9\xff\n\x1b[31m"}'), None)
    assert letters.shown(found, Settings()).splitlines() == [
        "record    events.lms partition 1 offset 7 (life 3 of the log)",
        "received  1970-01-01T00:00:01.000Z",
        "refused   1970-01-01T00:00:02.000Z by intake of version 0.1.0",
        "reason    not-json: a number",
        "key       key",
        "header    h: \\xff",
        'value     {"a": "é\\xff\\n\\x1b[31m"}',
    ]


@pytest.mark.parametrize("received_at", [9_007_199_254_740_991, -62_135_596_800_001])
def test_a_time_that_no_calendar_has_is_shown_as_a_number(received_at: int) -> None:
    letter = msgspec.structs.replace(_letter(), received_at=received_at)
    text = letters.shown(Found(letter, None), Settings())
    assert f"received  {received_at} ms since 1970" in text


def test_a_record_without_value_that_was_replayed() -> None:
    found = Found(_letter(value=None), Fate("replayed", 5_000, 0, 2, 9))
    text = letters.shown(found, Settings())
    assert text.endswith("value     (none)")
    assert "fate      replayed 1970-01-01T00:00:05.000Z to events.lms/2/9\n" in text


def test_a_record_sent_again_and_again_says_where_it_lay_first() -> None:
    first = replay.headers(_letter(), 10)
    assert first == [
        ("h", b"\xff"),
        ("uptake-replay", b"3/events.lms/1/7"),
        ("uptake-replayed-at", b"10"),
    ]
    again = replay.headers(_letter(headers=tuple(first), offset=8), 20)
    assert again == [*first[:2], ("uptake-replayed-at", b"20")]


@pytest.mark.parametrize(
    ("letter", "why"),
    [
        (_letter("uptake.batches"), "only records of tools"),
        (_letter(value=b"x" * MAX_RECORD_BYTES), "not all of its bytes"),
    ],
)
def test_what_can_not_be_replayed_stops_all_before_anything_is_done(
    letter: DeadLetter, why: str
) -> None:
    nowhere = Store(ClickHouseSettings(url="http://127.0.0.1:1"))
    with pytest.raises(replay.NotReplayable, match=why):
        replay.replay(Settings(), nowhere, [_letter(), letter], "stop", 0.0, lambda _: None)


@given(st.integers(0, 2_000), st.sampled_from([1, replay.MOST_AT_ONCE]))
def test_steps_hold_each_letter_once_and_in_order(count: int, first: int) -> None:
    chosen = [_letter(offset=number) for number in range(count)]
    steps = list(replay._steps(chosen, first))
    assert [letter for step in steps for letter in step] == chosen
    assert all(0 < len(step) <= replay.MOST_AT_ONCE for step in steps)
    done = 0
    for step in steps:
        # What one that fails again can take with it is no more than what went well before it.
        assert first > 1 or len(step) <= done + 1
        done += len(step)
