"""Runs the board: one process, until SIGTERM."""

import asyncio
import logging

import uvicorn

from reports.board.access import Access
from reports.board.app import Board
from schemas import health
from schemas.serving import Server, listen
from schemas.settings import Settings
from schemas.stopping import STOP_SECONDS, Exit

_log = logging.getLogger(__name__)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


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
    listener = listen(settings.board.host, settings.board.port)
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
    server = Server(config)
    server.stop_on_signals(STOP_SECONDS)
    _log.info("The board: http://%s:%d", settings.board.host, listener.getsockname()[1])
    await server.serve(sockets=[listener])
    return Exit.DONE
