"""In which order tests run.

Meant for `--dist loadgroup --no-loadscope-reorder`, which deals tests without a group out one by
one in this order. Modules that take long come first, so that none is left running alone at the end.
"""

from typing import Final

import pytest

# Longest first, by what one of their tests takes.
_LONG: Final = (
    "test_kills",
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
    """Long ones first, then the browser's, then other integration tests; else as they were."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    file = item.nodeid.partition("::")[0]
    if file.startswith(_INTEGRATION):
        return _PLACES.get(item.path.stem, len(_LONG) + 1)
    return len(_LONG) + (0 if file.startswith(_BROWSER) else 2)
