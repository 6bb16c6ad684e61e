"""Pictures of every page of the board in Chromium, of a simulated organisation.

`make screenshots` writes them: as PNG, which git ignores, since the repository holds no binaries,
and drawn as SVG text, which README and docs show.
"""

import asyncio
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Literal, NamedTuple

import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from reports.board.access import Access
from reports.board.app import Board
from schemas.experiments.book import Entry, Switch
from schemas.settings import (
    BoardSettings,
    ClickHouseSettings,
    CollectorSettings,
    KeySettings,
    Settings,
    ViewerSettings,
)
from sinks.clickhouse import rows
from sinks.clickhouse.client import Store
from tests.browser.organisation import definition
from tests.fixtures.simulated import PRIVACY, fill, plan
from tests.fixtures.store import running_store
from tests.fixtures.waiting import wait_for
from uptake.local.ports import free_ports
from uptake.simulate.growth import CRITERIA
from uptake.simulate.organisation import ISSUER
from uptake.simulate.truth import DEFAULT

PAGES = {
    "board": "/?window=28d",
    "indicators": "/indicators?window=28d",
    "indicator": "/indicators/first_contact_resolution?window=28d",
    "journeys": "/journeys?window=28d",
    "suggestions": "/suggestions?window=28d",
    "capability": "/capability",
    "experiments": "/experiments",
    "experiment": f"/experiments/{DEFAULT.trials[0].name}",
    "rubrics": "/rubrics",
    "rubric": "/rubrics/scenario/1",
    "modules": "/modules",
    "pipeline": "/pipeline",
}
"""Name of the picture -> path."""


class Look(NamedTuple):
    """How a page is seen; width and height in pixels."""

    width: int
    height: int
    scheme: Literal["light", "dark"]


_LOOKS = {
    "": Look(1280, 800, "light"),
    "-dark": Look(1280, 800, "dark"),
    "-phone": Look(390, 844, "light"),
}
_DRAWN = Look(960, 800, "light")
_TALLEST = 1600
"""Pixels at which a drawing is cut, for pages that go on and on."""
_DRAW = Path(__file__).with_name("picture.js").read_text(encoding="utf-8")
_LEARNERS = 90
_VIEWER = "lead"
_HEADER = "X-Viewer"
_START_SECONDS = 60.0
_PATHS = ("chromium", "chromium-browser", "google-chrome")


def take(address: str, folder: Path, drawings: Path) -> list[Path]:
    """Pictures of all pages of the board at `address`: PNG in `folder`, SVG in `drawings`."""
    chromium = next((found for name in _PATHS if (found := shutil.which(name))), None)
    if chromium is None:
        raise SystemExit(f"none of these programs is installed: {', '.join(_PATHS)}")
    folder.mkdir(parents=True, exist_ok=True)
    drawings.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            return [
                picture
                for name, path in PAGES.items()
                for picture in _pictures(browser, f"{address}{path}", name, folder, drawings)
            ]
        finally:
            browser.close()


def draw(page: Page) -> str:
    """The page as SVG text, as it is laid out now."""
    return str(page.evaluate(_DRAW, {"title": page.title(), "tallest": _TALLEST}))


def _pictures(
    browser: Browser, address: str, name: str, folder: Path, drawings: Path
) -> Iterator[Path]:
    for ending, look in _LOOKS.items():
        with _seen(browser, address, look) as page:
            out = folder / f"{name}{ending}.png"
            page.screenshot(path=out, full_page=True)
            yield out
    with _seen(browser, address, _DRAWN) as page:
        out = drawings / f"{name}.svg"
        out.write_text(draw(page), encoding="utf-8")
        yield out


@contextmanager
def _seen(browser: Browser, address: str, look: Look) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme=look.scheme,
        extra_http_headers={_HEADER: _VIEWER},
    )
    try:
        page = context.new_page()
        answer = page.goto(address)
        if answer is None or not answer.ok:
            raise SystemExit(f"{address}: {'nothing' if answer is None else answer.status}")
        yield page
    finally:
        context.close()


@contextmanager
def organisation() -> Iterator[str]:
    """The address of a board of eight weeks of a simulated organisation that end today."""
    with tempfile.TemporaryDirectory() as folder, running_store(Path(folder) / "store") as process:
        wanted = plan(datetime.now(UTC), learners=_LEARNERS)
        fill(process.settings, wanted)
        with Store(process.settings) as store:
            _more(store)
        manager = next(iter(wanted.organisation.managers.values()))
        with _board(process.settings, manager.name) as address:
            yield address


def _more(store: Store) -> None:
    """What people decide, which the simulation leaves out: experiments and a rubric."""
    begun = int((datetime.now(UTC) - timedelta(days=40)).timestamp() * 1000)
    switches = [Switch(True, begun, "planned")]
    names = [trial.name for trial in DEFAULT.trials]
    store.insert(
        "experiments", rows.experiments(Entry(name, definition(name), switches) for name in names)
    )
    levels: list[tuple[object, ...]] = [
        ("scenario", 1, place, criterion, level, 5, "A scenario", "", "", [], [], "en", "made", 0)
        for place, criterion in enumerate(CRITERIA, 1)
        for level in range(1, 6)
    ]
    store.insert("rubrics", list(zip(*levels, strict=True)))
    store.command(
        "ALTER TABLE ratings UPDATE rubric = 'scenario', rubric_version = 1 "
        "WHERE kind = 'check' SETTINGS mutations_sync = 1"
    )


@contextmanager
def _board(clickhouse: ClickHouseSettings, manager: str) -> Iterator[str]:
    """As a manager sees it, whom a header names."""
    (port,) = free_ports(1)
    viewer = ViewerSettings(_VIEWER, learner=manager, issuer=ISSUER)
    settings = Settings(
        clickhouse=clickhouse,
        privacy=PRIVACY,
        collector=CollectorSettings(keys=[KeySettings("pictures", "for pictures", "*")]),
        board=BoardSettings(port=port, viewers=[viewer], user_header=_HEADER),
    )
    app = Board(settings, Access(settings.board)).app
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_config=None))
    thread = Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    try:
        wait_for(lambda: server.started, _START_SECONDS, "the board")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    with organisation() as board:
        for picture in take(board, Path(sys.argv[1]), Path(sys.argv[2])):
            print(picture)
