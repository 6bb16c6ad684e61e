"""What keyed state depends on besides the records: told apart, so that a change is noticed.

Each partition's state carries the fingerprint of what made it. Titles, units, the order on
the board and other things for people are no part of it: they change nothing that is kept.
"""

from hashlib import blake2b
from typing import Any, Final

import msgspec

from schemas import vocabulary
from schemas.records import Fingerprint, decode_fingerprint
from schemas.settings import Settings
from streams.catalog import load
from streams.state.errors import StateOutdated
from streams.state.rows import FORMAT, EpochRows

KEY: Final = b"\x00made-by"
"""The row in which it lies. No stage has rows that begin so."""

_FOR_PEOPLE: Final = frozenset({"title", "kind", "unit", "good", "description", "try", "settle"})
_encode = msgspec.json.Encoder(order="deterministic").encode


def of(settings: Settings) -> Fingerprint:
    """Of the state that a worker with these settings makes.

    Raises CatalogError, VocabularyError and OSError.
    """
    catalog = msgspec.to_builtins(load(settings.worker.catalog))
    kept = {
        section: {name: _without_words(entry) for name, entry in catalog[section].items()}
        for section in ("journeys", "indicators")
    }
    kept["breakdowns"] = catalog["breakdowns"]
    names = vocabulary.load(settings.worker.vocabulary or None)
    return Fingerprint(FORMAT, settings.kafka.partitions, _digest(kept), _digest(names.rules()))


def differences(found: Fingerprint | None, wanted: Fingerprint) -> str:
    """What is not the same, in words; empty: all is."""
    if found is None:
        return "what made it is not known"
    parts = {
        "catalog": found.catalog != wanted.catalog,
        "vocabulary": found.vocabulary != wanted.vocabulary,
        f"number of partitions ({found.partitions})": found.partitions != wanted.partitions,
        f"format ({found.format})": found.format != wanted.format,
    }
    return ", ".join(name for name, differs in parts.items() if differs)


def sign(rows: EpochRows, wanted: Fingerprint, place: str) -> None:
    """Put the fingerprint into new state, and check that of old. Raises StateOutdated.

    To be called when all is read and nothing is changed. `place`: of which partition, in words.
    """
    if rows.is_new:
        rows.put_at_seal(KEY, wanted)
        return
    told = differences(rows.peek(KEY, decode_fingerprint), wanted)
    if told:
        raise StateOutdated(f"the state of {place} was made by another version: {told}")


def _without_words(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in _FOR_PEOPLE}


def _digest(value: object) -> str:
    return blake2b(_encode(value), digest_size=8).hexdigest()
