"""The stages together say what an independent recount says, whatever the order, the repetition,
the cut into records and epochs, and the crashes."""

from random import Random
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.partition import learner_partition
from schemas.records import (
    NOBODY,
    Attribute,
    Batch,
    Cohort,
    Event,
    LearnerEntry,
    Step,
    Steps,
    decode_panes,
    encode,
)
from streams.catalog.load import Breakdowns
from tests.recount.recount import MOST_VALUES, Key, Listed, Value, recount
from tests.unit.model.pipeline import (
    CATALOG,
    PARTITIONS,
    ROOMY,
    Pipeline,
    PlainRows,
    batches,
    labels,
    stage,
    stored,
)

BASE = 1_700_000_000_000
MINUTE = 60_000
LEARNING = [
    "content.started",
    "content.completed",
    "video.started",
    "video.completed",
    "video.played",
    "ticket.opened",
    "ticket.escalated",
    "ticket.replied",
    "ticket.resolved",
    "ticket.reopened",
    "ticket.closed",
    "deal.opened",
    "deal.won",
    "deal.lost",
    "unmapped",
]
PRACTICE = [
    "ticket.assigned",
    "nudge.shown",
    "nudge.opened",
    "nudge.acted",
    "challenge.offered",
    "challenge.checked",
    "challenge.recalled",
    "roleplay.assigned",
    "roleplay.submitted",
    "suggestion.reported",
    "experiment.exposed",
    "feedback.given",
]
SIGNALS = [*LEARNING, *PRACTICE]
LEARNERS = [bytes([n]) * 16 for n in range(5)]
COHORTS = [
    Cohort("red", "ada", "north", True),
    Cohort("red", "ada", "north", False),
    Cohort("blue", "bob", "north", True),
    Cohort("green", "", "south", True),
]

learner = st.sampled_from(LEARNERS)
when = st.one_of(
    st.integers(0, 90),
    st.integers(0, 3 * 24 * 60),
    st.integers(0, 40 * 24 * 60),
).map(lambda minutes: BASE + minutes * MINUTE)
attributes = st.fixed_dictionaries(
    {},
    optional={
        "sla_met": st.sampled_from([True, False, 1]),
        "public": st.booleans(),
        "placement": st.sampled_from(["sidebar", "banner", 7, 1.5, ""]),
        "prompt": st.sampled_from(["a", "b"]),
        "kind": st.sampled_from(["social", "curiosity"]),
        "moment": st.sampled_from(["object tick 0", "object tick 1", 3]),
        "due": st.sampled_from([BASE, BASE + 3 * 86_400_000, "soon"]),
    },
)


def happenings_of(most: int, least: int = 0) -> st.SearchStrategy[list["Happening"]]:
    """Mostly of one kind, so that they meet."""
    return st.sampled_from([LEARNING, PRACTICE, SIGNALS]).flatmap(
        lambda names: st.lists(
            st.tuples(st.sampled_from(names), learner, st.integers(0, 3), when, attributes),
            min_size=least,
            max_size=most,
        )
    )


Happening = tuple[str, bytes, int, int, dict[str, Attribute]]
"""Signal, learner, number of the object, time, attributes."""


def events_of(happenings: list[Happening]) -> list[Event]:
    return [
        Event(
            source=0,
            partition=0,
            offset=offset,
            generation=0,
            received_at=BASE,
            event_id=offset.to_bytes(16, "big"),
            learner=who,
            occurred_at=at,
            verb=signal,
            object_id=f"object {signal[:4]} {number}",
            object_type="",
            parent=f"module {number % 2}" if number else "",
            success=[None, True, False][at // MINUTE % 3],
            attributes=dict(extra),
        )
        for offset, (signal, who, number, at, extra) in enumerate(happenings)
    ]


def expected(
    events: list[Event],
    cohorts: dict[bytes, Cohort],
    listed: list[LearnerEntry],
    most: int = MOST_VALUES,
) -> dict[Key, Value]:
    plain = [stored(e, labels(e.cohort or cohorts.get(e.learner, NOBODY))) for e in events]
    directory: list[Listed] = [
        {
            "learner": e.learner,
            "cohort": labels(Cohort(e.team, e.manager, e.region, e.eligible)),
            "since": e.since,
        }
        for e in listed
    ]
    return recount(plain, directory, most)


def said(pipeline: Pipeline) -> dict[Key, Value]:
    """The rows of the pipeline in the recount's form."""
    found = {}
    for key, row in pipeline.indicators().items():
        measure = CATALOG.indicators[row.indicator].measure
        if measure == "people":
            value = Value(row.people, None, row.people)
        elif measure == "share_of_eligible":
            value = Value(row.people, row.standing, row.people)
        elif measure == "count":
            value = Value(row.num, None, row.people)
        else:
            value = Value(row.num, row.den, row.people)
        found[Key(*key)] = value
    return found


def assert_same(found: dict[Key, Value], wanted: dict[Key, Value]) -> None:
    """The first differences, in words."""
    differences = [
        f"{key}: said {found.get(key)}, is {wanted.get(key)}"
        for key in sorted({*found, *wanted})
        if found.get(key) != wanted.get(key)
    ]
    assert not differences, "\n".join([f"{len(differences)} rows differ", *differences[:10]])


def entries_for(cohorts: dict[bytes, Cohort], since: int = 0) -> list[LearnerEntry]:
    return [
        LearnerEntry(who, c.team, c.manager, c.region, c.eligible, since)
        for who, c in cohorts.items()
    ]


@settings(max_examples=120, deadline=None)
@given(
    happenings_of(40),
    st.dictionaries(learner, st.sampled_from(COHORTS)),
    st.integers(1, 9),
    st.randoms(use_true_random=False),
)
def test_any_order_any_repetition_any_cut(
    happenings: list[Happening], cohorts: dict[bytes, Cohort], size: int, random: Random
) -> None:
    events = events_of(happenings)
    entries = entries_for(cohorts)
    wanted = expected(events, cohorts, entries)
    arriving = list(events)
    random.shuffle(arriving)
    for place, event in enumerate(arriving):
        event.offset = place
    redelivered = arriving[: random.randrange(len(arriving) + 1)]
    pipeline = Pipeline(random.randrange(1 << 30), crashes=0.3)
    pipeline.feed(batches(arriving[: len(redelivered)], size, entries))
    pipeline.feed(batches(arriving, size))
    pipeline.run()
    assert_same(said(pipeline), wanted)


@settings(max_examples=60, deadline=None)
@given(
    happenings_of(25, 1),
    st.dictionaries(learner, st.sampled_from(COHORTS), min_size=1),
    st.dictionaries(learner, st.sampled_from(COHORTS), min_size=1),
    st.randoms(use_true_random=False),
)
def test_learners_who_move(
    happenings: list[Happening],
    before: dict[bytes, Cohort],
    after: dict[bytes, Cohort],
    random: Random,
) -> None:
    """Half of the events come before a change of the directory and keep their cohort."""
    events = events_of(happenings)
    half = len(events) // 2
    moved = before | after
    pipeline = Pipeline(random.randrange(1 << 30), crashes=0.2)
    pipeline.feed(batches(events[:half], 4, entries_for(before)))
    pipeline.feed(batches(events[half:], 4, entries_for(after, since=BASE)))
    pipeline.run()
    for event in events[:half]:
        event.cohort = before.get(event.learner, NOBODY)
    listed = entries_for({k: v for k, v in before.items() if k not in after})
    listed += entries_for(after, since=BASE)
    assert_same(said(pipeline), expected(events, moved, listed))


@settings(max_examples=60, deadline=None)
@given(happenings_of(25, 1), st.randoms(use_true_random=False))
def test_rebuilt_from_events(happenings: list[Happening], random: Random) -> None:
    """State rebuilt from stored events goes on as if nothing had happened, also when an intake
    wakes up in the middle that had slept since the life before, and writes what it still had."""
    cohorts = {who: COHORTS[n % len(COHORTS)] for n, who in enumerate(LEARNERS)}
    entries = entries_for(cohorts)
    events = events_of(happenings)
    half = len(events) // 2
    for event in events[:half]:
        event.cohort = cohorts[event.learner]
    pipeline = Pipeline(random.randrange(1 << 30), crashes=0.2)
    restored = batches(events[:half], 4, entries)
    asleep = batches(events[half + 1 :], 3)
    for life, part in ((7, restored), (6, asleep)):
        for _, batch in part:
            batch.generation = life
            batch.restored = part is restored
    again, new = batches(events[:half], 5), batches(events[half:], 4)
    for _, batch in (*again, *new):
        batch.generation = 7
    pipeline.feed(restored)
    pipeline.feed((p, Batch(7, 0, restore_ended=True)) for p in range(PARTITIONS))
    pipeline.feed(asleep)
    pipeline.feed(again)
    pipeline.feed(new)
    pipeline.run()
    assert_same(said(pipeline), expected(events, cohorts, entries))


@settings(max_examples=60, deadline=None)
@given(happenings_of(25, 1), st.integers(1, 3), st.randoms(use_true_random=False))
def test_of_too_many_values_the_same_are_counted_in_any_order(
    happenings: list[Happening], most: int, random: Random
) -> None:
    """Those of the smallest CRC-32, whichever partition sees which of them when."""
    events = events_of(happenings)
    entries = entries_for({who: COHORTS[n % len(COHORTS)] for n, who in enumerate(LEARNERS)})
    cohorts = {who: COHORTS[n % len(COHORTS)] for n, who in enumerate(LEARNERS)}
    wanted = expected(events, cohorts, entries, most)
    random.shuffle(events)
    for place, event in enumerate(events):
        event.offset = place
    few = msgspec.structs.replace(CATALOG, breakdowns=Breakdowns(most))
    pipeline = Pipeline(random.randrange(1 << 30), crashes=0.3, catalog=few)
    pipeline.feed(batches(events, 3, entries))
    pipeline.run()
    assert_same(said(pipeline), wanted)


@settings(max_examples=120, deadline=None)
@given(happenings_of(30, 1), st.randoms(use_true_random=False))
def test_what_is_taken_back_counts_nowhere(happenings: list[Happening], random: Random) -> None:
    """Whether it is said before the event comes, after it, twice, or by who rebuilds state."""
    cohorts = {who: COHORTS[n % len(COHORTS)] for n, who in enumerate(LEARNERS)}
    entries = entries_for(cohorts)
    events = events_of(happenings)
    gone = random.sample(events, random.randrange(len(events) + 1))
    taken_back = [voiding(e, len(events) + n) for n, e in enumerate(gone)]
    wanted = expected([*events, *taken_back], cohorts, entries)
    random.shuffle(events)
    for place, event in enumerate(events):
        event.offset = place
    restored = events[: random.randrange(len(events) + 1)]
    fed = batches([msgspec.structs.replace(e, cohort=cohorts[e.learner]) for e in restored], 4)
    for _, batch in fed:
        batch.restored = True
        for event in batch.events:
            event.voided = random.random() < 0.5 and event.event_id in {e.event_id for e in gone}
    fed = [*batches([], 1, entries), *fed]
    fed += [(p, Batch(0, 0, restore_ended=True)) for p in range(PARTITIONS)]
    later = [*batches(events, 3)]
    for event in [*gone, *random.sample(gone, len(gone) // 3)]:
        void = msgspec.structs.replace(event, cohort=cohorts[event.learner], module=event.parent)
        batch = Batch(0, 0, voids=[void])
        sent = learner_partition(event.learner, PARTITIONS), batch
        later.insert(random.randrange(len(later) + 1), sent)
    pipeline = Pipeline(random.randrange(1 << 30), crashes=0.3)
    pipeline.feed([*fed, *later])
    pipeline.run()
    assert_same(said(pipeline), wanted)


def test_objects_are_quiet_until_all_partitions_were_restored() -> None:
    """Also when the one that has ended had nothing to restore: its steps of now are not whole."""
    objects = stage("objects", PlainRows(), 0, ROOMY, CATALOG)
    objects.recovered()
    step = Step("deal", "1", "opened", bytes(16), BASE, LEARNERS[0], COHORTS[0], {})
    objects.apply(encode(Steps(0, 1, 0, [], restore_ended=True)), 0)
    objects.apply(encode(Steps(0, 1, 1, [step])), 1)
    early = [decode_panes(one.value) for one in objects.seal(1)]
    assert early
    assert all(panes.quiet for panes in early)
    objects.apply(encode(Steps(0, 0, 0, [], restore_ended=True)), 2)
    ended = [decode_panes(one.value) for one in objects.seal(2)]
    assert [(panes.quiet, panes.restore_ended) for panes in ended] == [(False, True)] * PARTITIONS


def voiding(event: Event, number: int) -> Event:
    """The event that takes it back."""
    return msgspec.structs.replace(
        event,
        event_id=number.to_bytes(16, "big"),
        verb="voided",
        attributes={"voids": str(UUID(bytes=event.event_id))},
    )
