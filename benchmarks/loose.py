"""The worker without what makes it exact: at most once, and nothing of its state is durable.

No check of offsets, no memory of event ids, no epoch log, nothing that was sent is waited for, and
the producer asks for the acknowledgement of one broker only. What it says is the same as long as
nothing goes wrong and no event comes twice.

    python -m benchmarks.loose worker --config FILE
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

from faust import App

from schemas.metrics import EPOCH_SECONDS
from schemas.records import Coordinates
from schemas.settings import Settings
from schemas.settings_load import load
from streams.agents import patches, runner, worker
from streams.agents.lane import Lane, Verdict
from streams.model import learners
from streams.model.stage import Output, Rows


class LooseLane(Lane):
    """Takes what comes and waits for nothing."""

    async def take(self, value: bytes, offset: int) -> Verdict:
        """Apply one record."""
        async with self._lock:
            outputs = self._stage.apply(value, offset)
            self.rows.position = offset
            if self._begun is None:
                self._begun = monotonic()
            await self._send(outputs)
        if self._is_whole(offset):
            await self.end_epoch()
        return Verdict.TAKEN

    async def end_epoch(self) -> None:
        """Say what changed; rows go back to where they lie, and nowhere else."""
        async with self._lock:
            if self._begun is None:
                return
            begun = perf_counter()
            await self._send(self._stage.seal(self.rows.position))
            count = len(self.rows._dirty)
            _, size = self.rows._encode_changes()
            self.rows._mean_bytes = max(1.0, size / max(1, count))
            self._pause(perf_counter() - begun)
            self._begun = None
            self.done = self.rows.position
            EPOCH_SECONDS.labels(self._agent).observe(perf_counter() - begun)

    async def _send(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            await self._sender.send(output)


class NoMemory:
    """In the place of the memory of event ids."""

    def __init__(self, rows: Rows) -> None:
        self.by_day: dict[int, int] = {}

    def recovered(self) -> None:
        """Nothing to rebuild."""

    def first(self, event_id: bytes) -> Coordinates | None:
        """Every event is new."""
        return None

    def remember(self, *_: object) -> None:
        """Nothing."""

    def settle(self) -> None:
        """Nothing."""

    def forget(self, before: int) -> None:
        """Nothing."""


_install = patches.install
_settings = worker._app_settings


def _not_idempotent(app: App, idempotent: bool) -> None:
    _install(app, idempotent=False)


def _one_acknowledgement(settings: Settings, folder: str) -> Mapping[str, Any]:
    return {**_settings(settings, folder), "producer_acks": 1}


def loosen() -> None:
    """Put the above in the places of the product's own, in this process."""
    for place, name, other in (
        (runner, "Lane", LooseLane),
        (learners, "IdMemory", NoMemory),
        (patches, "install", _not_idempotent),
        (worker, "_app_settings", _one_acknowledgement),
    ):
        setattr(place, name, other)


def main() -> int:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("process")
    parser.add_argument("--config", type=Path, required=True)
    settings = load(parser.parse_args().config).settings
    loosen()
    return worker.run(settings)


if __name__ == "__main__":
    sys.exit(main())
