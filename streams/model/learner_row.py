"""What the learners stage keeps of a learner."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from streams.model.presence import Activity

_ONE: tuple[int, ...] = ()


class LearnerRow(Struct, array_like=True, gc=False):
    """The code of the cohort that the directory gives; the minute from which it says that the
    learner is eligible; codes of earlier cohorts; and when the learner was active, by code of
    indicators, of which days before `since` were let go."""

    cohort: int
    eligible_from: int | None = None
    past: list[int] = []
    activity: Activity = msgspec.field(default_factory=Activity)
    since: int = 0

    def cohorts(self) -> Sequence[int]:
        """Cohorts the learner was ever in, if there was more than one; else nothing."""
        return (self.cohort, *self.past) if self.past else _ONE

    def let_go(self, before: int) -> None:
        """Let go of days before `before`."""
        self.since = before
        self.activity.trim(before)


decode_learner = msgspec.msgpack.Decoder(LearnerRow).decode
_encode = msgspec.msgpack.Encoder().encode


def forgotten_learner(encoded: bytes, before: int) -> bytes:
    """What stays of a row when the horizon rises to `before`."""
    row = decode_learner(encoded)
    if row.since >= before:
        return encoded
    row.let_go(before)
    return _encode(row)


def latest_day(encoded: bytes) -> tuple[int, int] | None:
    """The latest active day of a row, and how many bytes it takes."""
    activity = decode_learner(encoded).activity
    return None if activity.latest is None else (activity.latest, len(_encode(activity.day)))
