"""One partition of an agent, with a played broker: what is sent when, and what is refused."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from time import monotonic

import msgspec
import pytest

from schemas.settings import KafkaSettings, WorkerSettings
from streams.agents.lane import Lane, Verdict
from streams.model.stage import NEVER, Memory, Output
from streams.state.errors import ForeignWriter
from streams.state.log import Acknowledged, EpochLog, Trimmer
from streams.state.rows import EpochRows

LOG = "log"


class Place(msgspec.Struct):
    """What the broker says of a record."""

    offset: int


class Played:
    """A producer whose acknowledgements come when the test says so."""

    def __init__(self) -> None:
        self.sent: list[tuple[Output, asyncio.Future[Acknowledged]]] = []
        self.failures: list[Exception] = []

    async def send(self, output: Output) -> "asyncio.Future[Acknowledged]":
        future: asyncio.Future[Acknowledged] = asyncio.get_running_loop().create_future()
        self.sent.append((output, future))
        return future

    def topics(self) -> list[str]:
        return [output.topic for output, _ in self.sent]

    async def acknowledge(self, number: int, offset: int = 0) -> None:
        self.sent[number][1].set_result(Place(offset))
        await settle()


class Toy:
    """Says one thing for each record and one at the end of an epoch."""

    def __init__(self, rows: EpochRows) -> None:
        self.rows = rows

    memory = Memory(NEVER, 0, False)

    def recovered(self) -> None: ...

    def apply(self, value: bytes, offset: int) -> list[Output]:
        if value == b"bad":
            raise msgspec.DecodeError("bad")
        self.rows.put(value, offset)
        return [Output("out", 0, value)]

    def seal(self, position: int) -> list[Output]:
        return [Output("end", 0, b"%d" % position)]


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


def make(
    played: Played, epoch_bytes: int = 400_000, stage: Callable[[EpochRows], Toy] = Toy
) -> Lane:
    rows = EpochRows()
    log = EpochLog(LOG, 0, played, Trimmer(KafkaSettings(memory_only=True)))
    settings = WorkerSettings(epoch_bytes=epoch_bytes)
    return Lane("learners", rows, stage(rows), log, played, settings, True, played.failures.append)


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(_awaited(test), 10))


async def _awaited(test: Callable[[], Awaitable[None]]) -> None:
    await test()


def test_records_are_taken_once_and_in_order() -> None:
    async def test() -> None:
        lane = make(Played())
        assert await lane.take(b"a", 1) is Verdict.EARLY
        assert await lane.take(b"a", 0) is Verdict.TAKEN
        assert await lane.take(b"a", 0) is Verdict.REPEATED
        assert await lane.take(b"c", 2) is Verdict.EARLY
        assert await lane.take(b"b", 1) is Verdict.TAKEN
        assert lane.rows.position == 1

    run(test)


class Forgetful(Toy):
    """Before a record it passes over all rows, which takes until the test says so."""

    def __init__(
        self, rows: EpochRows, begun: threading.Event, others_ran: threading.Event
    ) -> None:
        super().__init__(rows)
        self._begun = begun
        self._others_ran = others_ran

    def apply(self, value: bytes, offset: int) -> list[Output]:
        self._begun.set()
        assert self._others_ran.wait(5)
        return super().apply(value, offset)


def test_others_run_while_memory_is_let_go_of() -> None:
    async def test() -> None:
        played = Played()
        begun, others_ran = threading.Event(), threading.Event()
        lane = make(played, stage=lambda rows: Forgetful(rows, begun, others_ran))
        taken = asyncio.create_task(lane.take(b"a", 0))
        while not begun.is_set():
            await asyncio.sleep(0)
        ended = asyncio.create_task(lane.end_epoch())
        await settle()
        assert played.sent == []
        others_ran.set()
        assert await taken is Verdict.TAKEN
        await ended
        assert played.topics() == ["out", "end"]

    run(test)


def test_outputs_go_out_at_once() -> None:
    async def test() -> None:
        played = Played()
        await make(played).take(b"a", 0)
        assert played.topics() == ["out"]

    run(test)


def test_the_epoch_is_written_after_every_output_was_acknowledged() -> None:
    async def test() -> None:
        played = Played()
        lane = make(played)
        await lane.take(b"a", 0)
        await lane.take(b"b", 1)
        await lane.end_epoch()
        assert played.topics() == ["out", "out", "end"]
        await played.acknowledge(0)
        await played.acknowledge(2)
        assert LOG not in played.topics()
        await played.acknowledge(1)
        assert played.topics() == ["out", "out", "end", LOG]
        assert lane.done == -1
        await played.acknowledge(3, offset=0)
        assert lane.done == 1
        assert played.failures == []

    run(test)


def test_records_are_taken_while_an_epoch_is_written_but_no_second_epoch_begins() -> None:
    async def test() -> None:
        played = Played()
        lane = make(played)
        await lane.take(b"a", 0)
        await lane.end_epoch()
        assert await lane.take(b"b", 1) is Verdict.TAKEN
        assert not lane.is_due(monotonic() + 1_000)
        second = asyncio.create_task(lane.end_epoch())
        await settle()
        assert played.topics() == ["out", "end", "out"]
        for number in range(3):
            await played.acknowledge(number)
        await played.acknowledge(3)
        await second
        assert played.topics()[3:] == [LOG, "end"]
        assert lane.done == 0

    run(test)


def test_an_epoch_is_ended_when_much_was_changed() -> None:
    async def test() -> None:
        played = Played()
        lane = make(played, epoch_bytes=1_000)
        for offset in range(5):
            await lane.take(b"%d" % offset, offset)
        assert played.topics().count("end") == 1

    run(test)


def test_an_epoch_without_records_is_not_written() -> None:
    async def test() -> None:
        played = Played()
        lane = make(played)
        assert not lane.is_due(monotonic() + 1_000)
        await lane.end_epoch()
        await lane.landed()
        assert played.sent == []

    run(test)


def test_the_first_epoch_comes_soon_and_the_next_one_after_its_time() -> None:
    async def test() -> None:
        played = Played()
        lane = make(played)
        await lane.take(b"a", 0)
        assert not lane.is_due(monotonic())
        assert lane.is_due(monotonic() + 0.1)
        await lane.end_epoch()
        for number in range(3):
            if number == 2:
                await settle()
            await played.acknowledge(number)
        await lane.take(b"b", 1)
        assert not lane.is_due(monotonic() + 0.5)
        assert lane.is_due(monotonic() + 1.1)

    run(test)


def test_an_epoch_takes_longer_while_much_is_waiting() -> None:
    async def test() -> None:
        lane = make(Played())
        await lane.take(b"a", 0)
        assert not lane.is_due(monotonic() + 2.0, behind=True)
        assert lane.is_due(monotonic() + 2.0, behind=False)
        assert lane.is_due(monotonic() + 3.1, behind=True)

    run(test)


def test_a_refused_output_stops_the_worker_and_nothing_is_written() -> None:
    async def test() -> None:
        played = Played()
        lane = make(played)
        await lane.take(b"a", 0)
        await lane.end_epoch()
        played.sent[0][1].set_exception(OSError("refused"))
        await lane.landed()
        assert [str(error) for error in played.failures] == ["refused"]
        assert LOG not in played.topics()
        assert lane.done == -1

    run(test)


def test_another_writer_stops_the_worker() -> None:
    async def test() -> None:
        played = Played()
        lane = make(played)
        await lane.take(b"a", 0)
        await lane.end_epoch()
        await played.acknowledge(0)
        await played.acknowledge(1)
        await played.acknowledge(2, offset=7)
        assert [type(error) for error in played.failures] == [ForeignWriter]
        assert lane.done == -1

    run(test)


def test_a_malformed_record_is_our_bug() -> None:
    async def test() -> None:
        lane = make(Played())
        with pytest.raises(msgspec.DecodeError):
            await lane.take(b"bad", 0)
        assert lane.rows.position == -1

    run(test)
