"""Ports on the loopback interface."""

import fcntl
import os
import random
import socket
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from uptake.local.errors import LocalError

LOOPBACK = "127.0.0.1"
_SERVER_PORTS = range(12_000, 32_000)
_KEPT_SECONDS = 180.0
"""A port that was given is not given again for so long: its server may take a while to start."""


def free_ports(count: int) -> list[int]:
    """Different free ports, at random below those that systems give to outgoing connections: a
    server that is started again on its port must not find a client of somebody else there.

    They are given to nobody else of this user for three minutes, so that two programs that start
    at the same time do not get the same. A program that does not ask here may take one before it
    is used; then the start of what should listen there fails and says so. Raises LocalError.
    """
    with _given() as given:
        found = _probe(count, given.keys())
        now = time.time()
        given.update((port, now) for port in found)
    return found


def _probe(count: int, given: Collection[int]) -> list[int]:
    sockets: list[socket.socket] = []
    try:
        for port in random.sample(_SERVER_PORTS, len(_SERVER_PORTS)):
            if len(sockets) == count:
                break
            if port in given:
                continue
            probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                probe.close()
            else:
                sockets.append(probe)
        if len(sockets) < count:
            raise LocalError(f"fewer than {count} ports are free between 12000 and 32000")
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


@contextmanager
def _given() -> Iterator[dict[int, float]]:
    """The ports given lately and when (s since 1970), as all processes of this user know them;
    what is added is kept. Nobody else has them meanwhile."""
    path = Path(tempfile.gettempdir()) / f"uptake-ports-{os.getuid()}"
    # Others may write to the folder: a link that lies there is not followed.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise LocalError(f"ports given to others are noted in {path}: {error}") from error
    with os.fdopen(descriptor, "r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        now = time.time()
        # A line may be cut short, where the disk was full.
        entries = (line.split() for line in file if line.endswith("\n"))
        known = {int(port): float(at) for port, at in entries}
        given = {port: at for port, at in known.items() if abs(now - at) < _KEPT_SECONDS}
        yield given
        file.seek(0)
        file.truncate()
        file.writelines(f"{port} {at}\n" for port, at in given.items())


def in_use(port: int) -> bool:
    """Whether something holds the port on the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def answers(port: int, seconds: float = 0.5) -> bool:
    """Whether something accepts connections on the port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=seconds):
            return True
    except OSError:
        return False


def require_free(ports: dict[str, int]) -> None:
    """Raise LocalError that names the first port in use, and who holds it where that is known."""
    for purpose, port in ports.items():
        if port and in_use(port):
            owner = _owner(port)
            held = f" by {owner}" if owner else ""
            raise LocalError(
                f"port {port} (for {purpose}) is in use{held}; end that program, or give "
                "`--ports auto` to take free ports"
            )


def _owner(port: int) -> str:
    """Name and pid of the program that listens on the port, as far as /proc tells."""
    inode = _listening_inode(port)
    if inode is None:
        return ""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                if descriptor.readlink().name == f"socket:[{inode}]":
                    name = (process / "comm").read_text().strip()
                    return f"{name} (pid {process.name})"
    return ""


def _listening_inode(port: int) -> str | None:
    try:
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return None
    for line in lines:
        columns = line.split()
        if columns[3] == "0A" and int(columns[1].rpartition(":")[2], 16) == port:
            return columns[9]
    return None
