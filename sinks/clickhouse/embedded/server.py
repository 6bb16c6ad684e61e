"""The ClickHouse HTTP protocol in front of the engine, as a Starlette application."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeVar
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sinks.clickhouse.embedded import compression, native, sql
from sinks.clickhouse.embedded.engine import Answer, Engine, Request
from sinks.clickhouse.embedded.errors import (
    BAD_ARGUMENTS,
    NOT_IMPLEMENTED,
    SESSION_NOT_FOUND,
    TOO_LARGE,
    TOO_MANY_QUERIES,
    Refused,
    refused,
)
from sinks.clickhouse.embedded.forms import fields_of
from sinks.clickhouse.embedded.users import READER, authenticate

T = TypeVar("T")

THREADS: Final = 16
MOST_REQUESTS: Final = 100
"""In work or waiting at the same time."""
MOST_BODY_BYTES: Final = 512 * 1024 * 1024

_NO_SETTINGS: Final = frozenset(
    {"database", "default_format", "query", "query_id", "session_id", "session_timeout"}
    | {"session_check", "wait_end_of_query", "compress", "decompress", "user", "password", "role"}
    | {"client_protocol_version", "buffer_size", "quota_key", "stacktrace", "close_session"}
)
"""Parameters of a request that speak to the HTTP interface."""

_STREAMED: Final = frozenset(
    {"Native", "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "CSV", "RowBinary"}
    | {"JSONEachRow", "JSONCompactEachRow", "JSONLines", "NDJSON"}
)
"""Formats of which pieces can be put together without a head or a foot."""


class Call(NamedTuple):
    """A request, read: what to do, for whom, and how to answer."""

    request: Request
    insert: sql.Insert | None
    data: bytes
    verb: str
    encoding: str
    query_id: str
    reframed: bool
    """Native blocks as a newer protocol version has them."""
    whole: bool
    """Answer when all is known (wait_end_of_query)."""


class Front:
    """Handles requests. One for an engine."""

    def __init__(self, engine: Engine, passwords: dict[str, str]) -> None:
        self._engine = engine
        self._passwords = passwords
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="query")
        self._in_work = 0

    def app(self) -> Starlette:
        """The application, with its routes."""
        every = ["GET", "HEAD", "POST", "PUT"]
        return Starlette(
            routes=[
                Route("/ping", _ok, methods=["GET", "HEAD"]),
                Route("/replicas_status", _ok, methods=["GET", "HEAD"]),
                Route("/", self.handle, methods=every),
            ]
        )

    def close(self) -> None:
        """Wait for what is in work."""
        self._threads.shutdown()

    async def handle(self, http: HttpRequest) -> Response:
        """Answer one request; errors in ClickHouse's form."""
        if http.method in ("GET", "HEAD") and "query" not in http.query_params:
            return await _ok(http)
        query_id = http.query_params.get("query_id") or str(uuid4())
        self._in_work += 1
        try:
            if self._in_work > MOST_REQUESTS:
                raise refused(TOO_MANY_QUERIES, "Too many simultaneous queries")
            return await self._answer(await self._read(http, query_id))
        except Refused as error:
            return self._error(error, query_id)
        finally:
            self._in_work -= 1

    async def _read(self, http: HttpRequest, query_id: str) -> Call:
        user = authenticate(http.headers, http.query_params, self._passwords)
        body = await _body(http)
        encoding = http.headers.get("content-encoding", "")
        body = await self._in_thread(lambda: compression.decompress(body, encoding))
        asked = dict(http.query_params)
        kind = http.headers.get("content-type", "")
        if kind.startswith("multipart/form-data"):
            asked.update(fields_of(kind, body))
            body = b""
        return self._understand(http, asked, body, user, query_id)

    def _understand(
        self, http: HttpRequest, asked: dict[str, str], body: bytes, user: str, query_id: str
    ) -> Call:
        _check_transport(asked)
        named = asked.get("query", "").encode().rstrip()
        statement = named + b"\n" + body if named and body else named or body
        default_format = (
            asked.get("default_format") or http.headers.get("x-clickhouse-format") or ""
        )
        insert = sql.insert_with_data(statement, default_format or "Values")
        if insert is None:
            verb, written_format = sql.inspect(statement)
        else:
            verb, written_format = "INSERT", ""
        if user == READER:
            sql.check_reader(statement, self._engine.table_functions)
        answer_format = written_format or default_format or "TabSeparated"
        version = _number(asked, "client_protocol_version")
        reframed = answer_format == "Native" and version >= native.WITH_COLUMN_FLAGS
        return Call(
            request=Request(
                sql="" if insert else statement.decode(errors="surrogateescape"),
                format=answer_format,
                database=asked.get("database") or http.headers.get("x-clickhouse-database", ""),
                settings=_settings_of(asked),
                parameters={k[6:]: v for k, v in asked.items() if k.startswith("param_")},
                read_only=user == READER or http.method in ("GET", "HEAD"),
            ),
            insert=insert,
            data=statement[insert.data_at :] if insert else b"",
            verb=verb,
            encoding=_answer_encoding(http, asked),
            query_id=query_id,
            reframed=reframed,
            whole=asked.get("wait_end_of_query", "0") not in ("0", ""),
        )

    async def _answer(self, call: Call) -> Response:
        headers = self._headers(call)
        in_pieces = call.verb in ("SELECT", "WITH") and call.request.format in _STREAMED
        if in_pieces and not call.reframed and not call.whole:
            return await self._streamed(call, headers)
        answer, data = await self._in_thread(lambda: self._run(call))
        headers["X-ClickHouse-Summary"] = _summary(answer)
        return Response(data, headers=headers, media_type=None)

    def _run(self, call: Call) -> tuple[Answer, bytes]:
        """In a thread: the answer and the bytes to send."""
        if call.insert is not None:
            answer = self._engine.insert(call.request, call.insert, call.data)
        else:
            answer = self._engine.query(call.request)
        data = answer.data
        if call.reframed:
            data = native.reframe(data)
        if call.encoding:
            packer = compression.compressor(call.encoding)
            data = packer.compress(data) + packer.flush()
        return answer, data

    async def _streamed(self, call: Call, headers: dict[str, str]) -> Response:
        pieces = self._engine.stream(call.request)
        first = await self._in_thread(lambda: next(pieces, b""))
        body = self._pieces(first, pieces, call.encoding)
        return StreamingResponse(body, headers=headers)

    async def _pieces(
        self, first: bytes, pieces: Generator[bytes, None, None], encoding: str
    ) -> AsyncIterator[bytes]:
        """An error after the first piece cuts the answer off: it cannot be taken for whole."""
        packer = compression.compressor(encoding) if encoding else None
        piece: bytes | None = first
        try:
            while piece is not None:
                yield packer.compress(piece) if packer else piece
                piece = await self._in_thread(lambda: next(pieces, None))
            if packer:
                yield packer.flush()
        finally:
            await self._in_thread(pieces.close)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _headers(self, call: Call) -> dict[str, str]:
        headers = self._common_headers(call.query_id)
        headers["X-ClickHouse-Format"] = call.request.format
        headers["Content-Type"] = _content_type(call.request.format)
        if call.encoding:
            headers["Content-Encoding"] = call.encoding
        return headers

    def _common_headers(self, query_id: str) -> dict[str, str]:
        return {
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Timezone": self._engine.timezone,
            "X-ClickHouse-Server-Display-Name": "uptake-embedded",
        }

    def _error(self, error: Refused, query_id: str) -> Response:
        headers = self._common_headers(query_id)
        headers["X-ClickHouse-Exception-Code"] = str(error.code)
        text = error.text
        if "(version " not in text:
            text = f"{text} (version {self._engine.version})"
        return PlainTextResponse(text + "\n", status_code=error.status, headers=headers)


async def _ok(http: HttpRequest) -> Response:
    return PlainTextResponse("Ok.\n")


async def _body(http: HttpRequest) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in http.stream():
        size += len(part)
        if size > MOST_BODY_BYTES:
            raise refused(TOO_LARGE, f"The body is larger than {MOST_BODY_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def _check_transport(asked: dict[str, str]) -> None:
    """Refuse what would silently mean something else here."""
    for name in ("compress", "decompress"):
        if asked.get(name, "0") not in ("0", "", "false"):
            raise refused(
                NOT_IMPLEMENTED,
                f"{name}=1 (ClickHouse's own block compression): use Content-Encoding and "
                "Accept-Encoding with enable_http_compression=1",
            )
    if asked.get("session_check", "0") not in ("0", ""):
        raise refused(SESSION_NOT_FOUND, "The embedded store keeps no sessions")
    if asked.get("role"):
        raise refused(NOT_IMPLEMENTED, "The embedded store has no roles")


def _settings_of(asked: dict[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in asked.items()
        if name not in _NO_SETTINGS and not name.startswith("param_")
    }


def _number(asked: dict[str, str], name: str) -> int:
    try:
        return int(asked.get(name) or 0)
    except ValueError:
        raise refused(BAD_ARGUMENTS, f"{name} is no number") from None


def _answer_encoding(http: HttpRequest, asked: dict[str, str]) -> str:
    if asked.get("enable_http_compression", "0") in ("0", "", "false"):
        return ""
    return compression.choose(http.headers.get("accept-encoding", ""))


def _content_type(name: str) -> str:
    if name.startswith("JSON"):
        return "application/json; charset=UTF-8"
    if name.startswith("CSV"):
        return "text/csv; charset=UTF-8; header=absent"
    if name.startswith(("TabSeparated", "TSV")):
        return "text/tab-separated-values; charset=UTF-8"
    return "application/octet-stream"


def _summary(answer: Answer) -> str:
    return json.dumps(
        {
            "read_rows": str(answer.read_rows),
            "read_bytes": str(answer.read_bytes),
            "written_rows": str(answer.written_rows),
            "written_bytes": str(answer.written_bytes),
            "total_rows_to_read": "0",
            "result_rows": "0",
            "result_bytes": str(len(answer.data)),
            "elapsed_ns": str(int(answer.elapsed * 1e9)),
        }
    )
