-- Scores: what people say of themselves and what others saw of them; and the rubrics they are by.

CREATE TABLE IF NOT EXISTS {{database}}.ratings
(
    kind LowCardinality(String) COMMENT 'confidence, check, feedback, observation, or reflection (a note without a level)',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened (UTC, milliseconds)',
    received_at DateTime64(3, 'UTC') COMMENT 'When Kafka took the event in (UTC, milliseconds)',
    event_id FixedString(16) COMMENT 'Id of the event (UUID), 16 bytes in the order of its text',
    criterion LowCardinality(String) COMMENT 'Criterion of the rubric, or what was observed; empty: the whole',
    source LowCardinality(String) COMMENT 'Tool it came from: crm, ticketing or lms',
    actor FixedString(16) COMMENT 'Pseudonym of the learner of the event, 16 bytes; of feedback that names no rater, this is the rater',
    rater String COMMENT 'Pseudonym of who rated, 16 bytes; empty: the event names nobody beside its learner',
    team LowCardinality(String) COMMENT 'Team of the actor when the event was enriched; empty: none',
    manager LowCardinality(String) COMMENT 'Manager of the actor when the event was enriched; empty: none',
    region LowCardinality(String) COMMENT 'Region of the actor when the event was enriched; empty: none',
    module LowCardinality(String) COMMENT 'Module of the artefact by the asset directory; empty: none',
    artefact String COMMENT 'Id of what was rated: the object of the event',
    level Nullable(Float64) COMMENT 'Level as sent; null: none given',
    lowest Nullable(Float64) COMMENT 'Lower end of its scale; null: the event does not say',
    highest Nullable(Float64) COMMENT 'Upper end of its scale; null: the event does not say',
    score Nullable(Float64) COMMENT 'Scaled score of the whole event, -1 to 1; null: not given',
    rubric LowCardinality(String) COMMENT 'Id of the rubric; empty: not given',
    rubric_version UInt32 COMMENT 'Its version; 0: not given',
    purpose LowCardinality(String) COMMENT 'What it is kept for, as sent; empty: not given',
    tags Array(String) COMMENT 'Tags as sent, or those of a text that are on the list of the organisation',
    text_length Nullable(Int64) COMMENT 'Characters of a text that was not kept; null: there was none',
    partition Int32 COMMENT 'Kafka partition of the events topic of the source',
    offset Int64 COMMENT 'Kafka offset on that partition',
    generation UInt32 COMMENT 'Life of the broker log that partition and offset belong to'
)
ENGINE = {{ReplacingMergeTree()}}
PRIMARY KEY (kind, occurred_at)
ORDER BY (kind, occurred_at, event_id, criterion, generation, partition, offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row an event that rates something and a criterion. Repeats may stand twice until a merge: read the view scores';

CREATE TABLE IF NOT EXISTS {{database}}.rubrics
(
    rubric LowCardinality(String) COMMENT 'Id of the rubric',
    version UInt32 COMMENT 'Version; it goes up with every change',
    place UInt16 COMMENT 'Place of the criterion in the rubric, from 1',
    criterion LowCardinality(String) COMMENT 'Id of the criterion',
    level UInt8 COMMENT 'Level, from 1',
    highest UInt8 COMMENT 'Highest level of the rubric',
    title String COMMENT 'Rubric for people',
    criterion_title String COMMENT 'Criterion for people',
    level_title String COMMENT 'Level for people',
    observable Array(String) COMMENT 'Behaviours that are seen or heard at this level',
    examples Array(String) COMMENT 'What somebody said or did at this level',
    language LowCardinality(String) COMMENT 'Language of the texts: en or fr',
    fingerprint String COMMENT 'Of the content: one id and version has one fingerprint',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When it was loaded (UTC, milliseconds)'
)
ENGINE = {{ReplacingMergeTree(loaded_at)}}
ORDER BY (rubric, version, place, level)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row a level of a criterion of a rubric in a version, as `uptake rubric load` wrote it. Read with FINAL';

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
    rater String COMMENT 'Pseudonym of who rated, 32 hexadecimal digits; of confidence the learner; empty: not known',
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
AS SELECT
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
    lower(hex(multiIf(of_giver OR (r.kind = 'confidence' AND r.rater = ''), toString(r.actor), r.rater))) AS rater,
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
COMMENT 'One row an event that rates something and a criterion: the score series. What was voided is not there';
