"""An HTTP process on uvicorn: its listener, and its end by SIGTERM or SIGINT."""

import asyncio
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn

from schemas.stopping import end_within, started


class Server(uvicorn.Server):
    """uvicorn without its signal handling, which would end the process by the signal."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals alone."""
        yield

    def stop(self) -> None:
        """Take nothing new, finish what is in flight, and return from `serve`."""
        self.should_exit = True

    def stop_on_signals(self, seconds: float) -> None:
        """`stop` at SIGTERM and SIGINT; the process is gone after so many seconds at most. To be
        called in the loop that serves."""

        def told() -> None:
            end_within(seconds)
            self.stop()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told)
        started()


def listen(host: str, port: int, backlog: int = 2_048) -> socket.socket:
    """A listening socket. Raises OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=backlog)
