"""Names of the topics, in one place.

`events.*` is the public contract (one event a record); `uptake.*` is ours. All internal topics
that a worker reads have the same number of partitions, so that partition *i* of each, and of the
three state logs, lives on one worker.
"""

from typing import Final

SOURCES: Final = ("crm", "ticketing", "lms")
"""The tools' names. A source's number on the wire is its place in this tuple."""

EVENTS: Final = tuple(f"events.{source}" for source in SOURCES)

DEAD_LETTERS: Final = "uptake.dead-letters"
DIRECTORY: Final = "uptake.directory"
BATCHES: Final = "uptake.batches"
ENRICHED: Final = "uptake.enriched"
STEPS: Final = "uptake.steps"
PANES: Final = "uptake.panes"
INDICATORS: Final = "uptake.indicators"
EXPERIMENTS: Final = "uptake.experiments"
"""Definitions of experiments and their switches (`schemas.experiments.book.Entry`)."""
LIFE: Final = "uptake.life"
"""One record: which life of the topics between the stages this is (`schemas.records.Life`)."""


def state_topic(agent: str) -> str:
    """The epoch log of one agent (`learners`, `objects` or `rolling`)."""
    return f"uptake.state.{agent}"


AGENTS: Final = ("learners", "objects", "rolling")

REMADE: Final = (
    BATCHES,
    ENRICHED,
    STEPS,
    PANES,
    INDICATORS,
    *(state_topic(agent) for agent in AGENTS),
)
"""Topics that hold nothing which could not be made again from the stored events: they are deleted
and made anew when state is rebuilt."""
