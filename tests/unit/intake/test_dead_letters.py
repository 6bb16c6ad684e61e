"""Letters keep the bytes; what is shown of them is one safe line a part."""

from schemas.records import DeadLetter
from streams.intake import dead_letters
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


def test_a_record_that_was_sent_again_says_where_it_lay_first() -> None:
    def origin(text: bytes | None) -> dead_letters.Origin | None:
        headers = [("a", b"b"), (dead_letters.REPLAY_HEADER, text)]
        return dead_letters.origin_of(ToyRecord("events.lms", 1, 7, b"x", headers_=headers))

    assert origin(b"3/events.lms/1/7") == (3, "events.lms", 1, 7)
    for other in (None, b"", b"3/events.lms/1", b"3/events.lms/1/-7", b"x" * 200):
        assert origin(other) is None
    assert dead_letters.origin_of(ToyRecord("events.lms", 1, 7, b"x")) is None
