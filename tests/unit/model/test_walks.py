"""How walks lie in the state."""

import msgspec

from schemas.records import Cohort, WalkName
from streams.catalog import load
from streams.model.codes import cohorts
from streams.model.days import leaves
from streams.model.horizon import DAY_MS, Horizon, Limits
from streams.model.journeys import JourneyRules, WalkedStep
from streams.model.stage import NEVER
from streams.model.walks import Walks
from streams.state.rows import EpochRows

_LEARNER = b"p" * 16
_COHORT = Cohort("t", "m", "r", True)
_RULES = JourneyRules("challenge", load())


def _walks(rows: EpochRows, horizon: int = NEVER) -> Walks:
    codes = cohorts(rows, b"K")
    known = Horizon(rows, Limits(1 << 30), leaves)
    known.day = horizon
    walks = Walks(rows, known, codes)
    walks.recovered()
    codes.recovered()
    return walks


def _take(walks: Walks, key: bytes, step: str, at: int) -> None:
    walks.take(_RULES, _name(key), key, _step(step, at))


def _name(key: bytes) -> WalkName:
    return WalkName("challenge", key.decode(), _LEARNER, recall=True)


def _step(step: str, at: int) -> WalkedStep:
    return WalkedStep(at, at.to_bytes(16, "big"), step, _LEARNER, _COHORT, {})


def test_names_of_steps_lie_once_in_the_state_and_are_known_after_a_recovery() -> None:
    rows = EpochRows()
    walks = _walks(rows)
    _take(walks, b"one", "checked", 2_000)
    _take(walks, b"one", "offered", 1_000)
    _take(walks, b"two", "offered", 3_000)
    rows.position += 1
    sealed = rows.seal()
    recovered = EpochRows()
    recovered.fold(sealed.record, 0)
    _take(_walks(recovered), b"two", "checked", 4_000)
    recovered.position += 1
    recovered.seal()
    found = {key: msgspec.msgpack.decode(row) for key, row in recovered.items(b"")}
    assert found[b"E"] == ["checked", "offered"]
    assert [step[2] for step in found[b"Jone"]] == [1, 0]
    assert [step[2] for step in found[b"Jtwo"]] == [1, 0]


def test_a_resend_that_waits_and_is_taken_back_was_counted_before_it_was_forgotten() -> None:
    walks = _walks(EpochRows(), horizon=10)
    walks.tombstones.bury([b"one"])
    _take(walks, b"one", "checked", 11 * DAY_MS)
    _take(walks, b"one", "offered", 9 * DAY_MS)
    assert walks.named() == [_name(b"one")]
    offered, checked = _step("offered", 9 * DAY_MS), _step("checked", 11 * DAY_MS)
    assert walks.take_back(_RULES, _name(b"one"), b"one", offered) == []
    assert walks.named() == [msgspec.structs.replace(_name(b"one"), recall=False)]
    assert walks.take_back(_RULES, _name(b"one"), b"one", checked) == []
    assert walks.named() == []
