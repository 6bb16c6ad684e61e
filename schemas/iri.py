"""IRIs: checked once, then known. Verbs and types are few, objects are many but come again."""

import re
from collections.abc import Iterable
from typing import Final

from schemas.xapi.errors import Invalid

MAX_LENGTH: Final = 2_000
_WORTH_KEEPING: Final = 200
_KEEP: Final = 50_000

_SHAPE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\x00-\x20<>\"\x7f-\xa0]+")
KNOWN: Final[set[str]] = set()
"""IRIs that passed. Hot loops look here before they call (a call costs more than the look)."""


def check_iri(iri: str, field: str) -> None:
    """Raises Invalid unless there is a scheme, something behind it, and no blank in it.

    More is not asked: senders use `course-v1:ORG+COURSE+RUN` and `uuid://...`, and both are fine.
    """
    if iri in KNOWN:
        return
    if len(iri) > MAX_LENGTH:
        raise Invalid("bad-iri", field, f"at most {MAX_LENGTH} characters")
    if _SHAPE.fullmatch(iri) is None:
        raise Invalid("bad-iri", field, "an IRI with a scheme, without blanks")
    if len(iri) <= _WORTH_KEEPING:
        if len(KNOWN) >= _KEEP:
            KNOWN.clear()
        KNOWN.add(iri)


def check_iris(iris: Iterable[str], field: str) -> None:
    """The same for several, such as the keys of an extensions object."""
    if KNOWN.issuperset(iris):
        return
    for iri in iris:
        check_iri(iri, field)
