"""The store stands still under load: how much memory each process takes, and how fast the backlog
drains. `python -m tests.integration.pressure FOLDER --seconds 180 --broker kafka` prints it."""

import argparse
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from tests.fixtures.brokers import Kind
from tests.fixtures.running import Running, cli
from uptake.local.broker import resident_bytes

PROCESSES = ("collector", "intake", "worker", "sink", "store", "broker")
_MIB = 1_048_576
_LOOK_SECONDS = 0.5
_EVENTS = 100

Memory = dict[str, int]
"""Process -> resident bytes."""


class Load:
    """Posts so many events a second until it is ended."""

    def __init__(self, running: Running, rate: float) -> None:
        self.accepted = 0
        self._pause = _EVENTS / rate
        self._running = running
        self._over = Event()
        self._thread = Thread(target=self._post, daemon=True)
        self._thread.start()

    def _post(self) -> None:
        number = 0
        while not self._over.wait(self._pause):
            self._running.post(f"p{number % 50}", _EVENTS)
            self.accepted += _EVENTS
            number += 1

    def end(self) -> None:
        """No more from now on."""
        self._over.set()
        self._thread.join(30)


def largest(running: Running, seconds: float) -> Memory:
    """The most that each process takes within this time."""
    found = dict.fromkeys(PROCESSES, 0)
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        for name, state in running.processes().items():
            found[name] = max(found.get(name, 0), resident_bytes(state["pid"]))
        Event().wait(_LOOK_SECONDS)
    return found


@contextmanager
def standing_store(running: Running) -> Iterator[None]:
    """The store takes requests and answers none."""
    pid = int(running.processes()["store"]["pid"])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Measured:
    """What was seen of one stop of the store."""

    def __init__(self, running: Running, rate: float, warm: float, seconds: float) -> None:
        load = Load(running, rate)
        self.before = largest(running, warm)
        at_first = load.accepted
        with standing_store(running):
            self.early = largest(running, seconds / 2)
            self.late = largest(running, seconds / 2)
        load.end()
        self.backlog = load.accepted - at_first
        began = time.monotonic()
        told = cli("settle", "--config", running.config, "--timeout", "300", seconds=330)
        assert told.returncode == 0, told.stdout + told.stderr
        self.account = told.stdout
        self.drained = time.monotonic() - began
        self.accepted = load.accepted

    def lines(self) -> list[str]:
        """A table, in MiB."""
        rows = [f"{'process':<10}{'running':>10}{'1st half':>10}{'2nd half':>10}"]
        for name in PROCESSES:
            sizes = (self.before[name], self.early[name], self.late[name])
            rows.append(f"{name:<10}" + "".join(f"{size // _MIB:>10,}" for size in sizes))
        per_second = self.backlog / self.drained
        rows.append(f"backlog {self.backlog:,} events, drained in {self.drained:.1f} s")
        return [*rows, f"{per_second:,.0f} events a second", *self.account.splitlines()]


def main() -> None:
    """Measure once, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--rate", type=float, default=500.0, help="events a second")
    parser.add_argument("--broker", choices=["embedded", "kafka"], default="kafka")
    given = parser.parse_args()
    kind: Kind = given.broker
    with Running(given.folder / "data", kind) as running:
        measured = Measured(running, given.rate, 10.0, given.seconds)
        print("\n".join(measured.lines()), flush=True)
        print("exit code", running.end())


if __name__ == "__main__":
    main()
