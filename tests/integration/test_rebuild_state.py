"""State is made anew from the stored events, and every row equals an independent recount: after
another catalog and number of partitions, and after the state itself was cut, emptied or damaged."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.records import Life
from schemas.settings import KafkaSettings
from schemas.topics import state_topic
from streams import life
from streams.state.errors import LogCutShort
from streams.state.rows import EpochRows
from tests.fixtures import committed, logs
from tests.fixtures.brokers import KINDS, Kind, require
from tests.fixtures.catalogs import old_catalog
from tests.fixtures.exact import assert_exact, load_directory, settle
from tests.fixtures.running import Running, cli
from tests.fixtures.victims import Supervised, kill, wait_alive
from tests.fixtures.waiting import wait_for
from tests.recount import recount_sql
from tests.recount.recount import Key, Value, recount

_ROWS = {"ticketing": 1_500, "crm": 500}
_FEW_ROWS = {"ticketing": 500, "crm": 200}
_AGAIN_SECONDS = 300.0

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def slices(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Path]:
    """The beginnings of two real logs; `tests.fixtures.logs` then reads these too."""
    made = logs.beginnings(tmp_path, getattr(request, "param", _ROWS))
    for source, file in made.items():
        monkeypatch.setitem(logs.FILES, source, file)
    return made


@pytest.fixture
def wanted(slices: dict[str, Path]) -> dict[Key, Value]:
    """What the plain recount of them says."""
    events = [event for event in logs.events() if event["signal"].split(".")[0] != "video"]
    return recount(events, logs.directory())


@pytest.fixture
def ups(tmp_path: Path) -> Iterator[list[Running]]:
    """What a test starts; all of it ends with the test."""
    started: list[Running] = []
    yield started
    for running in started:
        running.kill()


@pytest.mark.parametrize("kind", KINDS)
def test_another_catalog_and_then_other_partitions(
    kind: Kind,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    slices: dict[str, Path],
    wanted: dict[Key, Value],
    ups: list[Running],
) -> None:
    require(kind, request.config)
    old = _start(ups, tmp_path, kind, catalog=old_catalog(tmp_path), partitions=3)
    load_directory(old)
    _replay(old, "ticketing", slices)
    settle(old)
    assert _indicators(old) >= {"tickets_touched"}
    assert "tickets_opened" not in _indicators(old)
    assert old.end() == 0, old.told.read_text()

    new = _start(ups, tmp_path, kind, partitions=3)
    assert "Rebuilding state from the stored events" in new.told.read_text()
    assert "tickets_touched" not in new.query("SELECT DISTINCT indicator FROM rolling")
    # A new indicator also counts what came before it was declared.
    assert int(new.query("SELECT count() FROM indicators WHERE indicator = 'tickets_opened'"))
    _replay(new, "crm", slices)
    settle(new)
    assert_exact(new, wanted)
    assert recount_sql.recount(new.rows) == wanted
    assert new.end() == 0, new.told.read_text()

    wide = _start(ups, tmp_path, kind, partitions=5)
    assert "0 pending, 0 difference" in settle(wide).splitlines()[-1]
    assert_exact(wide, wanted)
    # All of it once more: known by its ids on every one of the new partitions.
    for source in slices:
        _replay(wide, source, slices)
    settle(wide)
    assert_exact(wide, wanted)
    same = cli("reconcile", "--config", wide.config, seconds=200)
    assert same.stdout.startswith("equal"), same.stdout + same.stderr
    refused = cli("rebuild-state", "--config", wide.config)
    assert refused.returncode == 3
    reason = {"embedded": "at each start", "kafka": "still at work: 1 intake, 1 worker, 1 sink"}
    assert reason[kind] in refused.stderr
    assert wide.end() == 0, wide.told.read_text()


@pytest.mark.kafka
@pytest.mark.parametrize("slices", [_FEW_ROWS], indirect=True, ids=["few rows"])
def test_a_log_that_was_cut_or_emptied_or_damaged(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    slices: dict[str, Path],
    wanted: dict[Key, Value],
    ups: list[Running],
) -> None:
    require("kafka", request.config)
    up = _start(ups, tmp_path, "kafka", partitions=3)
    load_directory(up)
    # A small epoch is the last one: one as large as the state writes every slice anew, and then
    # nothing is missing after a cut.
    (tmp_path / "but one").mkdir()
    but_one = logs.beginnings(tmp_path / "but one", {**_FEW_ROWS, "crm": _FEW_ROWS["crm"] - 1})
    for source in but_one:
        _replay(up, source, but_one)
    settle(up)
    _replay(up, "crm", slices)
    settle(up)
    assert_exact(up, wanted)
    # run.json goes while state is made anew.
    kafka = KafkaSettings(bootstrap=up.run()["kafka"])
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    # `uptake up` makes state anew three times in ten minutes, and no oftener.
    for agent, hurt, told in (
        ("rolling", _cut, "LogCutShort"),
        ("objects", _empty, "LogEmpty"),
        ("learners", _damage, "LogDamaged"),
    ):
        before = _life(kafka)
        assert before.phase == "whole"
        hurt(admin, up, state_topic(agent))
        kill(wait_alive(Supervised(up, "worker")))
        again = partial(_is_rebuilt, kafka, before.number)
        wait_for(again, _AGAIN_SECONDS, f"a life after {told}")
        assert f"the worker stops: {told}" in (up.data / "logs" / "worker.log").read_text()
        settle(up)
        assert_exact(up, wanted)
    up.post("ada", 20)
    assert "20 received" not in settle(up)
    assert up.end() == 0, up.told.read_text()


def _is_rebuilt(kafka: KafkaSettings, before: int) -> bool:
    now = _life(kafka)
    return now.number > before and now.phase == "whole"


def _life(kafka: KafkaSettings) -> Life:
    found = life.read(kafka)
    assert found is not None
    return found


def _cut(admin: AdminClient, up: Running, topic: str) -> None:
    """Delete all but the last record of the log of each partition: slices are missing there."""
    _delete(admin, topic, left=1)
    left = committed.records(up.run()["kafka"], topic, 3)
    assert not all(_is_whole(record) for record in left), "nothing is missing"


def _is_whole(record: Message) -> bool:
    rows = EpochRows()
    value = record.value()
    assert value is not None
    rows.fold(value, record.offset() or 0)
    try:
        rows.check()
    except LogCutShort:
        return False
    return True


def _empty(admin: AdminClient, up: Running, topic: str) -> None:
    """Delete every record of the log of each partition."""
    _delete(admin, topic, left=0)


def _delete(admin: AdminClient, topic: str, left: int) -> None:
    places = [TopicPartition(topic, number) for number in range(3)]
    first = _offsets(admin, places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
    end = _offsets(admin, places, OffsetSpec.latest())  # type: ignore[no-untyped-call]
    cut = [TopicPartition(topic, number, end[number] - left) for number in range(3)]
    assert any(at.offset > first[at.partition] for at in cut), "nothing is there to delete"
    for deleted in admin.delete_records(cut).values():
        deleted.result()


def _offsets(admin: AdminClient, places: list[TopicPartition], spec: OffsetSpec) -> dict[int, int]:
    found = admin.list_offsets(dict.fromkeys(places, spec))
    return {at.partition: answer.result().offset for at, answer in found.items()}


def _damage(admin: AdminClient, up: Running, topic: str) -> None:
    """A record that is none."""
    producer = Producer({"bootstrap.servers": up.run()["kafka"]})
    producer.produce(topic, b"\x00 no epoch", partition=1)
    assert producer.flush(20) == 0


def _start(
    ups: list[Running], tmp_path: Path, kind: Kind, catalog: Path | None = None, **kafka: int
) -> Running:
    lines = ["[kafka]", *(f"{name} = {value}" for name, value in kafka.items())]
    # The group drops a worker that has ended after its session.
    lines += ["[worker]", "session_seconds = 4"]
    if catalog is not None:
        lines.append(f'catalog = "{catalog}"')
    config = tmp_path / f"uptake-{len(ups)}.toml"
    config.write_text("\n".join(lines))
    ups.append(Running(tmp_path / "data", kind, "--config", str(config)))
    return ups[-1].wait_ready()


def _replay(running: Running, source: str, slices: dict[str, Path]) -> None:
    file = str(slices[source])
    done = cli("replay", source, file, "--via", "kafka", "--config", running.config, seconds=180)
    assert done.returncode == 0, done.stdout + done.stderr


def _indicators(running: Running) -> set[str]:
    return set(running.query("SELECT DISTINCT indicator FROM indicators").split())
