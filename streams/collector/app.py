"""The collector as an ASGI application: finds the route of a request and sends its answer.

Plain ASGI and no framework: at 3,000 single statements a second and more, a framework's routing
and its request and response objects would cost as much as all the rest.
"""

import logging
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from prometheus_client import Histogram

from schemas.experiments.book import Book
from schemas.metrics import REQUEST_SECONDS
from schemas.settings import Settings
from schemas.topics import SOURCES
from streams.collector import assign
from streams.collector.body import Disconnected, discard
from streams.collector.pages import about, healthz, home, metrics, not_implemented, openapi_json
from streams.collector.producer import RecordLog
from streams.collector.request import Request
from streams.collector.responses import (
    Answer,
    Header,
    Receive,
    Refusal,
    Send,
    send_answer,
    send_start,
    text_answer,
)
from streams.collector.writes import Writes

Handler = Callable[[Request], Awaitable[Answer]]
Ready = Callable[[], str]

_log = logging.getLogger(__name__)

_XAPI: tuple[Header, ...] = ((b"x-experience-api-version", b"1.0.3"),)
_STATEMENTS: tuple[Header, ...] = (
    *_XAPI,
    # "Everything stored until then can be read": the collector does not know what the store holds,
    # and reads are not served here, so it claims nothing later than the beginning of time.
    (b"x-experience-api-consistent-through", b"1970-01-01T00:00:00.000Z"),
)
_READS = ("activities", "activities/profile", "activities/state", "agents", "agents/profile")
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")


class Collector:
    """The application. `not_ready` says in a few words why no event can be taken, or nothing;
    `experiments` gives those in force, None while they are not known."""

    def __init__(
        self,
        settings: Settings,
        log: RecordLog,
        not_ready: Ready,
        experiments: Callable[[], Book | None] = Book,
    ) -> None:
        self._not_ready = not_ready
        writes = Writes(settings, log)
        self._routes = self._make_routes(writes)
        assignments = assign.Assignments(experiments, writes.key)
        self._routes[assign.ROUTE] = dict.fromkeys(("GET", "HEAD"), assignments.get)
        self._durations: dict[tuple[str, int], Histogram] = {}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except Disconnected:
            return
        more = _extra_headers(request.path)
        if request.unread and b"expect" not in request.headers:
            await send_start(send, answer, more)
            await send({"type": "http.response.body", "body": answer.body, "more_body": True})
            await discard(receive)
            await send({"type": "http.response.body"})
        else:
            await send_answer(send, answer, more)
        self._observe(request.path, answer.status, time.perf_counter() - started)

    async def _answer(self, request: Request) -> Answer:
        methods = self._routes.get(_route(request.path))
        try:
            if methods is None:
                raise Refusal(404, "path", "There is nothing here; / says what there is.")
            handler = methods.get(request.method)
            if handler is None:
                allowed = ", ".join(methods)
                message = f"{request.method} is not possible here, but {allowed}."
                allow = ((b"allow", allowed.encode()),)
                raise Refusal(405, "method", message, headers=allow)
            return await handler(request)
        except Refusal as refusal:
            return refusal.answer
        except Disconnected:
            raise
        except Exception as error:  # noqa: BLE001 - here every failure becomes an answer
            # Without the error's text, which may hold what somebody sent.
            trace = "".join(traceback.format_tb(error.__traceback__))
            _log.error("%s failed: %s\n%s", request.path, type(error).__name__, trace)
            message = "This is our fault, and it has been logged."
            return Refusal(500, "our-bug", message).answer

    def _make_routes(self, writes: Writes) -> dict[str, dict[str, Handler]]:
        routes: dict[str, dict[str, Handler]] = {
            path: {"GET": page, "HEAD": page}
            for path, page in (
                ("/", home),
                ("/openapi.json", openapi_json),
                ("/metrics", metrics),
                ("/healthz", healthz),
                ("/readyz", self._readyz),
                ("/xapi/about", about),
            )
        }
        for name in _READS:
            routes[f"/xapi/{name}"] = dict.fromkeys(_METHODS, not_implemented)
        routes["/xapi/statements"] = {
            "GET": not_implemented,
            "HEAD": not_implemented,
            "POST": writes.post_statements,
            "PUT": writes.put_statement,
        }
        for source in SOURCES:
            routes[f"/events/{source}"] = {"POST": writes.post_events}
        routes["/directory"] = {"POST": writes.post_directory}
        routes["/consent"] = {"POST": writes.post_consent}
        routes["/observations"] = {"POST": writes.post_observation}
        return routes

    async def _readyz(self, _: Request) -> Answer:
        reason = self._not_ready()
        if reason:
            raise Refusal(503, "not-ready", reason)
        return text_answer("ready\n")

    def _observe(self, path: str, status: int, seconds: float) -> None:
        # Unknown paths share a label, so that nobody can make the list of series grow.
        route = _route(path)
        label = route if route in self._routes else "other"
        histogram = self._durations.get((label, status))
        if histogram is None:
            histogram = REQUEST_SECONDS.labels(label, str(status))
            self._durations[label, status] = histogram
        histogram.observe(seconds)


def _route(path: str) -> str:
    """The route that serves `path`: itself, but for those with a name in them."""
    return assign.ROUTE if path.startswith(assign.PREFIX) else path


def _extra_headers(path: str) -> tuple[Header, ...]:
    if path == "/xapi/statements":
        return _STATEMENTS
    return _XAPI if path.startswith("/xapi/") else ()
