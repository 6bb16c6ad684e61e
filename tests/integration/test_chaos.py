"""Every part is killed once while events come in, on each kind of broker; all adds up. The seeded
schedules that take longer are in tests/chaos."""

from pathlib import Path

import pytest

from tests.chaos.run import Wish, run
from tests.chaos.schedule import Fault
from tests.fixtures import logs
from tests.fixtures.brokers import KINDS, Kind, require

_SECONDS = 7.0
_STORIES = 100

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("kind", KINDS)
def test_each_part_is_killed_once(
    kind: Kind, request: pytest.FixtureRequest, tmp_path: Path, seed: int
) -> None:
    logs.require_logs()
    require(kind, request.config)
    faults = [
        Fault(1.5, "kill", "intake"),
        Fault(2.5, "kill", "sink"),
        Fault(3.5, "kill", "worker"),
        Fault(4.5, "kill", "collector"),
        Fault(5.5, "kill", "store"),
    ]
    if kind == "kafka":
        faults.append(Fault(6.5, "kill", "broker"))
    wish = Wish(seed, kind, _SECONDS, _STORIES, real=0.0, faults=faults)
    result = run(tmp_path, wish, print)
    assert result.good(), "\n".join([str(result.recovery), *result.verdict.problems])
    assert result.verdict.events > 3 * _STORIES
