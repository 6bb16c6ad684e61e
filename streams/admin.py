"""Which topics there are, with which partitions and limits; makes and checks them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas import topics
from schemas.settings import KafkaSettings, Settings
from streams.kafka_clients import MAX_RECORD_BYTES, client_config, watermarks

_DAY_MS = 86_400_000
_WAIT_SECONDS = 15.0
_KAFKA_DEFAULT_BYTES = 1_048_588
_RECORD_OVERHEAD = 10_000


class TopicError(Exception):
    """The topics are not as they have to be. Never valid: someone has to change something."""


class TopicSpec(NamedTuple):
    """A topic as it has to be."""

    name: str
    partitions: int
    config: dict[str, str]


class TopicInfo(NamedTuple):
    """A topic as it is, beside how it has to be. `records` counts offsets, so it is an upper
    bound where a log was compacted or holds transactions."""

    name: str
    expected_partitions: int
    partitions: int
    records: int
    config: dict[str, str]


def specs(settings: Settings) -> list[TopicSpec]:
    """Every topic of the product. Raises TopicError for copies that cannot be."""
    in_sync = {"min.insync.replicas": str(min_insync(settings.kafka))}
    return [spec._replace(config={**spec.config, **in_sync}) for spec in _specs(settings)]


def min_insync(settings: KafkaSettings) -> int:
    """How many copies must have a record before it is acknowledged. Raises TopicError."""
    if settings.min_insync > settings.replication:
        raise TopicError(
            f"kafka.min_insync is {settings.min_insync}, and there are only"
            f" {settings.replication} copies (kafka.replication): nothing could be written."
        )
    return settings.min_insync or max(1, settings.replication - 1)


def _specs(settings: Settings) -> list[TopicSpec]:
    wide = settings.kafka.partitions
    event_bytes = max(_KAFKA_DEFAULT_BYTES, settings.intake.max_event_bytes + _RECORD_OVERHEAD)
    events = _kept(30, event_bytes)
    internal = _kept(7, MAX_RECORD_BYTES)
    state = {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "segment.bytes": str(64 * 1024 * 1024),
        "max.message.bytes": str(MAX_RECORD_BYTES),
    }
    between = (
        topics.BATCHES,
        topics.ENRICHED,
        topics.STEPS,
        topics.PANES,
        topics.INDICATORS,
    )
    return [
        *(TopicSpec(name, wide, events) for name in topics.EVENTS),
        TopicSpec(topics.DIRECTORY, 1, {"cleanup.policy": "compact"}),
        TopicSpec(topics.DEAD_LETTERS, 1, _kept(30, MAX_RECORD_BYTES)),
        *(TopicSpec(name, wide, internal) for name in between),
        *(TopicSpec(topics.state_topic(agent), wide, state) for agent in topics.AGENTS),
    ]


def ensure(settings: Settings) -> list[str]:
    """Make the topics that are missing; return their names.

    Raises TopicError when a topic that is there has another number of partitions or when the
    broker refuses one, KafkaException when the cluster can not be reached.
    """
    admin = _admin(settings.kafka)
    wanted = specs(settings)
    _check(wanted, _partitions(admin))
    missing = [spec for spec in wanted if spec.name not in _partitions(admin)]
    made = _create(admin, missing, settings.kafka.replication)
    # Somebody else may have made them meanwhile, by other settings.
    _check(wanted, _partitions(admin))
    return made


def describe(settings: Settings) -> list[TopicInfo]:
    """Every topic as it is; `partitions` and `records` are 0 for one that is missing.

    Raises KafkaException when the cluster can not be reached.
    """
    present = _partitions(_admin(settings.kafka))
    consumer = Consumer({**client_config(settings.kafka, "uptake-admin"), "group.id": "uptake"})
    try:
        return [
            TopicInfo(
                spec.name,
                spec.partitions,
                present.get(spec.name, 0),
                _records(consumer, spec.name, present.get(spec.name, 0)),
                spec.config,
            )
            for spec in specs(settings)
        ]
    finally:
        consumer.close()


def _kept(days: int, max_bytes: int) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(days * _DAY_MS),
        "max.message.bytes": str(max_bytes),
    }


def _admin(settings: KafkaSettings) -> AdminClient:
    return AdminClient(client_config(settings, "uptake-admin"))


def _partitions(admin: AdminClient) -> dict[str, int]:
    """Topic -> number of partitions. All topics are asked for at once: the embedded broker makes
    a topic that is asked for by name."""
    metadata = admin.list_topics(timeout=_WAIT_SECONDS)
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def _check(wanted: list[TopicSpec], present: Mapping[str, int]) -> None:
    wrong = [
        f"{spec.name} has {present[spec.name]} partitions, expected {spec.partitions}"
        for spec in wanted
        if present.get(spec.name, spec.partitions) != spec.partitions
    ]
    if wrong:
        raise TopicError(
            "; ".join(wrong)
            + ". The setting kafka.partitions has to stay what it was when the topics were made:"
            " learners and their state lie on partitions by it. Set it back"
            " (UPTAKE_KAFKA_PARTITIONS), or delete all topics of Uptake and begin again."
        )


def _create(admin: AdminClient, missing: list[TopicSpec], replication: int) -> list[str]:
    if not missing:
        return []
    requests = [
        NewTopic(spec.name, spec.partitions, replication, config=spec.config) for spec in missing
    ]
    results = admin.create_topics(requests, operation_timeout=_WAIT_SECONDS)
    return [name for name, result in results.items() if _created(name, result, replication)]


def _created(name: str, result: Any, replication: int) -> bool:
    """True: made by us; False: by somebody else in the same moment. Raises TopicError."""
    try:
        result.result()
    except KafkaException as refused:
        error: KafkaError = refused.args[0]
        if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        hint = ""
        if error.code() == KafkaError.INVALID_REPLICATION_FACTOR:
            hint = f" (kafka.replication is {replication}: has the cluster as many brokers?)"
        raise TopicError(f"The broker did not make {name}: {error.str()}{hint}") from refused
    return True


def _records(consumer: Consumer, topic: str, partitions: int) -> int:
    ends = (
        watermarks(consumer, TopicPartition(topic, number), _WAIT_SECONDS)
        for number in range(partitions)
    )
    return sum(high - low for low, high in ends if high > low)
