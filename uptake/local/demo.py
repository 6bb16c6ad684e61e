"""The demo: simulated events go in, and a live picture is shown."""

import logging
import sys
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live

from sinks.clickhouse.client import Store
from sinks.clickhouse.errors import StoreError
from uptake.feed import demo as feed
from uptake.feed.errors import FeedError
from uptake.local.picture import Snapshot, lively, plain, read
from uptake.local.session import addresses
from uptake.local.up import Up
from uptake.rubrics.load import RubricError
from uptake.rubrics.load import load as load_rubric
from uptake.rubrics.store import save
from uptake.simulate.growth import RUBRIC_FILE

_LIVELY_SECONDS = 1.0
_PLAIN_SECONDS = 5.0
_JOIN_SECONDS = 10.0
_log = logging.getLogger(__name__)


class Demo:
    """While it is entered, a thread feeds and a thread shows. It starts no process."""

    def __init__(self, up: Up, console: Console) -> None:
        self._up = up
        self._console = console
        self._stop = Event()
        self._threads = [
            Thread(target=self._feed, name="demo feed", daemon=True),
            Thread(target=self._show, name="demo picture", daemon=True),
        ]

    def __enter__(self) -> Self:
        for line in addresses(self._up):
            self._tell(line)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def _load_rubric(self) -> None:
        """That by which the raters of the simulation score, so that their levels have a scale."""
        rubric = load_rubric(RUBRIC_FILE)
        with Store(self._up.plan.settings.clickhouse) as store:
            save(store, rubric)
        # Beside this Python: the demo's .venv is not on the PATH of who reads this.
        program = Path(sys.executable).with_name("uptake")
        told = f"{program} rubric agreement {rubric.id} --config {self._up.plan.folder.run_file}"
        self._tell(f"  How far raters agree:\n    {told}\n")

    def _feed(self) -> None:
        try:
            self._load_rubric()
        except (StoreError, RubricError) as error:
            self._tell(f"The rubric was not loaded: {error}")
        try:
            feed.run(self._up.plan.folder.run_file, self._stop)
        except FeedError as error:
            self._tell(f"The feed has ended: {error}")

    def _tell(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _show(self) -> None:
        store = Store(self._up.plan.settings.clickhouse)
        before: Snapshot | None = None
        lively_form = self._console.is_terminal
        pause = _LIVELY_SECONDS if lively_form else _PLAIN_SECONDS
        with ExitStack() as stack:
            live = (
                stack.enter_context(Live(console=self._console, auto_refresh=False))
                if lively_form
                else None
            )
            while not self._stop.wait(pause):
                try:
                    snapshot = read(store)
                except StoreError as error:
                    _log.warning("no picture: %s", error)
                    continue
                if live is None:
                    self._console.print(plain(snapshot), highlight=False, soft_wrap=True)
                else:
                    live.update(lively(snapshot, before, ["Ctrl-C ends everything."]), refresh=True)
                before = snapshot
