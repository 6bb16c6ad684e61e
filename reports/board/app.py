"""The board's pages, by path.

Each page is drawn on the server. A page whose numbers move is asked for again every few seconds by
its few lines of script, with `If-None-Match`, and its main part is replaced when it changed.
"""

import logging
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from http import HTTPStatus
from importlib.resources import files
from threading import local
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from reports.board import (
    access,
    capability,
    experiments,
    modules,
    pages,
    rubrics,
    suggestions,
)
from reports.board.access import Access, Viewer
from reports.board.form import fields
from reports.board.read import EVERYBODY, WINDOWS, Cohort
from reports.board.reporting import ANSWERS, NotSent, Reporter
from reports.board.wish import NotThere, Wish
from schemas.settings import Settings
from sinks.clickhouse.client import Store
from sinks.clickhouse.errors import StoreError

_log = logging.getLogger(__name__)

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-cache",
}
_STATIC = {"board.css": "text/css; charset=utf-8", "board.js": "text/javascript; charset=utf-8"}
_PAGES: dict[str, tuple[str, Callable[..., dict[str, Any]]]] = {
    "/": ("board.html", pages.board),
    "/indicators": ("indicators.html", pages.indicators),
    "/indicators/{name}": ("indicator.html", pages.indicator),
    "/journeys": ("journeys.html", pages.journeys),
    "/capability": ("capability.html", capability.capability),
    "/experiments": ("experiments.html", experiments.experiments),
    "/experiments/{name}": ("experiment.html", experiments.experiment),
    "/rubrics": ("rubrics.html", rubrics.rubrics),
    "/rubrics/{name}/{version:int}": ("rubric.html", rubrics.rubric),
    "/modules": ("modules.html", modules.modules),
    "/pipeline": ("pipeline.html", pages.pipeline),
}


class Board:
    """The application. `app` is ASGI."""

    def __init__(self, settings: Settings, who: Access) -> None:
        self._settings = settings
        self._access = who
        self._reporter = Reporter(settings)
        self._of_thread = local()
        self._templates = Environment(
            loader=PackageLoader("reports.board"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        routes = [
            Route(path, self._page(template, make)) for path, (template, make) in _PAGES.items()
        ]
        routes += [
            Route("/suggestions", self._suggestions),
            Route("/suggestions", self._report, methods=["POST"]),
            Route("/login", self._login, methods=["GET", "POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/static/{name}", self._static),
        ]
        self.app = Starlette(routes=routes, exception_handlers={HTTPException: self._refused})

    def is_ready(self) -> bool:
        """Whether the store answers."""
        try:
            self._store().query("SELECT 1")
        except StoreError:
            return False
        return True

    def _store(self) -> Store:
        """One connection a thread."""
        store: Store | None = getattr(self._of_thread, "store", None)
        if store is None:
            store = self._of_thread.store = Store(self._settings.clickhouse)
        return store

    def _page(self, template: str, make: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
        async def answer(request: Request) -> Response:
            viewer = self._viewer(request)
            if viewer is None:
                return self._stranger(request)
            return await run_in_threadpool(self._draw, request, viewer, template, make)

        return answer

    def _draw(
        self,
        request: Request,
        viewer: Viewer,
        template: str,
        make: Callable[..., dict[str, Any]],
    ) -> Response:
        try:
            wish = _wish(request, viewer, self._settings)
            values = make(self._store(), wish, **request.path_params)
        except NotThere as error:
            return self._told(HTTPStatus.NOT_FOUND, str(error), viewer)
        except StoreError as error:
            _log.warning("the store does not answer: %s", error)
            told = "The store does not answer just now. The page tries again by itself."
            return self._told(HTTPStatus.SERVICE_UNAVAILABLE, told, viewer)
        values |= {"viewer": viewer, "wish": wish, "path": request.url.path, "open": self._is_open}
        text = self._templates.get_template(template).render(values)
        tag = f'"{blake2b(text.encode(), digest_size=12).hexdigest()}"'
        headers = {**_HEADERS, "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(text, media_type="text/html", headers=headers)

    @property
    def _is_open(self) -> bool:
        return self._access.open or self._access.by_header

    def _viewer(self, request: Request) -> Viewer | None:
        header = self._access.header_name()
        named = request.headers.get(header) if header else None
        return self._access.viewer(request.cookies.get(access.COOKIE), named)

    def _stranger(self, request: Request) -> Response:
        if self._access.by_header:
            told = "The board knows you by a header of the proxy before it, and there was none."
            return self._told(HTTPStatus.FORBIDDEN, told, None)
        return RedirectResponse("/login", HTTPStatus.SEE_OTHER)

    async def _suggestions(self, request: Request) -> Response:
        viewer = self._viewer(request)
        if viewer is None:
            return self._stranger(request)
        make = partial(
            suggestions.page,
            learner=self._reporter.learner(viewer),
            token=self._access.token(viewer),
            told=request.query_params.get("told", ""),
        )
        return await run_in_threadpool(self._draw, request, viewer, "suggestions.html", make)

    async def _report(self, request: Request) -> Response:
        viewer = self._viewer(request)
        if viewer is None:
            return self._stranger(request)
        sent = await fields(request)
        told = await run_in_threadpool(self._reported, viewer, sent)
        return RedirectResponse(f"/suggestions?told={told}", HTTPStatus.SEE_OTHER)

    def _reported(self, viewer: Viewer, sent: dict[str, str]) -> str:
        """Send a report; what became of it, of `suggestions.TOLD`."""
        if not self._access.is_token(viewer, sent.get("token", "")):
            return "old"
        suggestion, answer = sent.get("suggestion", ""), sent.get("answer", "")
        if not suggestion or answer not in ANSWERS:
            return "unknown"
        try:
            learner = self._reporter.learner(viewer)
            for one in suggestions.mine(self._store(), learner, suggestion):
                self._reporter.send(viewer, one, answer)
                return "sent"
        except StoreError as error:
            _log.warning("the store does not answer: %s", error)
            return "store"
        except NotSent as error:
            return error.why
        return "unknown"

    async def _login(self, request: Request) -> Response:
        wrong = False
        if request.method == "POST":
            viewer = self._access.by_key((await fields(request)).get("key", ""))
            if viewer is not None:
                answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
                answer.set_cookie(
                    access.COOKIE,
                    self._access.session(viewer),
                    max_age=access.SESSION_SECONDS,
                    httponly=True,
                    samesite="strict",
                    secure=request.url.scheme == "https",
                )
                return answer
            wrong = True
        text = self._templates.get_template("login.html").render(wrong=wrong, viewer=None)
        status = HTTPStatus.UNAUTHORIZED if wrong else HTTPStatus.OK
        return Response(text, status, media_type="text/html", headers=_HEADERS)

    async def _logout(self, _: Request) -> Response:
        answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(access.COOKIE)
        return answer

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _STATIC:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        body = (files("reports.board") / "static" / name).read_bytes()
        return Response(body, media_type=_STATIC[name], headers=_HEADERS)

    async def _refused(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return self._told(status, "There is no such page.", self._viewer(request))

    def _told(self, status: int, text: str, viewer: Viewer | None) -> Response:
        page = self._templates.get_template("told.html").render(text=text, viewer=viewer)
        return Response(page, status, media_type="text/html", headers=_HEADERS)


def _wish(request: Request, viewer: Viewer, settings: Settings) -> Wish:
    """What the address asks for. Raises NotThere."""
    query = request.query_params
    window = query.get("window", "7d")
    if window not in WINDOWS:
        raise NotThere(f"There is no window of that name; there are {', '.join(WINDOWS)}.")
    cohort: Cohort | None = None
    if "cohort" in query:
        kind, _, name = query["cohort"].partition(":")
        cohort = Cohort(kind, name)
        if not viewer.may_see(cohort):
            raise NotThere("There is no such cohort, or it is not yours to see.")
    elif viewer.may_see(EVERYBODY):
        cohort = EVERYBODY
    return Wish(viewer, cohort, window, settings)
