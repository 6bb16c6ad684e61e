"""Reads the body of a request within bounds: bytes as sent, bytes unpacked, time, all clients.

A body that is too large is refused as soon as that is known. What the client is still sending is
then read and thrown away for a moment, because a client that is cut off while it sends does not
get to read the answer.
"""

import asyncio
import zlib

from streams.collector.limits import ByteBudget
from streams.collector.request import Request
from streams.collector.responses import Receive, Refusal

_READ_SECONDS = 30.0
_DISCARD_SECONDS = 2.0
_DISCARD_BYTES = 32 * 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS


class Disconnected(Exception):
    """The client went away before its request was whole: nobody waits for an answer."""


class BodyReader:
    """Reads bodies of at most `max_bytes`, packed or not."""

    def __init__(self, max_bytes: int, budget: ByteBudget) -> None:
        self._max_bytes = max_bytes
        self._budget = budget

    async def read(self, request: Request) -> bytes:
        """The whole body, unpacked. Refusals: 413 too large, 408 too slow, 415 unknown encoding,
        400 broken encoding, 503 no room. Raises Disconnected."""
        encoding = request.headers.get(b"content-encoding", b"identity").strip().lower()
        if encoding not in (b"gzip", b"identity"):
            text = "Content-Encoding may be gzip, or left out."
            accepted = ((b"accept-encoding", b"gzip"),)
            raise Refusal(415, "encoding", text, field="Content-Encoding", headers=accepted)
        # The HTTP parser lets only digits through.
        if int(request.headers.get(b"content-length", 0)) > self._max_bytes:
            request.unread = True
            raise self._too_large()
        message = await request.receive()
        body = message.get("body", b"")
        if message["type"] == "http.disconnect":
            raise Disconnected
        if message.get("more_body"):
            body = await self._read_rest(request, body)
        elif len(body) > self._max_bytes:
            raise self._too_large()
        return self._unpack(body) if encoding == b"gzip" else body

    async def _read_rest(self, request: Request, first: bytes) -> bytes:
        body = bytearray()
        chunk, more = first, True
        try:
            async with asyncio.timeout(_READ_SECONDS):
                while True:
                    if len(body) + len(chunk) > self._max_bytes:
                        request.unread = more
                        raise self._too_large()
                    self._budget.take(len(chunk))
                    body += chunk
                    if not more:
                        return bytes(body)
                    message = await request.receive()
                    if message["type"] == "http.disconnect":
                        raise Disconnected
                    chunk = message.get("body", b"")
                    more = message.get("more_body", False)
        except TimeoutError as error:
            text = f"The body did not arrive within {_READ_SECONDS:g} seconds."
            raise Refusal(408, "too-slow", text) from error
        finally:
            self._budget.give(len(body))

    def _unpack(self, packed: bytes) -> bytes:
        stream = zlib.decompressobj(_GZIP)
        try:
            unpacked = stream.decompress(packed, self._max_bytes + 1)
        except zlib.error as error:
            raise _broken_gzip() from error
        if len(unpacked) > self._max_bytes:
            raise self._too_large()
        # One stream only: a body of very many tiny ones would cost far more than its size.
        if not stream.eof or stream.unused_data:
            raise _broken_gzip()
        return unpacked

    def _too_large(self) -> Refusal:
        text = f"A request may have {self._max_bytes} bytes, also when unpacked; send it in parts."
        return Refusal(413, "too-large", text, headers=((b"connection", b"close"),))


async def discard(receive: Receive) -> None:
    """Read what the client still sends and drop it: up to 2 seconds and 32 MiB."""
    dropped = 0
    try:
        async with asyncio.timeout(_DISCARD_SECONDS):
            while dropped < _DISCARD_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                if not message.get("more_body"):
                    return
    except TimeoutError:
        return


def _broken_gzip() -> Refusal:
    text = "The body is not the one whole gzip stream that Content-Encoding says it is."
    return Refusal(400, "encoding", text, field="Content-Encoding")
