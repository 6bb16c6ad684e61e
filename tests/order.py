"""In which order tests run, and which of them together.

Tests are dealt out to processes one by one in this order, but for those that share a store or a
whole running Uptake: these go to one process together, so that what they share is started once
and not once a process. First whole pipelines that are killed under full load for minutes; beside
them all that starts no processes, so that they get the processor time that they need. Then the
others that take long, so that none is left running alone at the end.
"""

from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

_FIRST: Final = "test_kills"
# Longest first, by what one of their tests takes.
_LONG: Final = (
    "test_rebuild_state",
    "test_up_killed",
    "test_real_logs",
    "test_chaos",
    "test_chaos_harness",
    "test_broken_inputs_whole",
    "test_epoch_worker",
    "test_up",
    "test_reconcile",
    "test_dead_letters",
    "test_repair",
    "test_back_pressure",
    "test_cluster",
    "test_intake",
    "test_new_journey",
    "test_gaps",
)
_PLACES: Final = {name: place for place, name in enumerate(_LONG)}
_INTEGRATION: Final = "tests/integration/"
_BROWSER: Final = "tests/browser/"
_TOGETHER: Final = frozenset(
    f"{_INTEGRATION}{name}.py"
    for name in (
        "test_asks",
        "test_board_pages",
        "test_openapi",
        "test_scores",
        "test_store_http",
        "test_store_schema",
        "test_stories",
    )
)
"""Files with a store or a collector of the module."""


def sort(items: list[pytest.Item]) -> None:
    """Put them in this order; else as they were."""
    items.sort(key=_place)


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Deals tests out in this order."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        """Tests for which this is the same run in one process, one after another."""
        file = nodeid.partition("::")[0]
        if file.startswith(_BROWSER):
            return _BROWSER
        return file if file in _TOGETHER else nodeid


def _place(item: pytest.Item) -> int:
    file = item.nodeid.partition("::")[0]
    if item.path.stem == _FIRST:
        return 0
    if file.startswith(_INTEGRATION):
        return 2 + _PLACES.get(item.path.stem, len(_LONG) + 1)
    return 2 + len(_LONG) if file.startswith(_BROWSER) else 1
