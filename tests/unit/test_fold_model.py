"""The epoch log under random histories: crashes, takeovers, frozen owners that wake and write late,
logs cut off. Whatever state is accepted equals a recount; in this model none is ever refused."""

import zlib
from collections import Counter

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streams.state.buckets import HASHED
from streams.state.errors import ForeignWriter
from streams.state.rows import EpochRows

_decode = msgspec.msgpack.Decoder(list[int]).decode
_DROPPED_AT = 5
_KEYS = 60
_NAMES = [
    name
    for number in range(200_000)
    if zlib.crc32(name := b"%c%d" % (b"Ck"[number % 2], number)) % HASHED == 0
][:_KEYS]
"""Of two slices, so that these have several buckets; half of them of a kind that is listed."""


def _input(offset: int) -> list[int]:
    """The keys of one input record: always the same for an offset."""
    size = zlib.crc32(b"%d" % offset) % 8
    return [zlib.crc32(b"%d/%d" % (offset, number)) % _KEYS for number in range(size)]


def _recount(position: int) -> dict[bytes, list[int]]:
    counts = Counter(key for offset in range(position + 1) for key in _input(offset))
    left = {_NAMES[key]: [count % _DROPPED_AT] for key, count in counts.items()}
    return {key: row for key, row in left.items() if row != [0]}


def _apply(rows: EpochRows) -> None:
    """Take the next input record: count its keys; a row goes when it was counted five times."""
    rows.position += 1
    for key in _input(rows.position):
        name = _NAMES[key]
        row = rows.get(name, _decode)
        if row is None:
            rows.put(name, [1])
        elif row[0] + 1 == _DROPPED_AT:
            rows.drop(name)
        else:
            row[0] += 1


class EpochLogMachine(RuleBasedStateMachine):
    """One owner, any number of zombies, one log."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[bytes] = []
        self.first = 0
        self.owner = EpochRows()
        self.zombies: list[EpochRows] = []

    @rule(records=st.integers(1, 40))
    def work(self, records: int) -> None:
        """The owner takes input."""
        for _ in range(records):
            _apply(self.owner)

    @rule(cut=st.booleans())
    def write(self, cut: bool) -> None:
        """The owner ends an epoch. If somebody else wrote meanwhile it stops, and starts again."""
        if not self._write(self.owner, cut):
            self.owner = self._recovered()

    @rule(records=st.integers(1, 40), epochs=st.integers(1, 6))
    def work_on(self, records: int, epochs: int) -> None:
        """Several epochs, cutting off as a worker does, so that the log is really cut."""
        for _ in range(epochs):
            self.work(records)
            self.write(cut=True)

    @rule(freezes=st.booleans())
    def take_over(self, freezes: bool) -> None:
        """Another worker gets the partition; the owner is dead, or only frozen."""
        if freezes:
            self.zombies.append(self.owner)
        self.owner = self._recovered()

    @precondition(lambda self: self.zombies)
    @rule(records=st.integers(0, 60), epochs=st.integers(1, 3), data=st.data())
    def wake(self, records: int, epochs: int, data: st.DataObject) -> None:
        """A frozen worker wakes, works on, and writes until it notices."""
        zombie = data.draw(st.sampled_from(self.zombies))
        self.zombies.remove(zombie)
        for _ in range(epochs):
            for _ in range(records):
                _apply(zombie)
            if not self._write(zombie, cut=True):
                return
        self.zombies.append(zombie)

    def _write(self, rows: EpochRows, cut: bool) -> bool:
        if not rows.has_news:
            return True
        sealed = rows.seal()
        self.log.append(sealed.record)
        try:
            rows.written(sealed, len(self.log) - 1, alone=True)
        except ForeignWriter:
            return False
        needed = rows.needed_from()
        if cut and needed is not None:
            self.first = max(self.first, needed)
        return True

    def _recovered(self) -> EpochRows:
        rows = EpochRows()
        for offset in range(self.first, len(self.log)):
            rows.fold(self.log[offset], offset)
        rows.check()
        return rows

    @invariant()
    def what_is_recovered_is_right(self) -> None:
        """At any time."""
        rows = self._recovered()
        assert {key: _decode(row) for key, row in rows.items(b"")} == _recount(rows.position)


TestEpochLog = EpochLogMachine.TestCase
TestEpochLog.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
