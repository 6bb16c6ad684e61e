"""Bytes of one statement -> the statement, checked. What collector and intake both run."""

import re

import msgspec
from msgspec import UNSET

from schemas.xapi import rules, statement
from schemas.xapi.depth import too_deep
from schemas.xapi.errors import Invalid, from_msgspec
from schemas.xapi.ids import uuid_bytes

Checked = tuple[statement.AnyStatement, bytes | None, int | None]
"""A statement, its id if it has one, when it happened (milliseconds) if it says so."""

_PLACE = re.compile(r"\(byte \d+\)")


def read(value: bytes | msgspec.Raw) -> Checked:
    """Decodes and checks one statement in JSON. Raises Invalid."""
    try:
        found = statement.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(error) from None
    time = rules.check(found)
    given = None if found.id is UNSET else uuid_bytes(found.id, "id")
    return found, given, time


def invalid(error: msgspec.MsgspecError | UnicodeDecodeError | RecursionError) -> Invalid:
    """What a decoder found wrong, with the place in the text but without the text."""
    if isinstance(error, msgspec.ValidationError):
        return from_msgspec(error)
    if isinstance(error, RecursionError):
        return too_deep()
    if isinstance(error, UnicodeDecodeError):
        return Invalid("not-json", "", "text in UTF-8")
    place = _PLACE.search(str(error))
    return Invalid("not-json", "", "malformed JSON" + (f" {place[0]}" if place else ""))
