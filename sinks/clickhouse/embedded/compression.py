"""Bodies of requests and answers, compressed in the ways that ClickHouse clients use.

A client may send many frames one after the other (clickhouse-connect sends one a block): all of
them are read, and a body that ends within a frame is refused.
"""

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import lz4.frame

from sinks.clickhouse.embedded.errors import BAD_ARGUMENTS, UNKNOWN_COMPRESSION, refused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


class _Decompressor(Protocol):
    """One frame, as zlib, lz4 and zstd know it."""

    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes) -> bytes:
        """What the data holds."""


class Compressor(Protocol):
    """Makes one frame of many pieces."""

    def compress(self, data: bytes) -> bytes:
        """What can be sent so far."""

    def flush(self) -> bytes:
        """What is left, and the end of the frame."""


_FRAMES: Final[dict[str, Callable[[], Any]]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "deflate": lambda: zlib.decompressobj(wbits=15),
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": zstd.ZstdDecompressor,
}


class _Lz4Compressor:
    def __init__(self) -> None:
        self._inner = lz4.frame.LZ4FrameCompressor()
        self._begun = False

    def compress(self, data: bytes) -> bytes:
        head = b"" if self._begun else self._inner.begin()
        self._begun = True
        return bytes(head + self._inner.compress(data))

    def flush(self) -> bytes:
        head = b"" if self._begun else self._inner.begin()
        return bytes(head + self._inner.flush())


_COMPRESSORS: Final[dict[str, Callable[[], Any]]] = {
    "lz4": _Lz4Compressor,
    "zstd": lambda: zstd.ZstdCompressor(level=1),
    "gzip": lambda: zlib.compressobj(level=1, wbits=31),
    "deflate": lambda: zlib.compressobj(level=1, wbits=15),
}
"""In the order in which they are chosen."""


def decompress(body: bytes, encoding: str) -> bytes:
    """A whole body. Raises Refused for an unknown encoding and for a broken or cut body."""
    if encoding in ("", "identity"):
        return body
    frame = _FRAMES.get(encoding)
    if frame is None:
        raise refused(UNKNOWN_COMPRESSION, f"Unknown Content-Encoding {encoding!r}")
    try:
        return b"".join(_all_frames(body, frame))
    except (EOFError, OSError, RuntimeError, ValueError, zlib.error, zstd.ZstdError) as error:
        raise refused(BAD_ARGUMENTS, f"The body is no whole {encoding} data") from error


def _all_frames(body: bytes, frame: Callable[[], _Decompressor]) -> Iterator[bytes]:
    while body:
        one = frame()
        yield one.decompress(body)
        if not one.eof:
            raise EOFError("the body ends within a frame")
        body = one.unused_data or b""


def choose(accepted: str) -> str:
    """The encoding of an answer by the client's Accept-Encoding; empty: none."""
    offered = {part.partition(";")[0].strip() for part in accepted.split(",")}
    return next((name for name in _COMPRESSORS if name in offered), "")


def compressor(encoding: str) -> Compressor:
    """A fresh compressor for an encoding that `choose` named."""
    made: Compressor = _COMPRESSORS[encoding]()
    return made
