"""Reads what the store keeps, block by block. Nothing here writes to it."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.settings import ClickHouseSettings

_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 600
_SETTINGS = {
    "max_execution_time": 0,
    # A long sort goes to the disk rather than into memory.
    "max_bytes_before_external_sort": 500_000_000,
    "max_block_size": 20_000,
}


class StoreUnavailable(Exception):
    """Try again: ClickHouse does not answer, or refuses to."""


def columns(
    settings: ClickHouseSettings, sql: str, parameters: dict[str, Any] | None = None
) -> Iterator[Sequence[Sequence[Any]]]:
    """Blocks of one SELECT as they come: values by column. `parameters` are bound by the server.

    Raises StoreUnavailable, also between blocks.
    """
    try:
        client = _connect(settings)
    except (ClickHouseError, OSError) as error:
        raise StoreUnavailable(f"ClickHouse at {_host(settings)} does not answer") from error
    try:
        with client.query_column_block_stream(sql, parameters=parameters) as blocks:
            yield from blocks
    except (ClickHouseError, OSError) as error:
        raise StoreUnavailable(f"ClickHouse refused or broke off: {error}") from error
    finally:
        client.close()


def rows(
    settings: ClickHouseSettings, sql: str, parameters: dict[str, Any] | None = None
) -> Iterator[tuple[Any, ...]]:
    """Rows of one SELECT as they come. Raises StoreUnavailable."""
    for block in columns(settings, sql, parameters):
        yield from zip(*block, strict=True)


def _connect(settings: ClickHouseSettings) -> Client:
    url = urlsplit(settings.url)
    return clickhouse_connect.get_client(
        interface=url.scheme,
        host=url.hostname,
        port=url.port or (8443 if url.scheme == "https" else 8123),
        username=unquote(url.username) if url.username else settings.user,
        password=unquote(url.password) if url.password else settings.password,
        database=settings.database,
        compress="lz4",
        autogenerate_session_id=False,
        connect_timeout=_CONNECT_SECONDS,
        send_receive_timeout=_ANSWER_SECONDS,
        settings=_SETTINGS,
        client_name="uptake-intake",
    )


def _host(settings: ClickHouseSettings) -> str:
    """Without the password that a URL may hold."""
    return urlsplit(settings.url).hostname or "nowhere"
