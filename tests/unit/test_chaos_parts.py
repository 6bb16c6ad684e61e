"""The pure parts of the chaos harness: schedules, loads, the comparison, the exit code."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.chaos import __main__ as program
from tests.chaos.load import load
from tests.chaos.run import Result, over_bound
from tests.chaos.schedule import FEWEST, HELPERS, REFUSING, schedule
from tests.chaos.verdict import Verdict, compare_events, compare_rows
from tests.fixtures import logs
from tests.fixtures.brokers import Kind
from tests.recount.recount import Key, Value

_SECONDS = 24.0
_SEEDS = range(1, 200)


@pytest.mark.parametrize("kind", ["kafka", "cluster", "embedded"])
def test_a_schedule_comes_from_its_seed_alone(kind: Kind) -> None:
    for seed in _SEEDS:
        faults = schedule(seed, kind, _SECONDS)
        assert faults == schedule(seed, kind, _SECONDS)
        assert len(faults) >= FEWEST
        assert all(0 < fault.at <= fault.end <= _SECONDS + 0.1 for fault in faults)
        joined = [fault.whom for fault in faults if fault.what == "join"]
        assert joined == sorted(set(joined), key=joined.index)


def test_all_faults_occur_but_that_the_embedded_broker_is_never_killed() -> None:
    kafka = {(f.what, f.whom) for seed in _SEEDS for f in schedule(seed, "kafka", _SECONDS)}
    embedded = {(f.what, f.whom) for seed in _SEEDS for f in schedule(seed, "embedded", _SECONDS)}
    for whom in ("collector", "intake", "worker", "sink", "store", "broker"):
        assert {("kill", whom), ("freeze", whom)} <= kafka
        assert ("freeze", whom) in embedded
    assert ("kill", "broker") not in embedded
    for expected in (("away", "store"), ("slow", "sink-store"), ("cut", "feeder-collector")):
        assert expected in kafka & embedded
    assert ("silence", "worker-broker") in kafka
    assert {("join", name) for name in HELPERS} <= kafka | embedded


def test_a_load_comes_from_its_seed_alone_and_holds_every_event_once() -> None:
    logs.require_logs()
    made = load(3, 200, real=0.2)
    assert made == load(3, 200, real=0.2)
    sent = [each for piece in made.pieces if piece.sort == "new" for each in piece.ids]
    assert sorted(sent) == sorted(event["event_id"] for event in made.events)
    assert len(set(sent)) == len(sent)
    again = {each for piece in made.pieces if piece.sort == "again" for each in piece.ids}
    assert again
    assert again <= set(sent)
    assert [piece.at for piece in made.pieces] == sorted(piece.at for piece in made.pieces)
    tickets = [
        item.at
        for piece in made.pieces
        if piece.sort == "new" and piece.source == "ticketing"
        for item in piece.items
    ]
    assert tickets != sorted(tickets)


def test_events_are_compared_by_id() -> None:
    verdict = Verdict()
    compare_events(verdict, {"A", "B", "C"}, Counter({"A": 1, "B": 3, "X": 1}))
    assert (verdict.lost, verdict.double, verdict.unknown) == (1, 2, 1)
    assert not verdict.exact()
    fine = Verdict()
    compare_events(fine, {"A"}, Counter({"A": 1}))
    assert fine.exact()


def test_rows_are_compared_one_by_one() -> None:
    one, two, three = (Key("tickets_opened", "all", "all", "1h", end) for end in (1, 2, 3))
    value, other = Value(1, None, 1), Value(2, None, 1)
    verdict = Verdict()
    compare_rows(verdict, {one: value, two: value}, [(one, other), (three, value)])
    assert verdict.wrong == 3
    twice = Verdict()
    compare_rows(twice, {one: value}, [(one, value), (one, value)])
    assert twice.wrong == 1


@pytest.mark.parametrize(("lost", "code"), [(0, 0), (1, 1)])
def test_the_exit_code_says_whether_anything_is_off(
    lost: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results.jsonl"

    def run(_folder: object, _wish: object, _say: object) -> Result:
        return Result(1, "embedded", [], Verdict(lost=lost), {}, {}, 0.0, {}, 0)

    monkeypatch.setattr(program, "run", run)
    arguments = ["chaos", "--seeds", "2", "--results", str(results)]
    monkeypatch.setattr("sys.argv", arguments)
    assert program.main() == code
    assert len(results.read_text().splitlines()) == 2
    assert [result.verdict.lost for result in program.stored(results)] == [lost, lost]


def test_brokers_of_a_cluster_are_hurt_one_after_another() -> None:
    for seed in _SEEDS:
        faults = [f for f in schedule(seed, "cluster", _SECONDS) if f.whom.startswith("broker")]
        assert len({fault.whom for fault in faults}) == len(faults) == 3
        assert sum(fault.what == "empty" for fault in faults) <= 1
        for before, after in pairwise(faults):
            assert before.end <= after.at


def test_offsets_are_set_back_only_where_nobody_else_joins() -> None:
    for seed in _SEEDS:
        faults = schedule(seed, "kafka", _SECONDS)
        back = {fault.whom for fault in faults if fault.what == "back"}
        others = {fault.whom for fault in faults if fault.what in ("join", "kill", "freeze")}
        assert not others & {*back, *(f"{each}-2" for each in back)}


def test_a_disk_that_cannot_be_filled_is_no_part_of_a_schedule() -> None:
    for seed in _SEEDS:
        assert all(f.what != "full" for f in schedule(seed, "kafka", _SECONDS, disk=False))


def test_too_much_memory_is_a_problem() -> None:
    assert over_bound({"worker-2": 512, "broker-1": 20}) == []
    assert over_bound({"worker-2": 513, "store": 20}) == ["worker-2 had 513 MiB, more than 512"]


def test_another_catalog_comes_where_state_can_be_made_anew() -> None:
    for seed in _SEEDS:
        for kind in ("kafka", "cluster", "embedded"):
            faults = schedule(seed, kind, _SECONDS)
            changes = [fault for fault in faults if fault.what == "catalog"]
            assert len(changes) <= (kind != "embedded")
    kafka = [fault for seed in _SEEDS for fault in schedule(seed, "kafka", _SECONDS)]
    assert {fault.how for fault in kafka if fault.what == "catalog"} == {"", "kill"}
    assert {fault.whom for fault in kafka if fault.what == "refuse"} == {*REFUSING}
    assert ("kill", "repair") in {(fault.what, fault.whom) for fault in kafka}
