"""In which order tests run.

Meant for `--dist loadgroup --no-loadscope-reorder`, which deals tests without a group out one by
one in this order. First whole pipelines that are killed under full load for minutes; beside
them all that starts no processes, so that they get the processor time that they need. Then the
others that take long, so that none is left running alone at the end.
"""

from typing import Final

import pytest

_FIRST: Final = "test_kills"
# Longest first, by what one of their tests takes.
_LONG: Final = (
    "test_rebuild_state",
    "test_up_killed",
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


def sort(items: list[pytest.Item]) -> None:
    """Put them in this order; else as they were."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    file = item.nodeid.partition("::")[0]
    if item.path.stem == _FIRST:
        return 0
    if file.startswith(_INTEGRATION):
        return 2 + _PLACES.get(item.path.stem, len(_LONG) + 1)
    return 2 + len(_LONG) if file.startswith(_BROWSER) else 1
