"""One partition of one agent: takes records in order, ends epochs.

The order of an epoch: records are applied one by one and what they say is sent; at the end the
stage's last outputs are sent; when the broker has acknowledged every output, the one record of the
epoch is written; when that is acknowledged, the input counts as done. A crash anywhere in between
repeats the epoch, and the outputs say the same again.
"""

import asyncio
from collections.abc import Callable, Iterable
from enum import Enum
from time import monotonic, perf_counter

from schemas.metrics import EPOCH_SECONDS
from schemas.settings import WorkerSettings
from streams.agents import garbage
from streams.model.stage import DECIDE_RECORDS, Memory, Output, Stage
from streams.state.errors import Guard
from streams.state.log import Acknowledged, EpochLog, Sender
from streams.state.rows import EpochRows, Sealed

_GATHER_SECONDS = 0.05
"""The first epoch after a quiet time waits this long for company."""

_BEHIND_SECONDS = 3.0
"""An epoch takes so long while much is waiting: what it says would be old soon, and to say it
seldom leaves more time to catch up."""

_PAUSE_FACTOR = 9
"""Ending epochs takes at most about a tenth of a lane's time. What an epoch says, such as the
sliding windows that a changed minute moves, costs about the same for few events as for many."""

_LONGEST_PAUSE_SECONDS = 5.0


class Verdict(Enum):
    """What became of a record."""

    TAKEN = "taken"
    REPEATED = "repeated"
    EARLY = "early"


class Lane:
    """See the module's head. `failed` is told what stops the worker."""

    def __init__(
        self,
        agent: str,
        rows: EpochRows,
        stage: Stage,
        log: EpochLog,
        sender: Sender,
        settings: WorkerSettings,
        alone: bool,
        failed: Callable[[Exception], None],
    ) -> None:
        self.rows = rows
        self.done = rows.position
        """The input offset that the log has reached."""
        self._agent = agent
        self._stage = stage
        self._log = log
        self._sender = sender
        self._settings = settings
        self._alone = alone
        self._failed = failed
        self._lock = asyncio.Lock()
        self._sent: list[asyncio.Future[Acknowledged]] = []
        self._begun: float | None = None
        self._epochs = 0
        self._not_before = 0.0
        self._flight: asyncio.Task[None] | None = None

    async def take(self, value: bytes, offset: int) -> Verdict:
        """Apply one record if it is the next one. Raises what the stage and the producer raise."""
        async with self._lock:
            next_offset = self.rows.position + 1
            if offset < next_offset:
                return Verdict.REPEATED
            if offset > next_offset:
                return Verdict.EARLY
            outputs = await self._applied(value, offset)
            self.rows.position = offset
            if self._begun is None:
                self._begun = monotonic()
            await self._send(outputs)
        if self._is_whole(offset):
            await self.end_epoch()
        return Verdict.TAKEN

    async def _applied(self, value: bytes, offset: int) -> Iterable[Output]:
        """What the stage says of a record. Where it may let go of memory, it may pass over all
        rows, for longer than a session: then it does so beside the loop, which tells the broker
        meanwhile that we live. Nothing else touches the rows while the lock is held."""
        if offset % DECIDE_RECORDS == 0:
            return await asyncio.to_thread(self._stage.apply, value, offset)
        return self._stage.apply(value, offset)

    def _is_whole(self, offset: int) -> bool:
        """Whether the epoch is to be ended after this record, whatever the time."""
        decides = (offset + 1) % DECIDE_RECORDS == 0
        return decides or self.rows.changed_bytes() >= self._settings.epoch_bytes

    @property
    def memory(self) -> Memory:
        """See `streams.model.stage.Stage`."""
        return self._stage.memory

    @property
    def is_taking(self) -> bool:
        """Whether a record is being applied, or waits for an epoch to be sent."""
        return self._lock.locked()

    def is_due(self, now: float, behind: bool = False) -> bool:
        """Whether the epoch is to be ended by time. `now` is monotonic; `behind`: much is
        waiting."""
        if self._begun is None or self._is_flying():
            return False
        least = _BEHIND_SECONDS if behind else _GATHER_SECONDS
        return now >= self._begun + least and now >= self._not_before

    async def end_epoch(self) -> None:
        """Seal what was applied and begin to write it; waits for the epoch before."""
        async with self._lock:
            await self.landed()
            if self._begun is None:
                return
            begun = perf_counter()
            outputs = self._stage.seal(self.rows.position)
            await self._send(outputs)
            sealed = self.rows.seal()
            self._epochs += 1
            garbage.epoch_ended(self._epochs)
            self._pause(perf_counter() - begun)
            sent, self._sent = self._sent, []
            self._begun = None
            self._flight = asyncio.create_task(self._write(sealed, sent))

    async def landed(self) -> None:
        """Wait until nothing is in flight, be it written or failed."""
        if self._flight is not None:
            await asyncio.wait([self._flight])

    def _is_flying(self) -> bool:
        return self._flight is not None and not self._flight.done()

    def _pause(self, took: float) -> None:
        pause = min(_LONGEST_PAUSE_SECONDS, took * _PAUSE_FACTOR)
        self._not_before = monotonic() + max(self._settings.epoch_seconds, pause)

    async def _send(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            self._sent.append(await self._sender.send(output))

    async def _write(self, sealed: Sealed, sent: list[asyncio.Future[Acknowledged]]) -> None:
        begun = perf_counter()
        with Guard(self._failed):
            await asyncio.gather(*sent)
            offset = await self._log.append(sealed.record, self._agent)
            self.rows.written(sealed, offset, self._alone)
            self.done = sealed.position
            before = self.rows.cut()
            if before is not None:
                await self._log.cut(before)
        EPOCH_SECONDS.labels(self._agent).observe(perf_counter() - begun)
