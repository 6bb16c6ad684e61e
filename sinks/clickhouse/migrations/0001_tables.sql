-- Tables. Placeholders in double braces are filled in by sinks/clickhouse/migrate.py.
-- Every table that a stream writes replaces rows of equal key, because records may come twice.

CREATE TABLE IF NOT EXISTS {{database}}.events_log
(
    event_id FixedString(16) COMMENT 'Id of the event (UUID), 16 bytes in the order of its text; the same for every resend of it',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened (UTC, milliseconds)',
    received_at DateTime64(3, 'UTC') COMMENT 'When Kafka took it in (UTC, milliseconds)',
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When this row was inserted (UTC, milliseconds)',
    source LowCardinality(String) COMMENT 'Tool it came from: crm, ticketing or lms',
    signal LowCardinality(String) COMMENT 'What it means here, by the vocabulary; unmapped: not known',
    verb LowCardinality(String) COMMENT 'IRI of the verb as sent',
    object_id String COMMENT 'Id of the object as sent, mostly an IRI',
    object_type LowCardinality(String) COMMENT 'IRI of the type of the object; empty: none given',
    parent String COMMENT 'Id of the parent activity; empty: none',
    learner FixedString(16) COMMENT 'Pseudonym of the person, 16 bytes',
    team LowCardinality(String) COMMENT 'Team of the person when the event was enriched; empty: none',
    manager LowCardinality(String) COMMENT 'Manager of the person when the event was enriched; empty: none',
    region LowCardinality(String) COMMENT 'Region of the person when the event was enriched; empty: none',
    eligible Bool COMMENT 'The directory held the person as eligible when the event was enriched',
    module LowCardinality(String) COMMENT 'Module of the object by the asset directory; empty: none',
    success Nullable(Bool) COMMENT 'Result: success; null: not given',
    completion Nullable(Bool) COMMENT 'Result: completion; null: not given',
    score Nullable(Float64) COMMENT 'Result: scaled score, -1 to 1; null: not given',
    duration_ms Nullable(Int64) COMMENT 'Result: duration in milliseconds; null: not given',
    attributes String COMMENT 'JSON object of named values (bool, integer, number, text); empty: none',
    partition Int32 COMMENT 'Kafka partition of the events topic of the source',
    offset Int64 COMMENT 'Kafka offset on that partition',
    generation UInt32 COMMENT 'Life of the broker log that partition and offset belong to',
    batch_partition Int32 COMMENT 'Partition of uptake.batches that carried the event',
    batch_offset Int64 COMMENT 'Offset on that partition',
    batch_generation UInt32 COMMENT 'Life of the broker log that batch_partition and batch_offset belong to'
)
ENGINE = {{ReplacingMergeTree()}}
PARTITION BY if(occurred_at >= '2015-01-01 00:00:00' AND occurred_at < '2035-01-01 00:00:00', toYYYYMM(occurred_at), intDiv(toYear(occurred_at), 10))
PRIMARY KEY (source, signal, occurred_at)
ORDER BY (source, signal, occurred_at, event_id, generation, partition, offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row an event that was taken; a repeated insert of it may stand twice until a merge. Read the view events. Partitions: months from 2015 to 2034, else decades';

CREATE TABLE IF NOT EXISTS {{database}}.set_aside
(
    kind LowCardinality(String) COMMENT 'duplicate: its id was seen before at other coordinates; dead: it can never be valid',
    source LowCardinality(String) COMMENT 'Tool it came from: crm, ticketing or lms',
    partition Int32 COMMENT 'Kafka partition of the events topic of the source',
    offset Int64 COMMENT 'Kafka offset on that partition',
    generation UInt32 COMMENT 'Life of the broker log that partition and offset belong to',
    received_at DateTime64(3, 'UTC') COMMENT 'When Kafka took it in (UTC, milliseconds)',
    reason LowCardinality(String) COMMENT 'Why it is dead; empty for a duplicate',
    event_id UUID COMMENT 'Id of a duplicate; all zeros for a dead one',
    first_source LowCardinality(String) COMMENT 'Source on which the id of a duplicate came first; empty for a dead one',
    first_partition Int32 COMMENT 'Kafka partition on which the id of a duplicate came first',
    first_offset Int64 COMMENT 'Kafka offset at which the id of a duplicate came first',
    first_generation UInt32 COMMENT 'Life of the broker log in which the id of a duplicate came first'
)
ENGINE = {{ReplacingMergeTree()}}
ORDER BY (source, generation, partition, offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row an event that was not stored in events_log: a duplicate or a dead one. Repeats may stand twice until a merge: read with FINAL';

CREATE TABLE IF NOT EXISTS {{database}}.marks
(
    source LowCardinality(String) COMMENT 'Tool: crm, ticketing or lms',
    generation UInt32 COMMENT 'Life of the broker log that the offsets belong to',
    partition Int32 COMMENT 'Kafka partition of the events topic of the source',
    batch_partition Int32 COMMENT 'Partition of uptake.batches that the mark speaks for',
    first_offset Int64 COMMENT 'Kafka offset at which reading began',
    next_offset Int64 COMMENT 'All events below this offset that go to batch_partition are in the store',
    skipped Int64 COMMENT 'Offsets from first_offset below next_offset that held no event'
)
ENGINE = {{ReplacingMergeTree(next_offset)}}
ORDER BY (source, generation, partition, batch_partition)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row a source partition and partition of uptake.batches: how far events have come. The largest next_offset counts: read with FINAL';

CREATE TABLE IF NOT EXISTS {{database}}.source_ends
(
    source LowCardinality(String) COMMENT 'Tool: crm, ticketing or lms',
    generation UInt32 COMMENT 'Life of the broker log that the offsets belong to',
    partition Int32 COMMENT 'Kafka partition of the events topic of the source',
    first_offset Int64 COMMENT 'First offset the broker held when it was asked',
    end_offset Int64 COMMENT 'Offset after the last record, as far as the broker told',
    batch_partitions UInt32 COMMENT 'Number of partitions of uptake.batches',
    seen_at DateTime64(3, 'UTC') COMMENT 'When the broker was asked (UTC, milliseconds)'
)
ENGINE = {{ReplacingMergeTree(end_offset)}}
ORDER BY (source, generation, partition)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row a source partition: the end of its log as the broker tells it. The largest end_offset counts: read with FINAL';

CREATE TABLE IF NOT EXISTS {{database}}.panes
(
    indicator LowCardinality(String) COMMENT 'Name of the indicator, see catalog',
    cohort_kind LowCardinality(String) COMMENT 'all, team, manager or region',
    cohort LowCardinality(String) COMMENT 'Name of the cohort; all for everybody',
    grain LowCardinality(String) COMMENT 'Length of the slot: minute, hour or day (UTC)',
    slot_start DateTime64(3, 'UTC') COMMENT 'Beginning of the slot (UTC)',
    agent LowCardinality(String) COMMENT 'Agent that made this part: learners or objects',
    partition Int32 COMMENT 'Partition of that agent; parts add up over agents and partitions',
    n Int64 COMMENT 'Contributions in the slot (count)',
    num Int64 COMMENT 'Sum of their numerators, in the unit of the indicator before scaling',
    den Int64 COMMENT 'Sum of their denominators',
    p Int64 COMMENT 'Change of distinct people of the window that ends with the slot (minute: 1h, hour: 1d, day: 7d)',
    q Int64 COMMENT 'Change of distinct people of the 28d window that ends with the slot (day only)',
    standing Int64 COMMENT 'Change of the total that never leaves, such as eligible people',
    version UInt64 COMMENT 'Grows with every newer whole value; the largest counts'
)
ENGINE = {{ReplacingMergeTree(version)}}
PARTITION BY grain
ORDER BY (indicator, cohort_kind, cohort, grain, slot_start, agent, partition)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row an indicator, cohort, slot and part of the stream: whole values. Older versions may stand beside until a merge: read with FINAL';

CREATE TABLE IF NOT EXISTS {{database}}.rolling
(
    indicator LowCardinality(String) COMMENT 'Name of the indicator, see catalog',
    cohort_kind LowCardinality(String) COMMENT 'all, team, manager or region',
    cohort LowCardinality(String) COMMENT 'Name of the cohort; all for everybody',
    window LowCardinality(String) COMMENT 'Length of the window: 1h, 1d, 7d or 28d',
    window_end DateTime64(3, 'UTC') COMMENT 'End of the window, not part of it (UTC); may lie ahead of now',
    n Int64 COMMENT 'Contributions in the window (count)',
    num Int64 COMMENT 'Sum of their numerators, in the unit of the indicator before scaling',
    den Int64 COMMENT 'Sum of their denominators',
    people Int64 COMMENT 'Distinct people in the window',
    standing Int64 COMMENT 'Total that never leaves, such as eligible people, at the end of the window',
    removed Bool COMMENT 'The content did not change here after all: the row is not to be shown',
    written_at DateTime64(3, 'UTC') COMMENT 'When the value was computed (UTC, milliseconds)',
    version UInt64 COMMENT 'Grows with every newer whole value; the largest counts'
)
ENGINE = {{ReplacingMergeTree(version)}}
ORDER BY (indicator, cohort_kind, cohort, window, window_end)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row an indicator, cohort, window and slide in which its content changed: whole values. Read the view indicators, or with FINAL';

CREATE TABLE IF NOT EXISTS {{database}}.dead_letters_log
(
    received_at DateTime64(3, 'UTC') COMMENT 'When Kafka took the record in (UTC, milliseconds)',
    dead_at DateTime64(3, 'UTC') COMMENT 'When it was refused (UTC, milliseconds)',
    source LowCardinality(String) COMMENT 'Tool it came from: crm, ticketing or lms',
    stage LowCardinality(String) COMMENT 'Stage that refused it, such as intake or sink',
    reason LowCardinality(String) COMMENT 'Short name of the rule it broke',
    detail String COMMENT 'Where and how it broke the rule; holds no personal data',
    topic LowCardinality(String) COMMENT 'Kafka topic of the record',
    partition Int32 COMMENT 'Kafka partition of the record',
    offset Int64 COMMENT 'Kafka offset of the record',
    generation UInt32 COMMENT 'Life of the broker log that partition and offset belong to',
    code_version LowCardinality(String) COMMENT 'Version of the code that refused it',
    key Nullable(String) COMMENT 'Key of the record, as sent; null: none',
    value Nullable(String) COMMENT 'Bytes of the record, as sent; may hold personal data; null: none',
    headers Array(Tuple(name String, value Nullable(String))) COMMENT 'Headers of the record, as sent'
)
ENGINE = {{ReplacingMergeTree()}}
ORDER BY (topic, generation, partition, offset, stage)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row a refused record, with its original bytes. Read the view dead_letters, which leaves the bytes out';

CREATE TABLE IF NOT EXISTS {{database}}.learners
(
    learner FixedString(16) COMMENT 'Pseudonym of the person, 16 bytes',
    team LowCardinality(String) COMMENT 'Team; empty: none',
    manager LowCardinality(String) COMMENT 'Manager; empty: none',
    region LowCardinality(String) COMMENT 'Region; empty: none',
    eligible Bool COMMENT 'Counts among the people who could take part',
    since DateTime64(3, 'UTC') COMMENT 'Eligible from then on (UTC); 1970: always',
    removed Bool COMMENT 'Taken out of the directory',
    changed_at DateTime64(3, 'UTC') COMMENT 'When the entry was changed (UTC, milliseconds); the newest counts'
)
ENGINE = {{ReplacingMergeTree(changed_at)}}
ORDER BY learner
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row a person of the learner directory. Read the view directory, or with FINAL';

CREATE TABLE IF NOT EXISTS {{database}}.assets
(
    asset_id String COMMENT 'Id of the learning object as events name it',
    kind LowCardinality(String) COMMENT 'What it is, such as course, module or video; empty: not given',
    module LowCardinality(String) COMMENT 'Module it belongs to; empty: none',
    title String COMMENT 'Title for people',
    removed Bool COMMENT 'Taken out of the directory',
    changed_at DateTime64(3, 'UTC') COMMENT 'When the entry was changed (UTC, milliseconds); the newest counts'
)
ENGINE = {{ReplacingMergeTree(changed_at)}}
ORDER BY asset_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row a learning object of the asset directory. Read the view asset_directory, or with FINAL';

CREATE TABLE IF NOT EXISTS {{database}}.catalog
(
    indicator LowCardinality(String) COMMENT 'Name of the indicator',
    title String COMMENT 'Name for people',
    kind LowCardinality(String) COMMENT 'leading or lagging',
    measure LowCardinality(String) COMMENT 'How the value is made: count, people, share_of_eligible, rate or mean',
    unit String COMMENT 'Unit of the value',
    good LowCardinality(String) COMMENT 'Direction that is good: up or down',
    scale Float64 COMMENT 'A mean is scale * num / den',
    settle_ms Int64 COMMENT 'Milliseconds after the end of a window until its value is no longer provisional',
    description String COMMENT 'What it counts, in a sentence',
    removed Bool COMMENT 'No longer in the catalog file',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When it was loaded (UTC, milliseconds); the newest counts'
)
ENGINE = {{ReplacingMergeTree(loaded_at)}}
ORDER BY indicator
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row an indicator of the catalog file, as the last migration loaded it. Read with FINAL';
