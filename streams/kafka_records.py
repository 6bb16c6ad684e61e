"""All records of one partition, read outside of any group."""

import time
from collections.abc import Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as Place

from schemas.settings import KafkaSettings
from streams.kafka_clients import consumer_config

_CLIENT = "uptake-records"
_SILENCE_SECONDS = 30.0
_POLL_SECONDS = 0.2
_POLL_RECORDS = 1_000


def records(
    settings: KafkaSettings,
    topic: str,
    partition: int,
    end: int | None = None,
    start: int = OFFSET_BEGINNING,
) -> Iterator[Message]:
    """The records in order from the offset `start` on, up to the partition's end, or to the offset
    `end` (not included).

    Raises KafkaException, also when nothing comes for long.
    """
    if end is not None and start >= end:
        return
    config = consumer_config(settings, _CLIENT, _CLIENT)
    consumer = Consumer({**config, "enable.partition.eof": True, "auto.offset.reset": "earliest"})
    limit = time.monotonic() + _SILENCE_SECONDS
    try:
        consumer.assign([Place(topic, partition, start)])
        while True:
            for message in consumer.consume(_POLL_RECORDS, _POLL_SECONDS):
                limit = time.monotonic() + _SILENCE_SECONDS
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        return
                    raise KafkaException(error)
                offset = message.offset() or 0
                if end is None or offset < end:
                    yield message
                if end is not None and offset + 1 >= end:
                    return
            if time.monotonic() > limit:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
    finally:
        consumer.close()
