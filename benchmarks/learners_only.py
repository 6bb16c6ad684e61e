"""The worker with the real learners stage, and nothing behind it: objects and rolling only skip.

python -m benchmarks.learners_only worker --config FILE
"""

import argparse
import sys
from pathlib import Path

from schemas.settings_load import load
from streams.agents.stages import stage_factories
from streams.agents.worker import run
from streams.model.stage import NEVER, Memory, Output, Rows, Stage


class Skip:
    """A stage that takes its records and does nothing with them."""

    memory = Memory(NEVER, 0, False)

    def apply(self, value: bytes, offset: int) -> list[Output]:
        """Nothing."""
        return []

    def seal(self, position: int) -> list[Output]:
        """Nothing."""
        return []

    def recovered(self) -> None:
        """Nothing."""


def skip(rows: Rows, partition: int) -> Stage:
    """A StageFactory."""
    return Skip()


def main() -> int:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("process")
    parser.add_argument("--config", type=Path, required=True)
    settings = load(parser.parse_args().config).settings
    factories = {**stage_factories(settings), "objects": skip, "rolling": skip}
    return run(settings, factories)


if __name__ == "__main__":
    sys.exit(main())
