"""Runs the board: one process, until SIGTERM."""

import asyncio
import logging
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn

from reports.board.access import Access
from reports.board.app import Board
from schemas import health
from schemas.settings import Settings

_log = logging.getLogger(__name__)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which would end the process by the signal."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals alone."""
        yield


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; 0: ended cleanly.

    Raises OSError when the port is taken, ValueError for settings that cannot work.
    """
    board = settings.board
    access = Access(board)
    if access.open and board.host not in _LOOPBACK:
        raise ValueError("board.host is no loopback address: name board.viewers")
    return asyncio.run(_serve(settings, access))


async def _serve(settings: Settings, access: Access) -> int:
    board = Board(settings, access)
    family = socket.AF_INET6 if ":" in settings.board.host else socket.AF_INET
    listener = socket.create_server((settings.board.host, settings.board.port), family=family)
    health.serve(settings.metrics, "board", board.is_ready)
    config = uvicorn.Config(
        board.app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, server)
    _log.info("The board: http://%s:%d", settings.board.host, listener.getsockname()[1])
    await server.serve(sockets=[listener])
    return 0


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True
