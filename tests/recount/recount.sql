-- The recount in SQL over the views `events_all` and `directory`: all rows of one window.
-- {database}, {window}, {slide} (ms) and {length} (slides) are filled in by recount_sql.py.
-- Written apart from the Python recount: first steps by aggregates, windows by RANGE frames.
-- It knows the indicators that the real logs and the chaos tests have events for, and those of
-- moments without nudges; the others are recounted by uptake.reconcile and in Python.
WITH
    ev AS
    (
        SELECT
            toUnixTimestamp64Milli(occurred_at) AS t,
            -- ClickHouse orders UUIDs by their second half first
            (t, UUIDStringToNum(toString(event_id))) AS place,
            learner, team, manager, region, eligible, signal, object_id, attributes,
            toString(source) AS tool,
            (t, learner, team, manager, region) AS who
        FROM {database}.events_all
        WHERE NOT voided
    ),
    content AS
    (
        SELECT
            countIf(signal = 'content.started') AS n_started,
            countIf(signal = 'content.completed') AS n_completed,
            argMinIf(who, place, signal = 'content.started') AS started,
            argMinIf(who, place, signal = 'content.completed') AS completed,
            groupArrayIf(t, signal = 'content.completed') AS completions,
            countIf(signal = 'video.started') AS n_opened,
            argMinIf(who, place, signal = 'video.started') AS opened,
            groupArrayIf(t, signal = 'video.completed') AS watched
        FROM ev
        GROUP BY learner, object_id
    ),
    ticket AS
    (
        SELECT
            countIf(signal = 'ticket.opened') AS n_opened,
            argMinIf(who, place, signal = 'ticket.opened') AS opened,
            groupArrayIf(t, signal = 'ticket.escalated') AS escalations,
            countIf(signal IN ('ticket.resolved', 'ticket.closed')) AS n_resolved,
            argMinIf(who, place, signal IN ('ticket.resolved', 'ticket.closed')) AS resolved,
            minIf(place, signal IN ('ticket.resolved', 'ticket.closed')) AS resolved_place,
            groupArrayIf(place, signal = 'ticket.replied' AND JSONExtractBool(attributes, 'public')) AS replies,
            groupArrayIf(t, signal = 'ticket.reopened') AS reopenings,
            countIf(signal = 'ticket.closed' AND JSONHas(attributes, 'sla_met')) AS n_closed,
            argMinIf(who, place, signal = 'ticket.closed' AND JSONHas(attributes, 'sla_met')) AS closed,
            argMinIf(JSONExtractBool(attributes, 'sla_met'), place,
                signal = 'ticket.closed' AND JSONHas(attributes, 'sla_met')) AS sla
        FROM ev
        GROUP BY object_id
    ),
    resolution AS
    (
        SELECT who, signal, lagInFrame(signal) OVER (
            PARTITION BY object_id ORDER BY place ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
        FROM ev
        WHERE signal IN ('ticket.opened', 'ticket.reopened', 'ticket.resolved', 'ticket.closed')
    ),
    deal AS
    (
        SELECT
            countIf(signal = 'deal.opened') AS n_opened,
            argMinIf(who, place, signal = 'deal.opened') AS opened,
            countIf(signal = 'deal.won') AS n_won,
            argMinIf(who, place, signal = 'deal.won') AS won,
            countIf(signal IN ('deal.won', 'deal.lost')) AS n_ended,
            argMinIf(who, place, signal IN ('deal.won', 'deal.lost')) AS ended,
            argMinIf(signal, place, signal IN ('deal.won', 'deal.lost')) AS ending,
            groupArrayIf((place, who), signal = 'deal.won') AS wins,
            arrayFilter(win -> n_opened > 0 AND win.2.1 >= opened.1, arraySort(wins)) AS later_wins
        FROM ev
        GROUP BY object_id
    ),
    moment AS
    (
        SELECT
            groupArrayIf((t, who, tool), signal IN ('ticket.assigned', 'deal.updated', 'call.scheduled')) AS needs,
            groupArrayIf(t, signal = 'nudge.shown') AS nudges
        FROM ev
        GROUP BY if(JSONType(attributes, 'moment') = 'String' AND JSONExtractString(attributes, 'moment') != '',
            JSONExtractString(attributes, 'moment'), object_id)
    ),
    whole AS
    (
        SELECT 'active_learners' AS indicator, who, 0 AS num, 0 AS den
        FROM ev WHERE signal NOT IN ('unmapped', 'voided')
        UNION ALL
        SELECT 'adoption', who, 0, 0 FROM ev WHERE signal NOT IN ('unmapped', 'voided') AND eligible
        UNION ALL
        SELECT 'video_plays', who, 1, 0 FROM ev WHERE signal = 'video.played'
        UNION ALL
        SELECT 'module_starts', started, 1, 0 FROM content WHERE n_started > 0
        UNION ALL
        SELECT 'module_completions', completed, 1, 0 FROM content WHERE n_completed > 0
        UNION ALL
        SELECT 'module_completion_rate', started,
            arrayExists(x -> x >= started.1 AND x <= started.1 + 28 * 86400000, completions), 1
        FROM content WHERE n_started > 0
        UNION ALL
        SELECT 'video_engagement', opened,
            arrayExists(x -> x >= opened.1 AND x <= opened.1 + 7 * 86400000, watched), 1
        FROM content WHERE n_opened > 0
        UNION ALL
        SELECT 'tickets_opened', opened, 1, 0 FROM ticket WHERE n_opened > 0
        UNION ALL
        SELECT 'tickets_resolved', who, 1, 0 FROM resolution
        WHERE signal IN ('ticket.resolved', 'ticket.closed')
            AND before NOT IN ('ticket.resolved', 'ticket.closed')
        UNION ALL
        SELECT 'tickets_reopened', who, 1, 0 FROM ev WHERE signal = 'ticket.reopened'
        UNION ALL
        SELECT 'first_contact_resolution', resolved,
            arrayCount(x -> x < resolved_place, replies) <= 1
            AND NOT arrayExists(x -> x >= resolved.1 AND x <= resolved.1 + 5 * 86400000, reopenings), 1
        FROM ticket WHERE n_resolved > 0
        UNION ALL
        SELECT 'escalation_rate', opened,
            arrayExists(x -> x >= opened.1 AND x <= opened.1 + 7 * 86400000, escalations), 1
        FROM ticket WHERE n_opened > 0
        UNION ALL
        SELECT 'sla_met', closed, sla, 1 FROM ticket WHERE n_closed > 0
        UNION ALL
        SELECT 'opportunities_opened', opened, 1, 0 FROM deal WHERE n_opened > 0
        UNION ALL
        SELECT 'opportunities_won', won, 1, 0 FROM deal WHERE n_won > 0
        UNION ALL
        SELECT 'win_rate', ended, ending = 'deal.won', 1 FROM deal WHERE n_ended > 0
        UNION ALL
        SELECT 'days_to_close', later_wins[1].2, later_wins[1].2.1 - opened.1, 1
        FROM deal WHERE notEmpty(later_wins)
    ),
    contribution AS
    (
        SELECT indicator, who, num, den, CAST([], 'Array(Tuple(String, String))') AS more FROM whole
        UNION ALL
        SELECT 'moments', need.2, 1, 0, [('tool', need.3)] FROM moment ARRAY JOIN needs AS need
        UNION ALL
        SELECT 'moment_coverage', need.2,
            arrayExists(x -> x >= need.1 - 600000 AND x <= need.1 + 3600000, nudges), 1,
            [('tool', need.3)]
        FROM moment ARRAY JOIN needs AS need
    ),
    slot AS
    (
        SELECT
            indicator, label.1 AS cohort_kind, label.2 AS cohort,
            toInt64(intDiv(who.1, {slide})) AS position,
            sum(toInt64(num)) AS nums, sum(toInt64(den)) AS dens, groupUniqArray(who.2) AS learners
        FROM contribution
        ARRAY JOIN arrayConcat([('all', 'all'), ('team', toString(who.3)),
            ('manager', toString(who.4)), ('region', toString(who.5))], more) AS label
        WHERE label.2 != ''
        GROUP BY indicator, cohort_kind, cohort, position
    ),
    row_end AS
    (
        SELECT DISTINCT indicator, cohort_kind, cohort,
            arrayJoin([position + 1, position + 1 + {length}]) AS position
        FROM slot
    ),
    point AS
    (
        SELECT indicator, cohort_kind, cohort, position, nums, dens, learners, 0 AS is_end FROM slot
        UNION ALL
        SELECT indicator, cohort_kind, cohort, position, 0, 0, [], 1 FROM row_end
    ),
    rolled AS
    (
        SELECT
            indicator, cohort_kind, cohort, position, is_end,
            sum(nums) OVER frame AS num,
            sum(dens) OVER frame AS den,
            uniqExactArray(learners) OVER frame AS people
        FROM point
        WINDOW frame AS (PARTITION BY indicator, cohort_kind, cohort ORDER BY position
            RANGE BETWEEN {length} PRECEDING AND 1 PRECEDING)
    ),
    eligible_learners AS
    (
        SELECT label.1 AS kind, label.2 AS name, groupArray(toUnixTimestamp64Milli(since)) AS since
        FROM {database}.directory
        ARRAY JOIN [('all', 'all'), ('team', toString(team)), ('manager', toString(manager)),
            ('region', toString(region))] AS label
        WHERE eligible AND label.2 != ''
        GROUP BY kind, name
    )
SELECT
    indicator, cohort_kind, cohort, '{window}' AS window, position * {slide} AS window_end,
    multiIf(indicator IN ('active_learners', 'adoption'), toInt64(people), num) AS numerator,
    multiIf(
        indicator = 'adoption', toNullable(toInt64(arrayCount(x -> x < position * {slide}, since))),
        indicator IN ('active_learners', 'video_plays', 'module_starts', 'module_completions',
            'tickets_opened', 'tickets_resolved', 'tickets_reopened', 'opportunities_opened',
            'opportunities_won', 'moments'), NULL,
        den) AS denominator,
    people
FROM rolled
LEFT JOIN eligible_learners ON cohort_kind = kind AND cohort = name
WHERE is_end
