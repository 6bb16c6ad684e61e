"""A worker whose Kafka client has given up on the group ends, so that it is started again; one
that was given nothing, as the broker named no topics, is given its partitions when it does."""

import os
import subprocess
import sys
from pathlib import Path

from schemas.settings import PrivacySettings, Settings
from schemas.settings_load import dump
from schemas.topics import AGENTS
from streams import admin
from tests.fixtures.brokers import Broker
from tests.fixtures.waiting import wait_for

_ROOT = Path(__file__).parents[2]
_END_SECONDS = 60.0
_GIVEN_SECONDS = 90.0
"""aiokafka would look again after 300."""
_WORKER = """
import logging, sys
from pathlib import Path
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from faust.assignor.partition_assignor import PartitionAssignor
from schemas.settings_load import load
from streams.agents.worker import run
{before}
logging.basicConfig(level=logging.INFO)
raise SystemExit(run(load(Path(sys.argv[1])).settings))
"""
_LOST = """
async def lost(*_):
    raise AssertionError("Did we not perform bootstrap?")

AIOKafkaClient.coordinator_lookup = lost
"""
_UNNAMED = """
update, assign, given = ClusterMetadata.update_metadata, PartitionAssignor.assign, []

def unnamed(cluster, metadata):
    if not given:
        metadata.topics = []
    update(cluster, metadata)

def noted(*arguments):
    given.append(assign(*arguments))
    return given[-1]

ClusterMetadata.update_metadata, PartitionAssignor.assign = unnamed, noted
"""


def test_the_worker_ends_before_its_first_assignment(
    embedded_broker: Broker, tmp_path: Path
) -> None:
    config = _configured(embedded_broker, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", _WORKER.format(before=_LOST), str(config)],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        timeout=_END_SECONDS,
    )
    assert done.returncode == 1, done.stderr
    assert "the worker stops: KafkaError" in done.stderr


def test_partitions_are_given_soon_after_the_topics_are_named(
    embedded_broker: Broker, tmp_path: Path
) -> None:
    """A broker that has just started names none for a moment, in which the leader may look."""
    config = _configured(embedded_broker, tmp_path)
    log = tmp_path / "log"
    with log.open("wb") as file:
        worker = subprocess.Popen(
            [sys.executable, "-c", _WORKER.format(before=_UNNAMED), str(config)],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            stdout=file,
            stderr=file,
        )
    try:
        wait_for(
            lambda: log.read_text().count("are ready") == len(AGENTS), _GIVEN_SECONDS, "partitions"
        )
        assert "Ignoring missing topic" in log.read_text()
    finally:
        worker.kill()
        worker.wait()


def _configured(broker: Broker, folder: Path) -> Path:
    """Settings in a file, and the topics."""
    privacy = PrivacySettings(pseudonym_key="a-key-of-enough-characters")
    settings = broker.apply(Settings(privacy=privacy))
    admin.ensure(settings)
    config = folder / "settings.json"
    config.write_bytes(dump(settings))
    return config
