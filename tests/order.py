"""In which order tests run, and which of them run in one process.

Meant for `--dist loadgroup --no-loadscope-reorder`, which deals groups out in this order. Modules
that take long come first and their tests one by one, so that none is left running alone at the
end. The others stay together by module, whose fixtures are then set up once.
"""

from typing import Final

import pytest

# Longest first, by what one of their tests takes.
_LONG: Final = (
    "test_kills",
    "test_rebuild_state",
    "test_up_killed",
    "test_chaos",
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


def group(item: pytest.Item) -> str:
    """The group of a test; empty: it is one by itself."""
    file = item.nodeid.partition("::")[0]
    if _place(item) < len(_LONG):
        return ""
    if file.startswith(_BROWSER):
        return _BROWSER
    # One of the two brokers of a session runs at a time, and another test may want the other.
    callspec = getattr(item, "callspec", None)
    kind = "" if callspec is None else callspec.params.get("broker", "")
    return f"{file}-{kind}"


def sort(items: list[pytest.Item]) -> None:
    """Long ones first, then the browser's, then other integration tests; else as they were."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    file = item.nodeid.partition("::")[0]
    if file.startswith(_INTEGRATION):
        return _PLACES.get(item.path.stem, len(_LONG) + 1)
    return len(_LONG) + (0 if file.startswith(_BROWSER) else 2)
