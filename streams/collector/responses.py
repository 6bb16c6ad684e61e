"""Answers of the collector: a status, headers and a body, and the one JSON form of every refusal.

A refusal's body is {"error": {"field", "rule", "position", "message"}}: which part of the request
is wrong (null: none in particular), a short stable name of the rule it breaks, the place in the
array that was sent (null: not an array), and a sentence for a person.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from math import ceil
from typing import Any, NamedTuple

import msgspec

Header = tuple[bytes, bytes]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_JSON: Header = (b"content-type", b"application/json")


class Answer(NamedTuple):
    """What goes back to the client."""

    status: int
    body: bytes = b""
    headers: tuple[Header, ...] = ()


class Refusal(Exception):
    """Raised anywhere in the handling of a request: the answer is `answer`."""

    def __init__(
        self,
        status: int,
        rule: str,
        message: str,
        *,
        field: str | None = None,
        position: int | None = None,
        headers: tuple[Header, ...] = (),
    ) -> None:
        super().__init__(message)
        reason = {"field": field, "rule": rule, "position": position, "message": message}
        body = msgspec.json.encode({"error": reason})
        self.answer = Answer(status, body, (_JSON, *headers))


def json_answer(value: object, status: int = 200) -> Answer:
    """`value` (anything msgspec encodes) as JSON."""
    return Answer(status, msgspec.json.encode(value), (_JSON,))


def text_answer(text: str, content_type: str = "text/plain; charset=utf-8") -> Answer:
    """A text with status 200."""
    return Answer(200, text.encode(), ((b"content-type", content_type.encode()),))


def retry_after(seconds: float) -> tuple[Header, ...]:
    """The header that says when to come again: whole seconds, at least one."""
    return ((b"retry-after", b"%d" % max(1, ceil(seconds))),)


async def send_answer(send: Send, answer: Answer, more: tuple[Header, ...] = ()) -> None:
    """Write `answer` with the further headers `more`, and end the response."""
    await send_start(send, answer, more)
    await send({"type": "http.response.body", "body": answer.body})


async def send_start(send: Send, answer: Answer, more: tuple[Header, ...] = ()) -> None:
    """Write status and headers of `answer`; the body is still to be sent."""
    headers = [*answer.headers, *more]
    if answer.status != 204:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
