"""Ports on the loopback interface."""

import random
import socket
from contextlib import suppress
from pathlib import Path

from uptake.local.errors import LocalError

LOOPBACK = "127.0.0.1"
_SERVER_PORTS = range(12_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Different free ports, at random below those that systems give to outgoing connections: a
    server that is started again on its port must not find a client of somebody else there.

    Another program may take one before it is used; then the start of what should listen there
    fails and says so. Raises LocalError.
    """
    sockets: list[socket.socket] = []
    try:
        for port in random.sample(_SERVER_PORTS, len(_SERVER_PORTS)):
            if len(sockets) == count:
                break
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
