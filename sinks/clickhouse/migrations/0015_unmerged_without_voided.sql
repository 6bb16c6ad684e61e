-- Events that were taken back are not counted: the view says what `events` says WHERE NOT voided.
-- As long as none was, ids need not be read, which are most of what there is to read.

CREATE OR REPLACE VIEW {{database}}.events_unmerged
(
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened (UTC, milliseconds)',
    source LowCardinality(String) COMMENT 'Tool it came from: crm, ticketing or lms',
    signal LowCardinality(String) COMMENT 'What it means here, by the vocabulary; unmapped: not known',
    object_id String COMMENT 'Id of the object as sent, mostly an IRI',
    attributes String COMMENT 'JSON object of named values; empty: none',
    person UInt64 COMMENT 'cityHash64 of the pseudonym: tells people apart, names nobody',
    team LowCardinality(String) COMMENT 'Team of the person at the time of enrichment; empty: none',
    manager LowCardinality(String) COMMENT 'Manager of the person at the time of enrichment; empty: none',
    region LowCardinality(String) COMMENT 'Region of the person at the time of enrichment; empty: none'
)
AS SELECT occurred_at, source, signal, object_id, attributes, cityHash64(learner) AS person, team, manager, region
FROM {{database}}.events_log
WHERE events_log.learner NOT IN (SELECT c.learner FROM {{database}}.consents AS c FINAL WHERE c.opted_out AND NOT c.removed)
    AND ((SELECT count() FROM {{database}}.voids) = 0 OR signal = 'voided' OR events_log.event_id NOT IN (SELECT target FROM {{database}}.voids))
COMMENT 'One row a stored row of the view events, but for voided events: an event may stand twice until a merge. For distinct people and things and for newest and oldest, where that changes nothing; not for counts of events';
