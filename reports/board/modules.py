"""Whether modules offer as many micro-challenges as are done: 3 to 5."""

from typing import Any, NamedTuple

from reports.board import words
from reports.board.wish import Wish, only_for_all
from sinks.clickhouse.client import Store

_SQL = """
SELECT module, people, times, challenges, toString(verdict)
FROM module_challenges ORDER BY verdict = 'right', module"""


class Module(NamedTuple):
    """In words; `rests_on` empty: too few people to show."""

    name: str
    challenges: str
    verdict: str
    how: str
    rests_on: str


def modules(store: Store, wish: Wish) -> dict[str, Any]:
    """Those that offer too few or too many first."""
    only_for_all(wish)
    found = [_module(row, wish.least) for row in store.query(_SQL)]
    return {
        "title": "Modules",
        "modules": found,
        "flagged": sum(each.how == "bad" for each in found),
        "too_few": words.TOO_FEW,
    }


def _module(row: tuple[Any, ...], least: int) -> Module:
    name, people, times, challenges, verdict = row
    name = name or "no module known"
    if people < least:
        return Module(name, "", "", "none", "")
    how = "good" if verdict == "right" else "bad"
    rests_on = f"{words.people(people)}, {times:,} times"
    return Module(name, f"{challenges:g}", verdict, how, rests_on)
