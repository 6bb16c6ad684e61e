"""A short schedule on each kind of broker: everything adds up."""

from pathlib import Path

import pytest

from tests.chaos.run import Wish, run
from tests.fixtures import logs
from tests.fixtures.brokers import KINDS, Kind, require

_SECONDS = 20.0
_STORIES = 500

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("kind", KINDS)
def test_a_short_schedule(
    kind: Kind, request: pytest.FixtureRequest, tmp_path: Path, seed: int
) -> None:
    logs.require_logs()
    require(kind, request.config)
    result = run(tmp_path, Wish(seed, kind, _SECONDS, _STORIES, real=0.0), print)
    assert result.good(), "\n".join([str(result.recovery), *result.verdict.problems])
    assert len(result.faults) >= 5
