"""`uptake replay`: a file of a real log goes in through a real entrance, at its own event times.

Ids come from the facts of the file, so a second replay of it is recognised and changes no number.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter
from pathlib import Path
from threading import Event, current_thread, main_thread
from time import monotonic
from typing import Literal

from rich.console import Console

from schemas.stopping import Exit
from uptake.feed.errors import Stopped
from uptake.feed.files import items
from uptake.feed.item import Item, Refusal, Sender
from uptake.feed.position import PositionFile, fingerprint
from uptake.feed.progress import Report, progress
from uptake.feed.senders import Way, sender
from uptake.feed.target import read

Source = Literal["lms", "ticketing", "crm"]

SHOWN_REFUSALS = 10


@dataclass
class Result:
    """What came of a replay. `sent`: acknowledged this time; `skipped`: acknowledged before."""

    sent: int = 0
    skipped: int = 0
    refused: list[Refusal] = field(default_factory=list)
    seconds: float = 0.0


def replay(
    source: Source,
    file: Path,
    via: Way,
    config: Path,
    speed: float | None = None,
    console: Console | None = None,
) -> int:
    """Replay `file` into the Uptake of the run.json `config`; return the exit code.

    `speed` event seconds pass in one second; then events go in the order of their times. None: as
    fast as possible, in the order of the file. 0: all acknowledged; 1: some refused; 130: stopped.
    Raises FeedError when it cannot go on.
    """
    console = console or Console()
    stop = Event()
    with stopped_by_signals(stop):
        try:
            result = _replay(source, file, via, config, speed, console, stop)
        except Stopped:
            console.print("Stopped. The same command goes on from here.")
            return Exit.INTERRUPTED
    _summary(result, console)
    return Exit.FAILED if result.refused else Exit.DONE


def _replay(
    source: Source,
    file: Path,
    via: Way,
    config: Path,
    speed: float | None,
    console: Console,
    stop: Event,
) -> Result:
    target = read(config)
    total = sum(1 for _ in items(source, file))
    order = "file" if speed is None else "time"
    name = f"{source} {via} {order} {fingerprint(file)}"
    position = PositionFile(config.resolve().parent, target, name)
    feed = items(source, file) if speed is None else in_time(items(source, file))
    way_in = sender(via, target, source, stop)
    try:
        with progress(f"replay {source}", total, console) as report:
            result = pump(feed, way_in, position, Pace(speed, stop), report)
    finally:
        way_in.close()
    return result


def in_time(feed: Iterator[Item]) -> Iterator[Item]:
    """The items in the order of their event times, equal times as they came."""
    return iter(sorted(feed, key=attrgetter("at")))


class Pace:
    """When an item is due: event time passes `speed` times as fast as the clock."""

    def __init__(
        self, speed: float | None, stop: Event, clock: Callable[[], float] = monotonic
    ) -> None:
        self._speed = speed
        self._stop = stop
        self._clock = clock
        self._start: tuple[float, int] | None = None

    def due_in(self, item: Item) -> float:
        """Seconds until `item` is due; the first one asked for is due at once."""
        if self._speed is None:
            return 0.0
        if self._start is None:
            self._start = (self._clock(), item.at)
        began, first = self._start
        return began + (item.at - first) / 1000 / self._speed - self._clock()

    def wait(self, seconds: float) -> None:
        """Wait. Raises Stopped when asked to stop."""
        if self._stop.wait(max(seconds, 0.0)):
            raise Stopped("stopped")


def pump(
    feed: Iterator[Item], way_in: Sender, position: PositionFile, pace: Pace, report: Report
) -> Result:
    """Send what was not sent before, in batches, and remember each that was acknowledged.

    Raises FeedError and its kinds; what was acknowledged until then is remembered.
    """
    started = monotonic()
    result = Result(skipped=position.read())
    rest = islice(feed, result.skipped, None)
    report(result.skipped)
    for batch in _batches(rest, way_in.batch, pace):
        result.refused += way_in.send(batch)
        result.sent += len(batch)
        position.write(result.skipped + result.sent)
        report(result.skipped + result.sent)
    position.remove()
    result.sent -= len(result.refused)
    result.seconds = monotonic() - started
    return result


def _batches(feed: Iterator[Item], size: int, pace: Pace) -> Iterator[list[Item]]:
    """Batches of items that are due; a batch does not wait for an item that is not."""
    batch: list[Item] = []
    for item in feed:
        wait = pace.due_in(item)
        if batch and (wait > 0 or len(batch) >= size):
            yield batch
            batch = []
        pace.wait(pace.due_in(item))
        batch.append(item)
    if batch:
        yield batch


def _summary(result: Result, console: Console) -> None:
    for refusal in result.refused[:SHOWN_REFUSALS]:
        text = f"refused, line {refusal.item.line}: {refusal.reason}"
        console.print(text, highlight=False, markup=False)
    before = f" ({result.skipped} were before)" if result.skipped else ""
    rate = result.sent / result.seconds if result.seconds else 0.0
    console.print(
        f"{result.sent} events acknowledged{before}, {len(result.refused)} refused, "
        f"{result.seconds:.1f} s, {rate:,.0f} a second",
        highlight=False,
    )


@contextmanager
def stopped_by_signals(stop: Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM set `stop`, so that the batch on its way is finished and remembered;
    a second one ends at once."""
    if current_thread() is not main_thread():
        yield
        return

    def ask(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    wanted = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, ask) for number in wanted]
    try:
        yield
    finally:
        for number, handler in zip(wanted, before, strict=True):
            signal.signal(number, handler)
