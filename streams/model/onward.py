"""What one batch says to the objects stage, by partition of objects."""

from typing import TypeVar

from schemas.partition import object_partition
from schemas.records import Batch, Recalled, Step, Steps, encode
from schemas.topics import STEPS
from streams.model.stage import Output

T = TypeVar("T")


class Onward:
    """Steps, steps that were taken back, and recalled walks of journeys that several walk."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._steps: dict[int, list[Step]] = {}
        self._voids: dict[int, list[Step]] = {}
        self._recalled: dict[int, list[Recalled]] = {}

    def step(self, step: Step) -> None:
        """It happened."""
        self._to(self._steps, step, step.journey, step.key)

    def see(self, step: Step) -> None:
        """It happened, and was taken back before it could count."""
        self.step(step)
        self.void(step)

    def void(self, step: Step) -> None:
        """It was taken back."""
        self._to(self._voids, step, step.journey, step.key)

    def recalled(self, walk: Recalled) -> None:
        """A walk as the store knows it."""
        self._to(self._recalled, walk, walk.journey, walk.key)

    def outputs(self, batch: Batch, partition: int, offset: int) -> list[Output]:
        """The records to send. Every partition is told when restoring has ended."""
        named = sorted({*self._steps, *self._voids, *self._recalled})
        return [
            Output(
                STEPS,
                target,
                encode(
                    Steps(
                        batch.generation,
                        partition,
                        offset,
                        self._steps.get(target, []),
                        batch.restored,
                        batch.restore_ended,
                        batch.written_at,
                        self._recalled.get(target, []),
                        self._voids.get(target, []),
                    )
                ),
            )
            for target in (range(self._partitions) if batch.restore_ended else named)
        ]

    def _to(self, where: dict[int, list[T]], what: T, journey: str, key: str) -> None:
        partition = object_partition(journey, key, self._partitions)
        where.setdefault(partition, []).append(what)
