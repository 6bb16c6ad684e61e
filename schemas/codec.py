"""Compact events as Avro with Confluent framing: a zero byte, a schema id, the record.

    Invalid               framing, schema or record can never be decoded
    RegistryUnavailable   the schema registry did not answer; try again

Without a registry the bundled schemas have fixed ids, far above those that a registry gives out:
the newest is written, all are read. With one, writers register the schema and readers look unknown
ids up, once each.
"""

import io
import json
from importlib.resources import files
from struct import Struct
from typing import Any, Final

import fastavro
from fastavro.schema import SchemaParseException, UnknownType
from msgspec.structs import asdict

from schemas.compact import CompactEvent
from schemas.ratings import SentRating
from schemas.topics import EVENTS
from schemas.xapi.errors import Invalid

BUNDLED_ID: Final = 0x75700002
FIRST_ID: Final = 0x75700001
"""Of avro/event_1.avsc, which had no rating."""
MAGIC: Final = 0

_HEADER: Final = Struct(">BI")
_FOLDER: Final = files("schemas").joinpath("avro")
_TEXT: Final = _FOLDER.joinpath("event.avsc").read_text("utf-8")
_BROKEN: Final = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    StopIteration,
    TypeError,
    ValueError,
)
"""What fastavro raises on bytes that are no record of the schema, depending on where it broke."""

_BRANCH: Final[dict[type, str]] = {bool: "boolean", int: "long", float: "double", str: "string"}
"""Names the branch of an attribute's union: fastavro would try one after the other."""

Schema = dict[str, Any]


class RegistryUnavailable(Exception):
    """The schema registry did not answer as it should. The event may be fine: try again."""


def without_logical_types(schema: Any) -> Any:
    """The same schema with plain values: text for a UUID, a number for a time."""
    if isinstance(schema, dict):
        return {k: without_logical_types(v) for k, v in schema.items() if k != "logicalType"}
    if isinstance(schema, list):
        return [without_logical_types(each) for each in schema]
    return schema


def _parse(text: str) -> Schema:
    """Raises Invalid unless the text is an Avro schema with our unit of time."""
    try:
        schema = json.loads(text)
        for field in schema["fields"]:
            if field["name"] == "occurred_at" and field["type"]["logicalType"] != _MILLIS:
                raise Invalid("unknown-schema", "occurred_at", "a timestamp-millis")
        parsed: Schema = fastavro.parse_schema(without_logical_types(schema))  # type: ignore
        return parsed
    except (SchemaParseException, UnknownType, LookupError, TypeError, json.JSONDecodeError):
        raise Invalid("unknown-schema", "", "an Avro record with the fields of Event") from None


_MILLIS: Final = "timestamp-millis"
_EVENT: Final = _parse(_TEXT)
_FIRST: Final = _parse(_FOLDER.joinpath("event_1.avsc").read_text("utf-8"))


class Codec:
    """Encodes with one schema, decodes with whatever schema the writer used."""

    def __init__(self, registry: str = "") -> None:
        """`registry`: URL of a schema registry; empty: only the bundled schema."""
        self._registry = _Registry(registry) if registry else None
        self._writers: dict[int, Schema] = {BUNDLED_ID: _EVENT, FIRST_ID: _FIRST}
        self._header = b"" if registry else _HEADER.pack(MAGIC, BUNDLED_ID)

    def encode(self, event: CompactEvent) -> bytes:
        """A checked event -> bytes for Kafka. Raises RegistryUnavailable."""
        out = io.BytesIO()
        out.write(self._header or self._registered())
        fields = asdict(event)
        fields["attributes"] = {k: (_BRANCH[type(v)], v) for k, v in event.attributes.items()}
        if event.rating is not None:
            fields["rating"] = asdict(event.rating)
        fastavro.schemaless_writer(out, _EVENT, fields)
        return out.getvalue()

    def decode(self, value: bytes) -> CompactEvent:
        """Bytes from Kafka -> event, not yet checked. Raises Invalid or RegistryUnavailable."""
        if len(value) < _HEADER.size or value[0] != MAGIC:
            raise Invalid("not-avro", "", "a zero byte, a schema id of 4 bytes, a record")
        writer = self._writer(_HEADER.unpack_from(value)[1])
        body = io.BytesIO(value)
        body.seek(_HEADER.size)
        try:
            found: Any = fastavro.schemaless_reader(
                body, writer, None if writer is _EVENT else _EVENT
            )
        except fastavro.read.SchemaResolutionError:
            raise Invalid("unknown-schema", "", "a schema that resolves to Event") from None
        except _BROKEN:
            raise Invalid("not-avro", "", "a record of the schema named") from None
        if body.tell() != len(value):
            raise Invalid("not-avro", "", "nothing behind the record")
        if found["rating"] is not None:
            found["rating"] = SentRating(**found["rating"])
        return CompactEvent(**found)

    def _writer(self, schema_id: int) -> Schema:
        schema = self._writers.get(schema_id)
        if schema is None:
            if self._registry is None:
                raise Invalid("unknown-schema", "", f"schema id {BUNDLED_ID}: no registry is set")
            schema = self._writers[schema_id] = _parse(self._registry.schema(schema_id))
        return schema

    def _registered(self) -> bytes:
        """The header with the id that the registry gives our schema."""
        assert self._registry is not None
        self._header = _HEADER.pack(MAGIC, self._registry.register(_TEXT))
        return self._header


class _Registry:
    """A Confluent schema registry, or one that speaks the same (Apicurio). The client tries each
    request four times, which takes a few seconds when nobody answers."""

    def __init__(self, url: str) -> None:
        # Imported here: the client is an extra that most installations do without.
        from confluent_kafka.schema_registry import SchemaRegistryClient

        self._client = SchemaRegistryClient({"url": url})

    def schema(self, schema_id: int) -> str:
        from confluent_kafka.schema_registry.error import SchemaRegistryError

        try:
            found = self._client.get_schema(schema_id)
        except SchemaRegistryError as error:
            if error.http_status_code == 404:
                raise Invalid("unknown-schema", "", "an id that the registry knows") from None
            raise RegistryUnavailable(f"answered {error.http_status_code}") from error
        except Exception as error:
            # The client lets errors of its HTTP library through, whichever one it found.
            raise RegistryUnavailable(type(error).__name__) from error
        return found.schema_str or ""

    def register(self, text: str) -> int:
        """Registers the schema for every events topic; the same schema has one id."""
        from confluent_kafka.schema_registry import Schema as RegistrySchema

        try:
            ids = {
                self._client.register_schema(f"{topic}-value", RegistrySchema(text, "AVRO"))
                for topic in EVENTS
            }
        except Exception as error:
            raise RegistryUnavailable(type(error).__name__) from error
        return int(max(ids))
