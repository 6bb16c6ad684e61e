"""What stories ask of the store: one query each. `people` are those who stand behind the smallest
of its numbers, so that no number is one of a few."""

from reports.stories.ask import Answer, Asker, before, moment, quoted, within
from reports.stories.document import Period
from reports.stories.sentences import Compared

_INDICATOR = (
    "title", "unit", "good", "measure", "value", "numerator", "denominator", "people", "low",
    "high", "provisional",
)  # fmt: skip
WINDOWS = {7: "7d", 28: "28d"}
"""Days -> the window of that length."""


def indicator(asker: Asker, name: str, period: Period) -> Answer:
    """An indicator at the end of the period, which is as long as one of WINDOWS. A row stands for
    each slide in which something changed, so the newest one in the period counts."""
    window = WINDOWS[(period.ends - period.begins).days]
    sql = f"""SELECT i.title, i.unit, i.good, c.measure, i.value, i.numerator, i.denominator,
    i.people, i.low, i.high, i.provisional
FROM indicators AS i
INNER JOIN (SELECT indicator, measure FROM catalog FINAL) AS c ON c.indicator = i.indicator
WHERE i.indicator = {quoted(name)} AND i.cohort_kind = {quoted(asker.cohort.kind)}
  AND i.cohort = {quoted(asker.cohort.name)} AND i.window = {quoted(window)}
  AND i.window_end > {moment(period.begins)}
  AND i.window_end <= {moment(period.ends)}
ORDER BY i.window_end DESC
LIMIT 1"""
    return asker.ask(sql, _INDICATOR)


def compared(asker: Asker, name: str, period: Period) -> Compared:
    """An indicator in the period, and in the one before if it is shown at all: a document asks
    nothing that none of its sentences rests on."""
    now = indicator(asker, name, period)
    alone = Compared(name, now, Answer(now.query, {}, now.least))
    return alone._replace(earlier=indicator(asker, name, before(period))) if alone.shown else alone


def hints(asker: Asker, period: Period) -> Answer:
    """Nudges that were shown in the period, and what became of them. The people: who acted."""
    sql = f"""SELECT uniqExactIf(learner, did_act) AS people, uniqExact(learner) AS shown_to,
    count() AS shown, countIf(did_open) AS opened, countIf(did_act) AS acted
FROM (
    SELECT source, object_id, argMin(learner, occurred_at) AS learner,
        countIf(signal = 'nudge.shown') AS times, countIf(signal = 'nudge.opened') > 0 AS did_open,
        countIf(signal = 'nudge.acted') > 0 AS did_act
    FROM events
    WHERE signal IN ('nudge.shown', 'nudge.opened', 'nudge.acted')
      AND {within("occurred_at", period)} AND {asker.events_of_cohort()}
    GROUP BY source, object_id
    HAVING times > 0
)"""
    return asker.ask(sql, ("people", "shown_to", "shown", "opened", "acted"))


def challenges(asker: Asker, period: Period) -> Answer:
    """Micro-challenges that were offered in the period, and checked off in it."""
    sql = f"""SELECT uniqExactIf(learner, checked) AS people, count() AS offered,
    countIf(checked) AS done
FROM (
    SELECT object_id, any(learner) AS learner, countIf(signal = 'challenge.offered') AS offered,
        countIf(signal = 'challenge.checked') > 0 AS checked
    FROM events
    WHERE signal IN ('challenge.offered', 'challenge.checked')
      AND {within("occurred_at", period)} AND {asker.events_of_cohort()}
    GROUP BY object_id
    HAVING offered > 0
)"""
    return asker.ask(sql, ("people", "offered", "done"))


def suggestions(asker: Asker, period: Period) -> Answer:
    """Suggestions to managers: tried and reported back in the period. The people: managers who
    reported one that had worked."""
    sql = f"""SELECT uniqExactIf(learner, signal = 'suggestion.reported' AND success) AS people,
    uniqExactIf(learner, signal = 'suggestion.tried') AS managers,
    uniqExactIf(object_id, signal = 'suggestion.tried') AS tried,
    uniqExactIf(object_id, signal = 'suggestion.reported') AS reported,
    uniqExactIf(object_id, signal = 'suggestion.reported' AND success) AS worked
FROM events
WHERE startsWith(signal, 'suggestion.')
  AND {within("occurred_at", period)} AND {asker.events_of_cohort()}"""
    return asker.ask(sql, ("people", "managers", "tried", "reported", "worked"))


def notes(asker: Asker, period: Period) -> Answer:
    """Short notes of the period about people who agree, now, that notes are kept, and the newest of
    them. The people: who was active in the cohort, so that nobody is to be known by a note."""
    sql = f"""SELECT uniqExact(learner) AS people, countIf(agreed AND said != '') AS notes,
    argMaxIf(said, (occurred_at, event_id), agreed AND said != '') AS newest
FROM (
    SELECT learner, occurred_at, event_id,
        trimBoth(replaceRegexpAll(JSONExtractString(attributes, 'note'), '\\\\s+', ' ')) AS said,
        learner IN (
            SELECT lower(hex(learner)) FROM consents FINAL
            WHERE notes AND NOT opted_out AND NOT removed
        ) AS agreed
    FROM events
    WHERE NOT voided
      AND {within("occurred_at", period)} AND {asker.events_of_cohort()}
)"""
    return asker.ask(sql, ("people", "notes", "newest"))


def first_contacts(asker: Asker, period: Period) -> Answer:
    """Tickets opened and resolved in the period, with one public reply at most and not reopened in
    it. The people: who resolved those."""
    sql = f"""SELECT uniqExactIf(resolver, replies <= 1 AND NOT reopened) AS people,
    count() AS tickets, countIf(replies <= 1 AND NOT reopened) AS at_once,
    quantileIf(0.5)(minutes, replies <= 1 AND NOT reopened) AS minutes
FROM (
    SELECT object_id, argMinIf(learner, occurred_at, signal = 'ticket.resolved') AS resolver,
        minIf(occurred_at, signal = 'ticket.opened') AS opened_at,
        minIf(occurred_at, signal = 'ticket.resolved') AS resolved_at,
        dateDiff('second', opened_at, resolved_at) / 60 AS minutes,
        countIf(signal = 'ticket.replied') AS replies,
        countIf(signal = 'ticket.reopened') > 0 AS reopened,
        countIf(signal = 'ticket.opened') AS opened, countIf(signal = 'ticket.resolved') AS resolved
    FROM events
    WHERE signal IN ('ticket.opened', 'ticket.replied', 'ticket.resolved', 'ticket.reopened')
      AND {within("occurred_at", period)} AND {asker.events_of_cohort()}
    GROUP BY object_id
    HAVING opened > 0 AND resolved > 0
)"""
    return asker.ask(sql, ("people", "tickets", "at_once", "minutes"))


def who_came(asker: Asker, now: Period, earlier: Period) -> Answer:
    """People who were active in both periods, or in the newer one only."""
    sql = f"""SELECT count() AS people, countIf(now > 0 AND earlier > 0) AS in_both,
    countIf(now > 0 AND earlier = 0) AS only_now, sum(now) AS events_now,
    sum(earlier) AS events_earlier
FROM (
    SELECT learner, countIf({within("occurred_at", now)}) AS now,
        countIf({within("occurred_at", earlier)}) AS earlier
    FROM events
    WHERE occurred_at >= {moment(earlier.begins)} AND occurred_at < {moment(now.ends)}
      AND {asker.events_of_cohort()}
    GROUP BY learner
)"""
    return asker.ask(sql, ("people", "in_both", "only_now", "events_now", "events_earlier"))


def experiments(asker: Asker, period: Period) -> Answer:
    """Experiments that people saw in the period."""
    sql = f"""SELECT uniqExact(learner) AS people, uniqExact(object_id) AS experiments
FROM events
WHERE signal = 'experiment.exposed'
  AND {within("occurred_at", period)} AND {asker.events_of_cohort()}"""
    return asker.ask(sql, ("people", "experiments"))


def account(asker: Asker) -> Answer:
    """Whether everything is there. Nothing in it is of people."""
    sql = "SELECT sum(abs(difference)) AS missing, sum(pending) AS pending FROM conservation"
    return asker.ask(sql, ("missing", "pending"))


def advice(asker: Asker, name: str) -> Answer:
    """What the catalog says to try. Nothing in it is of people."""
    sql = f"SELECT title, advice FROM catalog FINAL WHERE indicator = {quoted(name)}"
    return asker.ask(sql, ("title", "advice"))
