"""Files of real logs -> items, by the adapter of their source."""

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from schemas.adapters import crm_pipeline, fun_mooc, servicenow
from schemas.adapters.common import AdapterError, Row, milliseconds
from uptake.feed.errors import FeedError
from uptake.feed.item import Item

SOURCES = ("lms", "ticketing", "crm")
_CSV = {"ticketing": servicenow, "crm": crm_pipeline}


def open_file(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked if it is gzip. Raises FeedError."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise FeedError(f"{path} cannot be read: {error.strerror}") from error
    packed = file.peek(2)[:2] == b"\x1f\x8b"
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file


def items(source: str, path: Path) -> Iterator[Item]:
    """The events of a file in its order. Raises FeedError that names the line it cannot read."""
    with open_file(path) as file:
        yield from _statements(path, file) if source == "lms" else _rows(source, path, file)


def _statements(path: Path, file: BinaryIO) -> Iterator[Item]:
    for line, text in enumerate(fun_mooc.statements(_lines(path, file)), 1):
        try:
            at = fun_mooc.occurred_at(text)
        except AdapterError as error:
            raise FeedError(f"{path}, statement {line}: {error}") from error
        yield Item(line, at, text)


def _rows(source: str, path: Path, file: BinaryIO) -> Iterator[Item]:
    adapter = _CSV[source]
    reader = csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", newline=""))
    try:
        missing = adapter.COLUMNS - set(reader.fieldnames or ())
        if missing:
            raise FeedError(f"{path} is no {source} log: no column {', '.join(sorted(missing))}")
        for event in adapter.events(_whole(reader)):
            yield Item(reader.line_num, milliseconds(str(event["occurred_at"])), event)
    except AdapterError as error:
        raise FeedError(f"{path}, line {reader.line_num}: {error}") from error
    except (csv.Error, UnicodeDecodeError, OSError, EOFError) as error:
        raise FeedError(f"{path}, line {reader.line_num}, cannot be read: {error}") from error


def _whole(reader: "csv.DictReader[str]") -> Iterator[Row]:
    for row in reader:
        if None in row or None in row.values():
            raise AdapterError("the row has not as many columns as the header")
        yield row


def _lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    try:
        yield from file
    except (OSError, EOFError) as error:
        raise FeedError(f"{path} cannot be read to its end: {error}") from error
