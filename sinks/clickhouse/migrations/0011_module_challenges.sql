-- Whether modules offer as many micro-challenges as are done: 3 to 5.

CREATE OR REPLACE VIEW {{database}}.module_challenges
(
    module String COMMENT 'Module of the challenge by the asset directory, else its parent activity; empty: neither is known',
    people UInt64 COMMENT 'Learners to whom the module offered micro-challenges',
    times UInt64 COMMENT 'How often it did: once a learner and day (UTC)',
    challenges Float64 COMMENT 'Different micro-challenges it offered at a time, as the median',
    verdict LowCardinality(String) COMMENT 'right: 3 to 5; too few; too many'
)
AS SELECT
    module,
    uniqExact(learner) AS people,
    count() AS times,
    toFloat64(quantileExactLow(0.5)(offered)) AS challenges,
    CAST(multiIf(challenges < 3, 'too few', challenges > 5, 'too many', 'right'), 'LowCardinality(String)') AS verdict
FROM
(
    SELECT
        if(each.module != '', toString(each.module), each.parent) AS module,
        learner,
        uniqExact(object_id) AS offered
    FROM {{database}}.events AS each
    WHERE signal = 'challenge.offered' AND NOT voided
    GROUP BY module, learner, toDate(occurred_at)
)
GROUP BY module
COMMENT 'One row a module that has offered micro-challenges, of all events that are stored';
