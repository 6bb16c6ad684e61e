"""What memory lets go of is repaired: with any budget, whatever the order, the repetition, the
cut into records and epochs, and the crashes, every row is in the end what a recount says."""

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import Batch, Cohort, encode
from streams.model.horizon import Limits
from tests.unit.model.pipeline import CATALOG, PARTITIONS, Pipeline, Worker, batches
from tests.unit.model.store import DAY_MS, StoredPipeline, shuffled
from tests.unit.model.test_pipeline import (
    BASE,
    COHORTS,
    LEARNERS,
    LEARNING,
    MINUTE,
    PRACTICE,
    SIGNALS,
    Happening,
    assert_same,
    attributes,
    entries_for,
    events_of,
    learner,
    voiding,
)

START = BASE // DAY_MS * DAY_MS
days = st.one_of(
    st.sampled_from([0, 1, 2, 27, 28, 29, 30, 56, 57, 58]), st.integers(0, 70), st.integers(0, 9)
)
minutes = st.one_of(st.integers(0, 3), st.integers(0, 1439))
when = st.tuples(days, minutes).map(lambda at: START + at[0] * DAY_MS + at[1] * MINUTE)


def happenings_of(most: int) -> st.SearchStrategy[list[Happening]]:
    """Mostly of one kind, so that they meet."""
    return st.sampled_from([LEARNING, PRACTICE, SIGNALS]).flatmap(
        lambda names: st.lists(
            st.tuples(st.sampled_from(names), learner, st.integers(0, 1), when, attributes),
            min_size=1,
            max_size=most,
        )
    )


limits = st.builds(
    Limits,
    memory=st.one_of(st.just(0), st.integers(0, 6_000)),
    ids=st.integers(0, 12),
    days=st.integers(0, 12),
    records=st.integers(1, 5),
)


@settings(max_examples=80, deadline=None)
@given(
    happenings_of(24),
    st.dictionaries(learner, st.sampled_from(COHORTS)),
    st.dictionaries(learner, st.sampled_from(COHORTS), max_size=2),
    limits,
    st.sampled_from([0, 3, 8, 100]),
    st.randoms(use_true_random=False),
)
def test_with_any_budget_every_row_is_right_in_the_end(
    happenings: list[Happening],
    cohorts: dict[bytes, Cohort],
    moved: dict[bytes, Cohort],
    limits: Limits,
    far: int,
    random: Random,
) -> None:
    arriving = shuffled(random, events_of(happenings), far)
    for number, event in enumerate(random.sample(arriving, len(arriving) // 4)):
        arriving.insert(random.randrange(len(arriving) + 1), voiding(event, 1_000 + number))
    resent = [msgspec.structs.replace(e) for e in random.sample(arriving, len(arriving) // 3)]
    for event in resent:
        arriving.insert(random.randrange(len(arriving) + 1), event)
    for offset, event in enumerate(arriving):
        event.offset = offset
    half = len(arriving) // 2
    since = random.choice([0, START, START + 29 * DAY_MS])
    fed = batches(arriving[:half], 3, entries_for(cohorts))
    fed += batches(arriving[half:], random.randrange(1, 5), entries_for(moved, since))
    pipeline = StoredPipeline(random.randrange(1 << 30), 0.2, limits)
    for part in range(0, len(fed), 4):
        pipeline.feed(fed[part : part + 4])
        if random.random() < 0.5:
            pipeline.run()
    pipeline.run()
    assert_same(pipeline.shown(), pipeline.right())


@settings(max_examples=40, deadline=None)
@given(happenings_of(14), limits, st.randoms(use_true_random=False))
def test_rebuilt_from_events_with_any_budget(
    happenings: list[Happening], limits: Limits, random: Random
) -> None:
    """The horizon may rise while state is rebuilt; the store's rows are then repaired."""
    cohorts = {who: COHORTS[n % len(COHORTS)] for n, who in enumerate(LEARNERS)}
    events = shuffled(random, events_of(happenings), 8)
    for offset, event in enumerate(events):
        event.offset = offset
    half = len(events) // 2
    for event in events[:half]:
        event.cohort = cohorts[event.learner]
    restored = batches(events[:half], 2, entries_for(cohorts))
    for _, batch in restored:
        batch.restored = True
    pipeline = StoredPipeline(random.randrange(1 << 30), 0.2, limits)
    pipeline.feed(restored)
    pipeline.feed((p, Batch(0, 0, restore_ended=True)) for p in range(PARTITIONS))
    if random.random() < 0.5:
        pipeline.run()
    pipeline.feed(batches(events, 2))
    pipeline.run()
    assert_same(pipeline.shown(), pipeline.right())


def test_a_step_of_a_walk_that_was_let_go_recalls_it() -> None:
    happenings: list[Happening] = [
        ("ticket.opened", bytes(16), 0, START, {}),
        ("content.started", bytes(16), 0, START, {}),
        *(("video.played", bytes(16), 1, START + day * DAY_MS, {}) for day in range(40)),
        *(("ticket.opened", bytes(16), day, START + day * DAY_MS, {}) for day in range(30, 40)),
        ("ticket.resolved", bytes(16), 0, START + 40 * DAY_MS, {}),
        ("content.completed", bytes(16), 0, START + 20 * DAY_MS, {}),
        ("content.completed", bytes(16), 0, START + 40 * DAY_MS, {}),
    ]
    pipeline = StoredPipeline(1, 0.0, Limits(0, 0, 10, 1))
    for part in batches(events_of(happenings), 1):
        pipeline.feed([part])
        pipeline.run()
    assert pipeline.horizon() == START // DAY_MS + 30
    assert pipeline.recalls == 2
    named = {name for one in pipeline.all_named for name in one.indicators}
    assert {"module_completion_rate", "module_completions", "active_learners"} <= named
    assert_same(pipeline.shown(), pipeline.right())


class _Told(StoredPipeline):
    """Fed one happening after the other; nothing comes by chance."""

    def __init__(self) -> None:
        super().__init__(1, 0.0, Limits(0, 0, 10, 1))
        self._fed = 0

    def meanwhile(self) -> None:
        """Nobody does anything."""

    def happen(self, name: str, day: int, number: int = 0) -> None:
        """To the object of this number; questions stay open."""
        [event] = events_of([(name, bytes(16), number, START + day * DAY_MS, {})])
        event.offset, event.event_id = self._fed, self._fed.to_bytes(16, "big")
        self._fed += 1
        self.feed(batches([event], 1))
        Pipeline.run(self)

    def pass_days(self, name: str, first: int, last: int) -> None:
        """It happens to another object, so that the horizon rises to ten days before the last."""
        for day in range(first, last + 1):
            self.happen(name, day, 1)

    def cells(self) -> set[bytes]:
        """What the objects stages count in."""
        workers = [worker for worker in self.workers if worker.agent == "objects"]
        return {key for worker in workers for key in worker.rows.rows if key[:1] == b"C"}


@pytest.mark.parametrize(
    ("begun", "went_on", "ended"),
    [
        ("content.started", "content.completed", "content.completed"),
        ("ticket.opened", "ticket.resolved", "ticket.closed"),
    ],
)
def test_a_late_answer_to_an_older_question_is_not_taken(
    begun: str, went_on: str, ended: str
) -> None:
    """A walk is recalled, goes on, is let go of again and asked for once more; then the answer to
    the first question comes again, which knows nothing of how it went on."""
    pipeline = _Told()
    pipeline.happen(begun, 0)
    pipeline.pass_days(begun, 0, 39)
    pipeline.happen(begun, 40)
    pipeline.run()
    [old] = pipeline.answers
    pipeline.happen(went_on, 41)
    pipeline.pass_days(begun, 41, 70)
    pipeline.happen(ended, 70)
    pipeline.send([old])
    pipeline.run()
    assert pipeline.recalls == 2
    assert_same(pipeline.shown(), pipeline.right())


def test_a_late_step_of_a_ticket_changes_days_before_the_horizon() -> None:
    """The ticket is in memory, as it was touched of late; what the step changes is not."""
    pipeline = _Told()
    pipeline.happen("ticket.opened", 0)
    pipeline.happen("ticket.opened", 35)
    pipeline.pass_days("ticket.opened", 0, 40)
    assert pipeline.horizon() == START // DAY_MS + 29
    pipeline.run()
    pipeline.all_named.clear()
    recalls, cells = pipeline.recalls, pipeline.cells()
    pipeline.happen("ticket.escalated", 0)
    pipeline.run()
    assert pipeline.recalls == recalls
    named = {name for one in pipeline.all_named for name in one.indicators}
    assert "escalation_rate" in named
    # Memory itself holds nothing new of that day.
    assert pipeline.cells() == cells
    assert_same(pipeline.shown(), pipeline.right())


def test_what_live_windows_show_is_never_let_go() -> None:
    happenings: list[Happening] = [
        ("video.played", bytes(16), 1, START + day * DAY_MS, {}) for day in range(100)
    ]
    pipeline = StoredPipeline(1, 0.0, Limits(0, 0, records=1))
    pipeline.feed(batches(events_of(happenings), 1))
    pipeline.run()
    # It rises before a record is applied, so the last day but one was the newest.
    assert pipeline.horizon() == START // DAY_MS + 98 - 57
    over = [worker.stage.memory.over_budget for worker in pipeline.workers]
    assert any(over)
    assert pipeline.all_named == []


def test_old_days_that_come_last_are_let_go_of_too() -> None:
    """First a month that may not be let go of, over the budget already; then the years before."""
    played: list[Happening] = [
        ("video.played", bytes(16), 1, START + day * DAY_MS, {})
        for day in (*range(900, 930), *range(400))
    ]
    pipeline = StoredPipeline(1, 0.0, Limits(0, 0, records=1))
    pipeline.feed(batches(events_of(played), 1))
    pipeline.run()
    assert START // DAY_MS + 399 <= pipeline.horizon() <= START // DAY_MS + 929 - 57
    assert pipeline.all_named != []


def _most_held(budget: int) -> int:
    """Of one partition of learners that are active each day, day after day."""
    played: list[Happening] = [
        ("video.played", bytes([who]) * 16, 0, START + day * DAY_MS, {})
        for day in range(250)
        for who in range(20)
    ]
    log = [encode(batch) for part, batch in batches(events_of(played), 20) if part == 0]
    worker = Worker("learners", 0, log, Limits(budget, 10**9, records=1), CATALOG)
    most = 0
    while worker.position < len(log) - 1:
        worker.step(1)
        worker.seal()
        worker.save()
        most = max(most, worker.stage.memory.held)
    assert not worker.stage.memory.over_budget
    return most


def test_memory_holds_no_more_than_its_budget() -> None:
    budget = _most_held(10**9) // 2
    # It is looked at before a record is applied, so one may lie over it.
    assert budget // 2 < _most_held(budget) < budget * 21 // 20


def test_a_roomy_budget_lets_nothing_go() -> None:
    happenings: list[Happening] = [
        ("video.played", bytes(16), 1, START + day * DAY_MS, {}) for day in range(100)
    ]
    pipeline = StoredPipeline(1, 0.0, Limits(10**9, 10**9, records=1))
    pipeline.feed(batches(events_of(happenings), 1))
    pipeline.run()
    assert pipeline.horizon() == 0
    assert not any(worker.stage.memory.over_budget for worker in pipeline.workers)
