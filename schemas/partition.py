"""Which partition a thing belongs to. CRC-32, so that any language can agree with us."""

from zlib import crc32


def learner_partition(learner: bytes, partitions: int) -> int:
    """Partition of `uptake.batches` on which all events of a learner lie."""
    return crc32(learner) % partitions


def object_partition(journey: str, key: str, partitions: int) -> int:
    """Partition of `uptake.steps` on which all steps of one object's journey lie."""
    return crc32(f"{journey}\0{key}".encode()) % partitions


def series_partition(indicator: str, cohort_kind: str, cohort: str, partitions: int) -> int:
    """Partition of `uptake.panes` on which one indicator of one cohort is summed."""
    return crc32(f"{indicator}\0{cohort_kind}\0{cohort}".encode()) % partitions


def coordinates_partition(source: int, partition: int, offset: int, partitions: int) -> int:
    """Partition of `uptake.batches` that reports an event which has no learner (a dead letter)."""
    return crc32(b"%d/%d/%d" % (source, partition, offset)) % partitions
