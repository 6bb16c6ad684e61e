"""What the tests of `schemas` share: a decoder with a known key, and a statement to change."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import pytest

from schemas import vocabulary
from schemas.decode import Decoder
from schemas.records import Event

RECEIVED_AT = 1_800_000_000_000


def _pseudonym(issuer: str, identifier: str) -> bytes:
    text = f"{issuer}\0{identifier}".encode()
    return blake2b(text, key=b"0123456789abcdef", digest_size=16).digest()


@pytest.fixture(scope="session")
def pseudonym() -> Callable[[str, str], bytes]:
    return _pseudonym


@pytest.fixture(scope="session")
def words() -> vocabulary.Vocabulary:
    return vocabulary.load()


@pytest.fixture(scope="session")
def decoder(words: vocabulary.Vocabulary) -> Decoder:
    return Decoder(words, _pseudonym, tags=("discovery", "listening"))


@pytest.fixture(scope="session")
def decode(decoder: Decoder) -> Callable[[bytes | None], Event]:
    """A value on events.lms, partition 0, offset 7 -> its event."""

    def run(value: bytes | None) -> Event:
        return decoder.decode(2, 0, 7, 0, RECEIVED_AT, value)

    return run


@pytest.fixture
def statement() -> dict[str, Any]:
    """A valid statement."""
    return {
        "id": "9dc99b37-e920-4a68-a066-917faca28949",
        "actor": {"account": {"homePage": "https://hr.example.com", "name": "u4711"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"en": "completed"}},
        "object": {
            "id": "https://lms.example.com/modules/17",
            "definition": {"type": "http://adlnet.gov/expapi/activities/module"},
        },
        "result": {"score": {"scaled": 0.73}, "success": True},
        "context": {"platform": "lms"},
        "timestamp": "2026-11-22T15:04:05.123Z",
    }
