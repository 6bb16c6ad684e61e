"""Which life of the topics between the stages is in force: the one record of `uptake.life`.

It lies in Kafka beside what it speaks of, so that intake needs no store to start.
"""

import time
from collections.abc import Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as Place

from schemas.records import Life, decode_life, encode
from schemas.settings import KafkaSettings
from schemas.topics import LIFE
from streams import admin
from streams.intake.writer import Writer
from streams.kafka_clients import consumer_config

_GROUP = "uptake-life"
_KEY = b"life"
_SILENCE_SECONDS = 30.0
_POLL_SECONDS = 0.2


class RebuildUnfinished(Exception):
    """Sources must not be read now: somebody has to end what was begun."""


def read(settings: KafkaSettings) -> Life | None:
    """The record; None where none was ever written. Raises KafkaException."""
    if LIFE not in admin.present(settings):
        return None
    newest = None
    for message in records(settings, LIFE, 0):
        newest = decode_life(message.value() or b"")
    return newest


def write(settings: KafkaSettings, life: Life) -> None:
    """Replace the record. Raises NotWritten."""
    writer = Writer(settings, _GROUP)
    writer.write(LIFE, encode(life), key=_KEY, partition=0)
    writer.finish(_SILENCE_SECONDS)


def number(settings: KafkaSettings) -> int:
    """The life by which intake packs: the greater of the record's and `kafka.generation`.

    Raises RebuildUnfinished while state is being rebuilt, KafkaException.
    """
    life = read(settings)
    if life is None:
        return settings.generation
    if life.phase == "begun":
        raise RebuildUnfinished(
            "a rebuild of state was begun and is not done, so events must not be read now: wait"
            " for its end, or run `uptake rebuild-state` again"
        )
    return max(life.number, settings.generation)


def records(
    settings: KafkaSettings, topic: str, partition: int, end: int | None = None
) -> Iterator[Message]:
    """All records of a partition in order, up to its end or to the offset `end` (not included).

    Raises KafkaException, also when nothing comes for long.
    """
    config = consumer_config(settings, _GROUP, _GROUP)
    consumer = Consumer({**config, "enable.partition.eof": True, "auto.offset.reset": "earliest"})
    limit = time.monotonic() + _SILENCE_SECONDS
    try:
        consumer.assign([Place(topic, partition, OFFSET_BEGINNING)])
        while True:
            for message in consumer.consume(1_000, _POLL_SECONDS):
                limit = time.monotonic() + _SILENCE_SECONDS
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        return
                    raise KafkaException(error)
                if end is not None and (message.offset() or 0) >= end:
                    return
                yield message
            if time.monotonic() > limit:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
    finally:
        consumer.close()
