"""A simulated organisation through the stages, with repeats, late events and voids: each row is
what a recount says, and true effects are found again in the rows of the indicators."""

import hashlib

import pytest

from reports.statistics.proportions import Share, wilson
from reports.statistics.survival import kaplan_meier
from reports.time_to_act import of_counts
from schemas.decode import Decoder
from schemas.event import parse_events
from schemas.records import Event
from schemas.topics import SOURCES
from schemas.vocabulary import load
from tests.recount.recount import Key, Value
from tests.unit.model.pipeline import ROOMY, batches
from tests.unit.model.store import StoredPipeline
from tests.unit.model.test_pipeline import assert_same
from uptake.simulate.run import DAY_MS, Plan
from uptake.simulate.troubles import Troubles
from uptake.simulate.truth import DEFAULT

MONDAY = 20_458 * DAY_MS
PLAN = Plan(
    learners=80, days=7, begins=MONDAY, seed=11,
    troubles=Troubles(twice=0.03, late=0.05, shuffled=30),
)  # fmt: skip
END = MONDAY + 20 * DAY_MS


def _events() -> list[Event]:
    """In the order of arrival, each where its source has it."""
    vocabulary = load(None)
    decoder = Decoder(vocabulary, lambda issuer, name: hashlib.md5(name.encode()).digest())
    offsets = dict.fromkeys(SOURCES, 0)
    found = []
    for source, item in PLAN.emissions():
        value = item.json()
        if source != "lms":
            [prepared] = parse_events(source, value, 1)
            value = prepared.value
        number, offset = SOURCES.index(source), offsets[source]
        offsets[source] += 1
        event = decoder.decode(number, 0, offset, 0, item.at, value)
        event.verb = vocabulary.signal(event.verb, event.object_type, event.attributes)
        found.append(event)
    return found


@pytest.fixture(scope="module")
def rows() -> dict[Key, Value]:
    pipeline = StoredPipeline(1, 0.05, ROOMY)
    pipeline.feed(batches(_events(), 100))
    pipeline.run()
    assert len(pipeline.told) > 5
    assert_same(pipeline.shown(), pipeline.right())
    return pipeline.shown()


def _value(rows: dict[Key, Value], indicator: str, kind: str, cohort: str) -> Value:
    ends = [k.window_end for k in rows if k[:4] == (indicator, kind, cohort, "28d")]
    newest = max(end for end in ends if end <= END)
    return rows[Key(indicator, kind, cohort, "28d", newest)]


def _holds(value: Value, truth: float) -> bool:
    assert value.denominator
    interval = wilson(Share(value.numerator, value.denominator), 0.99)
    return interval is not None and interval.holds(truth)


def test_nudges_by_tool(rows: dict[Key, Value]) -> None:
    for tool, truth in (("ticketing", DEFAULT.ticketing_nudge), ("crm", DEFAULT.crm_nudge)):
        for placement, less in (("sidebar", 0.0), ("banner", truth.banner_opened)):
            if tool == "ticketing":
                continue  # Some are outside any moment, and have a truth of their own.
            found = _value(rows, "nudge_open_rate", "tool+placement", f"{tool}+{placement}")
            assert _holds(found, truth.opened + less)
        assert _holds(_value(rows, "nudge_click_to_act", "tool", tool), truth.acted)


def test_nudges_hit_their_moments_but_for_the_idle_ones(rows: dict[Key, Value]) -> None:
    assert _value(rows, "moment_precision", "tool", "crm")[0] > 0
    precise = _value(rows, "moment_precision", "tool", "crm")
    assert precise.numerator == precise.denominator
    idle = _value(rows, "moment_precision", "tool", "ticketing")
    assert idle.denominator is not None
    assert idle.numerator < idle.denominator


def test_suggestions_and_role_plays(rows: dict[Key, Value]) -> None:
    assert _holds(_value(rows, "suggestion_try_rate", "all", "all"), DEFAULT.tried)
    assert _holds(_value(rows, "suggestion_report_rate", "all", "all"), DEFAULT.reported)
    for kind, truth in DEFAULT.worked.items():
        assert _holds(_value(rows, "suggestion_worked", "kind", kind), truth)
    assert _holds(_value(rows, "timely_submission", "all", "all"), DEFAULT.submitted_in_time)


def test_well_written_challenges_without_those_that_were_unchecked(
    rows: dict[Key, Value],
) -> None:
    checked = {"true": DEFAULT.checked_well_written, "false": DEFAULT.checked_badly_written}
    for written, truth in checked.items():
        found = _value(rows, "challenge_completion_rate", "well_written", written)
        # Practice of the team moves it by as much up or down.
        low = (truth - DEFAULT.practice_checked) * (1 - DEFAULT.unchecked)
        high = (truth + DEFAULT.practice_checked) * (1 - DEFAULT.unchecked)
        assert found.denominator
        assert low - 0.1 < found.numerator / found.denominator < high + 0.1


@pytest.mark.parametrize("by", ["tool", "placement", "prompt"])
def test_time_to_act(rows: dict[Key, Value], by: str) -> None:
    """Those who never act are censored: the curve ends at the share of the truth."""
    kind = f"{by}+delay"
    cohorts = {k.cohort for k in rows if k[:2] == ("nudge_time_to_act", kind)}
    counts = [(c, _value(rows, "nudge_time_to_act", kind, c).numerator) for c in cohorts]
    found = of_counts(counts)
    assert len(found) > 1
    for cohort, observed in found.items():
        curve = kaplan_meier(observed)
        acted = _value(rows, "nudge_action_rate", by, cohort)
        assert acted.denominator == curve.cases
        assert 1 - curve.at(86_400) == pytest.approx(acted.numerator / curve.cases)
        times = [point.time for point in curve.points]
        assert times == sorted(times)
