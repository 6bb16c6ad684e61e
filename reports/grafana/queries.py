"""The SQL of the panels, for Grafana's ClickHouse datasource: its macros ($__timeFilter, ...) and
the dashboards' variables (cohort_kind, cohort, window, journey) stand unexpanded.

Panels that count distinct things read the view events_unmerged, which is cheaper: repeats do not
change them.

`least`: values that fewer people stand behind are not shown, as on the decision board. It is
written into the SQL, so that no viewer changes it in a dashboard's address.
"""

COHORT = "cohort_kind = ${cohort_kind:sqlstring} AND cohort = ${cohort:sqlstring}"
WINDOW = "window = ${window:sqlstring}"

_SLIDE = "multiIf(window = '1h', 60, window = '1d', 3600, 86400)"
_RANGE = f"""window_end > $__fromTime
  AND window_end <= $__toTime + toIntervalSecond({_SLIDE})"""
"""The newest slide is still open: its end may lie a slide after the end of the range."""
_TIME = "least(window_end, toDateTime64($__toTime, 3, 'UTC')) AS time"
_OF_COHORT = """(${cohort_kind:sqlstring} = 'all'
    OR multiIf(${cohort_kind:sqlstring} = 'team', team,
        ${cohort_kind:sqlstring} = 'manager', manager, region) = ${cohort:sqlstring})"""
"""Of an event."""
_NAMED = "JSONExtractString(attributes, {key})"
_THING = f"if({_NAMED} = '', object_id, {_NAMED})"
_KEY = "cityHash64(if({walked_by} = 'one', person, 0), {thing})"
"""Of a walk. It is not put together as text, which would take longer than counting."""
_THE_JOURNEY = "FROM journeys FINAL WHERE NOT removed AND journey = ${journey:sqlstring}"
_SIGNALS = "SELECT arrayJoin(signals) FROM journeys FINAL WHERE NOT removed"
_SECONDS = "multiIf(window = '1h', 3600, window = '1d', 86400, window = '7d', 604800, 2419200)"

COHORTS = """SELECT DISTINCT cohort FROM indicators
WHERE cohort_kind = ${cohort_kind:sqlstring} AND window = '28d' ORDER BY cohort"""
# Of two columns the datasource takes the first as the value, the second as the text.
JOURNEYS = """SELECT journey, title FROM journeys FINAL
WHERE NOT removed GROUP BY journey, title ORDER BY title"""


def newest(indicator: str, least: int) -> str:
    """The newest value of one indicator in the range."""
    return f"""SELECT if(people >= {least}, value, NULL) AS value
FROM indicators
WHERE indicator = '{indicator}' AND {COHORT} AND {WINDOW}
  AND {_RANGE}
ORDER BY window_end DESC LIMIT 1"""


def trend(indicator: str, least: int) -> str:
    """Value and interval over time."""
    return f"""SELECT {_TIME}, value, low, high
FROM indicators
WHERE indicator = '{indicator}' AND {COHORT} AND {WINDOW}
  AND {_RANGE} AND people >= {least}
ORDER BY time"""


def by_cohort(indicator: str, least: int) -> str:
    """A line for each cohort of the kind."""
    return f"""SELECT {_TIME}, toString(cohort) AS cohort, value
FROM indicators
WHERE indicator = '{indicator}' AND cohort_kind = ${{cohort_kind:sqlstring}} AND {WINDOW}
  AND {_RANGE} AND people >= {least}
ORDER BY time, cohort"""


def table(kind: str, least: int) -> str:
    """All indicators of a kind: the newest value, what stands behind it, and the period before."""
    return f"""SELECT title AS indicator, unit, good,
    if(newest.2 >= {least}, newest.1, NULL) AS value,
    if(newest.2 >= {least}, newest.3, NULL) AS low,
    if(newest.2 >= {least}, newest.4, NULL) AS high,
    if(earlier.2 >= {least}, earlier.1, NULL) AS before,
    if(newest.2 >= {least}, toString(newest.2), 'too few') AS people,
    if(newest.5, 'provisional', '') AS state
FROM (
    SELECT any(title) AS title, any(unit) AS unit, any(good) AS good,
        argMax(tuple(value, people, low, high, provisional), window_end) AS newest,
        argMaxIf(tuple(value, people), window_end,
            window_end <= $__toTime + toIntervalSecond({_SLIDE} - {_SECONDS})) AS earlier
    FROM indicators
    WHERE kind = '{kind}' AND {COHORT} AND {WINDOW}
      AND window_end <= $__toTime + toIntervalSecond({_SLIDE})
      AND window_end > $__toTime - toIntervalSecond(3 * {_SECONDS})
    GROUP BY indicator
)
ORDER BY indicator"""


def events(least: int) -> str:
    """Events over time by tool. Of the people as many are gathered as are needed to be shown."""
    return f"""SELECT
    $__timeInterval(occurred_at) AS time, toString(source) AS source, count() AS events
FROM events
WHERE $__timeFilter(occurred_at) AND {_OF_COHORT}
GROUP BY time, source
HAVING length(groupUniqArray({least})(learner)) >= {least}
ORDER BY time, source"""


def funnel(least: int) -> str:
    """How many journeys of the chosen kind came to each step in the range."""
    return f"""{_WITH_JOURNEY}
SELECT concat(toString(place), ' ', step) AS step,
    if(uniqExactMerge(people) >= {least}, uniqExactMerge(walks), NULL) AS reached
FROM {_of_journey()}
GROUP BY place, step
ORDER BY place"""


def steps(least: int) -> str:
    """Steps of the chosen journey over time."""
    return f"""{_WITH_JOURNEY}
SELECT time, step, uniqExactMerge(walks) AS journeys
FROM {_of_journey("$__timeInterval(occurred_at) AS time")}
GROUP BY time, step
HAVING uniqExactMerge(people) >= {least}
ORDER BY time, step"""


_WITH_JOURNEY = f"""WITH (SELECT any(walked_by) {_THE_JOURNEY}) AS walker,
    (SELECT any(key) {_THE_JOURNEY}) AS name"""


def _of_journey(slice_of_time: str = "") -> str:
    """Steps of the chosen journey with people and walks: first counted by signal, so that events
    need not be joined. `slice_of_time`: a further column."""
    thing = f"if(name = '', object_id, {_THING.format(key='name')})"
    return f"""(
    SELECT step, place, arrayJoin(signals) AS signal {_THE_JOURNEY}
) AS s
INNER JOIN (
    SELECT signal, {slice_of_time + ", " if slice_of_time else ""}uniqExactState(person) AS people,
        uniqExactState({_KEY.format(walked_by="walker", thing=thing)}) AS walks
    FROM events_unmerged
    WHERE $__timeFilter(occurred_at) AND {_OF_COHORT}
      AND signal IN ({_SIGNALS} AND journey = ${{journey:sqlstring}})
    GROUP BY signal{", time" if slice_of_time else ""}
) AS e ON s.signal = e.signal"""


def funnels(least: int) -> str:
    """All journeys: how many came to each step in the range, and of how many people. Events are
    counted by signal first: those whose object is the key without a join."""
    key = _KEY.format(walked_by="walked_by", thing=_THING.format(key="key"))
    return f"""SELECT any(title) AS journey, place, step,
    if(uniqExactMerge(e.people) >= {least}, uniqExactMerge(walks), NULL) AS reached,
    if(uniqExactMerge(e.people) >= {least}, toString(uniqExactMerge(e.people)), 'too few') AS people
FROM (
    SELECT journey, title, walked_by, key, step, place, arrayJoin(signals) AS signal
    FROM journeys FINAL WHERE NOT removed
) AS s
INNER JOIN (
    {_counted_by_signal("one")}
    UNION ALL
    {_counted_by_signal("several")}
    UNION ALL
    SELECT e.signal AS signal, walked_by, key, uniqExactState(person) AS people,
        uniqExactState({key}) AS walks
    FROM events_unmerged AS e
    INNER JOIN (
        SELECT DISTINCT walked_by, key, arrayJoin(signals) AS signal
        FROM journeys FINAL WHERE NOT removed AND key != ''
    ) AS y ON e.signal = y.signal
    WHERE $__timeFilter(occurred_at) AND {_OF_COHORT} AND e.signal IN ({_SIGNALS} AND key != '')
    GROUP BY e.signal, walked_by, key
) AS e ON s.signal = e.signal AND s.walked_by = e.walked_by AND s.key = e.key
GROUP BY s.journey, place, step
ORDER BY journey, place"""


def _counted_by_signal(walked_by: str) -> str:
    """People and walks by signal, of journeys that are so walked and whose key is the object."""
    return f"""SELECT signal, '{walked_by}' AS walked_by, '' AS key,
        uniqExactState(person) AS people,
        uniqExactState({_KEY.format(walked_by=f"'{walked_by}'", thing="object_id")}) AS walks
    FROM events_unmerged
    WHERE $__timeFilter(occurred_at) AND {_OF_COHORT}
      AND signal IN ({_SIGNALS} AND walked_by = '{walked_by}' AND key = '')
    GROUP BY signal"""


_EXPERIMENT = "extract(object_id, '[^/]*$')"
# Attributes are stored as JSON without blanks, which is what the simple function asks for.
_VARIANT = "simpleJSONExtractString(attributes, 'variant')"
_EXPERIMENTS = f"""FROM (
    SELECT
        any({_EXPERIMENT}) AS experiment, person,
        maxIf({_VARIANT}, signal = 'experiment.exposed') AS variant,
        minIf(occurred_at, signal = 'experiment.exposed') AS exposed_at,
        countIf(signal = 'experiment.clicked') > 0 AS clicked,
        countIf(signal = 'experiment.completed') > 0 AS completed,
        countIf(signal = 'experiment.applied') > 0 AS applied
    FROM events_unmerged
    WHERE signal IN ('experiment.exposed', 'experiment.clicked', 'experiment.completed',
        'experiment.applied') AND $__timeFilter(occurred_at) AND {_OF_COHORT}
    GROUP BY cityHash64({_EXPERIMENT}), person
    HAVING variant != ''
)"""


def variants(least: int) -> str:
    """Each experiment and variant: learners, and the share that came to each step. A learner who
    saw two variants would count for one of them."""
    shares = ",\n    ".join(
        f"if(count() >= {least}, avg({step}), NULL) AS {step}"
        for step in ("clicked", "completed", "applied")
    )
    return f"""SELECT experiment, variant,
    if(count() >= {least}, toString(count()), 'too few') AS learners,
    {shares}
{_EXPERIMENTS}
GROUP BY experiment, variant
ORDER BY experiment, variant"""


def clicked(least: int) -> str:
    """The share that clicked of each variant, with its Wilson 95 % interval."""
    return f"""WITH 1.959963984540054 AS z, count() AS n, avg(clicked) AS p,
    (p + z * z / (2 * n)) / (1 + z * z / n) AS middle,
    z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) AS reach
SELECT concat(experiment, ', ', variant) AS variant, p AS clicked, middle - reach AS low,
    middle + reach AS high
{_EXPERIMENTS}
GROUP BY experiment, variant
HAVING n >= {least}
ORDER BY variant"""


def exposed(least: int) -> str:
    """Learners who have seen each variant, day by day, added up."""
    return f"""SELECT time, variant, reached
FROM (
    SELECT time, variant, sum(learners) OVER (PARTITION BY variant ORDER BY time) AS reached
    FROM (
        SELECT toStartOfDay(toDateTime(exposed_at)) AS time,
            concat(experiment, ', ', variant) AS variant, count() AS learners
        {_EXPERIMENTS}
        GROUP BY time, experiment, variant
    )
)
WHERE reached >= {least}
ORDER BY time, variant"""


CONSERVATION = """SELECT source, received, stored, dead, duplicate, pending, difference, lost
FROM conservation ORDER BY source"""
DIFFERENCE = "SELECT sum(abs(difference)) AS missing FROM conservation"
DEAD_LETTERS = """SELECT source, stage, reason, count() AS letters, max(received_at) AS newest
FROM dead_letters
WHERE $__timeFilter(received_at) AND fate = ''
GROUP BY source, stage, reason ORDER BY letters DESC, source, reason LIMIT 50"""
DEAD_LETTERS_OVER_TIME = """SELECT $__timeInterval(received_at) AS time, reason, count() AS letters
FROM dead_letters WHERE $__timeFilter(received_at)
GROUP BY time, reason ORDER BY time, reason"""
REPAIRS = """SELECT count() AS waiting FROM repairs_open"""
