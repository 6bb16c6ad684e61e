"""docker-compose.yml and the Dockerfile fit the code: settings, commands, packages."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from schemas.settings_load import load
from uptake.cli.app import app
from uptake.local.kafka_jars import KAFKA_VERSION

_ROOT = Path(__file__).parents[2]
_PROCESSES = ["collector", "intake", "worker", "sink", "board", "repair", "reconcile"]
_PREPARATION = ["topics", "migrate"]


def _compose() -> dict[str, Any]:
    document = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())
    assert isinstance(document, dict)
    return document


def _service(name: str) -> dict[str, Any]:
    service = _compose()["services"][name]
    assert isinstance(service, dict)
    return service


def _filled(text: str) -> str:
    """With a value for each variable that compose asks its user for."""
    return re.sub(r"\$\{[A-Z_]+:\?[^}]*\}", "given-by-the-user", text)


@pytest.mark.parametrize("name", [*_PROCESSES, *_PREPARATION])
def test_each_process_gets_settings_that_are_accepted(name: str) -> None:
    environment = {key: _filled(text) for key, text in _service(name)["environment"].items()}
    settings = load(None, environment).settings
    assert settings.kafka.bootstrap == "kafka:9092"
    assert settings.clickhouse.url == "http://clickhouse:8123"
    assert settings.metrics.port == 9400


@pytest.mark.parametrize("name", [*_PROCESSES, *_PREPARATION])
def test_each_command_is_one_of_ours(name: str) -> None:
    commands = getattr(get_command(app), "commands", {})
    assert _service(name)["command"][0] == name
    assert name in commands


@pytest.mark.parametrize("name", _PROCESSES)
def test_processes_wait_for_topics_and_tables_and_are_watched(name: str) -> None:
    service = _service(name)
    assert set(service["depends_on"]) == set(_PREPARATION)
    assert "/healthz" in str(service["healthcheck"]["test"])
    assert service["restart"] == "unless-stopped"


def test_no_secret_has_a_default() -> None:
    text = (_ROOT / "docker-compose.yml").read_text()
    for secret in (
        "CLICKHOUSE_PASSWORD",
        "UPTAKE_PRIVACY_PSEUDONYM_KEY",
        "UPTAKE_WRITE_KEY",
        "UPTAKE_READER_PASSWORD",
        "GRAFANA_PASSWORD",
    ):
        used = re.findall(r"\$\{" + secret + r"([^}]*)\}", text)
        assert used
        assert all(rest.startswith(":?") for rest in used)


def test_kafka_is_the_version_that_is_tested() -> None:
    assert _service("kafka")["image"] == f"apache/kafka:{KAFKA_VERSION}"
    pom = (_ROOT / "uptake" / "local" / "kafka_files" / "pom.xml").read_text()
    assert f"<version>{KAFKA_VERSION}</version>" in pom


def test_ports_are_open_on_loopback_only() -> None:
    for service in _compose()["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_prometheus_asks_every_process() -> None:
    document = yaml.safe_load((_ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    [job] = document["scrape_configs"]
    [targets] = [each["targets"] for each in job["static_configs"]]
    assert sorted(targets) == sorted(f"{name}:9400" for name in _PROCESSES)


def test_what_is_mounted_is_there() -> None:
    for service in _compose()["services"].values():
        for volume in service.get("volumes", []):
            path = volume.split(":")[0]
            assert not path.startswith(".") or (_ROOT / path).exists(), path


def test_grafana_gets_what_its_files_ask_for() -> None:
    folder = _ROOT / "deploy" / "grafana" / "provisioning"
    sources = (folder / "datasources" / "uptake.yml").read_text()
    asked = set(re.findall(r"\$\{(\w+)\}", sources))
    assert asked <= set(_service("grafana")["environment"])
    uids = {each["uid"] for each in yaml.safe_load(sources)["datasources"]}
    used: set[str] = set()
    for path in (folder.parent / "dashboards").glob("*.json"):
        used |= set(re.findall(r'"uid": "(uptake-(?:clickhouse|prometheus))"', path.read_text()))
    assert used == uids
    mounted = [volume.split(":") for volume in _service("grafana")["volumes"]]
    [provider] = yaml.safe_load((folder / "dashboards" / "uptake.yml").read_text())["providers"]
    assert ["./deploy/grafana/dashboards", provider["options"]["path"], "ro"] in mounted


def test_the_image_holds_every_package() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    dockerfile = (_ROOT / "Dockerfile").read_text()
    allowed = (_ROOT / ".dockerignore").read_text().splitlines()
    for package in packages:
        name = package.removesuffix("*")
        assert f"COPY {name} {name}" in dockerfile
        assert f"!{name}" in allowed
