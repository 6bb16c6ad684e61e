"""The compact event in the flat form of avro/event.avsc."""

from msgspec import Struct

from schemas.ratings import SentRating
from schemas.records import Attribute


class CompactEvent(Struct, gc=False):
    """Fields as in avro/event.avsc. Times and durations in milliseconds; empty text: not given."""

    occurred_at: int
    learner: str
    verb: str
    object_id: str
    id: str = ""
    issuer: str = ""
    object_type: str = ""
    parent: str = ""
    success: bool | None = None
    completion: bool | None = None
    score: float | None = None
    duration_ms: int | None = None
    attributes: dict[str, Attribute] = {}
    rating: SentRating | None = None
