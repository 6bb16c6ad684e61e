-- What was done about dead letters; a row that was refused and is stored later is no longer dead.

CREATE TABLE IF NOT EXISTS {{database}}.dead_letter_fates
(
    topic LowCardinality(String) COMMENT 'Kafka topic of the record, as in dead_letters',
    generation UInt32 COMMENT 'Life of the broker log that partition and offset belong to',
    partition Int32 COMMENT 'Kafka partition of the record',
    offset Int64 COMMENT 'Kafka offset of the record',
    stage LowCardinality(String) COMMENT 'Stage that refused it, such as intake or sink',
    fate LowCardinality(String) COMMENT 'replayed: sent or inserted again; dropped: it is not wanted',
    decided_at DateTime64(3, 'UTC') COMMENT 'When that was done (UTC, milliseconds); the newest counts',
    to_generation UInt32 COMMENT 'Life of the broker log to which it was sent again',
    to_partition Int32 COMMENT 'Kafka partition to which it was sent again; -1: it was not sent',
    to_offset Int64 COMMENT 'Kafka offset at which it lies now; -1: it was not sent'
)
ENGINE = {{ReplacingMergeTree(decided_at)}}
ORDER BY (topic, generation, partition, offset, stage)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row a dead letter about which something was done. Read the view dead_letters, or with FINAL';

CREATE OR REPLACE VIEW {{database}}.dead_letters
(
    received_at DateTime64(3, 'UTC') COMMENT 'When Kafka took the record in (UTC, milliseconds)',
    source LowCardinality(String) COMMENT 'Tool it came from: crm, ticketing or lms',
    stage LowCardinality(String) COMMENT 'Stage that refused it, such as intake or sink',
    reason LowCardinality(String) COMMENT 'Short name of the rule it broke',
    detail String COMMENT 'Where and how it broke the rule; holds no personal data',
    topic LowCardinality(String) COMMENT 'Kafka topic of the record',
    partition Int32 COMMENT 'Kafka partition of the record',
    offset Int64 COMMENT 'Kafka offset of the record',
    code_version LowCardinality(String) COMMENT 'Version of the code that refused it',
    dead_at DateTime64(3, 'UTC') COMMENT 'When it was refused (UTC, milliseconds)',
    generation UInt32 COMMENT 'Life of the broker log that partition and offset belong to',
    value_bytes UInt64 COMMENT 'Size of the value of the record (bytes); the bytes are in dead_letters_log',
    fate LowCardinality(String) COMMENT 'What was done about it: replayed or dropped; empty: nothing yet',
    decided_at DateTime64(3, 'UTC') COMMENT 'When that was done (UTC, milliseconds); 1970: nothing yet'
)
AS SELECT
    l.received_at, l.source, l.stage, l.reason, l.detail, l.topic, l.partition, l.offset,
    l.code_version, l.dead_at, l.generation, length(ifNull(l.value, '')) AS value_bytes, f.fate,
    f.decided_at
FROM {{database}}.dead_letters_log AS l FINAL
LEFT JOIN (SELECT * FROM {{database}}.dead_letter_fates FINAL) AS f
    USING (topic, generation, partition, offset, stage)
COMMENT 'One row a refused record, and what was done about it';

CREATE OR REPLACE VIEW {{database}}.conservation
(
    source LowCardinality(String) COMMENT 'Tool: crm, ticketing or lms',
    received Int64 COMMENT 'Events that lie, or lay, on the events topic of the source (count)',
    stored Int64 COMMENT 'Events with a row in events (count)',
    dead Int64 COMMENT 'Events that ended as a dead letter and were not stored later at the same place (count)',
    duplicate Int64 COMMENT 'Events whose id was seen before (count)',
    pending Int64 COMMENT 'Events not yet passed by every partition of uptake.batches and not yet seen (count)',
    difference Int64 COMMENT 'Events that were passed and are none of the above (count); 0 unless something went wrong',
    lost Int64 COMMENT 'Events of earlier lives of a broker that keeps nothing, which had not arrived when it ended (count)'
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
    received - stored - dead - duplicate - difference - lost AS pending,
    toInt64(sumIf(missing, NOT ended)) AS difference,
    toInt64(sumIf(missing, ended)) AS lost
FROM
(
    SELECT
        source, kept, gone, again,
        generation < newest AS ended,
        upper - first - skipped_all AS whole,
        multiIf(ended, upper, met < everywhere, first, next) AS reached,
        toUInt64(reached) AS passed,
        multiIf(ended, whole, met < everywhere, 0, next - first - skipped_next) AS behind,
        behind - bitmapCardinality(bitmapSubsetInRange(kept, toUInt64(0), passed))
            - bitmapCardinality(bitmapSubsetInRange(gone, toUInt64(0), passed))
            - bitmapCardinality(bitmapSubsetInRange(again, toUInt64(0), passed)) AS missing
    FROM
    (
        SELECT
            source, generation, partition,
            groupBitmapMergeState(s) AS kept,
            bitmapAndnot(groupBitmapMergeState(d), kept) AS gone,
            groupBitmapMergeState(a) AS again,
            max(upper_end) AS upper,
            coalesce(min(first_marked), min(first_told), 0) AS first,
            coalesce(min(next_offset), 0) AS next,
            sum(skipped_min) AS skipped_next,
            sum(skipped_max) AS skipped_all,
            sum(parts) AS met
        FROM
        (
            SELECT
                source, generation, partition, groupBitmapState(toUInt64(offset)) AS s, none AS d, none AS a,
                max(offset) + 1 AS upper_end, CAST(NULL, 'Nullable(Int64)') AS first_marked,
                CAST(NULL, 'Nullable(Int64)') AS first_told, CAST(NULL, 'Nullable(Int64)') AS next_offset,
                toInt64(0) AS skipped_min, toInt64(0) AS skipped_max, toUInt64(0) AS parts
            FROM {{database}}.events_log
            GROUP BY source, generation, partition
            UNION ALL
            SELECT source, generation, partition, none, groupBitmapState(toUInt64(offset)), none, max(offset) + 1, NULL, NULL, NULL, 0, 0, 0
            FROM {{database}}.set_aside
            WHERE kind = 'dead'
            GROUP BY source, generation, partition
            UNION ALL
            SELECT source, generation, partition, none, none, groupBitmapState(toUInt64(offset)), max(offset) + 1, NULL, NULL, NULL, 0, 0, 0
            FROM {{database}}.set_aside
            WHERE kind = 'duplicate'
            GROUP BY source, generation, partition
            UNION ALL
            SELECT
                source, generation, partition, none, none, none, max(m.next_offset), min(m.first_offset), NULL, min(m.next_offset),
                argMin(m.skipped, m.next_offset), argMax(m.skipped, m.next_offset), count()
            FROM {{database}}.marks AS m FINAL
            GROUP BY source, generation, partition
            UNION ALL
            SELECT source, generation, partition, none, none, none, max(e.end_offset), NULL, min(e.first_offset), NULL, 0, 0, 0
            FROM {{database}}.source_ends AS e
            GROUP BY source, generation, partition
        )
        GROUP BY source, generation, partition
    )
)
GROUP BY source
COMMENT 'One row a source: every event that came is stored, dead, a duplicate or pending; or it was lost with a broker that keeps nothing; difference says what is missing. All lives of the broker log together';
