"""What all tests share: options, markers by folder, and no network for tests that do not say so."""

import asyncio
import random
import shutil
import socket
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings
from xdist.remote import Producer

from tests import order

# How long an example takes is the machine's affair.
settings.register_profile("uptake", deadline=None)
settings.load_profile("uptake")

pytest_plugins = [
    "tests.fixtures.brokers",
    "tests.fixtures.recounted",
    "tests.fixtures.short_way",
    "tests.fixtures.simulated",
]

_HERE = Path(__file__).parent
_NETWORKED = ("integration", "kafka", "chaos", "browser")
_MARKED_FOLDERS = {"integration": "integration", "chaos": "chaos", "browser": "browser"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--kafka`: what to do about tests that want a real Apache Kafka."""
    parser.addoption(
        "--kafka",
        choices=("auto", "require", "off"),
        default="auto",
        help="auto: skipped where Java or Maven is missing; require: an error there; off: skipped",
    )
    parser.addoption(
        "--tools",
        choices=("auto", "require"),
        default="auto",
        help="tests that want Chromium or promtool; auto: skipped where they are missing; "
        "require: an error there",
    )
    parser.addoption(
        "--seed", type=int, help="of tests that do things at random; default: another each time"
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Tests in these folders carry the marker of their folder. They are put in order after pytest
    has brought tests of the same parameters together."""
    for item in items:
        folder = item.path.relative_to(_HERE).parts[0] if item.path.is_relative_to(_HERE) else ""
        if folder in _MARKED_FOLDERS:
            item.add_marker(_MARKED_FOLDERS[folder])
    yield
    order.sort(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> order.Scheduling:
    """Whatever `--dist` says."""
    return order.Scheduling(config, log)


@pytest.fixture(scope="session")
def tool(request: pytest.FixtureRequest) -> Callable[..., str]:
    """Finds a program by any of its names; the test is skipped, or fails, where there is none."""

    def find(*names: str) -> str:
        found = next((path for name in names if (path := shutil.which(name))), None)
        if found is None and request.config.getoption("--tools") == "require":
            pytest.fail(f"none of these programs is installed: {', '.join(names)}")
        if found is None:
            pytest.skip(f"none of these programs is installed: {', '.join(names)}")
        return found

    return find


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """For what a test does at random: given by `--seed`, or another each time and printed."""
    given = request.config.getoption("--seed")
    chosen = random.randrange(1_000_000) if given is None else int(given)
    print(f"--seed {chosen}")
    return chosen


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches the network without a marker that says so fails."""
    if not any(request.node.get_closest_marker(name) for name in _NETWORKED):
        monkeypatch.setattr(socket, "getaddrinfo", _refuse)
        monkeypatch.setattr(socket.socket, "connect", _connect)
        monkeypatch.setattr(socket.socket, "connect_ex", _connect)


_real_connect = socket.socket.connect


def _connect(self: socket.socket, address: Any) -> None:
    if self.family == socket.AF_UNIX:
        _real_connect(self, address)
    else:
        _refuse(address)


def _refuse(*args: object, **_: object) -> NoReturn:
    pytest.fail(
        f"a unit test reached the network ({args[0]!r}); mark it with @pytest.mark.integration "
        "or move it to tests/integration"
    )


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Faust looks for the loop of the thread."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close()
