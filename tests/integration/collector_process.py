"""A collector in a process of its own, for tests; run as a program it is that process."""

import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from schemas.settings import CollectorSettings, KeySettings, PrivacySettings, Settings
from streams import admin
from streams.collector.server import run
from tests.fixtures.brokers import Broker
from tests.fixtures.waiting import wait_for
from uptake.local.ports import free_ports

KEYS = [KeySettings("any", "any-secret", "*"), KeySettings("lms", "lms-secret", "lms")]
_SECONDS = 20.0
_START_SECONDS = 60.0


@dataclass
class RunningCollector:
    """A collector that answers."""

    url: str
    process: subprocess.Popen[bytes]

    def client(self, name: str = "any") -> httpx.Client:
        """An HTTP client with that key."""
        return httpx.Client(
            base_url=self.url,
            auth=(name, f"{name}-secret"),
            headers={"X-Experience-API-Version": "1.0.3"},
            timeout=20.0,
        )

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def running_collector(broker: Broker, folder: Path, **given: Any) -> Iterator[RunningCollector]:
    """A collector on `broker`, whose topics are made; `given`: more of CollectorSettings."""
    (port,) = free_ports(1)
    settings = broker.apply(
        Settings(
            collector=CollectorSettings(port=port, keys=KEYS, **given),
            privacy=PrivacySettings(pseudonym_key="a-key-for-tests-only"),
        )
    )
    admin.ensure(settings)
    with (folder / "collector.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, msgspec.json.encode(settings).decode()],
            stdout=log,
            stderr=log,
        )
        collector = RunningCollector(f"http://127.0.0.1:{port}", process)
        try:
            told = (folder / "collector.log").read_text

            def is_ready() -> bool:
                assert process.poll() is None, f"it ended with {process.returncode}: {told()}"
                return status_of(f"{collector.url}/readyz") == 200

            wait_for(is_ready, _START_SECONDS, "a collector that is ready")
            yield collector
        finally:
            process.kill()
            process.wait()


def status_of(url: str) -> int:
    """The status of a GET; 0: nothing answers."""
    try:
        return httpx.get(url).status_code
    except httpx.TransportError:
        return 0


def until(condition: Callable[[], bool], seconds: float = _SECONDS) -> None:
    """Wait for `condition`, not longer than `seconds`."""
    wait_for(condition, seconds, "what the test waits for")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    sys.exit(run(msgspec.json.decode(sys.argv[1], type=Settings)))
