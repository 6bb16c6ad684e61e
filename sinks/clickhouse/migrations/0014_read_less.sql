-- What a look at the whole costs: the account and the table of all indicators read less.
--
-- A projection lies inside of the parts of its table and is made from their rows, also when parts
-- are merged, mutated or deleted. So it says what the table says, repeats included: offsets are
-- kept as sets, and a set does not grow by what it holds. A materialized view would say what was
-- inserted once, not what is there.

ALTER TABLE {{database}}.events_log MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild', lightweight_mutation_projection_mode = 'rebuild';

ALTER TABLE {{database}}.events_log ADD PROJECTION IF NOT EXISTS coordinates
(
    SELECT source, generation, partition, intDiv(offset, 65536), groupBitmapState(toUInt64(offset)), max(offset)
    GROUP BY source, generation, partition, intDiv(offset, 65536)
);

ALTER TABLE {{database}}.events_log MATERIALIZE PROJECTION coordinates SETTINGS mutations_sync = 0;

-- To count what lies below an offset takes as long as there are offsets in the set. So sets are of
-- a block of offsets, and only that in which the passed offset lies is looked at in this way.

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
    toInt64(sum(kept_all)) AS stored,
    toInt64(sum(gone_all)) AS dead,
    toInt64(sum(again_all)) AS duplicate,
    received - stored - dead - duplicate - opted_out - difference - lost AS pending,
    toInt64(sumIf(missing, NOT ended)) AS difference,
    toInt64(sumIf(missing, ended)) AS lost,
    toInt64(sum(silent_all)) AS opted_out
FROM
(
    SELECT
        source, generation, partition,
        any(is_ended) AS ended,
        any(upper - first - skipped_all) AS whole,
        any(multiIf(is_ended, upper - first - skipped_all, met < everywhere, 0, next - first - skipped_next)) AS behind,
        any(reached) AS passed,
        sum(bitmapCardinality(kept)) AS kept_all,
        sum(bitmapCardinality(gone)) AS gone_all,
        sum(bitmapCardinality(again)) AS again_all,
        sum(bitmapCardinality(silent)) AS silent_all,
        sumIf(
            bitmapCardinality(kept) + bitmapCardinality(gone) + bitmapCardinality(again) + bitmapCardinality(silent),
            block < intDiv(reached, 65536)) AS below,
        behind - below
            - bitmapCardinality(bitmapSubsetInRange(groupBitmapMergeStateIf(kept, block = intDiv(reached, 65536)), toUInt64(0), passed))
            - bitmapCardinality(bitmapSubsetInRange(groupBitmapMergeStateIf(gone, block = intDiv(reached, 65536)), toUInt64(0), passed))
            - bitmapCardinality(bitmapSubsetInRange(groupBitmapMergeStateIf(again, block = intDiv(reached, 65536)), toUInt64(0), passed))
            - bitmapCardinality(bitmapSubsetInRange(groupBitmapMergeStateIf(silent, block = intDiv(reached, 65536)), toUInt64(0), passed)) AS missing
    FROM
    (
        SELECT
            source, generation, partition, block, kept, gone, again, silent, first, next, skipped_next, skipped_all, met, upper,
            generation < newest AS is_ended,
            toUInt64(multiIf(is_ended, upper, met < everywhere, first, next)) AS reached
        FROM
        (
            SELECT
                source, generation, partition, block, kept,
                bitmapAndnot(with_dead, kept) AS gone,
                again,
                bitmapAndnot(bitmapAndnot(with_silent, kept), again) AS silent,
                max(upper_end) OVER whole_partition AS upper,
                coalesce(min(first_marked) OVER whole_partition, min(first_told) OVER whole_partition, 0) AS first,
                coalesce(min(next_offset) OVER whole_partition, 0) AS next,
                sum(skipped_min) OVER whole_partition AS skipped_next,
                sum(skipped_max) OVER whole_partition AS skipped_all,
                sum(parts) OVER whole_partition AS met
            FROM
            (
                SELECT
                    source, generation, partition, block,
                    groupBitmapMergeState(s) AS kept,
                    groupBitmapMergeState(d) AS with_dead,
                    groupBitmapMergeState(a) AS again,
                    groupBitmapMergeState(o) AS with_silent,
                    max(upper_end) AS upper_end,
                    min(first_marked) AS first_marked,
                    min(first_told) AS first_told,
                    min(next_offset) AS next_offset,
                    sum(skipped_min) AS skipped_min,
                    sum(skipped_max) AS skipped_max,
                    sum(parts) AS parts
                FROM
                (
                    SELECT
                        source, generation, partition, intDiv(offset, 65536) AS block,
                        groupBitmapState(toUInt64(offset)) AS s, none AS d, none AS a, none AS o,
                        max(offset) + 1 AS upper_end, CAST(NULL, 'Nullable(Int64)') AS first_marked,
                        CAST(NULL, 'Nullable(Int64)') AS first_told, CAST(NULL, 'Nullable(Int64)') AS next_offset,
                        toInt64(0) AS skipped_min, toInt64(0) AS skipped_max, toUInt64(0) AS parts
                    FROM {{database}}.events_log
                    GROUP BY source, generation, partition, intDiv(offset, 65536)
                    UNION ALL
                    SELECT
                        source, generation, partition, intDiv(offset, 65536), none,
                        groupBitmapStateIf(toUInt64(offset), kind = 'dead'),
                        groupBitmapStateIf(toUInt64(offset), kind = 'duplicate'),
                        groupBitmapStateIf(toUInt64(offset), kind = 'opted_out'),
                        max(offset) + 1, NULL, NULL, NULL, 0, 0, 0
                    FROM {{database}}.set_aside
                    WHERE kind IN ('dead', 'duplicate', 'opted_out')
                    GROUP BY source, generation, partition, intDiv(offset, 65536)
                    UNION ALL
                    SELECT
                        source, generation, partition, 0, none, none, none, none, max(m.next_offset), min(m.first_offset), NULL, min(m.next_offset),
                        argMin(m.skipped, m.next_offset), argMax(m.skipped, m.next_offset), count()
                    FROM {{database}}.marks AS m FINAL
                    GROUP BY source, generation, partition
                    UNION ALL
                    SELECT source, generation, partition, 0, none, none, none, none, max(e.end_offset), NULL, min(e.first_offset), NULL, 0, 0, 0
                    FROM {{database}}.source_ends AS e
                    GROUP BY source, generation, partition
                )
                GROUP BY source, generation, partition, block
            )
            WINDOW whole_partition AS (PARTITION BY source, generation, partition)
        )
    )
    GROUP BY source, generation, partition
)
GROUP BY source
COMMENT 'One row a source: every event that came is stored, dead, a duplicate, of somebody who opted out, or pending; or it was lost with a broker that keeps nothing; difference says what is missing. All lives of the broker log together';

-- Conditions on the key are looked at before other columns are read; and stretches that wait are
-- joined by series, where all rows of `rolling` were read as soon as one waited.

CREATE OR REPLACE VIEW {{database}}.indicators
(
    indicator LowCardinality(String) COMMENT 'Name of the indicator, see catalog',
    kind LowCardinality(String) COMMENT 'leading or lagging',
    cohort_kind LowCardinality(String) COMMENT 'all, team, manager or region',
    cohort LowCardinality(String) COMMENT 'Name of the cohort; all for everybody',
    window LowCardinality(String) COMMENT 'Length of the window: 1h, 1d, 7d or 28d',
    window_end DateTime64(3, 'UTC') COMMENT 'End of the window, not part of it (UTC); slides: a minute (1h), an hour (1d), a day (7d, 28d)',
    value Nullable(Float64) COMMENT 'Value in the unit of the indicator; null: denominator is 0',
    numerator Float64 COMMENT 'Numerator of the value, or the value itself where it is no quotient',
    denominator Nullable(Float64) COMMENT 'Denominator of the value; null where it is no quotient',
    people Int64 COMMENT 'Distinct people who contributed in the window',
    low Nullable(Float64) COMMENT 'Lower end of the Wilson 95 % interval; null where the value is no share',
    high Nullable(Float64) COMMENT 'Upper end of the Wilson 95 % interval; null where the value is no share',
    provisional Bool COMMENT 'The value may still change by what is yet to happen, or it waits to be computed again (see repairs_open)',
    updated_at DateTime64(3, 'UTC') COMMENT 'When the value was computed (UTC, milliseconds)',
    title String COMMENT 'Name for people',
    unit String COMMENT 'Unit of the value',
    good LowCardinality(String) COMMENT 'Direction that is good: up or down'
)
AS WITH
    1.959963984540054 AS z,
    multiIf(c.measure = 'people', r.people, c.measure = 'share_of_eligible', r.people, r.num) AS top,
    if(c.measure = 'share_of_eligible', r.standing, r.den) AS bottom,
    c.measure IN ('share_of_eligible', 'rate', 'mean') AS quotient,
    c.measure IN ('share_of_eligible', 'rate') AND bottom > 0 AND top >= 0 AND top <= bottom AS share,
    if(c.measure = 'mean', c.scale, 1.) AS factor,
    top / nullIf(bottom, 0) AS ratio,
    (ratio + z * z / (2 * bottom)) / (1 + z * z / bottom) AS middle,
    z / (1 + z * z / bottom) * sqrt(ratio * (1 - ratio) / bottom + z * z / (4 * bottom * bottom)) AS reach
SELECT
    r.indicator AS indicator, c.kind AS kind, r.cohort_kind AS cohort_kind, r.cohort AS cohort,
    r.window AS window, r.window_end AS window_end,
    if(quotient, factor * ratio, toFloat64(top)) AS value,
    factor * top AS numerator,
    if(quotient, toFloat64(bottom), NULL) AS denominator,
    r.people AS people,
    multiIf(NOT share, NULL, top = 0, 0., middle - reach) AS low,
    multiIf(NOT share, NULL, top = bottom, 1., middle + reach) AS high,
    CAST(
        now64(3) < r.window_end + toIntervalMillisecond(c.settle_ms)
        OR arrayExists(each -> r.window_end >= each.1 AND r.window_end <= each.2, o.stretches), 'Bool') AS provisional,
    r.written_at AS updated_at,
    c.title AS title, c.unit AS unit, c.good AS good
FROM (SELECT * FROM {{database}}.rolling FINAL WHERE NOT removed SETTINGS optimize_move_to_prewhere_if_final = 1) AS r
INNER JOIN (SELECT * FROM {{database}}.catalog FINAL WHERE NOT removed) AS c ON r.indicator = c.indicator
LEFT JOIN
(
    SELECT indicator, cohort_kind, cohort, window, groupArray((first_end, last_end)) AS stretches
    FROM {{database}}.repairs_open
    GROUP BY indicator, cohort_kind, cohort, window
) AS o ON r.indicator = o.indicator AND r.cohort_kind = o.cohort_kind AND r.cohort = o.cohort AND r.window = o.window
WHERE r.window_end <= now64(3) + toIntervalSecond(multiIf(r.window = '1h', 60, r.window = '1d', 3600, 86400))
COMMENT 'One row an indicator, cohort, window and slide in which its content changed; the newest row is the slide still open';

-- Distinct things are the same with repeats as without, so to count them nothing need be merged, and
-- a number tells people apart faster than a text.

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
COMMENT 'One row a stored row of the view events: an event may stand twice until a merge. For distinct people and things and for newest and oldest, where that changes nothing; not for counts of events';
