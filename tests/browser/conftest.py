"""A real Chromium, and a whole `uptake up` that the browser tests share.

Neither outlives the package: beside Playwright's event loop no other test could run one.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from schemas.settings import ViewerSettings
from tests.browser.organisation import ISSUER, fill
from tests.fixtures.running import Running, command
from tests.fixtures.waiting import wait_for
from uptake.local.ports import free_ports

KEY = "key-of-the-lead-0123"
_START_SECONDS = 60.0
LOOK_MS = 90_000
"""How long a page or what it is to show is waited for, beside whatever else the machine does."""


@pytest.fixture(scope="package")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An organisation of two teams, one of which is too small to be shown."""
    with Running(tmp_path_factory.mktemp("board") / "data", "embedded") as running:
        fill(running)
        yield running


@pytest.fixture(scope="package")
def own_board(up: Running) -> Iterator[str]:
    """The address of another board of it, whose one viewer logs in with KEY."""
    port, metrics = free_ports(2)
    viewer = ViewerSettings("lead", KEY, learner="Alder-0", issuer=ISSUER)
    more = {
        "UPTAKE_BOARD_PORT": str(port),
        "UPTAKE_METRICS_PORT": str(metrics),
        "UPTAKE_BOARD_VIEWERS": msgspec.json.encode([viewer]).decode(),
    }
    arguments = command("board", "--config", up.config)
    process = subprocess.Popen(arguments, env={**os.environ, **more})
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None
        try:
            with urlopen(f"{address}/login", timeout=5) as answer:
                return bool(answer.status == 200)
        except URLError:
            return False

    try:
        wait_for(answers, _START_SECONDS, "the second board")
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="package")
def browser(tool: Callable[..., str]) -> Iterator[Browser]:
    """Debian's Chromium. It runs as root in CI, where it has no sandbox."""
    path = tool("chromium", "chromium-browser", "google-chrome")
    expect.set_options(timeout=LOOK_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, up: Running, **options: Any) -> Iterator[Page]:
    """A page of the board, of a context with these options."""
    context = browser.new_context(base_url=up.run()["board"], **options)
    context.set_default_timeout(LOOK_MS)
    try:
        yield context.new_page()
    finally:
        context.close()


@pytest.fixture
def page(browser: Browser, up: Running) -> Iterator[Page]:
    """A page that must not complain on its console."""
    said: list[str] = []
    with opened(browser, up) as page:
        page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        yield page
    # The one page that is asked for and not there.
    assert [line for line in said if "404" not in line] == []
