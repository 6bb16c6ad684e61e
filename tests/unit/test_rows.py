"""Rows of one partition: what a stage sees, what an epoch holds, what recovery makes of it."""

from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.stopping import Exit
from streams.model.stage import ROW_BYTES
from streams.state.buckets import (
    HASHED,
    SLICES,
    decode_bucket,
    encode_bucket,
    entries,
    overlaid,
)
from streams.state.compact import compact
from streams.state.errors import ForeignWriter, LogCutShort, LogDamaged, StateError, exit_code
from streams.state.rows import FORMAT, Epoch, EpochRows, Sealed
from streams.state.slices import Changes, encode_changes

_decode = msgspec.msgpack.Decoder(list[int]).decode
_decode_epoch = msgspec.msgpack.Decoder(Epoch).decode
_decode_changes = msgspec.msgpack.Decoder(Changes).decode
_rows = msgspec.msgpack.Decoder(dict[bytes, bytes]).decode

_KEYS_OF_FOUR_SLICES = [
    key
    for number in range(400_000)
    if crc32(key := b"%c%d" % (b"Ck"[number % 2], number)) % HASHED < 2
]
"""Of both kinds."""


def _seal(rows: EpochRows) -> Sealed:
    """Seal as if one more input record had been applied."""
    rows.position += 1
    return rows.seal()


def _write(rows: EpochRows, log: list[bytes]) -> None:
    sealed = rows.seal()
    rows.written(sealed, len(log), alone=True)
    log.append(sealed.record)


def _recovered(log: list[bytes], first: int = 0) -> EpochRows:
    rows = EpochRows()
    for offset, record in enumerate(log[first:], first):
        rows.fold(record, offset)
    return rows


def test_a_row_may_be_changed_in_place() -> None:
    rows = EpochRows()
    rows.put(b"a", [1])
    row = rows.get(b"a", _decode)
    assert row is not None
    row.append(2)
    _seal(rows)
    assert rows.peek(b"a", _decode) == [1, 2]


def test_peek_does_not_mark_a_row_as_changed() -> None:
    rows = EpochRows()
    rows.put(b"a", [1])
    _seal(rows)
    row = rows.peek(b"a", _decode)
    assert row is not None
    row.append(2)
    assert list(rows.changed()) == []
    assert rows.get(b"a", _decode) == [1]


def test_a_dropped_row_is_gone_at_once_and_after_recovery() -> None:
    rows, log = EpochRows(), list[bytes]()
    rows.put(b"a", [1])
    rows.put(b"b", [2])
    rows.position = 0
    _write(rows, log)
    rows.drop(b"a")
    assert rows.get(b"a", _decode) is None
    assert rows.peek(b"a", _decode) is None
    rows.position = 1
    _write(rows, log)
    assert dict(_recovered(log).items(b"")) == {b"b": b"\x91\x02"}


def test_absent_is_none() -> None:
    rows = EpochRows()
    assert rows.get(b"a", _decode) is None
    assert rows.peek(b"a", _decode) is None
    assert list(rows.changed()) == []


def test_an_epoch_holds_every_row_that_was_touched() -> None:
    rows = EpochRows()
    rows.put(b"a", [1])
    rows.put(b"b", [1])
    _seal(rows)
    rows.get(b"a", _decode)
    rows.drop(b"never there")
    parts = map(_decode_changes, _decode_epoch(_seal(rows).record).changed.values())
    assert {key for part in parts for rows in part.changed.values() for key in _rows(rows)} == {
        b"a",
        b"never there",
    }


def test_an_epoch_without_input_is_refused() -> None:
    rows = EpochRows()
    _seal(rows)
    with pytest.raises(StateError):
        rows.seal()


def test_items_are_listed_by_prefix_and_only_while_nothing_is_changed() -> None:
    rows = EpochRows()
    for key in (b"a1", b"a2", b"b1"):
        rows.put(key, [])
    with pytest.raises(StateError):
        list(rows.items(b"a"))
    _seal(rows)
    assert {key for key, _ in rows.items(b"a")} == {b"a1", b"a2"}


def test_rows_of_a_kind_are_listed_after_each_way_in_which_rows_change() -> None:
    rows, log = EpochRows(), list[bytes]()

    def kinds(found: EpochRows) -> list[list[bytes]]:
        return [sorted(key for key, _ in found.items(kind)) for kind in (b"A", b"b", b"C")]

    assert kinds(rows) == [[], [], []]
    rows.put(b"A1", [])
    rows.position = 0
    _write(rows, log)
    assert kinds(rows) == [[b"A1"], [], []]
    again = _recovered(log)
    assert kinds(again) == [[b"A1"], [], []]
    rows.put(b"b1", [])
    rows.position = 1
    _write(rows, log)
    assert kinds(rows) == [[b"A1"], [b"b1"], []]
    again.fold(log[1], 1)
    assert kinds(again) == [[b"A1"], [b"b1"], []]
    rows.drop(b"A1")
    rows.position = 2
    _write(rows, log)
    assert kinds(rows) == [[], [b"b1"], []]
    rows.forget(lambda key, encoded: None)
    assert kinds(rows) == [[], [], []]


def test_after_a_round_of_slices_nothing_older_is_needed() -> None:
    rows, log = EpochRows(), list[bytes]()
    cuts: list[int] = []
    while len(cuts) < 3:
        rows.position += 1
        for number in range(40):
            rows.put(b"%d" % (number + rows.position), [rows.position])
        _write(rows, log)
        before = rows.cut()
        if before is not None:
            cuts.append(before)
    needed = cuts[-1]
    assert needed == rows.needed_from()
    assert 0 < cuts[0] < cuts[1] < needed < len(log)
    again = _recovered(log, needed)
    again.check()
    assert dict(again.items(b"")) == dict(rows.items(b""))
    cut_further = _recovered(log, needed + 1)
    with pytest.raises(LogCutShort):
        cut_further.check()


def test_an_empty_log_is_whole_and_may_begin_anywhere() -> None:
    rows = EpochRows()
    rows.check()
    assert rows.is_new
    rows.begin_at(100)
    assert rows.position == 99
    log: list[bytes] = []
    rows.position = 100
    _write(rows, log)
    again = _recovered(log)
    again.check()
    assert again.position == 100
    assert not again.is_new


def test_a_record_that_reaches_no_further_is_not_taken() -> None:
    rows, log = EpochRows(), list[bytes]()
    rows.put(b"a", [1])
    rows.position = 0
    _write(rows, log)
    again = _recovered(log)
    assert not again.fold(log[0], 1)
    assert again.position == 0


def test_another_writer_is_noticed() -> None:
    rows = EpochRows()
    rows.written(_seal(rows), 0, alone=True)
    sealed = _seal(rows)
    with pytest.raises(ForeignWriter):
        rows.written(sealed, 2, alone=True)
    rows.written(sealed, 2, alone=False)


def test_a_fold_into_changed_rows_is_refused() -> None:
    rows, log = EpochRows(), list[bytes]()
    rows.position = 0
    _write(rows, log)
    busy = EpochRows()
    busy.put(b"a", [1])
    with pytest.raises(ForeignWriter):
        busy.fold(log[0], 0)


def test_a_record_of_an_old_format_is_told_from_a_damaged_one() -> None:
    old = msgspec.msgpack.encode([2, -1, 0, {b"key": b"row"}, {0: {b"key": b"row"}}])
    with pytest.raises(LogDamaged, match="format 2"):
        EpochRows().fold(old, 0)


@pytest.mark.parametrize(
    "record",
    [b"", b"\xc1", b"\x91\x01", msgspec.msgpack.encode([99, -1, 0, {}, {}])],
    ids=["empty", "no msgpack", "no epoch", "another format"],
)
def test_a_strange_record_is_refused(record: bytes) -> None:
    with pytest.raises(StateError):
        EpochRows().fold(record, 0)


def test_rows_are_the_same_after_memory_was_given_back() -> None:
    rows, log = EpochRows(), list[bytes]()
    for number in range(3_000):
        rows.put(b"%d" % number, [number])
    rows.position = 0
    _write(rows, log)
    before = dict(rows.items(b""))
    compact([rows])
    assert dict(rows.items(b"")) == before
    rows.put(b"7", [0])
    rows.drop(b"8")
    rows.position = 1
    _write(rows, log)
    again = _recovered(log)
    compact([again])
    assert dict(again.items(b"")) == dict(rows.items(b""))
    assert again.peek(b"7", _decode) == [0]
    assert again.peek(b"8", _decode) is None


_WHOLE = encode_bucket({b"key": b"row"})


@pytest.mark.parametrize(
    "bucket",
    [b"", b"\xc1", b"\xde", _WHOLE[:-1], msgspec.msgpack.encode([b"key"])],
    ids=["empty", "no msgpack", "a head without its length", "cut short", "no map"],
)
@pytest.mark.parametrize("where", ["changed", "slices"])
def test_a_damaged_bucket_means_that_state_is_to_be_rebuilt(bucket: bytes, where: str) -> None:
    number = crc32(b"key") % HASHED
    epoch = Epoch(FORMAT, -1, 0, 0, 0, {}, {})
    if where == "changed":
        epoch.changed[number] = encode_changes(Changes(1, 1, {0: bucket}))
    else:
        epoch.slices[number] = [bucket]

    def listed() -> list[tuple[bytes, bytes]]:
        rows = _recovered([msgspec.msgpack.encode(epoch)])
        rows.check()
        return list(rows.items(b"k"))

    with pytest.raises(LogDamaged) as told:
        listed()
    assert exit_code(told.value) == Exit.REBUILD


def test_a_big_state_is_written_slice_by_slice() -> None:
    rows = EpochRows()
    for number in range(20_000):
        rows.put(b"%d" % number, [number])
    first = _seal(rows)
    # As many bytes of slices as of changes: the whole state was changed.
    assert len(first.slices) > SLICES * 0.9
    rows.put(b"1", [0])
    assert 0 < len(_seal(rows).slices) < 40


def test_what_is_forgotten_is_told_to_nobody_and_forgotten_again_after_recovery() -> None:
    rows, log = EpochRows(), list[bytes]()
    for number in range(5):
        rows.put(b"a%d" % number, [number])
    rows.position = 0
    _write(rows, log)

    def rule(key: bytes, encoded: bytes) -> bytes | None:
        if key < b"a2":
            return None
        return b"\x91\x07" if key == b"a2" else encoded

    rows.forget(rule)
    assert list(rows.changed()) == []
    rows.put(b"a0", [9])
    rows.position = 1
    _write(rows, log)
    again = _recovered(log)
    again.forget(lambda key, encoded: encoded if key == b"a0" else rule(key, encoded))
    for found in (rows, again):
        assert dict(found.items(b"")) == {
            b"a0": b"\x91\x09",
            b"a2": b"\x91\x07",
            b"a3": b"\x91\x03",
            b"a4": b"\x91\x04",
        }


def test_what_a_writer_with_fewer_buckets_says_is_taken() -> None:
    """It has forgotten most rows; who reads its log has not yet, and has more buckets."""
    rows, log = EpochRows(), list[bytes]()
    for key in _KEYS_OF_FOUR_SLICES:
        rows.put(key, [0])
    rows.position = 0
    _write(rows, log)
    reader = _recovered(log)
    gone = set(_KEYS_OF_FOUR_SLICES[100:])
    left = {key: [0] for key in _KEYS_OF_FOUR_SLICES[:100]}
    rows.forget(lambda key, encoded: None if key in gone else encoded)
    for number, key in enumerate(_KEYS_OF_FOUR_SLICES[50:150]):
        if number % 3:
            rows.put(key, [1])
            left[key] = [1]
        else:
            rows.drop(key)
            left.pop(key, None)
    rows.position = 1
    sealed = rows.seal()
    assert len(sealed.slices) < SLICES
    epoch = _decode_epoch(sealed.record)
    epoch.slices = {}
    reader.fold(msgspec.msgpack.encode(epoch), 1)
    reader.forget(lambda key, encoded: None if key in gone - left.keys() else encoded)
    for found in (rows, reader):
        assert {key: _decode(row) for key, row in found.items(b"")} == left
        assert len(found) == len(left)
    assert reader.held() == rows.held()


def test_rows_are_weighed_and_forgotten_only_while_nothing_is_changed() -> None:
    rows = EpochRows()
    rows.put(b"a", [1])
    with pytest.raises(StateError):
        rows.held()
    with pytest.raises(StateError):
        rows.forget(lambda key, encoded: encoded)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 300)), min_size=1),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 9),
)
def test_what_the_rows_weigh_is_kept_as_a_running_count(
    epochs: list[list[tuple[int, int | None]]], forgotten: int
) -> None:
    """Each epoch changes some rows (key, length; None: dropped)."""

    def weight(rows: EpochRows) -> int:
        return sum(len(key) + len(row) + ROW_BYTES for key, row in rows.items(b""))

    rows, log = EpochRows(), list[bytes]()
    left: dict[bytes, int] = {}
    for changes in epochs:
        for number, length in changes:
            key = b"k%d" % number
            if length is None:
                rows.drop(key)
                left.pop(key, None)
            else:
                rows.put(key, [1] * length)
                left[key] = length
        rows.position += 1
        _write(rows, log)
        assert rows.held() == weight(rows) == _recovered(log).held()
    rows.forget(lambda key, row: None if key == b"k%d" % forgotten else row)
    left.pop(b"k%d" % forgotten, None)
    assert len(rows) == len(left)
    assert rows.held() == weight(rows)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.dictionaries(st.integers(0, 30), st.none() | st.integers(0, 300)),
        min_size=2,
        max_size=5,
    )
)
def test_rows_laid_over_others_hold_before_them(layers: list[dict[int, int | None]]) -> None:
    """Each layer puts rows by number, of so many bytes; None drops one."""
    left: dict[bytes, bytes] = {}
    encoded = []
    for layer in layers:
        rows = {
            b"%d" % n: b"" if length is None else b"r" * (1 + length) for n, length in layer.items()
        }
        encoded.append(encode_bucket(rows))
        left |= rows
    bucket = overlaid(encoded)
    assert decode_bucket(bucket) == {key: row for key, row in left.items() if row}
    assert entries(bucket) == sum(map(len, layers))


def test_more_rows_than_a_head_can_tell_are_laid_over_one_by_one() -> None:
    many = {b"%d" % number: b"old" for number in range(40_000)}
    new = {b"%d" % number: b"new" for number in range(10_000, 50_000)}
    bucket = overlaid([encode_bucket(many), encode_bucket(new)])
    assert decode_bucket(bucket) == many | new


def test_changes_of_a_bucket_that_a_slice_has_not_are_refused() -> None:
    changes = Changes(1, 1, {1: encode_bucket({b"key": b"row"})})
    epoch = Epoch(FORMAT, -1, 0, 0, 0, {0: encode_changes(changes)}, {})
    with pytest.raises(LogDamaged, match="1 buckets has no 1"):
        list(_recovered([msgspec.msgpack.encode(epoch)]).items(b""))


def _of_row(key: bytes, encoded: bytes) -> bytes | None:
    """Rows with a 0 go, and those with a 1 lose what follows it."""
    row = _decode(encoded)
    if row[0] == 0:
        return None
    return msgspec.msgpack.encode(row[:1]) if row[0] == 1 else encoded


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3)), min_size=1, max_size=60),
        min_size=2,
        max_size=6,
    ),
    st.integers(0, 4),
    st.data(),
)
def test_what_was_forgotten_before_is_seen_by_nobody(
    epochs: list[list[tuple[int, int]]], forgets_at: int, data: st.DataObject
) -> None:
    """Each epoch puts rows (key, first number). One worker forgets at once, before one of them; the
    other reads the log at its end, and forgets what it touches. Later rows are of kinds that
    stay."""
    rows, log = EpochRows(), list[bytes]()
    for number, changes in enumerate(epochs):
        if number == forgets_at:
            rows.forget(_of_row)
        for at, first in changes:
            kept = first if number < forgets_at else 2
            rows.put(_KEYS_OF_FOUR_SLICES[at], [kept, number])
        rows.position += 1
        _write(rows, log)
    if forgets_at >= len(epochs):
        return
    lazy = _recovered(log)
    lazy.forgotten(_of_row)
    for at in data.draw(st.lists(st.integers(0, 200), max_size=5)):
        key = _KEYS_OF_FOUR_SLICES[at]
        assert lazy.peek(key, _decode) == rows.peek(key, _decode)
    for found in (rows, lazy):
        found.put(_KEYS_OF_FOUR_SLICES[0], [3])
        found.drop(_KEYS_OF_FOUR_SLICES[1])
        found.position += 1
    records = [found.seal().record for found in (rows, lazy)]
    assert rows.held() == lazy.held()
    again = _recovered([*log, records[1]])
    again.forgotten(_of_row)
    assert dict(again.items(b"")) == dict(lazy.items(b"")) == dict(rows.items(b""))
    for found in (lazy, again):
        assert len(found) == len(rows)
        assert found.held() == rows.held()
    lazy.forget(lambda key, encoded: None if _decode(encoded)[0] == 3 else encoded)
    rows.forget(lambda key, encoded: None if _decode(encoded)[0] == 3 else encoded)
    assert dict(lazy.items(b"")) == dict(rows.items(b""))
    assert lazy.held() == rows.held()


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(1, 400), st.booleans()), min_size=1, max_size=12
    ),
    st.integers(0, 12),
)
def test_rows_of_many_buckets_are_those_of_a_dict(
    epochs: list[tuple[int, int, bool]], again_at: int
) -> None:
    """Each epoch puts or drops (first, how many, drops). After `again_at` of them another worker
    goes on. All keys lie in four slices, so that these have many buckets."""
    rows, log = EpochRows(), list[bytes]()
    left: dict[bytes, bytes] = {}
    for number, (first, count, drops) in enumerate(epochs):
        if number == again_at:
            rows = _recovered(log)
        for key in _KEYS_OF_FOUR_SLICES[first : first + count]:
            if drops:
                rows.drop(key)
                left.pop(key, None)
            else:
                rows.put(key, [number])
                left[key] = msgspec.msgpack.encode([number])
        rows.position += 1
        _write(rows, log)
    for found in (rows, _recovered(log)):
        assert dict(found.items(b"")) == left
        assert len(found) == len(left)
        for key in _KEYS_OF_FOUR_SLICES:
            assert (found.peek(key, _decode) is not None) == (key in left)


def test_the_size_of_changes_is_learned() -> None:
    rows = EpochRows()
    for number in range(100):
        rows.put(b"%d" % number, [0] * 1_000)
    _seal(rows)
    for number in range(100):
        rows.put(b"%d" % number, [1] * 1_000)
    assert 90_000 < rows.changed_bytes() < 120_000
