-- How good colleagues found what was handed in: the mean, and the share above a set level.

CREATE OR REPLACE VIEW {{database}}.feedback_quality
(
    week Date32 COMMENT 'Monday of the week in which the feedback was given (UTC)',
    team LowCardinality(String) COMMENT 'Team of who handed the artefact in; empty: not known',
    people UInt64 COMMENT 'Distinct people whose artefacts were rated (count)',
    rated UInt64 COMMENT 'Feedback that says how good it was (count)',
    quality Float64 COMMENT 'Its mean, 0 to 1',
    good UInt64 COMMENT 'Feedback of 0.75 or more: 4 on a scale of 1 to 5 (count)',
    low Float64 COMMENT 'Lower end of the Wilson 95 % interval of good / rated',
    high Float64 COMMENT 'Upper end of it'
)
AS WITH
    1.959963984540054 AS z,
    good / rated AS share,
    (share + z * z / (2 * rated)) / (1 + z * z / rated) AS middle,
    z / (1 + z * z / rated) * sqrt(share * (1 - share) / rated + z * z / (4 * rated * rated)) AS reach
SELECT
    week, team, people, rated, quality, good,
    if(good = 0, 0., middle - reach) AS low,
    if(good = rated, 1., middle + reach) AS high
FROM
(
    SELECT week, team, uniqExactIf(learner, learner != '') AS people, count() AS rated, avg(found) AS quality, countIf(found >= 0.75) AS good
    FROM
    (
        SELECT toDate32(toMonday(any(s.occurred_at))) AS week, any(s.team) AS team, any(s.learner) AS learner, assumeNotNull(avg(s.value)) AS found
        FROM {{database}}.scores AS s
        WHERE s.kind = 'feedback' AND s.value IS NOT NULL
        GROUP BY s.event_id
    )
    GROUP BY week, team
) AS teams
COMMENT 'One row a week and team: how good colleagues found what its people handed in';
