"""Looks equal a recount of everything at each hour."""

from hypothesis import given
from hypothesis import strategies as st

from reports.statistics.sequential import Moments
from schemas.experiments.book import Switch, running_ms
from schemas.experiments.definition import parse
from tests.unit.experiments.examples import BY_LEARNER
from uptake.experiments.counting import HOUR_MS, Done, Kind, Measured, Shown, counted

EXPERIMENT = parse(BY_LEARNER, "short-nudge")
UNITS = st.sampled_from("abcdef")
TIMES = st.integers(0, 5 * HOUR_MS)
SHOWN = st.lists(
    st.builds(
        Shown, UNITS, st.sampled_from(["control", "short", "none"]), TIMES, st.integers(1, 2)
    ),
    unique_by=lambda one: one.unit,
)
DONE = st.lists(st.builds(Done, UNITS, TIMES, st.integers(0, 3), st.integers(0, 2)))
SWITCHES = [Switch(True, 1_000, ""), Switch(False, 3 * HOUR_MS, "")]


def value(kind: Kind, mine: list[Done]) -> float | None:
    if kind == "mean":
        den = sum(one.den for one in mine)
        return 0.5 * sum(one.num for one in mine) / den if den else None
    return float(len(mine) if kind == "count" else bool(mine))


@given(shown=SHOWN, done=DONE, guard=DONE, kind=st.sampled_from(["whether", "count", "mean"]))
def test_against_a_recount(
    shown: list[Shown], done: list[Done], guard: list[Done], kind: Kind
) -> None:
    measured = {
        "first_contact_resolution": Measured(kind, 0.5, done),
        "tickets_reopened": Measured("whether", 1.0, guard),
    }
    found = counted(EXPERIMENT, SWITCHES, shown, measured, 4 * HOUR_MS)
    kept = {one.unit: one for one in shown if one.variants == 1 and one.variant != "none"}
    assert found.mixed + found.unknown + len(kept) == len(shown)
    first = min((one.at for one in kept.values()), default=9 * HOUR_MS)
    ends = [hour * HOUR_MS for hour in range(1, 5) if hour * HOUR_MS > first]
    assert len(found.looks) == len(ends)
    for end, look in zip(ends, found.looks, strict=True):
        assert look.running_ms == running_ms(SWITCHES, end)
        for variant in ("control", "short"):
            units = [one for one in kept.values() if one.variant == variant and one.at < end]
            assert look.exposed[variant] == len(units)
            values = []
            for unit in units:
                mine = [o for o in done if o.unit == unit.unit and unit.at <= o.at < end]
                one = value(kind, mine)
                values += [] if one is None else [one]
            moments = look.outcome[variant]
            assert moments.cases == len(values)
            assert abs(moments.total - sum(values)) < 1e-9
            assert abs(moments.squares - sum(v * v for v in values)) < 1e-9
            assert isinstance(look.guardrails["tickets_reopened"][variant], Moments)
