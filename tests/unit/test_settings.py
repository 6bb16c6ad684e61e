"""Settings: where values come from, and what is said about wrong ones."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.settings import KeySettings, Settings
from schemas.settings_load import MASK, Loaded, SettingsError, dump, load


def _file(folder: Path, text: str, name: str = "uptake.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def _fault(path: Path | None, environment: Mapping[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        load(path, environment)
    return str(caught.value)


def _shown(loaded: Loaded) -> dict[str, tuple[str, str]]:
    return {each.name: (each.shown(), each.origin) for each in loaded.values()}


def test_without_anything_the_defaults_are_in_force() -> None:
    loaded = load(None, {})
    assert loaded.settings == Settings()
    assert {each.origin for each in loaded.values()} == {"default"}


def test_the_environment_wins_over_the_file_and_both_are_named(tmp_path: Path) -> None:
    path = _file(tmp_path, "[kafka]\npartitions = 6\nreplication = 3\n")
    loaded = load(path, {"UPTAKE_KAFKA_PARTITIONS": "12", "PATH": "/bin"})
    assert loaded.settings.kafka.partitions == 12
    assert loaded.settings.kafka.replication == 3
    assert loaded.origins["kafka.partitions"] == "environment (UPTAKE_KAFKA_PARTITIONS)"
    assert loaded.origins["kafka.replication"] == str(path)


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    path = _file(tmp_path, "[sink]\nbatch_rows = 7\n")
    assert load(None, {"UPTAKE_CONFIG": str(path)}).settings.sink.batch_rows == 7


def test_lists_and_tables_are_json_in_the_environment() -> None:
    environment = {
        "UPTAKE_COLLECTOR_KEYS": '[{"name": "desk", "secret": "s", "source": "ticketing"}]',
        "UPTAKE_KAFKA_SECURITY": '{"security.protocol": "SSL"}',
        "UPTAKE_CLICKHOUSE_REPLICATED": "true",
        "UPTAKE_WORKER_EPOCH_SECONDS": "0.5",
    }
    settings = load(None, environment).settings
    assert settings.collector.keys == [KeySettings("desk", "s", "ticketing")]
    assert settings.kafka.security == {"security.protocol": "SSL"}
    assert settings.clickhouse.replicated is True
    assert settings.worker.epoch_seconds == 0.5


@pytest.mark.parametrize(
    ("text", "environment", "told"),
    [
        ("[kafak]\n", {}, ["[kafak]", "uptake.toml", "did you mean kafka?"]),
        ("kafka = 1\n", {}, ["kafka in", "expected a table"]),
        ("[kafka]\nbootstrp = 'x'\n", {}, ["kafka.bootstrp", "did you mean kafka.bootstrap?"]),
        ("[kafka]\npartitions = 0\n", {}, ["kafka.partitions = 0", "whole number from 1 to 1024"]),
        ("[kafka]\npartitions = true\n", {}, ["kafka.partitions = True", "whole number"]),
        ("[clickhouse]\ndatabase = 'a b'\n", {}, ["clickhouse.database = 'a b'", "matches"]),
        ("", {"UPTAKE_KAFKA_MEMORY_ONLY": "maybe"}, ["UPTAKE_KAFKA_MEMORY_ONLY", "true or false"]),
        ("", {"UPTAKE_KAFKA_BOOTSTRAP_": "x"}, ["did you mean UPTAKE_KAFKA_BOOTSTRAP?"]),
        ("", {"UPTAKE_PRIVACY_MANAGER_LABELS": "x"}, ["one of as_given, pseudonym"]),
        ("", {"UPTAKE_KAFKA_SECURITY": "x"}, ["UPTAKE_KAFKA_SECURITY", "JSON in the environment"]),
        ("[kafka\n", {}, ["uptake.toml: is not TOML"]),
    ],
)
def test_what_is_unknown_or_wrong_is_refused_by_name(
    tmp_path: Path, text: str, environment: dict[str, str], told: list[str]
) -> None:
    message = _fault(_file(tmp_path, text), environment)
    for part in told:
        assert part in message


def test_standby_replicas_are_refused_with_the_reason(tmp_path: Path) -> None:
    in_file = _file(tmp_path, "[worker]\nstandby_replicas = 1\n")
    for fault in (
        _fault(in_file, {}),
        _fault(_file(tmp_path, ""), {"UPTAKE_WORKER_STANDBY_REPLICAS": "1"}),
    ):
        assert "there are no standby replicas: the rows of a partition are read back" in fault
        assert "Set worker.instance" in fault
        assert "did you mean" not in fault


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    path = _file(tmp_path, "[kafka]\npartitions = 0\n[worker]\nsession_seconds = 0\n")
    assert len(_fault(path, {"UPTAKE_NOTHING_HERE": "1"}).splitlines()) == 3


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in _fault(tmp_path / "none.toml", {})


def test_secrets_are_shown_neither_by_values_nor_by_faults() -> None:
    secret = "much-too-secret-to-print"
    environment = {
        "UPTAKE_PRIVACY_PSEUDONYM_KEY": secret,
        "UPTAKE_CLICKHOUSE_PASSWORD": secret,
        "UPTAKE_COLLECTOR_KEYS": f'[{{"name": "a", "secret": "{secret}", "source": "crm"}}]',
        "UPTAKE_KAFKA_SECURITY": f'{{"sasl.username": "bob", "sasl.password": "{secret}"}}',
    }
    shown = _shown(load(None, environment))
    assert secret not in str(shown)
    assert shown["privacy.pseudonym_key"][0] == MASK
    assert "bob" in shown["kafka.security"][0]
    wrong = {"UPTAKE_COLLECTOR_KEYS": f'[{{"name": "{secret}", "secret": "{secret}"}}]'}
    assert secret not in _fault(None, wrong)
    assert "short" not in _fault(None, {"UPTAKE_PRIVACY_PSEUDONYM_KEY": "short"})


def test_a_short_pseudonym_key_is_refused() -> None:
    assert "at least 16 characters" in _fault(None, {"UPTAKE_PRIVACY_PSEUDONYM_KEY": "short"})


_RUN = {
    "pid": 1,
    "collector": "http://127.0.0.1:8011",
    "key": "k",
    "clickhouse": {"url": "http://127.0.0.1:9", "user": "u", "password": "p", "database": "d"},
    "kafka": "127.0.0.1:9999",
    "registry": None,
    "metrics": {},
}


def test_a_run_file_serves_as_settings(tmp_path: Path) -> None:
    path = _file(tmp_path, msgspec.json.encode(_RUN).decode(), "run.json")
    settings = load(path, {}).settings
    assert settings.collector.port == 8011
    assert settings.collector.keys == [KeySettings("local", "k", "*")]
    assert settings.clickhouse.database == "d"
    assert settings.kafka.bootstrap == "127.0.0.1:9999"


def test_the_settings_beside_a_run_file_fill_it_up(tmp_path: Path) -> None:
    full = load(None, {"UPTAKE_KAFKA_PARTITIONS": "5", "UPTAKE_KAFKA_BOOTSTRAP": "old:1"}).settings
    (tmp_path / "settings.json").write_bytes(dump(full))
    path = _file(tmp_path, msgspec.json.encode(_RUN).decode(), "run.json")
    settings = load(path, {}).settings
    assert settings.kafka.partitions == 5
    assert settings.kafka.bootstrap == "127.0.0.1:9999"


def test_a_broken_run_file_is_told(tmp_path: Path) -> None:
    path = _file(tmp_path, '{"pid": 1, "collector": 5}', "run.json")
    assert "is no run.json" in _fault(path, {})


@given(
    partitions=st.integers(1, 1024),
    epoch=st.floats(0.001, 1e6),
    password=st.text(),
    secret=st.text(),
)
def test_what_is_dumped_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    partitions: int,
    epoch: float,
    password: str,
    secret: str,
) -> None:
    default = Settings()
    settings = msgspec.structs.replace(
        default,
        kafka=msgspec.structs.replace(default.kafka, partitions=partitions),
        worker=msgspec.structs.replace(default.worker, epoch_seconds=epoch),
        clickhouse=msgspec.structs.replace(default.clickhouse, password=password),
        collector=msgspec.structs.replace(
            default.collector, keys=[KeySettings("n", secret, "lms")]
        ),
    )
    path = tmp_path_factory.mktemp("dump") / "settings.json"
    path.write_bytes(dump(settings))
    assert load(path, {}).settings == settings
