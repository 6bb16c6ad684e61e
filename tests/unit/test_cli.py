"""The command line: which commands there are, and what errors become."""

import os
from importlib import import_module
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException
from typer.testing import CliRunner

import sinks.clickhouse.errors as store_errors
import uptake.feed.errors
import uptake.local.settle
from schemas.settings_load import SettingsError
from uptake.cli import errors
from uptake.cli.app import app
from uptake.cli.errors import Exit, told

_COMMANDS = [
    "up", "demo", "collector", "intake", "worker", "sink", "migrate", "topics", "send", "replay",
    "dead-letters", "directory", "doctor", "config", "status", "settle",
    "reconcile", "rebuild", "repair", "board", "rubric", "lint", "experiment", "simulate",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the environment nor a running `uptake up` of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("UPTAKE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("command", _COMMANDS)
def test_each_command_has_help(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_config_prints_what_is_in_force_and_masks_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPTAKE_CLICKHOUSE_PASSWORD", "hush-hush")
    monkeypatch.setenv("UPTAKE_KAFKA_PARTITIONS", "9")
    result = CliRunner().invoke(app, ["config"])
    assert result.exit_code == 0
    assert "environment (UPTAKE_KAFKA_PARTITIONS)" in result.output
    assert "hush" not in result.output


def test_the_running_uptake_is_found_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / ".uptake"
    folder.mkdir()
    (folder / "run.json").write_text(
        '{"pid": 1, "collector": "http://127.0.0.1:8011", "key": "k", "kafka": "127.0.0.1:7", '
        '"clickhouse": {"url": "http://127.0.0.1:9", "user": "u", "password": "p", '
        '"database": "d"}, "registry": null, "metrics": {}}'
    )
    result = CliRunner().invoke(app, ["config"])
    assert "127.0.0.1:7" in result.output


@pytest.mark.parametrize("name", ["list_without_place", "nonsense"])
def test_a_wrong_place_of_a_dead_letter_is_told(name: str) -> None:
    result = CliRunner().invoke(app, ["dead-letters", "show", name])
    assert result.exit_code == Exit.USAGE


def test_replaying_all_dead_letters_has_to_be_asked_for() -> None:
    result = CliRunner().invoke(app, ["dead-letters", "replay"])
    assert result.exit_code == Exit.USAGE


@pytest.mark.parametrize("command", ["list", "replay"])
@pytest.mark.parametrize(
    ("option", "known"),
    [("--source", "'crm', 'ticketing', 'lms'"), ("--stage", "'intake', 'sink'")],
)
def test_a_mistyped_source_or_stage_is_not_one_without_letters(
    command: str, option: str, known: str
) -> None:
    result = CliRunner().invoke(app, ["dead-letters", command, option, "cmr"])
    assert result.exit_code == Exit.USAGE
    assert known in " ".join(result.output.replace("│", " ").split())


def test_the_list_of_known_errors_names_classes_that_exist() -> None:
    for module, name, _ in errors._KINDS:
        assert issubclass(getattr(import_module(module), name), Exception)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("x"), Exit.USAGE),
        (uptake.local.settle.Unsettled("x"), Exit.TIMEOUT),
        (uptake.local.errors.LocalError("x"), Exit.MISSING),
        (uptake.feed.errors.FeedError("x"), Exit.FAILED),
        (store_errors.TryAgain("x"), Exit.MISSING),
        (store_errors.OurBug("x"), Exit.FAILED),
        (KafkaException(KafkaError(KafkaError._TRANSPORT)), Exit.MISSING),
        (OSError(98, "Address already in use"), Exit.MISSING),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
    ],
)
def test_errors_become_exit_codes(
    error: BaseException, code: Exit, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, told():
        raise error
    assert ended.value.code == int(code)
    assert "Traceback" not in capsys.readouterr().err


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), told():
        raise ZeroDivisionError
