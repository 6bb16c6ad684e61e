"""Definitions: what is refused and how it is said; switching is reversible and loses nothing."""

from pathlib import Path

import pytest

from schemas.experiments.book import (
    Drafts,
    NoSuchExperiment,
    Switch,
    decode,
    encode,
    running_ms,
    switched,
)
from schemas.experiments.definition import DefinitionError, parse
from tests.unit.experiments.examples import BY_LEARNER, book


def test_a_definition() -> None:
    experiment = parse(BY_LEARNER, "short-nudge")
    assert experiment.control.name == "control"
    assert experiment.weights == {"control": 50, "short": 50}
    assert experiment.alpha == 0.05


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('purpose = "Is', 'intent = "Is', "unknown field `intent`"),
        ('purpose = "Is a hint of one line acted on more often than the usual one?"', "",
         "purpose"),
        ('told = "You may see a shorter hint for some weeks. Nobody is compared with anybody."',
         'told = "-"', "told"),
        ("minimum_days = 14", "minimum_days = 6", "minimum_days"),
        ("maximum_days = 56", "maximum_days = 13", "`maximum_days` is below"),
        ('name = "short"', 'name = "control"', "same name"),
        ("weight = 50", "weight = 0", "weight"),
        ('indicator = "tickets_reopened"', 'indicator = "first_contact_resolution"',
         "own guardrail"),
        ('name = "short-nudge"', 'name = "long-nudge"', "the file is called short-nudge.toml"),
        ("smallest_effect = 0.03", "smallest_effect = 0.0", "smallest_effect"),
        ("[outcome]", "[outcome", "short-nudge: "),
    ],
)  # fmt: skip
def test_what_is_refused(old: str, new: str, said: str) -> None:
    assert old in BY_LEARNER
    with pytest.raises(DefinitionError, match=said):
        parse(BY_LEARNER.replace(old, new), "short-nudge")


def test_guardrails_are_not_optional() -> None:
    without = BY_LEARNER[: BY_LEARNER.index("[[guardrails]]")]
    with pytest.raises(DefinitionError, match="guardrails"):
        parse(without, "short-nudge")


def test_all_faults_are_said_at_once() -> None:
    text = BY_LEARNER.replace("maximum_days = 56", "maximum_days = 13")
    with pytest.raises(DefinitionError) as caught:
        parse(text, "other")
    assert len(str(caught.value).splitlines()) == 2


def test_stopping_can_be_undone() -> None:
    entry = book(running=False).entry("short-nudge")
    assert not entry.running
    for running, at in (
        (True, 1_000),
        (True, 1_500),
        (False, 2_000),
        (False, 2_500),
        (True, 5_000),
    ):
        entry = switched(entry, running, at, "why") or entry
    assert [(switch.running, switch.at) for switch in entry.switches] == [
        (True, 1_000), (False, 2_000), (True, 5_000),
    ]  # fmt: skip
    assert (entry.running, entry.changed_at) == (True, 5_000)
    assert decode(encode(entry)) == entry


def test_the_time_it_ran_leaves_pauses_out() -> None:
    switches = [Switch(True, 1_000, ""), Switch(False, 3_000, "")]
    assert running_ms(switches, 10_000) == 2_000
    assert running_ms(switches, 2_500) == 1_500
    assert running_ms([*switches, Switch(True, 9_000, "")], 10_000) == 3_000
    assert running_ms([], 10_000) == 0
    assert running_ms(switches, 500) == 0


def test_a_newer_definition_is_read_until_it_was_started() -> None:
    made = book(running=False)
    assert made.experiment("short-nudge").minimum_units == 1000
    changed = BY_LEARNER.replace("minimum_units = 1000", "minimum_units = 2000")
    made.take(made.published("short-nudge", changed))
    assert made.experiment("short-nudge").minimum_units == 2000
    started = switched(made.entry("short-nudge"), True, 1, "")
    assert started is not None
    made.take(started)
    with pytest.raises(DefinitionError, match="another name"):
        made.published("short-nudge", BY_LEARNER)
    # Only its looks changed.
    again = made.published("short-nudge", changed + "\n# reviewed\n")
    assert again.switches == started.switches


def test_what_is_not_there_or_not_readable(tmp_path: Path) -> None:
    with pytest.raises(NoSuchExperiment):
        book().experiment("nothing")
    drafts = Drafts(tmp_path)
    drafts.add("short-nudge", BY_LEARNER)
    for name in ("nothing", "../short-nudge", "Short", ""):
        with pytest.raises(NoSuchExperiment):
            drafts.experiment(name)
    with pytest.raises(DefinitionError, match="there already"):
        drafts.add("short-nudge", BY_LEARNER)
    (tmp_path / "short-nudge.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DefinitionError, match="cannot be read"):
        drafts.experiment("short-nudge")


def test_names_and_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert book().names() == ["short-nudge", "team-ritual"]
    assert Drafts(tmp_path / "none").names() == []
