"""A supervisor of Uptake's processes: starts them, starts the crashed again, ends them in order."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic

from schemas.metrics import RESTARTS
from uptake.local.child import Child
from uptake.local.files import write_json
from uptake.local.folder import ProcessState
from uptake.local.ports import LOOPBACK

Say = Callable[[str], None]

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_STEADY_SECONDS = 60.0
_READY_SECONDS = 90.0
_PROBE_SECONDS = 2.0


@dataclass(frozen=True)
class Spec:
    """A process of Uptake: its command, and where it says that it is ready."""

    name: str
    arguments: tuple[str, ...]
    port: int
    """Of its metrics; of the store: of its HTTP protocol."""
    ready_path: str = "/readyz"
    stop_seconds: float = 15.0
    instance: str = ""
    """Of a worker: as which static member it joins."""

    def command(self) -> list[str]:
        """The same Python, the same code."""
        return [sys.executable, "-m", "uptake", *self.arguments]

    def environment(self) -> dict[str, str]:
        """Ours without settings: children read them from the run's own file."""
        kept = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith("UPTAKE_") or name == "UPTAKE_CACHE"
        }
        return {
            **kept,
            "PYTHONUNBUFFERED": "1",
            "UPTAKE_METRICS_HOST": LOOPBACK,
            "UPTAKE_METRICS_PORT": str(self.port),
            **({"UPTAKE_WORKER_INSTANCE": self.instance} if self.instance else {}),
        }


class Backoff:
    """How long to wait before the next start: longer each time, short again after a steady run."""

    def __init__(self) -> None:
        self._pause = _FIRST_PAUSE_SECONDS

    def after_run(self, seconds: float) -> float:
        """The pause after a run of this length."""
        if seconds >= _STEADY_SECONDS:
            self._pause = _FIRST_PAUSE_SECONDS
        pause = self._pause
        self._pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        return pause


class _Supervised:
    def __init__(self, name: str, child: Child, stop_seconds: float, restart: bool) -> None:
        self.name = name
        self.child = child
        self.stop_seconds = stop_seconds
        self.restart = restart
        self.restarts = 0
        self.backoff = Backoff()
        self.started = 0.0
        self.start_at: float | None = None
        """When it is to be started again; None while it runs."""

    def start(self) -> None:
        """Start now."""
        self.started = monotonic()
        self.start_at = None
        self.child.start()

    def state(self) -> ProcessState:
        """For processes.json."""
        child = self.child
        return ProcessState(child.pid, child.running(), self.restarts, child.exit_code())


class Supervisor:
    """Runs processes from the thread that made it. `tick` is to be called a few times a second."""

    def __init__(self, logs: Path, processes_file: Path, say: Say) -> None:
        self._logs = logs
        self._file = processes_file
        self._say = say
        self._all: dict[str, _Supervised] = {}

    def adopt(self, name: str, child: Child, restart: bool) -> None:
        """Look after a process that somebody else has started and will end."""
        supervised = _Supervised(name, child, 0.0, restart)
        supervised.started = monotonic()
        self._all[name] = supervised
        self._note()

    def launch(self, spec: Spec) -> None:
        """Start a process without waiting for it. Raises LocalError."""
        child = Child(
            f"uptake {spec.name}",
            spec.command(),
            self._logs / f"{spec.name}.log",
            spec.environment(),
        )
        supervised = _Supervised(spec.name, child, spec.stop_seconds, restart=True)
        supervised.start()
        self._all[spec.name] = supervised
        self._note()

    def wait_ready(self, spec: Spec) -> None:
        """Wait until it says that it is ready. Raises LocalError with the end of its log."""
        answers = partial(ready, spec.port, spec.ready_path)
        self._all[spec.name].child.wait_until(answers, _READY_SECONDS)

    def tick(self) -> None:
        """Start again what has crashed, each after its pause. Raises LocalError where a program
        cannot be run any more."""
        for supervised in self._all.values():
            if supervised.restart:
                self._look_after(supervised)

    def has(self, name: str) -> bool:
        """Whether it looks after a process of this name."""
        return name in self._all

    def ended_with(self, code: int) -> bool:
        """Whether one of them has ended with this exit code and does not run again yet."""
        children = [each.child for each in self._all.values()]
        return any(not child.running() and child.exit_code() == code for child in children)

    def states(self) -> Mapping[str, ProcessState]:
        """Each process by name."""
        return {name: each.state() for name, each in self._all.items()}

    def stop(self, name: str) -> None:
        """End one process and wait for it; killed when it takes too long."""
        supervised = self._all.pop(name, None)
        if supervised is None:
            return
        if not supervised.child.stop(supervised.stop_seconds):
            self._say(f"{name} did not end in {supervised.stop_seconds:.0f} s and was killed")
        self._note()

    def kill_all(self) -> None:
        """SIGKILL for everything that is left; a start that failed has nothing to save."""
        for supervised in self._all.values():
            supervised.child.kill()
        self._all.clear()

    def _look_after(self, supervised: _Supervised) -> None:
        child = supervised.child
        if child.running():
            return
        now = monotonic()
        if supervised.start_at is None:
            pause = supervised.backoff.after_run(now - supervised.started)
            supervised.start_at = now + pause
            last = child.last_lines(count=1)
            told = f": {last[0]}" if last else ""
            name = supervised.name
            self._say(f"{name} {_ended(child)}; starting it again in {pause:.1f} s{told}")
            self._note()
        elif now >= supervised.start_at:
            supervised.restarts += 1
            RESTARTS.labels(supervised.name).inc()
            supervised.start()
            self._note()

    def _note(self) -> None:
        write_json(self._file, self.states())


def ready(port: int, path: str = "/readyz") -> bool:
    """Whether a GET of `path` on this port is answered with 200."""
    connection = HTTPConnection(LOOPBACK, port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _ended(child: Child) -> str:
    code = child.exit_code()
    if code is not None and code < 0:
        return f"was ended by signal {-code}"
    return f"ended with exit code {code}"
