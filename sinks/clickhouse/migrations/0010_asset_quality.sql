-- How well learning objects are put.

ALTER TABLE {{database}}.assets
    ADD COLUMN IF NOT EXISTS quality Nullable(Float64) COMMENT 'How well it is put, 0 to 1, by uptake lint; null: not known' AFTER changed_at;

CREATE OR REPLACE VIEW {{database}}.asset_directory
(
    asset_id String COMMENT 'Id of the learning object as events name it',
    kind LowCardinality(String) COMMENT 'What it is, such as course, module, video or challenge; empty: not given',
    module LowCardinality(String) COMMENT 'Module it belongs to; empty: none',
    title String COMMENT 'Title for people',
    changed_at DateTime64(3, 'UTC') COMMENT 'When the entry was changed (UTC, milliseconds)',
    quality Nullable(Float64) COMMENT 'How well it is put, 0 to 1, by uptake lint; null: not known'
)
AS SELECT asset_id, kind, module, title, changed_at, quality
FROM {{database}}.assets FINAL
WHERE NOT removed
COMMENT 'One row a learning object of the asset directory, as it is now';
