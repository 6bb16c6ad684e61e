"""Sends a load by both ways in, and keeps the account of what was acknowledged."""

import http.client
import json
from collections import Counter
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final, NamedTuple
from uuid import uuid4

from schemas.codec import Codec
from tests.chaos.load import Load, Piece, Way
from tests.chaos.transactions import Transactions
from uptake.feed.errors import Unavailable
from uptake.feed.item import Item
from uptake.feed.kafka import RecordWriter, flat
from uptake.feed.target import Target
from uptake.local.ports import LOOPBACK

_ANSWER_SECONDS: Final = 6.0
"""Shorter than the collector waits for Kafka: what is sent again may have been written."""
_AGAIN_SECONDS: Final = 0.25
_PATIENCE_SECONDS: Final = 120.0
_GHOSTS: Final = 5
_WAYS: Final[tuple[Way, ...]] = ("http", "kafka")


class Moment(NamedTuple):
    """New events were acknowledged `at` (monotonic seconds)."""

    at: float
    ids: list[bytes]


class Ledger:
    """What was acknowledged. Safe to read from other threads."""

    def __init__(self) -> None:
        self.ids: set[bytes] = set()
        """Of events acknowledged at least once."""
        self.acknowledged: Counter[str] = Counter()
        """Events by source, each time that they were acknowledged; broken ones too."""
        self.broken: Counter[str] = Counter()
        """Broken ones among them."""
        self.unanswered: Counter[str] = Counter()
        """Events by source that were sent without an acknowledgement: some may have been taken."""
        self.moments: list[Moment] = []
        self._lock = Lock()

    def note(self, piece: Piece) -> None:
        """All of the piece was acknowledged."""
        with self._lock:
            self.acknowledged[piece.source] += len(piece.items)
            if piece.sort == "broken":
                self.broken[piece.source] += len(piece.items)
            self.ids.update(piece.ids)
            if piece.sort == "new":
                self.moments.append(Moment(monotonic(), piece.ids))

    def note_unanswered(self, piece: Piece) -> None:
        """The piece was sent, and nobody said what became of it."""
        with self._lock:
            self.unanswered[piece.source] += len(piece.items)


class Feeder:
    """One thread for each way in. Each piece is sent when its time has come, again and again
    until it is acknowledged. `lie`: claim one event that was never sent."""

    def __init__(
        self,
        load: Load,
        target: Target,
        collector: int,
        seconds: float,
        real: bool,
        lie: bool = False,
    ) -> None:
        """`collector`: port to post to; `seconds`: how long the feed is to last; `real`: it is an
        Apache Kafka (the embedded broker delivers what was aborted)."""
        self.ledger = Ledger()
        self._load = load
        self._target = target
        self._collector = collector
        self._seconds = seconds
        self._real = real
        self._lie = lie
        self._stop = Event()
        self._errors: list[Exception] = []
        self._began = 0.0
        self._threads = [
            Thread(target=self._run, args=(way,), name=f"feeder {way}", daemon=True)
            for way in _WAYS
        ]

    def start(self) -> None:
        """Begin."""
        self._began = monotonic()
        for thread in self._threads:
            thread.start()

    def feeding(self) -> bool:
        """Whether there is something left. Raises what went wrong."""
        if self._errors:
            raise self._errors[0]
        return any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Leave it at that."""
        self._stop.set()

    def _run(self, way: Way) -> None:
        door: _Http | _Kafka = _Kafka(self._target, self._real)
        if way == "http":
            door = _Http(self._target, self._collector)
        try:
            for piece in self._load.pieces:
                if piece.way == way:
                    self._stop.wait(self._began + piece.at * self._seconds - monotonic())
                    self._send(door, piece)
                if self._stop.is_set():
                    return
        except Exception as error:  # noqa: BLE001 - told to whoever asks whether we go on
            self._errors.append(error)
        finally:
            door.close()

    def _send(self, door: "_Http | _Kafka", piece: Piece) -> None:
        sent = piece.items
        if self._lie and piece.sort == "new":
            self._lie = False
            sent = sent[1:]
        limit = monotonic() + _PATIENCE_SECONDS
        while not door.send(piece.source, sent):
            self.ledger.note_unanswered(piece)
            if monotonic() > limit:
                raise TimeoutError(f"{piece.way} took no events for {_PATIENCE_SECONDS:.0f} s")
            if self._stop.wait(_AGAIN_SECONDS):
                return
        self.ledger.note(piece)


class _Http:
    def __init__(self, target: Target, port: int) -> None:
        self._headers = {
            "Authorization": f"Bearer {target.key}",
            "Content-Type": "application/json",
            "X-Experience-API-Version": "1.0.3",
        }
        self._port = port
        self._connection: http.client.HTTPConnection | None = None

    def send(self, source: str, items: list[Item]) -> bool:
        """Whether all was acknowledged. Raises ValueError where it never will be."""
        path = "/xapi/statements" if source == "lms" else f"/events/{source}"
        body = b"[" + b",".join(item.json() for item in items) + b"]"
        if self._connection is None:
            self._connection = http.client.HTTPConnection(LOOPBACK, self._port, _ANSWER_SECONDS)
        try:
            self._connection.request("POST", path, body, self._headers)
            answer = self._connection.getresponse()
            told = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            return False
        if answer.status >= 500 or answer.status in (408, 429):
            return False
        if answer.status >= 300:
            raise ValueError(f"the collector answers {answer.status}: {told[:300]!r}")
        return True

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Kafka:
    """Writes as tools do. Where `real`, every third time in a transaction, after another one with
    events of its own that is aborted."""

    def __init__(self, target: Target, real: bool) -> None:
        self._writer = RecordWriter(target, Event())
        self._encode = Codec("").encode
        self._transactions = Transactions(target.kafka)
        self._real = real
        self._sent = 0

    def send(self, source: str, items: list[Item]) -> bool:
        """Whether all was acknowledged."""
        topic = f"events.{source}"
        values = [self._value(item) for item in items]
        self._sent += 1
        if self._real and self._sent % 3 == 0:
            ghosts = [self._value(_ghost(item)) for item in items[:_GHOSTS]]
            return self._transactions.write(topic, values, ghosts)
        try:
            self._writer.write(topic, values)
        except Unavailable:
            return False
        return True

    def close(self) -> None:
        self._transactions.close()
        self._writer.close()

    def _value(self, item: Item) -> bytes:
        return item.event if isinstance(item.event, bytes) else self._encode(flat(item))


def _ghost(item: Item) -> Item:
    """Another event, that must never be seen."""
    if not isinstance(item.event, bytes):
        return item._replace(event={**item.event, "id": str(uuid4())})
    try:
        statement = json.loads(item.event)
    except ValueError:
        return item
    return item._replace(event=json.dumps({**statement, "id": str(uuid4())}).encode())
