"""The ClickHouse client: clickhouse-connect with bounded waits and our errors.

One object for one thread.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.insert import InsertContext

from schemas.settings import ClickHouseSettings
from sinks.clickhouse import tables
from sinks.clickhouse.errors import OurBug, translate

CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 120

_SETTINGS: Final = {
    "async_insert": 0,  # our batches are large, and an answer has to mean "stored"
    "max_partitions_per_insert_block": 0,  # a replay may reach over many months
    "max_execution_time": 100,
}

Columns = Sequence[Sequence[object]]
"""Values by column, all columns equally long."""


class Store:
    """A connection that is made when first needed and made anew after an error.

    All methods raise StoreError: TryAgain when ClickHouse does not answer in time, NeverValid
    when the rows are refused, OurBug for the rest.
    """

    def __init__(self, settings: ClickHouseSettings, database: str | None = None) -> None:
        """`database`: the one that names without a database mean; by default the configured."""
        self._settings = settings
        self._database = settings.database if database is None else database
        self._client: Client | None = None
        self._contexts: dict[str, InsertContext] = {}

    def query(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of one SELECT, all in memory."""
        with self._translated() as client:
            return [tuple(row) for row in client.query(sql, parameters=parameters).result_rows]

    def stream(
        self, sql: str, parameters: dict[str, Any] | None = None
    ) -> Iterator[Sequence[Sequence[Any]]]:
        """Blocks of rows of one SELECT, as they come."""
        with (
            self._translated() as client,
            client.query_row_block_stream(sql, parameters=parameters) as blocks,
        ):
            yield from blocks

    def command(self, sql: str) -> None:
        """Run one statement whose result is of no interest."""
        with self._translated() as client:
            client.command(sql)

    def insert(self, table: str, columns: Columns) -> None:
        """Store rows, columns as in `tables`; when it returns, they are on the server's disk.

        After TryAgain the rows may have been stored nevertheless: insert the same again.
        """
        if not columns or not columns[0]:
            return
        with self._translated() as client:
            context = self._contexts.get(table)
            if context is None:
                context = client.create_insert_context(
                    table,
                    tables.names(table),
                    column_type_names=tables.wire_types(table),
                    column_oriented=True,
                )
                self._contexts[table] = context
            context.data = columns
            try:
                client.insert(context=context)
            finally:
                context.data = None

    def close(self) -> None:
        """Give the connections back."""
        if self._client is not None:
            self._client.close()
            self._client = None
            self._contexts = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _translated(self) -> Iterator[Client]:
        try:
            if self._client is None:
                self._client = _connect(self._settings, self._database)
            yield self._client
        except Exception as error:
            ours = translate(error)
            if ours is None:
                raise
            self.close()
            raise ours from error


def _connect(settings: ClickHouseSettings, database: str) -> Client:
    url = urlsplit(settings.url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise OurBug("clickhouse.url is no http or https URL")
    client: Client = clickhouse_connect.get_client(
        interface=url.scheme,
        host=url.hostname,
        port=url.port or (8443 if url.scheme == "https" else 8123),
        username=unquote(url.username) if url.username else settings.user,
        password=unquote(url.password) if url.password else settings.password,
        database=database,
        compress="lz4",
        connect_timeout=CONNECT_SECONDS,
        send_receive_timeout=ANSWER_SECONDS,
        autogenerate_session_id=False,
        settings=_SETTINGS,
        dedicated_pool=True,
    )
    return client
