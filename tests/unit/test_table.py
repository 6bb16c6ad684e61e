"""The table behind which the state's log lies: what Faust has read is handed over, or refused."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP

from schemas.topics import state_topic
from streams.state import table as module
from streams.state.errors import InputLost, LogCutShort, LogEmpty, LogNotRead
from streams.state.rows import EpochRows
from streams.state.table import EpochTable
from tests.fixtures.faust_parts import made

_LOG = TP(state_topic("learners"), 0)


class _Owner:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.parts: Mapping[int, EpochRows] | None = None
        self.error: Exception | None = None

    def lost(self) -> None:
        """Nothing to do."""

    def gained(self, parts: Mapping[int, EpochRows]) -> None:
        """See Owner."""
        self.parts = parts

    def failed(self, error: Exception) -> None:
        """See Owner."""
        self.error = error


class _Reading:
    """Partition 0 of the learners' log, read back by a consumer that is played.

    `log` and `source` are the first offset and the end; `taken` is what is committed of the input.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.log = (0, 0)
        self.source = (0, 100)
        self.taken = 0
        self.while_asked: Callable[[], None] = lambda: None
        self.owner = _Owner()
        app = made(folder).app
        self.table = cast(EpochTable, app.tables["learners"])
        self.table.belongs_to(self.owner)
        consumer = cast(Any, app.consumer)
        consumer.earliest_offsets = self._earliest
        consumer.highwaters = self._ends
        patch.setattr(module, "committed_offset", self._committed)
        patch.setattr(module, "commit_offsets", self._commit)

    async def _earliest(self, *places: TP) -> dict[TP, int]:
        return {tp: (self.log if tp == _LOG else self.source)[0] for tp in places}

    async def _ends(self, *places: TP) -> dict[TP, int]:
        return {tp: (self.log if tp == _LOG else self.source)[1] for tp in places}

    async def _committed(self, app: object, tp: TP) -> int:
        self.while_asked()
        return self.taken

    async def _commit(self, app: object, offsets: object) -> bool:
        return True

    def rebalance(self) -> None:
        """What a table is told first."""
        task = self.table.store.on_rebalance(set(), set(), set())
        with pytest.raises(StopIteration):
            task.send(None)

    def begin(self) -> None:
        """What Faust asks when it begins to read."""
        self.table.persisted_offset(_LOG)

    def fold(self, record: bytes, offset: int) -> None:
        """A record of the log comes."""
        message = SimpleNamespace(topic=_LOG.topic, partition=0, value=record, offset=offset)
        self.table.store.apply_changelog_batch(
            [cast(Any, SimpleNamespace(message=message))], int, cast(Any, int)
        )

    async def complete(self) -> Exception | None:
        """Faust has read all that it meant to; what that comes to."""
        await self.table.on_recovery_completed({_LOG}, set())
        return self.owner.error


def _epochs(count: int) -> list[bytes]:
    rows = EpochRows()
    rows.begin_at(0)
    made: list[bytes] = []
    for number in range(count):
        rows.put(b"key", number)
        rows.position = number
        sealed = rows.seal()
        rows.written(sealed, number, alone=True)
        made.append(sealed.record)
    return made


@pytest.fixture
def reading(
    loop: asyncio.AbstractEventLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> _Reading:
    """Ready to be told of its first partition."""

    async def make() -> _Reading:
        return _Reading(tmp_path, monkeypatch)

    return loop.run_until_complete(make())


def test_what_was_read_is_handed_over(loop: asyncio.AbstractEventLoop, reading: _Reading) -> None:
    reading.rebalance()
    reading.begin()
    reading.log = (0, 3)
    for offset, record in enumerate(_epochs(3)):
        reading.fold(record, offset)
    assert loop.run_until_complete(reading.complete()) is None
    assert reading.owner.parts is not None
    assert reading.owner.parts[0].position == 2


def test_a_rebalance_while_the_broker_is_asked_makes_no_log_empty(
    loop: asyncio.AbstractEventLoop, reading: _Reading
) -> None:
    reading.rebalance()
    reading.begin()
    reading.taken = 21
    reading.while_asked = reading.rebalance
    assert loop.run_until_complete(reading.complete()) is None
    assert reading.owner.parts is None


def test_a_reading_that_ends_between_a_rebalance_and_the_next_reading_is_nobodys(
    loop: asyncio.AbstractEventLoop, reading: _Reading
) -> None:
    reading.rebalance()
    reading.begin()
    reading.rebalance()
    reading.taken = 21
    assert loop.run_until_complete(reading.complete()) is None
    assert reading.owner.parts is None


def test_nothing_is_said_of_a_log_that_was_not_read(
    loop: asyncio.AbstractEventLoop, reading: _Reading
) -> None:
    reading.rebalance()
    reading.begin()
    reading.taken = 21
    reading.log = (4, 9)
    assert isinstance(loop.run_until_complete(reading.complete()), LogNotRead)


def test_nothing_is_said_of_a_log_of_which_the_beginning_was_not_read(
    loop: asyncio.AbstractEventLoop, reading: _Reading
) -> None:
    reading.rebalance()
    reading.begin()
    reading.log = (0, 3)
    reading.fold(_epochs(3)[2], 2)
    assert isinstance(loop.run_until_complete(reading.complete()), LogNotRead)


@pytest.mark.parametrize(
    ("log", "source", "taken", "told"),
    [((7, 7), (0, 100), 21, LogEmpty), ((7, 7), (5, 100), 0, InputLost)],
)
def test_an_empty_log(
    loop: asyncio.AbstractEventLoop,
    reading: _Reading,
    log: tuple[int, int],
    source: tuple[int, int],
    taken: int,
    told: type[Exception],
) -> None:
    reading.rebalance()
    reading.begin()
    reading.log, reading.source, reading.taken = log, source, taken
    assert isinstance(loop.run_until_complete(reading.complete()), told)


def test_a_log_without_its_beginning(loop: asyncio.AbstractEventLoop, reading: _Reading) -> None:
    reading.rebalance()
    reading.begin()
    reading.log = (2, 3)
    reading.fold(_epochs(3)[2], 2)
    assert isinstance(loop.run_until_complete(reading.complete()), LogCutShort)
