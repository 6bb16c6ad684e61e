"""Records that were sent again: their events keep their names, and they trip no breaker."""

import json

import pytest

from schemas import vocabulary
from schemas.decode import Decoder
from schemas.records import Event, decode_batch
from schemas.settings import IntakeSettings, KafkaSettings, PrivacySettings, Settings
from schemas.topics import BATCHES
from streams.intake.books import Book
from streams.intake.breaker import Breaker
from streams.intake.dead_letters import REPLAY_HEADER, REPLAYED_AT_HEADER
from streams.intake.pseudonym import pseudonymiser
from streams.intake.reader import Reader, Reading
from tests.unit.intake.records import BAD, ToyRecord

SETTINGS = Settings(
    kafka=KafkaSettings(generation=4), intake=IntakeSettings(breaker_records=10, breaker_share=0.5)
)
_CAME = 1_700_000_000_000
NAMELESS = {
    "actor": {"account": {"homePage": "https://tool.example.org", "name": "p"}},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
    "object": {"id": "https://lms.example.org/module/1"},
}
"""A statement without id and time: it is named by its place in the log."""


def _never(_: Exception) -> None:
    raise AssertionError("nothing to wait for")


def _read(record: ToyRecord) -> Reading:
    decoder = Decoder(
        vocabulary.load(None), pseudonymiser(PrivacySettings(pseudonym_key="a key for tests only"))
    )
    source = (record.topic(), record.partition())
    books = {source: Book(2, record.partition(), 0, record.offset())}
    reader = Reader(SETTINGS, decoder.decode, books, Breaker(SETTINGS.intake), _never, 0)
    return reader.read([record], 2_000, moved=False)


def _event(offset: int, origin: bytes | None, **more: str) -> Event:
    headers = [] if origin is None else [(REPLAY_HEADER, origin)]
    value = json.dumps({**NAMELESS, **more}).encode()
    reading = _read(ToyRecord("events.lms", 1, offset, value, None, _CAME, headers))
    source = ("events.lms", 1)
    made = reading.records({source: Book(2, 1, 0, offset + 1)}, 4, 2_000)
    [event] = [each for t, _, v in made if t == BATCHES for each in decode_batch(v).events]
    return event


def test_an_event_without_a_name_counts_once_however_often_it_is_sent_again() -> None:
    first = _event(7, None)
    for offset in (8, 9):
        again = _event(offset, b"4/events.lms/1/7")
        assert again.event_id == first.event_id
        assert again.offset == offset
    assert _event(8, None).event_id != first.event_id
    # Another life of the log is another place.
    assert _event(8, b"3/events.lms/1/7").event_id != first.event_id


@pytest.mark.parametrize("origin", [b"", b"4/events.crm/1/7", b"4/nonsense/1/7", b"x"])
def test_a_header_of_somebody_else_changes_nothing(origin: bytes) -> None:
    assert _event(8, origin).event_id == _event(8, None).event_id


def test_an_event_with_a_name_of_its_own_keeps_it() -> None:
    time = "2000-11-02T10:00:00Z"
    assert _event(8, b"4/events.lms/1/7", timestamp=time).event_id == (
        _event(7, None, timestamp=time).event_id
    )


@pytest.mark.parametrize("replayed", [False, True])
def test_dead_letters_that_are_dead_again_do_not_stop_intake(replayed: bool) -> None:
    headers = [(REPLAYED_AT_HEADER, b"5000")] if replayed else []
    records = [ToyRecord("events.lms", 0, at, BAD, None, 1_000, headers) for at in range(30)]
    books = {("events.lms", 0): Book(2, 0, 0, 0)}
    breaker = Breaker(SETTINGS.intake)
    decoder = Decoder(vocabulary.load(None), lambda *_: b"0" * 16)
    reader = Reader(SETTINGS, decoder.decode, books, breaker, _never, 0)
    reading = reader.read(records, 2_000, False)
    assert len(reading.letters) == 30
    assert (breaker.tripped is None) == replayed
