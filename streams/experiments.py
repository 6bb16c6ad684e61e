"""The topic `uptake.experiments`: read once, written, or followed as long as a process lives."""

import logging
from threading import Event, Thread

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from schemas.experiments.book import Book, Entry, Switch, decode, encode
from schemas.settings import ClickHouseSettings, KafkaSettings
from schemas.topics import EXPERIMENTS
from streams import admin
from streams.intake import store
from streams.intake.writer import Writer
from streams.kafka_clients import consumer_config
from streams.kafka_records import records

_CLIENT = "uptake-experiments"
_WRITE_SECONDS = 30.0
_POLL_SECONDS = 0.5
_AGAIN_SECONDS = 2.0
_log = logging.getLogger(__name__)


def read(settings: KafkaSettings) -> Book:
    """All that is in force. Raises KafkaException."""
    book = Book()
    if EXPERIMENTS not in admin.present(settings):
        return book
    for message in records(settings, EXPERIMENTS, 0):
        _take(book, message.value())
    return book


def write(settings: KafkaSettings, *entries: Entry) -> None:
    """Put newer values in force. Raises NotWritten."""
    writer = Writer(settings, _CLIENT)
    for entry in entries:
        writer.write(EXPERIMENTS, encode(entry), key=entry.name.encode(), partition=0)
    writer.finish(_WRITE_SECONDS)


def stored(settings: ClickHouseSettings) -> list[Entry]:
    """What the store has of the topic. Raises StoreUnavailable."""
    sql = "SELECT experiment, definition, switches FROM experiments FINAL ORDER BY experiment"
    return [
        Entry(name, definition, msgspec.json.decode(switches, type=list[Switch]))
        for name, definition, switches in store.rows(settings, sql)
    ]


class Follower:
    """Keeps a book at what the topic says, in a thread of its own."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._book = Book()
        self._settings = settings
        self._known = Event()
        self._thread = Thread(target=self._run, name="experiments", daemon=True)

    def start(self) -> None:
        """Begin to read; once."""
        self._thread.start()

    def book(self) -> Book | None:
        """The book; None before the topic was read to its end once."""
        return self._book if self._known.is_set() else None

    def _run(self) -> None:
        while True:
            try:
                self._follow()
            except KafkaException as error:
                _log.warning("Experiments cannot be read now: %s", error.args[0].str())
                Event().wait(_AGAIN_SECONDS)

    def _follow(self) -> None:
        config = consumer_config(self._settings, _CLIENT, _CLIENT)
        consumer = Consumer(
            {**config, "enable.partition.eof": True, "auto.offset.reset": "earliest"}
        )
        try:
            consumer.assign([TopicPartition(EXPERIMENTS, 0, OFFSET_BEGINNING)])
            while True:
                message = consumer.poll(_POLL_SECONDS)
                error = None if message is None else message.error()
                if error is not None and error.code() == KafkaError._PARTITION_EOF:
                    self._known.set()
                elif error is not None:
                    raise KafkaException(error)
                elif message is not None:
                    _take(self._book, message.value())
        finally:
            consumer.close()


def _take(book: Book, value: bytes | None) -> None:
    try:
        book.take(decode(value or b""))
    except msgspec.DecodeError:
        _log.error("A record of %s is none of ours; it is left out", EXPERIMENTS)
