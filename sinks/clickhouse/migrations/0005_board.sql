-- What the decision board asks of the catalog.

ALTER TABLE {{database}}.catalog
    ADD COLUMN IF NOT EXISTS advice String COMMENT 'What to try when it moves, in a sentence' AFTER description,
    ADD COLUMN IF NOT EXISTS board UInt8 COMMENT 'Place on the decision board; 0: not there' AFTER advice;

CREATE TABLE IF NOT EXISTS {{database}}.journeys
(
    journey LowCardinality(String) COMMENT 'Name of the journey',
    step LowCardinality(String) COMMENT 'Name of the step',
    place UInt8 COMMENT 'Place of the step in the journey, from 1',
    title String COMMENT 'The journey for people',
    walked_by LowCardinality(String) COMMENT 'one: a learner and an object are a journey; several: an object is, in whoever''s hands',
    signals Array(String) COMMENT 'Signals that are this step',
    removed Bool COMMENT 'No longer in the catalog file',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When it was loaded (UTC, milliseconds); the newest counts'
)
ENGINE = {{ReplacingMergeTree(loaded_at)}}
ORDER BY (journey, step)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row a step of a journey of the catalog file, as the last migration loaded it. Read with FINAL';
