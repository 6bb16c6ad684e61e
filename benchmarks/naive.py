"""The learners' work as one writes it first in Faust: one event a message, default settings.

Each statement is decoded, looked up in a table of ids seen, given its learner's team, and counted
in a table of windows. Faust writes a changelog record for each change of a table.

Prints one line of JSON: {"events", "seconds", "cpu_seconds", "peak_mib"}; seconds from the first
event to the last one, with its changelog written.
"""

import argparse
import os
import time
import traceback
from datetime import datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any

import faust
import msgspec
import orjson

from benchmarks.bare import Answer
from benchmarks.machine import memory_mib
from benchmarks.workload import team

_WINDOW_SECONDS = 300


class Naive:
    """The app. `events`: how many to wait for."""

    def __init__(self, bootstrap: str, topic: str, events: int, learners: int, folder: str) -> None:
        self.app = faust.App(
            "bench-naive",
            broker=f"kafka://{bootstrap}",
            datadir=folder,
            store="memory://",
            web_enabled=False,
            topic_partitions=3,
            consumer_auto_offset_reset="earliest",
        )
        self._events = events
        self._teams = {f"learner-{number:06d}": team(number) for number in range(learners)}
        self._done = 0
        self._began = 0.0
        self._cpu = 0.0
        self._seen: Any = self.app.Table("seen", default=int, partitions=3)
        windows = self.app.Table("counts", default=int, partitions=3).tumbling(
            _WINDOW_SECONDS, expires=timedelta(days=10)
        )
        self._happened_at = 0.0
        self._counts: Any = windows.clone(lambda _: self._happened_at)
        source = self.app.topic(topic, value_type=bytes, value_serializer="raw")
        self.app.agent(source)(self._work)

    async def _work(self, stream: Any) -> None:
        try:
            async for value in stream:
                if self._done == 0:
                    self._began, self._cpu = time.perf_counter(), time.process_time()
                self._take(orjson.loads(value))
                self._done += 1
                if self._done == self._events:
                    await self._end()
        except Exception:  # noqa: BLE001 - whatever it is
            # Faust would start the agent again, for ever.
            traceback.print_exc()
            os._exit(1)

    def _take(self, statement: dict[str, Any]) -> None:
        if self._seen[statement["id"]]:
            return
        self._seen[statement["id"]] = 1
        cohort = self._teams[statement["actor"]["account"]["name"]]
        self._happened_at = datetime.fromisoformat(statement["timestamp"]).timestamp()
        self._counts[f"{cohort}|{statement['verb']['id']}"] += 1

    async def _end(self) -> None:
        await self.app.producer.flush()
        answer = Answer(
            self._events,
            time.perf_counter() - self._began,
            time.process_time() - self._cpu,
            memory_mib("self")[1],
        )
        # Faust takes the standard output for its own logging.
        os.write(1, b"\n" + msgspec.json.encode(answer) + b"\n")
        os._exit(0)


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--learners", type=int, required=True)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        naive = Naive(given.bootstrap, given.topic, given.events, given.learners, folder)
        worker = faust.Worker(naive.app, loglevel="info")
        worker.execute_from_commandline()


if __name__ == "__main__":
    main()
