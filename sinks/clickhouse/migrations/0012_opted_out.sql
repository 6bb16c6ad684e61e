-- What was stored of people who opt out later is hidden: views show it again when they come back.

CREATE OR REPLACE VIEW {{database}}.events_all
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
    voided Bool COMMENT 'Another event took it back: no indicator counts it',
    hidden Bool COMMENT 'The person has opted out: the view events does not show it'
)
AS SELECT
    reinterpretAsUUID(concat(reverse(substring(event_id, 1, 8)), reverse(substring(event_id, 9, 8)))) AS event_id,
    occurred_at, received_at, stored_at, source, signal, verb, object_id, object_type,
    lower(hex(learner)) AS learner, team, manager, region,
    concat('events.', source) AS topic, partition, offset,
    eligible, module, parent, success, completion, score, duration_ms, attributes,
    generation, batch_partition, batch_offset, batch_generation,
    CAST(signal != 'voided' AND events_log.event_id IN (SELECT target FROM {{database}}.voids), 'Bool') AS voided,
    CAST(events_log.learner IN (SELECT c.learner FROM {{database}}.consents AS c FINAL WHERE c.opted_out AND NOT c.removed), 'Bool') AS hidden
FROM {{database}}.events_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'One row an event that was taken, also of people who have opted out since: for the account and for recounts, not for analysts';

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
    event_id, occurred_at, received_at, stored_at, source, signal, verb, object_id, object_type,
    learner, team, manager, region, topic, partition, offset, eligible, module, parent, success,
    completion, score, duration_ms, attributes, generation, batch_partition, batch_offset,
    batch_generation, voided
FROM {{database}}.events_all
WHERE NOT hidden
COMMENT 'One row an event that was taken, but for those of people who have opted out since';

CREATE OR REPLACE VIEW {{database}}.freshness
(
    source LowCardinality(String) COMMENT 'Tool: crm, ticketing or lms',
    minute DateTime('UTC') COMMENT 'Minute in which the rows were inserted (UTC)',
    events UInt64 COMMENT 'Rows inserted in that minute (count)',
    p50 Float64 COMMENT 'Median of stored_at - received_at (seconds)',
    p95 Float64 COMMENT '95th percentile of stored_at - received_at (seconds)',
    p99 Float64 COMMENT '99th percentile of stored_at - received_at (seconds)',
    longest Float64 COMMENT 'Largest stored_at - received_at (seconds)'
)
AS SELECT
    source,
    toStartOfMinute(toDateTime(stored_at)) AS minute,
    count() AS events,
    quantile(0.5)(age) AS p50,
    quantile(0.95)(age) AS p95,
    quantile(0.99)(age) AS p99,
    max(age) AS longest
FROM
(
    SELECT source, stored_at, (toUnixTimestamp64Milli(stored_at) - toUnixTimestamp64Milli(received_at)) / 1000 AS age
    FROM {{database}}.events_all
)
GROUP BY source, minute
COMMENT 'One row a source and minute: how long events took from Kafka to the store';

CREATE OR REPLACE VIEW {{database}}.scores
(
    kind LowCardinality(String) COMMENT 'confidence (of oneself), check (scenario scored by a rater), feedback (of a colleague) or observation (of a manager)',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened (UTC, milliseconds)',
    learner String COMMENT 'Pseudonym of the person rated, 32 hexadecimal digits. Of feedback: who handed the artefact in; empty: not known',
    team LowCardinality(String) COMMENT 'Team of the person rated when the event (of feedback: the submission) was enriched; empty: none',
    manager LowCardinality(String) COMMENT 'Manager of the person rated, likewise; empty: none',
    region LowCardinality(String) COMMENT 'Region of the person rated, likewise; empty: none',
    criterion LowCardinality(String) COMMENT 'Criterion of the rubric, or what was observed; empty: the whole',
    level Nullable(Float64) COMMENT 'Level as sent; null: none given',
    value Nullable(Float64) COMMENT 'Level as 0 to 1 on the scale that the event or the stored rubric says, else the scaled score of the event; null: neither is known',
    rater String COMMENT 'Pseudonym of who rated, 32 hexadecimal digits; of confidence the learner; empty: not known, or opted out',
    rubric LowCardinality(String) COMMENT 'Id of the rubric; empty: not given',
    rubric_version UInt32 COMMENT 'Its version; 0: not given',
    artefact String COMMENT 'Id of what was rated: the object of the event',
    module LowCardinality(String) COMMENT 'Module of the artefact by the asset directory; empty: none',
    purpose LowCardinality(String) COMMENT 'What it is kept for, as sent; empty: not given',
    tags Array(String) COMMENT 'Tags as sent, or those of a text that are on the list of the organisation',
    text_length Nullable(Int64) COMMENT 'Characters of a text that was not kept; null: there was none',
    source LowCardinality(String) COMMENT 'Tool it came from: crm, ticketing or lms',
    event_id UUID COMMENT 'Id of the event, as in the view events'
)
AS WITH gone AS (SELECT c.learner AS learner FROM {{database}}.consents AS c FINAL WHERE c.opted_out AND NOT c.removed)
SELECT
    r.kind AS kind, r.occurred_at AS occurred_at,
    multiIf(NOT of_giver, lower(hex(r.actor)), s.found = 1, lower(hex(s.learner)), '') AS learner,
    if(of_giver, s.team, r.team) AS team,
    if(of_giver, s.manager, r.manager) AS manager,
    if(of_giver, s.region, r.region) AS region,
    r.criterion AS criterion, r.level AS level,
    multiIf(
        r.level >= r.lowest AND r.level <= r.highest, (r.level - r.lowest) / (r.highest - r.lowest),
        isNull(r.lowest) AND b.highest > 1 AND r.level >= 1 AND r.level <= b.highest, (r.level - 1) / (b.highest - 1),
        r.score >= 0, r.score,
        NULL) AS value,
    lower(multiIf(
        of_giver OR (r.kind = 'confidence' AND r.rater = ''), hex(r.actor),
        hex(r.rater) IN (SELECT hex(gone.learner) FROM gone), '',
        hex(r.rater))) AS rater,
    r.rubric AS rubric, r.rubric_version AS rubric_version, r.artefact AS artefact, r.module AS module,
    r.purpose AS purpose, r.tags AS tags, r.text_length AS text_length, r.source AS source,
    reinterpretAsUUID(concat(reverse(substring(r.event_id, 1, 8)), reverse(substring(r.event_id, 9, 8)))) AS event_id
FROM (SELECT *, kind = 'feedback' AND rater = '' AS of_giver FROM {{database}}.ratings FINAL) AS r
LEFT JOIN
(
    SELECT object_id, argMin(learner, at) AS learner, argMin(team, at) AS team, argMin(manager, at) AS manager, argMin(region, at) AS region, toUInt8(1) AS found
    FROM (SELECT object_id, learner, team, manager, region, (occurred_at, generation, partition, offset) AS at FROM {{database}}.events_log WHERE signal = 'roleplay.submitted')
    GROUP BY object_id
) AS s ON r.artefact = s.object_id
LEFT JOIN
(
    SELECT rubric, version, max(highest) AS highest
    FROM {{database}}.rubrics
    GROUP BY rubric, version
) AS b ON r.rubric = b.rubric AND r.rubric_version = b.version
WHERE r.kind != 'reflection' AND r.event_id NOT IN
(
    SELECT CAST(unhex(replaceAll(JSONExtractString(attributes, 'voids'), '-', '')), 'FixedString(16)')
    FROM {{database}}.events_log
    WHERE signal = 'voided' AND match(JSONExtractString(attributes, 'voids'), '^[0-9a-f-]{36}$')
)
AND r.actor NOT IN (SELECT gone.learner FROM gone) AND NOT (of_giver AND s.found = 1 AND s.learner IN (SELECT gone.learner FROM gone))
COMMENT 'One row an event that rates something and a criterion: the score series. What was voided is not there, nor what is about people who have opted out since or who gave feedback before they did';
