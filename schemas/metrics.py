"""Every metric, in one closed list. A process uses these objects and makes none of its own."""

from prometheus_client import Counter, Gauge, Histogram

_LATENCY = (0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 10_000, 50_000)

EVENTS_IN = Counter(
    "uptake_events_in_total", "Events that reached this process", ["process", "source"]
)
EVENTS_OUT = Counter(
    "uptake_events_out_total",
    "Events this process was done with, by outcome "
    "(accepted, refused, packed, dead, stored, duplicate, opted_out)",
    ["process", "source", "outcome"],
)
INVALID_SHARE = Gauge(
    "uptake_invalid_share", "Share of invalid ones among the last records of a source", ["source"]
)
BREAKER_OPEN = Gauge(
    "uptake_breaker_open",
    "1: intake stopped, or stopped before its restart, as too many records of the source are "
    "invalid",
    ["source"],
)
DEAD_LETTERS = Counter("uptake_dead_letters_total", "Dead letters", ["stage", "reason"])
RECORDS = Counter("uptake_records_total", "Records an agent has applied", ["agent"])
BATCH_SIZE = Histogram(
    "uptake_batch_size", "Events or rows in one batch", ["process", "kind"], buckets=_SIZES
)
LAG_RECORDS = Gauge(
    "uptake_lag_records", "Records of a topic not yet read", ["process", "topic", "partition"]
)
LAG_SECONDS = Gauge(
    "uptake_lag_seconds", "Age of the record read last", ["process", "topic", "partition"]
)
FRESHNESS = Histogram(
    "uptake_freshness_seconds",
    "From an event's acceptance to its row being queryable",
    ["source"],
    buckets=_LATENCY,
)
INSERT_SECONDS = Histogram(
    "uptake_insert_seconds", "Time of one insert into ClickHouse", ["table"], buckets=_QUICK
)
STORE_AWAY = Gauge(
    "uptake_store_away", "1: ClickHouse does not answer the sink, which asks again; 0: it does"
)
REQUEST_SECONDS = Histogram(
    "uptake_request_seconds", "Time of one HTTP request", ["path", "status"], buckets=_QUICK
)
EPOCH_SECONDS = Histogram(
    "uptake_epoch_seconds", "Time to write one epoch", ["agent"], buckets=_LATENCY
)
EPOCH_BYTES = Counter("uptake_epoch_bytes_total", "Bytes written to an epoch log", ["agent"])
STATE_ROWS = Gauge("uptake_state_rows", "Rows of keyed state in memory", ["agent", "partition"])
MEMORY_HELD = Gauge(
    "uptake_memory_held_bytes",
    "Memory that keyed state takes, as last reckoned",
    ["agent", "partition"],
)
MEMORY_OVER_BUDGET = Gauge(
    "uptake_memory_over_budget",
    "1: keyed state takes more than its budget, and only days that are always kept are left",
    ["agent", "partition"],
)
MEMORY_HORIZON = Gauge(
    "uptake_memory_horizon_timestamp_seconds",
    "What happened before this (seconds since 1970 UTC) was let go of; 0: nothing was",
    ["agent", "partition"],
)
OFFSET_CHECKS = Counter(
    "uptake_offset_checks_total",
    "Records that came at an unexpected offset (repeated, early)",
    ["agent", "kind"],
)
RECOVERY_SECONDS = Gauge("uptake_recovery_seconds", "Time the last recovery took", ["agent"])
RESTARTS = Counter("uptake_restarts_total", "Times a supervised process was restarted", ["process"])
RECONCILE_RUNS = Counter(
    "uptake_reconcile_runs_total",
    "Comparisons of the streaming results with a recount, by result "
    "(equal, different, failed: it could not be done)",
    ["result"],
)
RECONCILE_EQUAL = Gauge(
    "uptake_reconcile_equal", "1: the last comparison found no difference; 0: it found one"
)
RECONCILE_ROWS = Gauge("uptake_reconcile_rows", "Rows that the last comparison looked at")
RECONCILE_DIFFERENCES = Gauge(
    "uptake_reconcile_differences", "Rows that differed at the last comparison"
)
RECONCILE_SECONDS = Gauge("uptake_reconcile_seconds", "Time the last comparison took")
RECONCILE_LAST_EQUAL = Gauge(
    "uptake_reconcile_last_equal_timestamp_seconds",
    "When a comparison last found no difference (seconds since 1970 UTC); 0: not since the start",
)
RECONCILE_TWICE = Gauge(
    "uptake_reconcile_ids_twice",
    "Ids of events that lie twice in the store, at the last comparison",
)
REPAIRS_OPEN = Gauge(
    "uptake_repairs_open",
    "Repairs that wait, by kind (rows: stretches of indicators; walk: walks of journeys)",
    ["kind"],
)
REPAIRS_OLDEST = Gauge(
    "uptake_repairs_oldest_seconds", "Age of the oldest repair that waits; 0: none does"
)
REPAIRS_ENDED = Counter(
    "uptake_repairs_ended_total",
    "Repairs that were ended, by kind and outcome (done, impossible)",
    ["kind", "outcome"],
)
REPAIR_SECONDS = Histogram(
    "uptake_repair_seconds", "Time of one round of repairs", ["kind"], buckets=_LATENCY
)
REPAIRED_ROWS = Counter(
    "uptake_repaired_rows_total", "Rows of indicators that a repair or a rebuild has changed"
)
INFO = Gauge("uptake_build_info", "1; version in the label", ["process", "version"])
