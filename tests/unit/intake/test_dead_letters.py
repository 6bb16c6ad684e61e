"""Letters keep the bytes; what is shown of them is one safe line a part."""

import msgspec
import pytest

from schemas.records import DeadLetter
from schemas.settings import Settings
from streams.intake import dead_letters, replay
from streams.kafka_clients import MAX_RECORD_BYTES
from tests.unit.intake.records import ToyRecord


def _letter(topic: str = "events.lms", value: bytes | None = b"x") -> DeadLetter:
    record = ToyRecord(topic, 1, 7, value, b"key", headers_=[("h", b"\xff")])
    return dead_letters.letter(record, "lms", "not-json", "a number", 1_000, 2_000, 3)


def test_an_original_that_is_too_long_is_cut_and_says_so() -> None:
    letter = _letter(value=b"x" * MAX_RECORD_BYTES)
    assert letter.value is not None
    assert 0 < len(letter.value) < MAX_RECORD_BYTES
    assert (letter.key, letter.headers) == (None, [])
    assert letter.detail.endswith(dead_letters.CUT)
    with pytest.raises(replay.NotReplayable, match="not all of its bytes"):
        replay.replay(Settings(), [letter])


def test_records_of_our_own_topics_are_not_sent_again() -> None:
    with pytest.raises(replay.NotReplayable, match="only records of tools"):
        replay.replay(Settings(), [_letter("uptake.batches")])


def test_what_is_shown_is_safe_on_a_screen() -> None:
    text = replay.shown(_letter(value=b'{"a": "\xc3\xa9\xff\n\x1b[31m"}'))
    assert text.splitlines() == [
        "record    events.lms partition 1 offset 7 (life 3 of the log)",
        "received  1970-01-01T00:00:01.000Z",
        "refused   1970-01-01T00:00:02.000Z by intake of version 0.1.0",
        "reason    not-json: a number",
        "key       key",
        "header    h: \\xff",
        'value     {"a": "é\\xff\\n\\x1b[31m"}',
    ]


def test_a_record_without_value() -> None:
    assert replay.shown(_letter(value=None)).endswith("value     (none)")


@pytest.mark.parametrize("received_at", [9_007_199_254_740_991, -62_135_596_800_001])
def test_a_time_that_no_calendar_has_is_shown_as_a_number(received_at: int) -> None:
    letter = msgspec.structs.replace(_letter(), received_at=received_at)
    assert f"received  {received_at} ms since 1970" in replay.shown(letter)
