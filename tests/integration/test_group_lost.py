"""A worker whose Kafka client has given up on the group ends, so that it is started again."""

import os
import subprocess
import sys
from pathlib import Path

from schemas.settings import PrivacySettings, Settings
from schemas.settings_load import dump
from streams import admin
from tests.fixtures.brokers import Broker

_ROOT = Path(__file__).parents[2]
_END_SECONDS = 60.0
_WORKER = """
import logging, sys
from pathlib import Path
from aiokafka.client import AIOKafkaClient
from schemas.settings_load import load
from streams.agents.worker import run

async def lost(*_):
    raise AssertionError("Did we not perform bootstrap?")

AIOKafkaClient.coordinator_lookup = lost
logging.basicConfig(level=logging.INFO)
raise SystemExit(run(load(Path(sys.argv[1])).settings))
"""


def test_the_worker_ends_before_its_first_assignment(
    embedded_broker: Broker, tmp_path: Path
) -> None:
    privacy = PrivacySettings(pseudonym_key="a-key-of-enough-characters")
    settings = embedded_broker.apply(Settings(privacy=privacy))
    admin.ensure(settings)
    config = tmp_path / "settings.json"
    config.write_bytes(dump(settings))
    done = subprocess.run(
        [sys.executable, "-c", _WORKER, str(config)],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        timeout=_END_SECONDS,
    )
    assert done.returncode == 1, done.stderr
    assert "the worker stops: KafkaError" in done.stderr
