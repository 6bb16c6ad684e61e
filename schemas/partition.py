"""Which partition a thing belongs to. CRC-32, so that any language can agree with us."""

from typing import Final
from zlib import crc32

WHOLE_KINDS: Final = ("all", "team", "manager", "region")
"""Kinds of cohorts that every indicator has; others are its breakdowns."""


def learner_partition(learner: bytes, partitions: int) -> int:
    """Partition of `uptake.batches` on which all events of a learner lie."""
    return crc32(learner) % partitions


def object_partition(journey: str, key: str, partitions: int) -> int:
    """Partition of `uptake.steps` on which all steps of one object's journey lie."""
    return crc32(f"{journey}\0{key}".encode()) % partitions


def series_partition(indicator: str, cohort_kind: str, cohort: str, partitions: int) -> int:
    """Partition of `uptake.panes` on which one indicator of one cohort is summed. All cohorts of
    a breakdown lie on one, where it is known how many they are."""
    if cohort_kind not in WHOLE_KINDS:
        return crc32(f"{indicator}\0{cohort_kind}".encode()) % partitions
    return crc32(f"{indicator}\0{cohort_kind}\0{cohort}".encode()) % partitions


def coordinates_partition(source: int, partition: int, offset: int, partitions: int) -> int:
    """Partition of `uptake.batches` that reports an event which has no learner (a dead letter)."""
    return crc32(b"%d/%d/%d" % (source, partition, offset)) % partitions
