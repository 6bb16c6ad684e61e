"""What the store holds against what was acknowledged, counted again without the pipeline."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tests.chaos.asking import Store
from tests.chaos.feeder import Ledger
from tests.recount.recount import Key, Value

_DAY_MS: Final = 86_400_000
_SHOWN: Final = 3


@dataclass
class Verdict:
    """All zeros and no problems: the run was exact."""

    events: int = 0
    """Events in the store."""
    lost: int = 0
    """Acknowledged and not there."""
    double: int = 0
    """Rows of events beyond the first of an id."""
    unknown: int = 0
    """There, and never sent."""
    wrong: int = 0
    """Rows of indicators that differ from the recount, are missing, or too many."""
    problems: list[str] = field(default_factory=list)

    def exact(self) -> bool:
        """Whether nothing is off."""
        return not (self.lost or self.double or self.unknown or self.wrong or self.problems)


def judge(
    store: Store, ledger: Ledger, wanted: dict[Key, Value], ends: dict[str, int] | None
) -> Verdict:
    """Compare. `wanted`: the recount of all that was acknowledged. `ends`: records on the topic of
    each source as the broker counts them, where it can be trusted to."""
    verdict = Verdict()
    stored = Counter(str(row[0]) for row in store.rows("SELECT hex(event_id) FROM events"))
    compare_events(verdict, {each.hex().upper() for each in ledger.ids}, stored)
    compare_rows(verdict, wanted, _shown(store))
    _compare_accounts(verdict, store, ledger, ends)
    return verdict


def compare_events(verdict: Verdict, acknowledged: set[str], stored: Counter[str]) -> None:
    """Ids in hexadecimal."""
    verdict.events = stored.total()
    verdict.lost = len(acknowledged - stored.keys())
    verdict.unknown = len(stored.keys() - acknowledged)
    verdict.double = stored.total() - len(stored)
    _show(verdict, "lost", acknowledged - stored.keys())
    _show(verdict, "never sent", stored.keys() - acknowledged)
    _show(verdict, "double", (each for each, count in stored.items() if count > 1))


def compare_rows(
    verdict: Verdict, wanted: dict[Key, Value], shown: list[tuple[Key, Value]]
) -> None:
    """Each wanted row is there, once, and no other."""
    found = dict(shown)
    off = [key for key in {*wanted, *found} if wanted.get(key) != found.get(key)]
    verdict.wrong = len(off) + len(shown) - len(found)
    _show(verdict, "wrong", (f"{k} shown {found.get(k)}, is {wanted.get(k)}" for k in sorted(off)))


def _shown(store: Store) -> list[tuple[Key, Value]]:
    """The view `indicators` in the recount's form."""
    rows = []
    for indicator, kind, cohort, window, end, top, bottom, people in store.rows(
        "SELECT indicator, cohort_kind, cohort, window, toString(toUnixTimestamp64Milli("
        "window_end)), toString(numerator), toString(denominator), toString(people)"
        " FROM indicators"
    ):
        numerator = float(str(top)) * (_DAY_MS if indicator == "days_to_close" else 1)
        denominator = None if bottom is None else round(float(str(bottom)))
        key = Key(str(indicator), str(kind), str(cohort), str(window), int(str(end)))
        rows.append((key, Value(round(numerator), denominator, int(str(people)))))
    return rows


def _compare_accounts(
    verdict: Verdict, store: Store, ledger: Ledger, ends: dict[str, int] | None
) -> None:
    """The view `conservation` against the feeder's account and the broker's."""
    columns = ("received", "stored", "dead", "duplicate", "pending", "difference", "lost")
    named = ", ".join(f"toString({column})" for column in columns)
    for source, *numbers in store.rows(f"SELECT source, {named} FROM conservation"):
        name = str(source)
        one = dict(zip(columns, (int(str(number)) for number in numbers), strict=True))
        told = f"conservation of {name}: {json.dumps(one)}"
        least = ledger.acknowledged[name]
        most = least + ledger.unanswered[name]
        if one["pending"] or one["difference"] or one["lost"]:
            verdict.problems.append(told)
        if one["received"] != one["stored"] + one["dead"] + one["duplicate"]:
            verdict.problems.append(f"{told} does not add up")
        if not least <= one["received"] <= most:
            verdict.problems.append(f"{told}, acknowledged {least}, sent at most {most}")
        if not ledger.broken[name] <= one["dead"] <= ledger.broken[name] + most - least:
            verdict.problems.append(f"{told}, broken {ledger.broken[name]}")
        if ends is not None and one["received"] != ends[name]:
            verdict.problems.append(f"{told}, on the topic {ends[name]}")


def _show(verdict: Verdict, what: str, found: Iterable[str]) -> None:
    some = sorted(found)
    if some:
        more = f" and {len(some) - _SHOWN} more" if len(some) > _SHOWN else ""
        verdict.problems.append(f"{what}: {'; '.join(some[:_SHOWN])}{more}")
