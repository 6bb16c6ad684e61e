-- Views for analysts. All are right before background merges have run.

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
    batch_generation UInt32 COMMENT 'Life of the broker log of the batch'
)
AS SELECT
    reinterpretAsUUID(concat(reverse(substring(event_id, 1, 8)), reverse(substring(event_id, 9, 8)))) AS event_id,
    occurred_at, received_at, stored_at, source, signal, verb, object_id, object_type,
    lower(hex(learner)) AS learner, team, manager, region,
    concat('events.', source) AS topic, partition, offset,
    eligible, module, parent, success, completion, score, duration_ms, attributes,
    generation, batch_partition, batch_offset, batch_generation
FROM {{database}}.events_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1
COMMENT 'One row an event that was taken';

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
    provisional Bool COMMENT 'The value may still change by what is yet to happen',
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
    CAST(now64(3) < r.window_end + toIntervalMillisecond(c.settle_ms), 'Bool') AS provisional,
    r.written_at AS updated_at,
    c.title AS title, c.unit AS unit, c.good AS good
FROM (SELECT * FROM {{database}}.rolling FINAL WHERE NOT removed) AS r
INNER JOIN (SELECT * FROM {{database}}.catalog FINAL WHERE NOT removed) AS c ON r.indicator = c.indicator
WHERE r.window_end <= now64(3) + toIntervalSecond(multiIf(r.window = '1h', 60, r.window = '1d', 3600, 86400))
COMMENT 'One row an indicator, cohort, window and slide in which its content changed; the newest row is the slide still open';

CREATE OR REPLACE VIEW {{database}}.indicator_latest
(
    indicator LowCardinality(String) COMMENT 'Name of the indicator, see catalog',
    kind LowCardinality(String) COMMENT 'leading or lagging',
    cohort_kind LowCardinality(String) COMMENT 'all, team, manager or region',
    cohort LowCardinality(String) COMMENT 'Name of the cohort; all for everybody',
    window LowCardinality(String) COMMENT 'Length of the window: 1h, 1d, 7d or 28d',
    window_end DateTime64(3, 'UTC') COMMENT 'End of the newest window in which something changed (UTC)',
    value Nullable(Float64) COMMENT 'Value in the unit of the indicator; null: denominator is 0',
    numerator Float64 COMMENT 'Numerator of the value, or the value itself where it is no quotient',
    denominator Nullable(Float64) COMMENT 'Denominator of the value; null where it is no quotient',
    people Int64 COMMENT 'Distinct people who contributed in the window',
    low Nullable(Float64) COMMENT 'Lower end of the Wilson 95 % interval; null where the value is no share',
    high Nullable(Float64) COMMENT 'Upper end of the Wilson 95 % interval; null where the value is no share',
    provisional Bool COMMENT 'The value may still change by what is yet to happen',
    updated_at DateTime64(3, 'UTC') COMMENT 'When the value was computed (UTC, milliseconds)',
    title String COMMENT 'Name for people',
    unit String COMMENT 'Unit of the value',
    good LowCardinality(String) COMMENT 'Direction that is good: up or down'
)
AS SELECT *
FROM {{database}}.indicators
ORDER BY indicator, cohort_kind, cohort, window, window_end DESC
LIMIT 1 BY indicator, cohort_kind, cohort, window
COMMENT 'One row an indicator, cohort and window: its newest value';

CREATE OR REPLACE VIEW {{database}}.conservation
(
    source LowCardinality(String) COMMENT 'Tool: crm, ticketing or lms',
    received Int64 COMMENT 'Events that lie, or lay, on the events topic of the source (count)',
    stored Int64 COMMENT 'Events with a row in events (count)',
    dead Int64 COMMENT 'Events that ended as a dead letter (count)',
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
            groupBitmapMergeState(d) AS gone,
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
    value_bytes UInt64 COMMENT 'Size of the value of the record (bytes); the bytes are in dead_letters_log'
)
AS SELECT
    received_at, source, stage, reason, detail, topic, partition, offset, code_version, dead_at,
    generation, length(ifNull(value, '')) AS value_bytes
FROM {{database}}.dead_letters_log FINAL
COMMENT 'One row a refused record';

CREATE OR REPLACE VIEW {{database}}.directory
(
    learner String COMMENT 'Pseudonym of the person, 32 hexadecimal digits, as in events',
    team LowCardinality(String) COMMENT 'Team; empty: none',
    manager LowCardinality(String) COMMENT 'Manager; empty: none',
    region LowCardinality(String) COMMENT 'Region; empty: none',
    eligible Bool COMMENT 'Counts among the people who could take part',
    since DateTime64(3, 'UTC') COMMENT 'Eligible from then on (UTC); 1970: always',
    changed_at DateTime64(3, 'UTC') COMMENT 'When the entry was changed (UTC, milliseconds)'
)
AS SELECT lower(hex(learner)) AS learner, team, manager, region, eligible, since, changed_at
FROM {{database}}.learners FINAL
WHERE NOT removed
COMMENT 'One row a person of the learner directory, as it is now';

CREATE OR REPLACE VIEW {{database}}.asset_directory
(
    asset_id String COMMENT 'Id of the learning object as events name it',
    kind LowCardinality(String) COMMENT 'What it is, such as course, module or video; empty: not given',
    module LowCardinality(String) COMMENT 'Module it belongs to; empty: none',
    title String COMMENT 'Title for people',
    changed_at DateTime64(3, 'UTC') COMMENT 'When the entry was changed (UTC, milliseconds)'
)
AS SELECT asset_id, kind, module, title, changed_at
FROM {{database}}.assets FINAL
WHERE NOT removed
COMMENT 'One row a learning object of the asset directory, as it is now';

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
    FROM {{database}}.events
)
GROUP BY source, minute
COMMENT 'One row a source and minute: how long events took from Kafka to the store';

CREATE OR REPLACE VIEW {{database}}.events_per_hour
(
    hour DateTime64(3, 'UTC') COMMENT 'Hour in which the events happened (UTC)',
    source LowCardinality(String) COMMENT 'Tool: crm, ticketing or lms',
    signal LowCardinality(String) COMMENT 'What the events mean, by the vocabulary',
    team LowCardinality(String) COMMENT 'Team of the people; empty: none',
    events UInt64 COMMENT 'Events (count)',
    people UInt64 COMMENT 'Distinct people (count)'
)
AS SELECT
    fromUnixTimestamp64Milli(intDiv(toUnixTimestamp64Milli(occurred_at), 3600000) * 3600000, 'UTC') AS hour,
    source, signal, team, count() AS events, uniqExact(learner) AS people
FROM {{database}}.events
GROUP BY hour, source, signal, team
COMMENT 'One row an hour, source, signal and team';

CREATE OR REPLACE VIEW {{database}}.learners_active
(
    day Date32 COMMENT 'Day on which the events happened (UTC)',
    source LowCardinality(String) COMMENT 'Tool: crm, ticketing or lms',
    team LowCardinality(String) COMMENT 'Team of the people; empty: none',
    region LowCardinality(String) COMMENT 'Region of the people; empty: none',
    people UInt64 COMMENT 'Distinct people with an event (count)',
    events UInt64 COMMENT 'Their events (count)'
)
AS SELECT toDate32(occurred_at) AS day, source, team, region, uniqExact(learner) AS people, count() AS events
FROM {{database}}.events
GROUP BY day, source, team, region
COMMENT 'One row a day, source, team and region';

CREATE OR REPLACE VIEW {{database}}.duplicates
(
    source LowCardinality(String) COMMENT 'Tool it came from: crm, ticketing or lms',
    topic String COMMENT 'Kafka topic of the repeat',
    partition Int32 COMMENT 'Kafka partition of the repeat',
    offset Int64 COMMENT 'Kafka offset of the repeat',
    received_at DateTime64(3, 'UTC') COMMENT 'When Kafka took the repeat in (UTC, milliseconds)',
    event_id UUID COMMENT 'Id of the event',
    first_topic String COMMENT 'Kafka topic on which the event came first',
    first_partition Int32 COMMENT 'Kafka partition on which it came first',
    first_offset Int64 COMMENT 'Kafka offset at which it came first'
)
AS SELECT
    source, concat('events.', source) AS topic, partition, offset, received_at, event_id,
    concat('events.', first_source) AS first_topic, first_partition, first_offset
FROM {{database}}.set_aside FINAL
WHERE kind = 'duplicate'
COMMENT 'One row an event whose id was seen before';
