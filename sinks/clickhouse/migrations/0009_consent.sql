-- What people decided about data on them, and the account of events that are not stored for it;
-- experiments.

CREATE TABLE IF NOT EXISTS {{database}}.consents
(
    learner FixedString(16) COMMENT 'Pseudonym of the person, 16 bytes',
    opted_out Bool COMMENT 'Nothing new of the person is stored',
    notes Bool COMMENT 'The person agreed that short notes are kept, where the organisation keeps any',
    removed Bool COMMENT 'As if nothing had ever been said: events are stored, notes are not',
    changed_at DateTime64(3, 'UTC') COMMENT 'When the person decided (UTC, milliseconds); the newest counts'
)
ENGINE = {{ReplacingMergeTree(changed_at)}}
ORDER BY learner
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row a person who decided about data on them. Read with FINAL';

CREATE TABLE IF NOT EXISTS {{database}}.experiments
(
    experiment LowCardinality(String) COMMENT 'Name of the experiment',
    definition String COMMENT 'Its definition (TOML): purpose, what learners are told, variants, what decides',
    running Bool COMMENT 'Its variants are given out; else everybody gets the control',
    switches String COMMENT 'JSON array of its switches, the oldest first: running, at (ms since 1970 UTC), why',
    version UInt32 COMMENT 'How many switches there are; the largest counts',
    changed_at DateTime64(3, 'UTC') COMMENT 'When it was started or stopped last (UTC, milliseconds); 1970: never'
)
ENGINE = {{ReplacingMergeTree(version)}}
ORDER BY experiment
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row an experiment, as the topic uptake.experiments has it. Read with FINAL';

ALTER TABLE {{database}}.set_aside
    COMMENT COLUMN IF EXISTS kind 'duplicate: its id was seen before at other coordinates; dead: it can never be valid; opted_out: the person had opted out';

CREATE OR REPLACE VIEW {{database}}.conservation
(
    source LowCardinality(String) COMMENT 'Tool: crm, ticketing or lms',
    received Int64 COMMENT 'Events that lie, or lay, on the events topic of the source (count)',
    stored Int64 COMMENT 'Events with a row in events (count)',
    dead Int64 COMMENT 'Events that ended as a dead letter and were not stored later at the same place (count)',
    duplicate Int64 COMMENT 'Events whose id was seen before (count)',
    pending Int64 COMMENT 'Events not yet passed by every partition of uptake.batches and not yet seen (count)',
    difference Int64 COMMENT 'Events that were passed and are none of the above (count); 0 unless something went wrong',
    lost Int64 COMMENT 'Events of earlier lives of a broker that keeps nothing, which had not arrived when it ended (count)',
    opted_out Int64 COMMENT 'Events of people who had opted out; nothing else of them is kept (count)'
)
AS WITH
    bitmapBuild(emptyArrayUInt64()) AS none,
    (
        SELECT max(generation)
        FROM (SELECT generation FROM {{database}}.marks UNION ALL SELECT generation FROM {{database}}.source_ends)
    ) AS newest,
    (
        SELECT greatest((SELECT max(batch_partitions) FROM {{database}}.source_ends), toUInt32(uniqExact(batch_partition)))
        FROM {{database}}.marks
    ) AS everywhere
SELECT
    source,
    toInt64(sum(whole)) AS received,
    toInt64(sum(bitmapCardinality(kept))) AS stored,
    toInt64(sum(bitmapCardinality(gone))) AS dead,
    toInt64(sum(bitmapCardinality(again))) AS duplicate,
    received - stored - dead - duplicate - opted_out - difference - lost AS pending,
    toInt64(sumIf(missing, NOT ended)) AS difference,
    toInt64(sumIf(missing, ended)) AS lost,
    toInt64(sum(bitmapCardinality(silent))) AS opted_out
FROM
(
    SELECT
        source, kept, gone, again, silent,
        generation < newest AS ended,
        upper - first - skipped_all AS whole,
        multiIf(ended, upper, met < everywhere, first, next) AS reached,
        toUInt64(reached) AS passed,
        multiIf(ended, whole, met < everywhere, 0, next - first - skipped_next) AS behind,
        behind - bitmapCardinality(bitmapSubsetInRange(kept, toUInt64(0), passed))
            - bitmapCardinality(bitmapSubsetInRange(gone, toUInt64(0), passed))
            - bitmapCardinality(bitmapSubsetInRange(again, toUInt64(0), passed))
            - bitmapCardinality(bitmapSubsetInRange(silent, toUInt64(0), passed)) AS missing
    FROM
    (
        SELECT
            source, generation, partition,
            groupBitmapMergeState(s) AS kept,
            bitmapAndnot(groupBitmapMergeState(d), kept) AS gone,
            groupBitmapMergeState(a) AS again,
            bitmapAndnot(bitmapAndnot(groupBitmapMergeState(o), kept), again) AS silent,
            max(upper_end) AS upper,
            coalesce(min(first_marked), min(first_told), 0) AS first,
            coalesce(min(next_offset), 0) AS next,
            sum(skipped_min) AS skipped_next,
            sum(skipped_max) AS skipped_all,
            sum(parts) AS met
        FROM
        (
            SELECT
                source, generation, partition, groupBitmapState(toUInt64(offset)) AS s, none AS d, none AS a, none AS o,
                max(offset) + 1 AS upper_end, CAST(NULL, 'Nullable(Int64)') AS first_marked,
                CAST(NULL, 'Nullable(Int64)') AS first_told, CAST(NULL, 'Nullable(Int64)') AS next_offset,
                toInt64(0) AS skipped_min, toInt64(0) AS skipped_max, toUInt64(0) AS parts
            FROM {{database}}.events_log
            GROUP BY source, generation, partition
            UNION ALL
            SELECT source, generation, partition, none, groupBitmapState(toUInt64(offset)), none, none, max(offset) + 1, NULL, NULL, NULL, 0, 0, 0
            FROM {{database}}.set_aside
            WHERE kind = 'dead'
            GROUP BY source, generation, partition
            UNION ALL
            SELECT source, generation, partition, none, none, groupBitmapState(toUInt64(offset)), none, max(offset) + 1, NULL, NULL, NULL, 0, 0, 0
            FROM {{database}}.set_aside
            WHERE kind = 'duplicate'
            GROUP BY source, generation, partition
            UNION ALL
            SELECT source, generation, partition, none, none, none, groupBitmapState(toUInt64(offset)), max(offset) + 1, NULL, NULL, NULL, 0, 0, 0
            FROM {{database}}.set_aside
            WHERE kind = 'opted_out'
            GROUP BY source, generation, partition
            UNION ALL
            SELECT
                source, generation, partition, none, none, none, none, max(m.next_offset), min(m.first_offset), NULL, min(m.next_offset),
                argMin(m.skipped, m.next_offset), argMax(m.skipped, m.next_offset), count()
            FROM {{database}}.marks AS m FINAL
            GROUP BY source, generation, partition
            UNION ALL
            SELECT source, generation, partition, none, none, none, none, max(e.end_offset), NULL, min(e.first_offset), NULL, 0, 0, 0
            FROM {{database}}.source_ends AS e
            GROUP BY source, generation, partition
        )
        GROUP BY source, generation, partition
    )
)
GROUP BY source
COMMENT 'One row a source: every event that came is stored, dead, a duplicate, of somebody who opted out, or pending; or it was lost with a broker that keeps nothing; difference says what is missing. All lives of the broker log together';
