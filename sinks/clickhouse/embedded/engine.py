"""The engine: chDB on a folder that one process owns.

Each request gets a connection of its own (0.3 ms), so that its settings end with it. chDB writes
inserted parts as files before it answers; the tables ask for fsync besides, so that an answered
insert outlives kill -9 of this process and a loss of power.
"""

import fcntl
import os
import re
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import chdb

from sinks.clickhouse.embedded.errors import BAD_ARGUMENTS, NOT_ENOUGH_SPACE, of_engine, refused
from sinks.clickhouse.embedded.sql import Insert

QUERY_SECONDS: Final = 300
"""Limit of one statement unless the request sets `max_execution_time`."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_DEFAULTS: Final = {"max_execution_time": str(QUERY_SECONDS), "async_insert": "0"}


class DataFolderInUse(RuntimeError):
    """Another process owns the data folder."""


class Request(NamedTuple):
    """One statement with what it needs."""

    sql: str
    format: str
    database: str
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    read_only: bool


class Answer(NamedTuple):
    """What a statement gave. `elapsed` in seconds."""

    data: bytes
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed: float = 0.0


class Engine:
    """chDB on a folder. Its methods may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        """Raises DataFolderInUse, and OSError when the folder cannot be made."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = _lock(folder)
        self._path = str(folder / "chdb")
        # Left by the last start; the database of `_close_file_tables` could not be made over it.
        (folder / "chdb" / "metadata" / "default.sql").unlink(missing_ok=True)
        self._first = chdb.connect(self._path)  # type: ignore[no-untyped-call]
        self._close_file_tables()
        self.version = self._text("SELECT version()")
        self.timezone = self._text("SELECT timezone()")
        self.table_functions = frozenset(
            self._text("SELECT lower(name) FROM system.table_functions").split("\n")
        )

    def _close_file_tables(self) -> None:
        """Take away the database that shows every file of the machine as a table.

        chDB puts it there as `default` at each start. In its place stands one that holds no
        tables, as what was made in `default` would not be found again.
        """
        self._first.query("DETACH DATABASE default")
        self._first.query("CREATE DATABASE default ENGINE = Dictionary")

    def _text(self, sql: str) -> str:
        data: bytes = self._first.query(sql, "TabSeparatedRaw").bytes()
        return data.decode().rstrip("\n")

    def query(self, request: Request) -> Answer:
        """Run one statement; the whole result in memory. Raises Refused."""
        with _Session(self._path, request) as connection:
            try:
                result = connection.query(
                    request.sql, request.format, params=dict(request.parameters)
                )
                return Answer(
                    result.bytes() or b"",
                    result.rows_read(),
                    result.bytes_read(),
                    result.rows_written(),
                    result.bytes_written(),
                    result.elapsed(),
                )
            except UnicodeDecodeError as error:
                # chDB's own: its message quotes the bytes of a row, which are no text.
                text = error.object.decode(errors="backslashreplace")
                raise of_engine(RuntimeError(text)) from error
            except (chdb.ChdbError, RuntimeError) as error:
                raise of_engine(error) from error

    def stream(self, request: Request) -> Generator[bytes, None, None]:
        """Run a SELECT; its result in pieces. Raises Refused, also between two pieces."""
        with _Session(self._path, request) as connection:
            try:
                result = connection.send_query(
                    request.sql, request.format, params=dict(request.parameters)
                )
                for piece in result:
                    yield piece.bytes() or b""
            except (chdb.ChdbError, RuntimeError) as error:
                raise of_engine(error) from error

    def insert(self, request: Request, insert: Insert, data: bytes) -> Answer:
        """Insert rows in any input format. Raises Refused.

        Not by chDB's `send_insert`: that answers well although the table refused the rows (a
        constraint, a full disk). The data goes through a file without a name.
        """
        with tempfile.TemporaryFile(dir=self._folder) as file:
            try:
                file.write(data)
                file.seek(0)
            except OSError as error:
                raise refused(NOT_ENOUGH_SPACE, f"Cannot keep the body: {error}") from error
            sql = (
                f"{insert.head} FROM INFILE '/dev/fd/{file.fileno()}' COMPRESSION 'none' "
                f"{insert.settings} FORMAT {insert.format}"
            )
            return self.query(request._replace(sql=sql, format="Null"))

    def close(self) -> None:
        """Close the database and give the folder back. Wait for requests before."""
        self._first.close()
        os.close(self._lock)


class _Session:
    """A connection with the settings of one request."""

    def __init__(self, path: str, request: Request) -> None:
        self._path = path
        self._request = request

    def __enter__(self) -> Any:
        request = self._request
        self._connection = chdb.connect(self._path)  # type: ignore[no-untyped-call]
        try:
            if request.database and request.database != "default":
                self._connection.query(f"USE {_quoted(request.database, '`')}")
            for name, value in {**_DEFAULTS, **request.settings}.items():
                self._connection.query(_set(name, value))
            if request.read_only:
                self._connection.query("SET readonly = 2")
        except (chdb.ChdbError, RuntimeError) as error:
            self._connection.close()
            raise of_engine(error) from error
        return self._connection

    def __exit__(self, *ignored: object) -> None:
        self._connection.close()


def _set(name: str, value: str) -> str:
    if not _NAME.fullmatch(name):
        raise refused(BAD_ARGUMENTS, "The name of a setting is no identifier")
    return f"SET {name} = {_quoted(value, chr(39))}"


def _quoted(text: str, mark: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(mark, "\\" + mark)
    return f"{mark}{escaped}{mark}"


def _lock(folder: Path) -> int:
    """Hold the folder until the process ends, however it ends."""
    file = os.open(folder / "store.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(file, 20, 0).decode(errors="replace").strip() or "unknown"
        os.close(file)
        raise DataFolderInUse(
            f"the data folder {folder} is in use by process {owner}: "
            "end that process, or choose another folder"
        ) from None
    os.ftruncate(file, 0)
    os.pwrite(file, str(os.getpid()).encode(), 0)
    return file
