"""Load on the collector: single statements or batches over connections that stay open.

Each connection sends its next request when the answer to the last one is there, so a rate is what
that many waiting senders get, every event acknowledged by Kafka.

    python -m benchmarks.http_load --url http://127.0.0.1:8000 --key local:SECRET --batch 100
"""

import argparse
import asyncio
import sys
import time
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import cast
from urllib.parse import urlsplit
from uuid import uuid4

import uvloop

_STATEMENT = (
    '{"id":"%s","actor":{"objectType":"Agent","account":{"homePage":"https://lms.example.org",'
    '"name":"learner-%d"}},"verb":{"id":"http://adlnet.gov/expapi/verbs/completed","display":'
    '{"en-US":"completed"}},"object":{"id":"https://lms.example.org/module/%d","objectType":'
    '"Activity","definition":{"type":"http://adlnet.gov/expapi/activities/module"}},'
    '"timestamp":"2026-01-05T09:30:00.000Z"}'
)
_LEARNERS = 5_000
_MODULES = 200


@dataclass(frozen=True)
class Load:
    """What to send where."""

    url: str
    name: str
    secret: str
    connections: int = 64
    batch: int = 1
    """Statements in a request; 1: a single one, not an array."""
    seconds: float = 5.0


@dataclass
class Result:
    """What came back. `latencies` in seconds, one a request."""

    seconds: float = 0.0
    statements: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Acknowledged statements a second."""
        return self.statements / self.seconds

    def quantile(self, share: float) -> float:
        """The latency, in seconds, that `share` of the requests did not exceed."""
        place = min(len(self.latencies) - 1, int(share * len(self.latencies)))
        return sorted(self.latencies)[place]


async def measure(load: Load) -> Result:
    """Send for `load.seconds`. Raises OSError when nothing listens there."""
    result = Result()
    address = urlsplit(load.url)
    head = _head(load, address.netloc)
    loop = asyncio.get_running_loop()
    started = loop.time()
    until = started + load.seconds
    senders = [_Sender(load, head, number, until, result) for number in range(load.connections)]
    for sender in senders:
        make = partial(_same, sender)
        await loop.create_connection(make, address.hostname or "", address.port or 80)
    await asyncio.gather(*(sender.done for sender in senders))
    result.seconds = loop.time() - started
    return result


def _same(sender: "_Sender") -> "_Sender":
    return sender


class _Sender(asyncio.Protocol):
    """One connection: request, answer, next request."""

    def __init__(self, load: Load, head: bytes, number: int, until: float, result: Result) -> None:
        self._load = load
        self._head = head
        self._until = until
        self._result = result
        self._sent = 0
        self._sent_at = 0.0
        self._received = b""
        # Ids are unique over connections and runs: a repeated one would be a duplicate.
        self._ids = uuid4().hex[:20]
        self._seed = number
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is one in all but its base class.
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _content_length(self._received[:end].lower())
        if len(self._received) < end + 4 + length:
            return
        self._take(int(self._received[9:12]))
        self._received = b""
        if asyncio.get_running_loop().time() >= self._until:
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _take(self, status: int) -> None:
        result = self._result
        result.statuses[status] += 1
        result.latencies.append(time.perf_counter() - self._sent_at)
        if status == 200:
            result.statements += self._load.batch

    def _send(self) -> None:
        batch = self._load.batch
        if batch == 1:
            body = self._statement()
        else:
            body = "[" + ",".join(self._statement() for _ in range(batch)) + "]"
        self._sent_at = time.perf_counter()
        self._transport.write(self._head % len(body) + body.encode())

    def _statement(self) -> str:
        self._sent += 1
        ids = self._ids
        event_id = f"{ids[:8]}-{ids[8:12]}-4{ids[13:16]}-8{ids[17:20]}-{self._sent:012x}"
        number = self._seed * 7919 + self._sent
        return _STATEMENT % (event_id, number % _LEARNERS, number % _MODULES)


def _head(load: Load, host: str) -> bytes:
    credentials = b64encode(f"{load.name}:{load.secret}".encode()).decode()
    lines = (
        "POST /xapi/statements HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Basic {credentials}",
        "X-Experience-API-Version: 1.0.3",
        "Content-Type: application/json",
        "Content-Length: %d",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _content_length(head: bytes) -> int:
    start = head.find(b"content-length: ")
    if start < 0:
        return 0
    start += len(b"content-length: ")
    end = head.find(b"\r", start)
    return int(head[start : end if end > 0 else len(head)])


def main() -> int:
    """Run one load and print it. 1: some request was not answered 200."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True, help="NAME:SECRET")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    name, _, secret = given.key.partition(":")
    load = Load(given.url, name, secret, given.connections, given.batch, given.seconds)
    result = uvloop.run(measure(load))
    print(
        f"{result.rate:,.0f} statements/s; {load.connections} connections, {load.batch} a request; "
        f"ms p50 {result.quantile(0.5) * 1e3:.1f}, p95 {result.quantile(0.95) * 1e3:.1f}, "
        f"p99 {result.quantile(0.99) * 1e3:.1f}; answers {dict(result.statuses)}"
    )
    return 0 if set(result.statuses) == {200} else 1


if __name__ == "__main__":
    sys.exit(main())
