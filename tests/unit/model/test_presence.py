"""The activity of a person in the state: the latest day in one row, each earlier day in its own."""

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.model.coverage import DAY_MINUTES, People
from streams.model.presence import Activity, Presence
from streams.state.rows import EpochRows

_decode_activity = msgspec.msgpack.Decoder(Activity).decode
_decode_day = msgspec.msgpack.Decoder(dict[int, list[int]]).decode
_KEY = b"D" + b"p" * 16
_DAYS = range(20_000, 20_004)
_CODES = range(3)

Made = Counter[tuple[int, int, int]]
"""(minute, code, context) -> how often."""


def _people() -> People:
    return ({}, {}, {}, {})


def _credit(rows: EpochRows, code: int, minute: int, context: int, by: int) -> None:
    activity = rows.get(_KEY, _decode_activity)
    if activity is None:
        activity = Activity()
        rows.put(_KEY, activity)
    presence = Presence(rows, _KEY[1:], activity)
    presence.credit(code, minute, context, by, ((None, _people()),))
    if activity.latest is None:
        rows.drop(_KEY)


def _recovered(log: list[bytes]) -> EpochRows:
    rows = EpochRows()
    for offset, record in enumerate(log):
        rows.fold(record, offset)
    return rows


def _days(made: Made) -> dict[int, dict[int, list[int]]]:
    """day -> code -> (minute in the day, context, count) of each contribution, in order."""
    days: dict[int, dict[int, list[int]]] = {}
    for (minute, code, context), count in sorted(made.items()):
        day, inside = divmod(minute, DAY_MINUTES)
        days.setdefault(day, {}).setdefault(code, []).extend([inside, context, count])
    return days


def _check(rows: EpochRows, made: Made) -> None:
    """The rows hold what was made, where it belongs, and nothing else."""
    days = _days(made)
    found = dict(rows.items(b""))
    if not days:
        assert found == {}
        return
    activity = _decode_activity(found.pop(_KEY))
    assert activity.latest == max(days)
    assert activity.day == days.pop(max(days))
    assert {int.from_bytes(key[-4:], "big"): _decode_day(row) for key, row in found.items()} == days
    earlier = {code: sorted(day for day in days if code in days[day]) for code in _CODES}
    assert activity.earlier == {code: active for code, active in earlier.items() if active}


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(_CODES),
            st.sampled_from(_DAYS),
            st.integers(0, 3),
            st.integers(0, 1),
            st.sampled_from([1, 1, 1, -1, -1]),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_rows_say_what_was_made_and_not_taken_back(
    changes: list[tuple[int, int, int, int, int, bool]],
) -> None:
    """Each change: code, day, minute in it, context, how often, and whether the epoch ends."""
    rows, log, made = EpochRows(), list[bytes](), Made()
    for code, day, inside, context, by, ends in changes:
        minute = day * DAY_MINUTES + inside
        if by < 0 and not made[minute, code, context]:
            continue
        _credit(rows, code, minute, context, by)
        made[minute, code, context] += by
        made = +made
        presence = Presence(rows, _KEY[1:], rows.peek(_KEY, _decode_activity) or Activity())
        assert presence.count(code, minute, context) == made[minute, code, context]
        days = _days(made)
        assert list(presence.days(code)) == sorted(d for d in days if code in days[d])
        wanted = [m for m, c, x in sorted(made) if c == code and x == context]
        context_only = frozenset({context})
        found = [m for d in _DAYS for m in presence.minutes(code, d, context_only)]
        assert found == wanted
        rows.position += 1
        if ends:
            sealed = rows.seal()
            rows.written(sealed, len(log), alone=True)
            log.append(sealed.record)
            _check(rows, made)
            rows = _recovered(log)
            _check(rows, made)


@settings(deadline=None)
@given(st.sets(st.tuples(st.sampled_from(_CODES), st.sampled_from(_DAYS))), st.sampled_from(_DAYS))
def test_days_before_the_horizon_are_let_go_of(active: set[tuple[int, int]], horizon: int) -> None:
    rows = EpochRows()
    for code, day in sorted(active):
        _credit(rows, code, day * DAY_MINUTES, 0, 1)
    activity = rows.peek(_KEY, _decode_activity) or Activity()
    activity.trim(horizon)
    presence = Presence(rows, _KEY[1:], activity)
    for code in _CODES:
        kept = sorted(day for c, day in active if c == code and day >= horizon)
        assert list(presence.days(code)) == kept
    latest = max((day for _, day in active), default=0)
    assert activity.latest == (latest if latest >= horizon else None)
