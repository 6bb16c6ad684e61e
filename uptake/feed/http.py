"""Feeding over HTTP: batches to the collector, with patience."""

import logging
from collections.abc import Sequence
from threading import Event

import httpx
import msgspec

from uptake.feed.errors import FeedError, Stopped, Unavailable
from uptake.feed.item import Item, Refusal
from uptake.feed.target import Target

BATCH = 500
BODY_BYTES = 2_000_000
"""A body is cut before it grows larger; well below what a collector takes by default."""

ATTEMPTS = 10
FIRST_WAIT = 0.2
LONGEST_WAIT = 30.0
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
KEY_REFUSED = frozenset({401, 403})

# It tells of every request, which is the caller's business to tell.
logging.getLogger("httpx").setLevel(logging.WARNING)


def path_of(source: str) -> str:
    """Statements of a learning tool go to the xAPI door, compact events to that of their source."""
    return "/xapi/statements" if source == "lms" else f"/events/{source}"


class HttpSender:
    """A Sender over HTTP. `stop` ends its waits."""

    batch = BATCH

    def __init__(
        self,
        target: Target,
        source: str,
        stop: Event,
        *,
        path: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._path = path or path_of(source)
        self._stop = stop
        headers = {"authorization": f"Bearer {target.key}", "content-type": "application/json"}
        if self._path.startswith("/xapi/"):
            headers["x-experience-api-version"] = "1.0.3"
        self._client = httpx.Client(
            base_url=target.collector,
            headers=headers,
            timeout=TIMEOUT,
            transport=transport,
            trust_env=False,
        )

    def send(self, items: Sequence[Item]) -> list[Refusal]:
        """See Sender.send.

        The collector takes a whole request or nothing; so what it refuses is taken out and the
        rest sent again.
        """
        refusals: list[Refusal] = []
        parts = _cut(items)
        while parts:
            part = parts.pop()
            answer = self._post(part)
            if answer.is_success:
                continue
            position, reason = _reason(answer)
            if len(part) == 1:
                position = 0
            if position is not None and 0 <= position < len(part):
                refusals.append(Refusal(part[position], reason))
                rest = [part[:position] + part[position + 1 :]]
            else:
                half = len(part) // 2
                rest = [part[half:], part[:half]]
            parts += [again for again in rest if again]
        return refusals

    def close(self) -> None:
        """See Sender.close."""
        self._client.close()

    def _post(self, items: list[Item]) -> httpx.Response:
        """The answer: success, or a refusal of what was sent. Raises FeedError otherwise."""
        body = b"[" + b",".join(item.json() for item in items) + b"]"
        problem = ""
        for attempt in range(ATTEMPTS):
            if self._stop.is_set():
                raise Stopped("stopped")
            wait = min(FIRST_WAIT * 2**attempt, LONGEST_WAIT)
            try:
                answer = self._client.post(self._path, content=body)
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
            else:
                if answer.status_code not in TRY_AGAIN:
                    return _judged(answer)
                problem = f"HTTP {answer.status_code}: {_reason(answer)[1]}"
                wait = _retry_after(answer, wait)
            self._stop.wait(wait)
        raise Unavailable(
            f"{self._client.base_url} did not take events after {ATTEMPTS} tries ({problem})"
        )


def _cut(items: Sequence[Item]) -> list[list[Item]]:
    """Parts whose bodies stay below BODY_BYTES (but for single items above it), the last first.

    An event that comes again goes into another part: no request may hold an id twice.
    """
    parts: list[list[Item]] = []
    size = BODY_BYTES
    inside: set[bytes] = set()
    for item in items:
        body = item.json()
        size += len(body) + 1
        if size > BODY_BYTES or body in inside:
            parts.append([])
            size = len(body) + 1
            inside.clear()
        inside.add(body)
        parts[-1].append(item)
    return parts[::-1]


def _judged(answer: httpx.Response) -> httpx.Response:
    if answer.status_code in KEY_REFUSED:
        raise FeedError(f"the collector refuses the key: {_reason(answer)[1]}")
    if answer.status_code in {404, 405}:
        raise FeedError(f"{answer.request.url} is not a collector of Uptake")
    return answer


def _retry_after(answer: httpx.Response, otherwise: float) -> float:
    """Seconds to wait: what the answer asks for, within our patience."""
    asked = answer.headers.get("retry-after", "")
    return min(float(asked), LONGEST_WAIT) if asked.isdecimal() else otherwise


class _Error(msgspec.Struct):
    message: str = ""
    field: str | None = None
    position: int | None = None


class _Body(msgspec.Struct):
    error: _Error


_decode_body = msgspec.json.Decoder(_Body).decode


def _reason(answer: httpx.Response) -> tuple[int | None, str]:
    """(position in the array, sentence) of a refusal."""
    try:
        error = _decode_body(answer.content).error
    except msgspec.MsgspecError:
        return None, answer.text[:200] or answer.reason_phrase
    return error.position, f"{error.field}: {error.message}" if error.field else error.message
