"""Settings of every process, typed. `schemas.settings_load` finds their values.

A setting `kafka.bootstrap` is the field `bootstrap` in the table `[kafka]` of the TOML file and
`UPTAKE_KAFKA_BOOTSTRAP` in the environment.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Port = Annotated[int, Meta(ge=0, le=65535)]
Positive = Annotated[int, Meta(ge=1)]
ScoreSource = Literal["check", "observation", "feedback"]
"""Where a capability score comes from: a scenario check, a manager's observation, a peer."""
Weight = Annotated[float, Meta(ge=0)]


class KeySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A write key of the collector, bound to one source (`*`: any; for local use)."""

    name: str
    secret: str
    source: Literal["crm", "ticketing", "lms", "*"]


class KafkaSettings(Struct, frozen=True, forbid_unknown_fields=True):
    bootstrap: str = "127.0.0.1:9092"
    partitions: Annotated[int, Meta(ge=1, le=1024)] = 3
    replication: Positive = 1
    """Copies of each partition of the topics that we make."""
    min_insync: Annotated[int, Meta(ge=0)] = 0
    """So many copies must have a record before it counts as written (`min.insync.replicas` of the
    topics that we make); 0: one fewer than there are copies, at least one."""
    generation: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """Which life of the broker's log this is; `uptake up` counts it for the embedded broker."""
    memory_only: bool = False
    """The broker forgets everything at its end (the embedded one)."""
    security: dict[str, str] = field(default_factory=dict)
    """More librdkafka properties (security.protocol, sasl.*, ssl.*)."""
    registry: str = ""
    """URL of a schema registry; empty: bundled schemas with fixed ids."""


class ClickHouseSettings(Struct, frozen=True, forbid_unknown_fields=True):
    url: str = "http://127.0.0.1:8123"
    user: str = "default"
    password: str = ""
    database: Annotated[str, Meta(pattern="^[a-z_][a-z0-9_]*$")] = "uptake"
    replicated: bool = False
    """Replicated engines; wants a cluster with Keeper."""
    events_days: Annotated[int, Meta(ge=0)] = 0
    """Events older than this are deleted; 0: kept."""
    panes_days: Annotated[int, Meta(ge=0)] = 0
    indicators_days: Annotated[int, Meta(ge=0)] = 0
    dead_letters_days: Annotated[int, Meta(ge=0)] = 30


class CollectorSettings(Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: Port = 8000
    keys: list[KeySettings] = field(default_factory=list)
    max_body_bytes: Positive = 5_000_000
    max_statements: Positive = 5_000
    requests_per_second: Annotated[int, Meta(ge=0)] = 0
    """Per key; 0: no limit."""
    acknowledge_seconds: Annotated[float, Meta(gt=0)] = 10.0
    """How long a request waits for Kafka before it is answered 503."""


class IntakeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    group: str = "uptake-intake"
    pack_events: Annotated[int, Meta(ge=1, le=5_000)] = 500
    poll_records: Positive = 4_000
    max_event_bytes: Positive = 1_000_000
    future_seconds: Annotated[float, Meta(ge=0)] = 86_400.0
    """An event that happens later than this after its record's own time is set aside as a dead
    letter (`future-time`)."""
    breaker_share: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """Intake stops when more than this share of the last records of a source is invalid; 1: it
    never does."""
    breaker_records: Positive = 1_000
    """How many records of a source the breaker looks at; with fewer it does not trip."""


class WorkerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    group: str = "uptake-worker"
    instance: str = ""
    """Static membership: a restarted worker with the same name gets its partitions at once."""
    epoch_seconds: Annotated[float, Meta(gt=0)] = 1.0
    epoch_bytes: Annotated[int, Meta(ge=1, le=2_000_000)] = 1_500_000
    """An epoch ends when so many bytes of rows were changed. The record is about three times as
    large, and a record of the log may have 8 MB."""
    session_seconds: Annotated[float, Meta(ge=1)] = 10.0
    id_memory: Positive = 2_000_000
    """How many event ids all partitions together remember; over it the oldest days go."""
    memory_mb: Annotated[int, Meta(ge=16)] = 1_024
    """Memory for keyed state (in 1,000,000 bytes) if one worker holds all partitions. Half of it
    is for learners, an eighth for objects, each shared equally by the partitions; over it the
    oldest days go, but never the last 57. The rest is for what the rolling stage holds, which
    lets go of what they let go of. Change it, and `id_memory`, only between a clean stop and
    start."""
    catalog: str = ""
    """A catalog file in place of the bundled one."""
    vocabulary: str = ""


class SinkSettings(Struct, frozen=True, forbid_unknown_fields=True):
    group: str = "uptake-sink"
    batch_rows: Positive = 50_000
    flush_seconds: Annotated[float, Meta(gt=0)] = 0.5


class PrivacySettings(Struct, frozen=True, forbid_unknown_fields=True):
    pseudonym_key: str = ""
    """Secret of the keyed hash that makes pseudonyms; at least 16 characters. Losing it means
    that old and new events of one person no longer meet."""
    manager_labels: Literal["as_given", "pseudonym"] = "as_given"
    notes: Literal["never", "consenting"] = "never"
    """Short notes about people (attribute `note`, of POST /observations too). never: they end at
    the door, as length and tags; consenting: those about people who agreed are stored, and the
    others lie in `uptake.batches` until its retention is over."""
    tags: list[str] = field(
        default_factory=lambda: [
            *("clarity", "closing", "coaching", "diagnosis", "discovery", "documentation"),
            *("empathy", "escalation", "follow-up", "handover", "knowledge", "listening"),
            *("negotiation", "next-step", "objection", "ownership", "questions", "summary"),
        ]
    )
    """Of a text that people wrote, its length is kept and those of its #tags that are listed
    here: a closed list, since a tag may be a name."""


def _equal_weights() -> dict[ScoreSource, Weight]:
    # Equal weights do about as well as fitted ones where nothing is known (Dawes 1979).
    return {"check": 1.0, "observation": 1.0, "feedback": 1.0}


class ScoresSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Of the confidence and capability index (docs/scores.md)."""

    capability_weight: Annotated[float, Meta(ge=0, le=1)] = 0.7
    minimum_cohort: Annotated[int, Meta(ge=5)] = 10
    """People with both scores, below which a cohort has no index; shared views hide groups under
    10."""
    source_weights: dict[ScoreSource, Weight] = field(default_factory=_equal_weights)


class ViewerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who may look at the board."""

    name: str
    key: str = ""
    """What they log in with; empty where a reverse proxy says who they are."""
    cohorts: list[str] = field(default_factory=lambda: ["*"])
    """What they may see, such as `team:Alder`; `*`: everything."""
    learner: str = ""
    """Who they are in events, so that they can report back on suggestions; empty: they cannot."""
    issuer: str = ""
    """Who gave that identifier, as in the events of the tool that offers suggestions."""


class BoardSettings(Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: Port = 8050
    viewers: list[ViewerSettings] = field(default_factory=list)
    """Nobody named: whoever reaches it sees everything; only for the loopback interface."""
    user_header: str = ""
    """Header in which a reverse proxy names the viewer. Only behind one that sets it always."""
    least_people: Annotated[int, Meta(ge=5)] = 10
    """Values that fewer people stand behind are not shown."""
    collector: str = ""
    """URL of the collector that takes what viewers report back, with the first of
    `collector.keys` that may write lms; empty: that of `collector.host` and `collector.port`."""


class MetricsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: Port = 0
    """/metrics, /healthz and /readyz of this process; 0: any free port, printed at start."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    kafka: KafkaSettings = KafkaSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    collector: CollectorSettings = CollectorSettings()
    intake: IntakeSettings = IntakeSettings()
    worker: WorkerSettings = WorkerSettings()
    sink: SinkSettings = SinkSettings()
    privacy: PrivacySettings = PrivacySettings()
    scores: ScoresSettings = ScoresSettings()
    board: BoardSettings = BoardSettings()
    metrics: MetricsSettings = MetricsSettings()


SECRETS = frozenset(
    {"privacy.pseudonym_key", "clickhouse.password", "collector.keys", "board.viewers"}
)
"""Never printed."""
