"""Which stage each agent runs, and what it reads."""

from typing import Final

from schemas import topics
from schemas.settings import Settings
from streams.model.stage import Rows, Stage, StageFactory

SOURCES: Final = {
    "learners": topics.BATCHES,
    "objects": topics.STEPS,
    "rolling": topics.PANES,
}
"""Agent -> the topic it reads."""


def stage_factories(settings: Settings) -> dict[str, StageFactory]:
    """Agent -> how to make its stage for a partition.

    Raises what loading the catalog and the vocabulary raises.
    """
    # Here, so that the machinery of the worker can be used without the stages.
    from schemas import vocabulary
    from streams.catalog import load
    from streams.model.horizon import Limits
    from streams.model.learners import LearnersStage
    from streams.model.objects import ObjectsStage
    from streams.model.rolling import RollingStage

    partitions = settings.kafka.partitions
    catalog = load(settings.worker.catalog)
    names = vocabulary.load(settings.worker.vocabulary or None)
    memory = settings.worker.memory_mb * 1_000_000 // partitions
    ids = max(1, settings.worker.id_memory // partitions)

    def learners(rows: Rows, partition: int) -> Stage:
        return LearnersStage(rows, partition, partitions, catalog, names, Limits(memory // 2, ids))

    def objects(rows: Rows, partition: int) -> Stage:
        return ObjectsStage(rows, partition, partitions, catalog, Limits(memory // 8))

    def rolling(rows: Rows, partition: int) -> Stage:
        return RollingStage(rows, partition, partitions, catalog.breakdowns.most_values)

    return {"learners": learners, "objects": objects, "rolling": rolling}
