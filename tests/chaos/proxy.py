"""TCP proxies between processes, whose connections can be cut, silenced or slowed."""

import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Final

from uptake.local.ports import LOOPBACK

_CHUNK: Final = 65_536
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, 0 s: closing sends RST, as a host that has gone does."""


class Proxy:
    """Passes bytes from its own port to `target` (a port), both on the loopback interface."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._lock = Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._whole = True
        self._flows = Event()
        self._flows.set()
        self._delay = 0.0
        self._over = Event()
        self._listener = socket.create_server((LOOPBACK, 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        Thread(target=self._accept, name=f"proxy to {target}", daemon=True).start()

    def cut(self) -> None:
        """Reset all connections and every new one."""
        self._whole = False
        self._reset_all()

    def silence(self) -> None:
        """Connections stay, but nothing passes until `mend`; then all that was held back does."""
        self._flows.clear()

    def slow(self, seconds: float) -> None:
        """Each piece of at most 64 KiB waits that long."""
        self._delay = seconds

    def mend(self) -> None:
        """Pass everything at once again."""
        self._whole = True
        self._delay = 0.0
        self._flows.set()

    def close(self) -> None:
        """End it."""
        self._over.set()
        self._flows.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._reset_all()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        try:
            if not self._whole:
                raise ConnectionRefusedError
            far = socket.create_connection((LOOPBACK, self._target), timeout=5.0)
        except OSError:
            _reset(near)
            return
        far.settimeout(None)
        for each in (near, far):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._pairs.append((near, far))
        for source, sink in ((near, far), (far, near)):
            Thread(target=self._pump, args=(source, sink, (near, far)), daemon=True).start()

    def _pump(
        self, source: socket.socket, sink: socket.socket, pair: tuple[socket.socket, socket.socket]
    ) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                self._flows.wait()
                if self._delay:
                    self._over.wait(self._delay)
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        self._done(pair)

    def _done(self, pair: tuple[socket.socket, socket.socket]) -> None:
        """Close both ends once one direction has ended: none of our protocols half-closes."""
        with self._lock:
            if pair not in self._pairs:
                return
            self._pairs.remove(pair)
        for each in pair:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _reset_all(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for each in pair:
                _reset(each)


class Link:
    """The proxies between one part of the pipeline and another, one for each of its ports."""

    def __init__(self, targets: Sequence[int]) -> None:
        self._proxies = [Proxy(target) for target in targets]

    @property
    def ports(self) -> list[int]:
        """Of the proxies, in the order of what is behind them."""
        return [proxy.port for proxy in self._proxies]

    @property
    def bootstrap(self) -> str:
        """All of them for Kafka clients: host:port, separated by commas."""
        return ",".join(f"{LOOPBACK}:{port}" for port in self.ports)

    def cut(self) -> None:
        """See Proxy."""
        for proxy in self._proxies:
            proxy.cut()

    def silence(self) -> None:
        """See Proxy."""
        for proxy in self._proxies:
            proxy.silence()

    def slow(self, seconds: float) -> None:
        """See Proxy."""
        for proxy in self._proxies:
            proxy.slow(seconds)

    def mend(self) -> None:
        """See Proxy."""
        for proxy in self._proxies:
            proxy.mend()

    def close(self) -> None:
        """See Proxy."""
        for proxy in self._proxies:
            proxy.close()


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        # A thread that waits in recv holds the socket open: wake it before closing.
        end.shutdown(socket.SHUT_RD)
    end.close()
