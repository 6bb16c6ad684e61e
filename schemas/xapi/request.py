"""What a learning tool posts to the collector -> statements ready for the log."""

import json
import uuid
from typing import Final, NamedTuple

import msgspec

from schemas import ids
from schemas.split import split
from schemas.xapi import terms
from schemas.xapi.errors import Invalid
from schemas.xapi.ids import uuid_bytes, uuid_text
from schemas.xapi.read import read

_encode: Final = msgspec.json.Encoder().encode


class PreparedStatement(NamedTuple):
    """A valid statement. `value` is the JSON as it was sent, with the id in it."""

    id: str
    value: bytes


def parse_statements(
    body: bytes, maximum: int, names: uuid.UUID = ids.NAMESPACE
) -> list[PreparedStatement]:
    """One statement or a list of them, all valid, in the order sent.

    All or nothing: the first fault raises Invalid, with its position if the body is a list. An id
    given twice is a fault; two statements without id whose facts are equal get one id, and the
    second will be counted as a duplicate. `names` is the namespace for ids made here.
    """
    texts, listed = split(body, maximum)
    given: set[str] = set()
    prepared: list[PreparedStatement] = []
    for position, text in enumerate(texts):
        try:
            prepared.append(_prepare(text, given, names))
        except Invalid as error:
            raise error.at(position) if listed else error from None
    return prepared


def parse_statement(body: bytes, statement_id: str) -> PreparedStatement:
    """The one statement of a PUT. `statement_id` names it; an id in the body must be the same."""
    expected = uuid_bytes(statement_id, "statementId")
    text = body.strip(b" \t\r\n")
    if not text:
        raise Invalid("empty", "", "one statement")
    _, given, _ = read(text)
    if given is None:
        return _with_id(text, expected)
    if given != expected:
        raise Invalid("bad-id", "id", "the same as statementId")
    return PreparedStatement(uuid_text(given), text)


def _prepare(text: bytes, given: set[str], names: uuid.UUID) -> PreparedStatement:
    """Checks one statement and gives it an id if it has none. Adds an id it has to `given`."""
    statement, known, time = read(text)
    if known is None:
        if time is None:
            return _with_id(_marked(text), uuid.uuid4().bytes)
        return _with_id(text, ids.of_statement(names, statement))
    name = uuid_text(known)
    if name in given:
        raise Invalid("repeated-id", "id", "each id once in a request")
    given.add(name)
    return PreparedStatement(name, text)


def _with_id(text: bytes, id_: bytes) -> PreparedStatement:
    """Puts the id in front of what is there: a valid statement is a JSON object, never empty."""
    name = uuid_text(id_)
    return PreparedStatement(name, b'{"id":"%b",%b' % (name.encode(), text[1:]))


def _marked(text: bytes) -> bytes:
    """The statement with our mark that its id is random. It is encoded anew: this is rare.

    The standard decoder keeps numbers of any size.
    """
    statement = json.loads(text)
    context = statement.setdefault("context", {})
    context.setdefault("extensions", {})[terms.ID_BASIS] = "random"
    return _encode(statement)
