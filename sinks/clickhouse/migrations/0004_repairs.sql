-- What memory had let go of: the repair list, and the walks that are called back.
--
-- A row of either list is written by the sink when it is asked for, and by the repair process when
-- it is done. `turn` decides between the two: the time of the asking (ms, times two), plus one when
-- it is done. So what is asked again, also by a record that the sink reads a second time, is open
-- again.

CREATE TABLE IF NOT EXISTS {{database}}.repairs
(
    indicator LowCardinality(String) COMMENT 'Name of the indicator, see catalog',
    cohort_kind LowCardinality(String) COMMENT 'all, team, manager or region',
    cohort LowCardinality(String) COMMENT 'Name of the cohort; all for everybody',
    window LowCardinality(String) COMMENT 'Length of the window: 1h, 1d, 7d or 28d',
    first_end DateTime64(3, 'UTC') COMMENT 'End of the first window to compute again (UTC)',
    last_end DateTime64(3, 'UTC') COMMENT 'End of the last window to compute again (UTC)',
    asked UInt64 COMMENT 'Version of the record that asked',
    asked_at DateTime64(3, 'UTC') COMMENT 'When it was asked (UTC, milliseconds)',
    outcome LowCardinality(String) COMMENT 'Empty: open; done: the rows are what the events say; impossible: the events that this takes are deleted, or the indicator is no longer in the catalog',
    done_at DateTime64(3, 'UTC') COMMENT 'When it was done (UTC, milliseconds); 1970: it is open',
    turn UInt64 COMMENT 'The largest counts'
)
ENGINE = {{ReplacingMergeTree(turn)}}
ORDER BY (indicator, cohort_kind, cohort, window, first_end, last_end, asked)
TTL toDateTime(done_at) + toIntervalDay(30) DELETE WHERE outcome != ''
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row a stretch of rows of rolling that is to be computed again from the events. Read the view repairs_open, or with FINAL';

CREATE TABLE IF NOT EXISTS {{database}}.recalls
(
    journey LowCardinality(String) COMMENT 'Name of the journey, see the catalog file',
    key String COMMENT 'Id of the object that the journey is about',
    learner String COMMENT 'Pseudonym of the person who walks it, 32 hexadecimal digits; empty: several people do',
    recall Bool COMMENT 'Its steps are to be sent to the stream again; else its rows are put on the repair list',
    asked UInt64 COMMENT 'Version of the record that asked',
    asked_at DateTime64(3, 'UTC') COMMENT 'When it was asked (UTC, milliseconds)',
    outcome LowCardinality(String) COMMENT 'Empty: open; done; impossible: the journey is no longer in the catalog',
    done_at DateTime64(3, 'UTC') COMMENT 'When it was done (UTC, milliseconds); 1970: it is open',
    turn UInt64 COMMENT 'The largest counts'
)
ENGINE = {{ReplacingMergeTree(turn)}}
ORDER BY (journey, key, learner, recall, asked)
TTL toDateTime(done_at) + toIntervalDay(30) DELETE WHERE outcome != ''
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One row a walk of a journey of which memory had let go when a further step came. Read with FINAL';

CREATE OR REPLACE VIEW {{database}}.repairs_open
(
    indicator LowCardinality(String) COMMENT 'Name of the indicator, see catalog',
    cohort_kind LowCardinality(String) COMMENT 'all, team, manager or region',
    cohort LowCardinality(String) COMMENT 'Name of the cohort; all for everybody',
    window LowCardinality(String) COMMENT 'Length of the window: 1h, 1d, 7d or 28d',
    first_end DateTime64(3, 'UTC') COMMENT 'End of the first window that is computed again (UTC)',
    last_end DateTime64(3, 'UTC') COMMENT 'End of the last window that is computed again (UTC)',
    asked_at DateTime64(3, 'UTC') COMMENT 'When it was asked (UTC, milliseconds)',
    asked UInt64 COMMENT 'Version of the record that asked'
)
AS SELECT indicator, cohort_kind, cohort, window, first_end, last_end, asked_at, asked
FROM {{database}}.repairs FINAL
WHERE outcome = ''
COMMENT 'One row a stretch of indicators that waits to be computed again: provisional until then';

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
        OR cityHash64(r.indicator, r.cohort_kind, r.cohort, r.window, r.window_end) IN
        (
            SELECT cityHash64(w.indicator, w.cohort_kind, w.cohort, w.window, w.window_end)
            FROM {{database}}.rolling AS w
            INNER JOIN {{database}}.repairs_open AS o
                ON w.indicator = o.indicator AND w.cohort_kind = o.cohort_kind AND w.cohort = o.cohort AND w.window = o.window
            WHERE w.window_end >= o.first_end AND w.window_end <= o.last_end
        ), 'Bool') AS provisional,
    r.written_at AS updated_at,
    c.title AS title, c.unit AS unit, c.good AS good
FROM (SELECT * FROM {{database}}.rolling FINAL WHERE NOT removed) AS r
INNER JOIN (SELECT * FROM {{database}}.catalog FINAL WHERE NOT removed) AS c ON r.indicator = c.indicator
WHERE r.window_end <= now64(3) + toIntervalSecond(multiIf(r.window = '1h', 60, r.window = '1d', 3600, 86400))
COMMENT 'One row an indicator, cohort, window and slide in which its content changed; the newest row is the slide still open';
