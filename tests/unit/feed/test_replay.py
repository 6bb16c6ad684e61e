"""Order, pace, stopping and going on of a replay."""

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event

import pytest

from tests.unit.feed.fakes import TARGET, FakeSender
from uptake.feed.errors import FeedError, Stopped, Unavailable
from uptake.feed.files import items
from uptake.feed.item import Item
from uptake.feed.position import PositionFile, fingerprint
from uptake.feed.replay import Pace, in_time, pump
from uptake.feed.target import Target

GOLDEN = Path(__file__).parents[2] / "golden"
FILES = {
    "crm": GOLDEN / "crm_pipeline" / "stages.csv",
    "lms": GOLDEN / "fun_mooc" / "blanks.jsonl",
    "ticketing": GOLDEN / "servicenow" / "life.csv",
}


def _feed(count: int) -> Iterator[Item]:
    return (Item(line, line * 1000, {}) for line in range(1, count + 1))


def _position(folder: Path, target: Target = TARGET, name: str = "feed") -> PositionFile:
    return PositionFile(folder, target, name)


def _no_pace() -> Pace:
    return Pace(None, Event())


def test_everything_is_sent_in_batches_and_told(tmp_path: Path) -> None:
    sender = FakeSender(3)
    told: list[int] = []
    result = pump(_feed(7), sender, _position(tmp_path), _no_pace(), told.append)
    assert sender.batches == [[1, 2, 3], [4, 5, 6], [7]]
    assert told == [0, 3, 6, 7]
    assert (result.sent, result.skipped) == (7, 0)


def test_an_interrupted_replay_goes_on_where_it_stopped(tmp_path: Path) -> None:
    sender = FakeSender(3)

    def away(batch: Sequence[Item]) -> None:
        if batch[0].line == 7:
            raise Unavailable("away")

    sender.before = away
    with pytest.raises(Unavailable):
        pump(_feed(9), sender, _position(tmp_path), _no_pace(), lambda _: None)
    again = FakeSender(3)
    result = pump(_feed(9), again, _position(tmp_path), _no_pace(), lambda _: None)
    assert again.batches == [[7, 8, 9]]
    assert (result.sent, result.skipped) == (3, 6)


def test_a_finished_replay_begins_again(tmp_path: Path) -> None:
    for _ in range(2):
        sender = FakeSender(10)
        pump(_feed(4), sender, _position(tmp_path), _no_pace(), lambda _: None)
        assert sender.batches == [[1, 2, 3, 4]]


def test_a_position_counts_only_for_the_same_feed_and_the_same_run(tmp_path: Path) -> None:
    _position(tmp_path).write(5)
    restarted = Target(pid=2, collector=TARGET.collector, key="", kafka=TARGET.kafka)
    assert _position(tmp_path).read() == 5
    assert _position(tmp_path, name="other").read() == 0
    assert _position(tmp_path, restarted).read() == 0
    _position(tmp_path).path.write_bytes(b"{")
    assert _position(tmp_path).read() == 0


def test_stop_ends_between_batches_and_keeps_the_position(tmp_path: Path) -> None:
    stop, sender = Event(), FakeSender(3)

    def ask(batch: Sequence[Item]) -> None:
        if batch[0].line == 4:
            stop.set()

    sender.before = ask
    with pytest.raises(Stopped):
        pump(_feed(9), sender, _position(tmp_path), Pace(None, stop), lambda _: None)
    assert sender.batches == [[1, 2, 3], [4, 5, 6]]
    assert _position(tmp_path).read() == 6


def test_event_time_passes_at_the_speed_asked_for(tmp_path: Path) -> None:
    clock = _Clock()
    feed = [Item(line, at, {}) for line, at in enumerate([0, 0, 10_000, 10_500, 60_000], 1)]
    sender = FakeSender(3)
    sent_at: list[float] = []
    sender.before = lambda _: sent_at.append(clock.now)
    pump(iter(feed), sender, _position(tmp_path), _paced(10, clock), lambda _: None)
    assert sender.batches == [[1, 2], [3], [4], [5]]
    assert sent_at == pytest.approx([0.0, 1.0, 1.05, 6.0])


def test_with_a_speed_events_go_in_the_order_of_their_times() -> None:
    feed = [Item(1, 30, {}), Item(2, 10, {}), Item(3, 30, {}), Item(4, 20, {})]
    assert [item.line for item in in_time(iter(feed))] == [2, 4, 1, 3]


@pytest.mark.parametrize("source", FILES)
def test_a_packed_file_gives_the_same_events(source: str, tmp_path: Path) -> None:
    packed = tmp_path / "log.gz"
    packed.write_bytes(gzip.compress(FILES[source].read_bytes()))
    assert list(items(source, packed)) == list(items(source, FILES[source]))
    assert fingerprint(packed) != fingerprint(FILES[source])


@pytest.mark.parametrize(
    ("source", "text", "message"),
    [
        ("crm", b"a,b\n1,2\n", "no column close_date"),
        ("crm", FILES["crm"].read_bytes() + b"only,three,columns\n", "line 6: the row"),
        ("crm", FILES["crm"].read_bytes().replace(b"20-10-16", b"2016"), "line 2: column engage"),
        ("ticketing", b"\xff\xfe\n", "cannot be read"),
        ("ticketing", b"\x1f\x8bno gzip", "cannot be read"),
        ("lms", b"\x1f\x8bno gzip", "cannot be read"),
        ("lms", b'\n{"timestamp": 3}\n', "statement 1"),
        ("lms", b'{"id": "x"}\n', "is not an RFC 3339 time"),
    ],
)
def test_what_it_cannot_read_is_named_with_its_line(
    source: str, text: bytes, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "log"
    file.write_bytes(text)
    with pytest.raises(FeedError, match=message):
        list(items(source, file))


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class _ClockedStop(Event):
    """Waiting moves the clock."""

    def __init__(self, clock: _Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.now += timeout or 0.0
        return False


def _paced(speed: float, clock: _Clock) -> Pace:
    return Pace(speed, _ClockedStop(clock), clock)
