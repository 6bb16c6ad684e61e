"""The life of the embedded store's process: bind, open, serve, close."""

import signal
import socket
from pathlib import Path
from typing import Final

import uvicorn

from sinks.clickhouse.embedded.engine import Engine
from sinks.clickhouse.embedded.server import Front
from sinks.clickhouse.embedded.users import READER, WRITER, reader_password

GRACE_SECONDS: Final = 20


def serve(folder: Path, host: str, port: int, password: str) -> None:
    """See `embedded.run`."""
    listener = _bind(host, port)
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
    # uvicorn raises the signals it caught once more when it is done: let them end nothing then
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ignore)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        front.close()
        engine.close()


def _ignore(number: int, frame: object) -> None:
    """Stopping is uvicorn's to do."""


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
