"""The life of the embedded store's process: bind, open, serve, close."""

import socket
from functools import partial
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Final

import uvicorn

from schemas.stopping import end_within, on_stop
from sinks.clickhouse.embedded.engine import Engine
from sinks.clickhouse.embedded.server import Front
from sinks.clickhouse.embedded.users import READER, WRITER, reader_password

GRACE_SECONDS: Final = 20
STOP_SECONDS: Final = 25.0


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Finish what is in work, within the limit."""
        end_within(STOP_SECONDS)
        super().handle_exit(sig, frame)


def serve(folder: Path, host: str, port: int, password: str) -> None:
    """See `embedded.run`."""
    listener = _bind(host, port)
    ending = Event()
    # While the folder is opened; and below, when uvicorn raises what it caught again at its end.
    on_stop(ending.set, STOP_SECONDS)
    engine = Engine(folder)
    front = Front(engine, {WRITER: password, READER: reader_password(password)})
    config = uvicorn.Config(
        front.app(),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=60,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)
    on_stop(partial(setattr, server, "should_exit", True), STOP_SECONDS)
    try:
        if not ending.is_set():
            server.run(sockets=[listener])
    finally:
        front.close()
        engine.close()


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.listen(256)
    return listener
