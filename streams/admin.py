"""Which topics there are, with which partitions and limits; makes and checks them."""

from collections.abc import Sequence
from time import monotonic, sleep
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas import topics
from schemas.settings import KafkaSettings, Settings
from streams.kafka_clients import (
    MAX_RECORD_BYTES,
    client_config,
    once_coordinated,
    watermarks,
)

_DAY_MS = 86_400_000
_WAIT_SECONDS = 15.0
_GROUPS_SECONDS = 45.0
_AGAIN_SECONDS = 0.1
_KAFKA_DEFAULT_BYTES = 1_048_588
_RECORD_OVERHEAD = 10_000


class TopicError(Exception):
    """The topics are not as they have to be. Never valid: someone has to change something."""


class TopicSpec(NamedTuple):
    """A topic as it has to be."""

    name: str
    partitions: int
    config: dict[str, str]
    exact: bool = True
    """It has to have just so many partitions; else that is only how it is made."""


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
    logs = frozenset(topics.state_topic(agent) for agent in topics.AGENTS)
    return [
        *(TopicSpec(name, wide, events, exact=False) for name in topics.EVENTS),
        TopicSpec(topics.DIRECTORY, 1, {"cleanup.policy": "compact"}),
        TopicSpec(topics.EXPERIMENTS, 1, {"cleanup.policy": "compact"}),
        TopicSpec(topics.LIFE, 1, {"cleanup.policy": "compact"}),
        TopicSpec(topics.DEAD_LETTERS, 1, _kept(30, MAX_RECORD_BYTES)),
        *(TopicSpec(name, wide, state if name in logs else internal) for name in topics.REMADE),
    ]


def ensure(settings: Settings) -> list[str]:
    """Make the topics that are missing; return their names.

    Raises TopicError when a topic that is there has another number of partitions or when the
    broker refuses one, KafkaException when the cluster can not be reached.
    """
    _check(settings)
    made = _make_missing(settings, specs(settings))
    # Somebody else may have made them meanwhile, by other settings.
    _check(settings)
    return made


def ensure_kept(settings: Settings) -> None:
    """Make the topics that are missing of those that `remake` leaves alone. Raises as `ensure`."""
    _make_missing(settings, [spec for spec in specs(settings) if spec.name not in topics.REMADE])


def unlike(settings: Settings) -> list[str]:
    """A sentence for each topic that has another number of partitions than it has to have.

    Raises KafkaException when the cluster can not be reached.
    """
    there = present(settings.kafka)
    return [
        f"{spec.name} has {there[spec.name]} partitions, expected {spec.partitions}"
        for spec in specs(settings)
        if spec.exact and there.get(spec.name, spec.partitions) != spec.partitions
    ]


def remake(settings: Settings) -> None:
    """Delete the topics in `topics.REMADE` with all they hold, and make them anew, with the
    number of partitions that the settings say. May be called again after any failure.

    Raises TopicError when the broker refuses, KafkaException when it can not be reached.
    """
    admin = _admin(settings.kafka)
    old = [name for name in topics.REMADE if name in _partitions(admin)]
    if old:
        for name, deleted in admin.delete_topics(old, operation_timeout=_WAIT_SECONDS).items():
            _deleted(name, deleted)
    limit = monotonic() + _WAIT_SECONDS
    # A broker deletes for a while after it has answered.
    while any(name in _partitions(admin) for name in topics.REMADE):
        if monotonic() > limit:
            raise TopicError("The broker does not delete the topics between the stages")
        sleep(_AGAIN_SECONDS)
    new = [spec for spec in specs(settings) if spec.name in topics.REMADE]
    _create(admin, new, settings.kafka.replication)
    while unlike(settings) or any(name not in _partitions(admin) for name in topics.REMADE):
        if monotonic() > limit:
            raise TopicError("The broker does not make the topics between the stages")
        sleep(_AGAIN_SECONDS)


def present(settings: KafkaSettings) -> dict[str, int]:
    """Topic -> number of partitions, of all topics of the cluster. Raises KafkaException."""
    return _partitions(_admin(settings))


def members(settings: KafkaSettings, groups: Sequence[str]) -> dict[str, int]:
    """How many members each of the groups has. Raises KafkaException.

    The embedded broker names none, whoever is there.
    """
    # An error of a future keeps alive what stands around it. A client that is only collected later,
    # when its broker may be gone, can wait for ever as it goes (librdkafka 4519).
    with _admin(settings) as admin:

        def ask() -> dict[str, int]:
            asked = admin.describe_consumer_groups(list(groups), request_timeout=_WAIT_SECONDS)
            return {group: _members(described) for group, described in asked.items()}

        return once_coordinated(ask, _GROUPS_SECONDS)


def describe(settings: Settings) -> list[TopicInfo]:
    """Every topic as it is; `partitions` and `records` are 0 for one that is missing.

    Raises KafkaException when the cluster can not be reached.
    """
    there = present(settings.kafka)
    consumer = Consumer({**client_config(settings.kafka, "uptake-admin"), "group.id": "uptake"})
    try:
        return [
            TopicInfo(
                spec.name,
                spec.partitions if spec.exact else there.get(spec.name, spec.partitions),
                there.get(spec.name, 0),
                _records(consumer, spec.name, there.get(spec.name, 0)),
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


def _check(settings: Settings) -> None:
    wrong = unlike(settings)
    if wrong:
        raise TopicError(
            "; ".join(wrong)
            + ". Learners and their state lie on partitions by the setting kafka.partitions. Set"
            " it back (UPTAKE_KAFKA_PARTITIONS), or end intake, worker and sink and run `uptake"
            " rebuild-state`, which makes these topics anew."
        )


def _make_missing(settings: Settings, wanted: list[TopicSpec]) -> list[str]:
    admin = _admin(settings.kafka)
    there = _partitions(admin)
    missing = [spec for spec in wanted if spec.name not in there]
    return _create(admin, missing, settings.kafka.replication)


def _deleted(name: str, result: Any) -> None:
    try:
        result.result()
    except KafkaException as refused:
        error: KafkaError = refused.args[0]
        # It is gone all the same.
        if error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise TopicError(f"The broker did not delete {name}: {error.str()}") from refused


def _members(described: Any) -> int:
    try:
        return len(described.result().members)
    except KafkaException as error:
        # Newer brokers say so of a group that nobody was ever in.
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return 0
        raise


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
