-- Events that others take back.

CREATE TABLE IF NOT EXISTS {{database}}.voids
(
    target FixedString(16) COMMENT 'Id of the event that is taken back, as in events_log; it may not have come yet',
    asked_at DateTime64(3, 'UTC') COMMENT 'When the event that takes it back was received (UTC, milliseconds)',
    turn UInt64 COMMENT '0: the stream was not told yet; else the life of the topics between the stages in which it was told, plus one. The largest counts'
)
ENGINE = {{ReplacingMergeTree(turn)}}
ORDER BY target
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row an event that was taken back by a statement with the verb voided. Read with FINAL';

ALTER TABLE {{database}}.events_log ADD INDEX IF NOT EXISTS by_event_id event_id TYPE bloom_filter(0.001) GRANULARITY 4;

CREATE OR REPLACE VIEW {{database}}.events
(
    event_id UUID COMMENT 'Id of the event; the same for every resend of it',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened (UTC, milliseconds)',
    received_at DateTime64(3, 'UTC') COMMENT 'When Kafka took it in (UTC, milliseconds)',
    stored_at DateTime64(3, 'UTC') COMMENT 'When the row was inserted (UTC, milliseconds)',
    source LowCardinality(String) COMMENT 'Tool it came from: crm, ticketing or lms',
    signal LowCardinality(String) COMMENT 'What it means here, by the vocabulary; unmapped: not known',
    verb LowCardinality(String) COMMENT 'IRI of the verb as sent',
    object_id String COMMENT 'Id of the object as sent, mostly an IRI',
    object_type LowCardinality(String) COMMENT 'IRI of the type of the object; empty: none given',
    learner String COMMENT 'Pseudonym of the person, 32 hexadecimal digits',
    team LowCardinality(String) COMMENT 'Team of the person at the time of enrichment; empty: none',
    manager LowCardinality(String) COMMENT 'Manager of the person at the time of enrichment; empty: none',
    region LowCardinality(String) COMMENT 'Region of the person at the time of enrichment; empty: none',
    topic String COMMENT 'Kafka topic the event lay on',
    partition Int32 COMMENT 'Kafka partition',
    offset Int64 COMMENT 'Kafka offset',
    eligible Bool COMMENT 'The directory held the person as eligible at the time of enrichment',
    module LowCardinality(String) COMMENT 'Module of the object by the asset directory; empty: none',
    parent String COMMENT 'Id of the parent activity; empty: none',
    success Nullable(Bool) COMMENT 'Result: success; null: not given',
    completion Nullable(Bool) COMMENT 'Result: completion; null: not given',
    score Nullable(Float64) COMMENT 'Result: scaled score, -1 to 1; null: not given',
    duration_ms Nullable(Int64) COMMENT 'Result: duration in milliseconds; null: not given',
    attributes String COMMENT 'JSON object of named values; empty: none. JSONExtractString(attributes, name) reads one',
    generation UInt32 COMMENT 'Life of the broker log that partition and offset belong to',
    batch_partition Int32 COMMENT 'Partition of uptake.batches that carried the event',
    batch_offset Int64 COMMENT 'Offset on that partition',
    batch_generation UInt32 COMMENT 'Life of the broker log of the batch',
    voided Bool COMMENT 'Another event took it back: no indicator counts it'
)
AS SELECT
    reinterpretAsUUID(concat(reverse(substring(event_id, 1, 8)), reverse(substring(event_id, 9, 8)))) AS event_id,
    occurred_at, received_at, stored_at, source, signal, verb, object_id, object_type,
    lower(hex(learner)) AS learner, team, manager, region,
    concat('events.', source) AS topic, partition, offset,
    eligible, module, parent, success, completion, score, duration_ms, attributes,
    generation, batch_partition, batch_offset, batch_generation,
    CAST(signal != 'voided' AND events_log.event_id IN (SELECT target FROM {{database}}.voids), 'Bool') AS voided
FROM {{database}}.events_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'One row an event that was taken';
