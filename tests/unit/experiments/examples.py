"""Experiments for tests."""

from schemas.experiments.book import Book, Entry, Switch

BY_LEARNER = """\
name = "short-nudge"
owner = "support-enablement"
purpose = "Is a hint of one line acted on more often than the usual one?"
told = "You may see a shorter hint for some weeks. Nobody is compared with anybody."
unit = "learner"
minimum_units = 1000
minimum_days = 14
maximum_days = 56

[[variants]]
name = "control"
weight = 50
description = "The hint as it is"

[[variants]]
name = "short"
weight = 50
description = "One line"

[outcome]
indicator = "first_contact_resolution"
good = "up"
smallest_effect = 0.03

[[guardrails]]
indicator = "tickets_reopened"
good = "down"
smallest_effect = 0.02
"""

BY_TEAM = BY_LEARNER.replace('"short-nudge"', '"team-ritual"').replace('"learner"', '"team"')
BY_TEAM = BY_TEAM.replace("minimum_units = 1000", "minimum_units = 20")


def book(*, running: bool = True) -> Book:
    """A book with both."""
    made = Book()
    for name, text in (("short-nudge", BY_LEARNER), ("team-ritual", BY_TEAM)):
        switches = [Switch(True, 1_000, "planned")] if running else []
        made.take(Entry(name, text, switches))
    return made
