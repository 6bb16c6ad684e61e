"""Which life of the topics between the stages is in force: the one record of `uptake.life`.

It lies in Kafka beside what it speaks of, so that intake needs no store to start.
"""

from schemas.records import Life, decode_life, encode
from schemas.settings import KafkaSettings
from schemas.topics import LIFE
from streams import admin
from streams.intake.writer import Writer
from streams.kafka_records import records

_CLIENT = "uptake-life"
_KEY = b"life"
_WRITE_SECONDS = 30.0


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
    writer = Writer(settings, _CLIENT)
    writer.write(LIFE, encode(life), key=_KEY, partition=0)
    writer.finish(_WRITE_SECONDS)


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
