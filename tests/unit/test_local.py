"""What `uptake up` decides without starting anything."""

import stat
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.settings import KeySettings, Settings
from schemas.settings_load import Loaded
from sinks.clickhouse.account import Account, total
from uptake.local.broker import MemoryBound, MemoryLevel
from uptake.local.errors import LocalError
from uptake.local.files import write_json
from uptake.local.folder import DataFolder, Secrets, State, next_state
from uptake.local.kafka import NodeConfig, new_cluster_id
from uptake.local.plan import Plan, Ports, settings_of
from uptake.local.processes import Backoff
from uptake.local.settle import missing
from uptake.local.status import report

_SECRETS = Secrets("p" * 43, "s" * 43, "w" * 43)


def _plan(folder: Path, state: State, base: Settings | None = None) -> Plan:
    settings = settings_of(base or Settings(), Ports(), _SECRETS, state)
    return Plan(DataFolder(folder), Ports(), settings, _SECRETS, state)


def test_each_start_of_the_embedded_broker_is_a_new_generation() -> None:
    first = next_state(None, "embedded", kafka_is_new=True)
    second = next_state(first, "embedded", kafka_is_new=True)
    assert [first.generation, second.generation] == [1, 2]


def test_kafka_keeps_its_generation_while_it_keeps_its_data() -> None:
    first = next_state(None, "kafka", kafka_is_new=True)
    assert next_state(first, "kafka", kafka_is_new=False) == first
    assert next_state(first, "kafka", kafka_is_new=True).generation == 2


def test_a_folder_may_go_from_the_embedded_broker_to_kafka_and_not_back() -> None:
    embedded = State("embedded", 4)
    kafka = next_state(embedded, "kafka", kafka_is_new=True)
    assert kafka == State("kafka", 5)
    with pytest.raises(LocalError, match="use `--broker kafka`"):
        next_state(kafka, "embedded", kafka_is_new=False)


def test_the_users_settings_stay_and_the_runs_are_added(tmp_path: Path) -> None:
    base = Settings()
    desk = KeySettings("desk", "secret", "ticketing")
    base = msgspec.structs.replace(
        base,
        kafka=msgspec.structs.replace(base.kafka, partitions=7),
        collector=msgspec.structs.replace(base.collector, keys=[desk]),
        privacy=msgspec.structs.replace(base.privacy, pseudonym_key="k" * 20),
    )
    settings = _plan(tmp_path, State("embedded", 3), base).settings
    assert settings.kafka.partitions == 7
    assert settings.kafka.generation == 3
    assert settings.kafka.memory_only is True
    assert settings.privacy.pseudonym_key == "k" * 20
    assert settings.collector.keys == [desk, KeySettings("local", _SECRETS.write_key, "*")]
    assert settings.clickhouse.password == _SECRETS.store_password


def test_the_run_file_has_the_contracts_keys(tmp_path: Path) -> None:
    run = msgspec.to_builtins(_plan(tmp_path, State("kafka", 1)).run(42))
    assert list(run) == [
        "pid",
        "collector",
        "key",
        "clickhouse",
        "kafka",
        "registry",
        "metrics",
        "board",
    ]
    assert run["clickhouse"]["database"] == "uptake"
    assert run["registry"] is None
    assert set(run["metrics"]) == {
        "collector", "intake", "worker", "sink", "repair", "board", "up"
    }  # fmt: skip


def test_secrets_are_made_once_and_only_for_the_owner(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with folder.hold():
        first = folder.secrets()
        assert folder.secrets() == first
        mode = stat.S_IMODE((folder.path / "secrets.json").stat().st_mode)
    assert mode == 0o600
    assert len({first.pseudonym_key, first.store_password, first.write_key}) == 3


def test_a_folder_in_use_is_refused_with_the_holder(tmp_path: Path) -> None:
    with (
        DataFolder(tmp_path).hold(),
        pytest.raises(LocalError, match=r"in use by another `uptake up` \(pid \d+\)"),
        DataFolder(tmp_path).hold(),
    ):
        pass


def test_a_run_file_left_by_a_killed_run_is_removed(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    with DataFolder(tmp_path).hold():
        assert not (tmp_path / "run.json").exists()


def test_damaged_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(LocalError, match=r"state\.json cannot be read"):
        DataFolder(tmp_path).state()


def test_private_files_are_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": 2})
    assert msgspec.json.decode(path.read_bytes()) == {"a": 2}
    assert list(tmp_path.iterdir()) == [path]


def test_memory_is_warned_of_well_before_the_bound() -> None:
    bound = MemoryBound(1_000 * 1_048_576)
    assert bound.level(0) is MemoryLevel.FINE
    assert bound.message(0) == ""
    assert bound.level(700 * 1_048_576) is MemoryLevel.WARN
    assert "--broker kafka" in bound.message(700 * 1_048_576)
    assert bound.level(1_000 * 1_048_576) is MemoryLevel.FULL
    assert "ending now" in bound.message(1_000 * 1_048_576)


def test_pauses_between_starts_grow_and_shrink_after_a_steady_run() -> None:
    backoff = Backoff()
    pauses = [backoff.after_run(1.0) for _ in range(8)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert backoff.after_run(61.0) == 0.5


@given(
    ends=st.dictionaries(st.tuples(st.just("t"), st.integers(0, 3)), st.integers(0, 9)),
    committed=st.dictionaries(st.tuples(st.just("t"), st.integers(0, 3)), st.integers(0, 9)),
)
def test_a_stage_is_passed_when_every_partition_is(
    ends: dict[tuple[str, int], int], committed: dict[tuple[str, int], int]
) -> None:
    passed = all(committed.get(place, 0) >= end for place, end in ends.items())
    assert (not missing(ends, committed)) is passed


def test_the_accounts_are_added_up() -> None:
    rows = [Account("crm", 3, 2, 1, 0, 0, 0), Account("lms", 5, 3, 0, 1, 1, 0)]
    assert total(rows) == Account("all", 8, 5, 1, 1, 1, 0)
    assert rows[0].adds_up()
    assert not rows[1].adds_up()
    told = "crm: 3 received = 2 stored + 1 dead + 0 duplicate; 0 pending, 0 difference"
    assert rows[0].line() == told
    assert total([]) == Account("all", 0, 0, 0, 0, 0, 0)


def test_status_without_a_run_says_how_to_start(tmp_path: Path) -> None:
    lines, good = report(tmp_path / "run.json")
    assert not good
    assert "uptake up" in lines[0]


def test_a_cluster_of_nodes_shares_its_voters(tmp_path: Path) -> None:
    voters = ((1, 9001), (2, 9002), (3, 9003))
    node = NodeConfig(9012, 9002, node_id=2, voters=voters, properties={"num.io.threads": "4"})
    properties = node.server_properties(tmp_path)
    assert properties["controller.quorum.voters"] == (
        "1@127.0.0.1:9001,2@127.0.0.1:9002,3@127.0.0.1:9003"
    )
    assert properties["default.replication.factor"] == "3"
    assert properties["min.insync.replicas"] == "2"
    assert properties["num.io.threads"] == "4"
    assert NodeConfig(1, 2).server_properties(tmp_path)["min.insync.replicas"] == "1"


def test_cluster_ids_have_kafkas_form() -> None:
    ids = {new_cluster_id() for _ in range(50)}
    assert len(ids) == 50
    assert all(len(each) == 22 and not each.startswith("-") for each in ids)


def test_loaded_settings_without_origins_are_defaults() -> None:
    values = list(Loaded(Settings(), {}).values())
    assert {each.origin for each in values} == {"default"}
