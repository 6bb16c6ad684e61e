"""`uptake send`: one event, or a file of them, for a first try."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Literal
from uuid import uuid4

import msgspec
from rich.console import Console

from schemas.adapters.common import AdapterError, CompactEvent, milliseconds
from uptake.feed.errors import FeedError
from uptake.feed.files import open_file
from uptake.feed.item import Item
from uptake.feed.senders import Way, sender
from uptake.feed.target import read

Source = Literal["lms", "ticketing", "crm"]

_OBJECTS = {
    "lms": ("https://lms.example/module/1", "http://adlnet.gov/expapi/activities/module"),
    "ticketing": ("https://desk.example/ticket/1", "as:issue"),
    "crm": (
        "https://crm.example/opportunity/1",
        "https://w3id.org/uptake/types/opportunity",
    ),
}


def send(
    source: Source, file: Path | None, via: Way, config: Path, console: Console | None = None
) -> int:
    """Send the events of `file`, or an example that is printed; return the exit code.

    `file` holds compact events or xAPI statements (lms), as a JSON array or one object a line.
    0: all acknowledged; 1: some refused. Raises FeedError when it cannot go on.
    """
    console = console or Console()
    items = [_item(1, example(source))] if file is None else list(read_file(file))
    way_in = sender(via, read(config), source, Event())
    try:
        refused = [refusal for part in _parts(items, way_in.batch) for refusal in way_in.send(part)]
    finally:
        way_in.close()
    if file is None:
        text = msgspec.json.format(items[0].json(), indent=2).decode()
        console.print(text, highlight=False, markup=False)
    for refusal in refused:
        text = f"refused, line {refusal.item.line}: {refusal.reason}"
        console.print(text, highlight=False, markup=False)
    console.print(f"{len(items) - len(refused)} acknowledged, {len(refused)} refused")
    return 1 if refused else 0


def example(source: Source) -> CompactEvent:
    """An event of now, valid at the door of `source`: for lms an xAPI statement."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    thing, kind = _OBJECTS[source]
    if source == "lms":
        return {
            "id": str(uuid4()),
            "actor": {"account": {"homePage": "https://people.example", "name": "first-try"}},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/initialized"},
            "object": {"id": thing, "definition": {"type": kind}},
            "timestamp": now,
        }
    return {
        "id": str(uuid4()),
        "occurred_at": now,
        "learner": "first-try",
        "issuer": "https://people.example",
        "verb": "as:create",
        "object": {"id": thing, "type": kind},
    }


def _parts(items: list[Item], size: int) -> Iterator[list[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def read_file(file: Path) -> Iterator[Item]:
    """The events of a file: a JSON array, or one object a line. Raises FeedError."""
    with open_file(file) as content:
        text = content.read()
    try:
        if text.lstrip()[:1] == b"[":
            events = msgspec.json.decode(text, type=list[CompactEvent])
        else:
            events = msgspec.json.Decoder(CompactEvent).decode_lines(text)
    except msgspec.MsgspecError as error:
        raise FeedError(f"{file} holds no JSON objects: {error}") from error
    for line, event in enumerate(events, 1):
        yield _item(line, event)


def _item(line: int, event: CompactEvent) -> Item:
    """A statement stays JSON; a compact event without a readable time is refused at the door."""
    if "actor" in event:
        return Item(line, 0, msgspec.json.encode(event))
    try:
        at = milliseconds(str(event.get("occurred_at", "")))
    except AdapterError as error:
        raise FeedError(f"event {line}: {error}") from error
    return Item(line, at, event)
