"""Verdicts: each word, its reason, and what they are worth under the null."""

from random import Random

import pytest

from reports.experiments.verdict import DAY_MS, Look, Verdict, judge
from reports.statistics.sequential import Moments
from schemas.experiments.definition import Experiment, parse
from tests.unit.experiments.examples import BY_LEARNER

EXPERIMENT = parse(BY_LEARNER, "short-nudge")
UNITS = {"first_contact_resolution": "share", "tickets_reopened": "share"}


def _look(
    day: float,
    control: tuple[int, int],
    short: tuple[int, int],
    harm: tuple[int, int] = (0, 0),
) -> Look:
    """(successes, units) of both arms; `harm`: units of each arm whose ticket came back."""
    return Look(
        int(day * DAY_MS),
        {"control": control[1], "short": short[1]},
        {"control": Moments.of_share(*control), "short": Moments.of_share(*short)},
        {
            "tickets_reopened": {
                "control": Moments.of_share(harm[0], control[1]),
                "short": Moments.of_share(harm[1], short[1]),
            }
        },
    )


def _judge(*looks: Look, stopped: str | None = None) -> Verdict:
    return judge(EXPERIMENT, looks, stopped, UNITS)


def test_better() -> None:
    found = _judge(_look(7, (240, 2000), (300, 2000)), _look(14, (480, 4000), (620, 4000)))
    assert found.word == "better"
    assert found.sentence.startswith(
        "Better: short changed first_contact_resolution by +3.5 points against the control ("
    )
    assert "valid at any time" in found.sentence
    assert found.outcome[0].p < 0.05


def test_worse() -> None:
    found = _judge(_look(14, (620, 4000), (480, 4000)))
    assert found.word == "worse"
    assert "-3.5 points" in found.sentence


def test_keep_going_until_the_sample_and_the_days_are_there() -> None:
    early = _judge(_look(3.5, (10, 100), (90, 120)))
    assert early.word == "keep going"
    assert early.sentence == (
        "Keep going: day 4 of at least 14 and "
        "100 of at least 1000 learners in the smallest variant."
    )
    assert _judge().word == "keep going"
    short = _judge(_look(13.9, (480, 4000), (620, 4000)))
    assert short.sentence == "Keep going: day 14 of at least 14."


def test_domain_7_where_the_fixed_test_would_call_a_winner_it_keeps_going() -> None:
    found = _judge(_look(14, (120, 1000), (150, 1000)))
    assert found.word == "keep going"
    assert "no difference is shown yet" in found.sentence
    assert found.outcome[0].estimate == pytest.approx(0.03)


def test_after_the_maximum_days_it_ends_without_a_winner() -> None:
    found = _judge(_look(56, (480, 4000), (490, 4000)))
    assert found.word == "stopped"
    assert found.sentence.startswith("Stopped: 56 days are over and no difference was shown.")


def test_no_winner_when_the_arms_have_the_wrong_sizes() -> None:
    found = _judge(_look(14, (480, 4000), (800, 4700)))
    assert found.word == "stopped"
    assert "4,000 control and 4,700 short" in found.sentence
    assert "does not fit the weights 50 : 50" in found.sentence
    assert found.balance.chi_square is not None
    assert found.balance.chi_square.p < 0.001


def test_an_alarm_of_an_earlier_look_stays() -> None:
    looks = _look(10, (48, 400), (90, 700)), _look(14, (4800, 40000), (6200, 40000))
    assert _judge(*looks).balance.alarm
    assert _judge(*looks).word == "stopped"


def test_a_guardrail_stops_a_winner_even_before_the_days_are_over() -> None:
    found = _judge(_look(5, (240, 2000), (400, 2000), harm=(100, 240)))
    assert found.word == "stopped"
    assert found.sentence.startswith("Stopped: the guardrail tickets_reopened got worse. short")
    assert "+7.0 points" in found.sentence
    better = _judge(_look(14, (480, 4000), (620, 4000), harm=(240, 100)))
    assert better.word == "better"


def test_a_tolerance_lets_a_small_harm_pass() -> None:
    tolerant = parse(BY_LEARNER + "tolerance = 0.1\n", "short-nudge")
    look = _look(5, (240, 2000), (250, 2000), harm=(100, 240))
    assert judge(tolerant, [look]).word == "keep going"


def test_switched_off_says_why() -> None:
    found = _judge(_look(14, (480, 4000), (620, 4000)), stopped="a complaint of the works council")
    assert (found.word, found.sentence) == ("stopped", "Stopped: a complaint of the works council")


def test_a_falling_indicator_may_be_the_good_direction() -> None:
    text = BY_LEARNER.replace('good = "up"', 'good = "down"')
    found = judge(parse(text, "short-nudge"), [_look(14, (620, 4000), (480, 4000))])
    assert found.word == "better"


def _of_three() -> Experiment:
    extra = '[[variants]]\nname = "long"\nweight = 50\ndescription = "Three lines"\n\n[outcome]'
    return parse(BY_LEARNER.replace("[outcome]", extra), "short-nudge")


def _three(control: int, short: int, long: int) -> Look:
    counts = {"control": control, "short": short, "long": long}
    return Look(
        14 * DAY_MS,
        dict.fromkeys(counts, 4000),
        {name: Moments.of_share(n, 4000) for name, n in counts.items()},
        {},
    )


def test_the_best_of_several_variants_wins_and_all_must_lose_to_be_worse() -> None:
    experiment = _of_three()
    best = judge(experiment, [_three(480, 640, 700)])
    assert best.word == "better"
    assert "long changed" in best.sentence
    assert judge(experiment, [_three(640, 480, 470)]).word == "worse"
    assert judge(experiment, [_three(640, 480, 640)]).word == "keep going"
    two = judge(EXPERIMENT, [_look(14, (480, 4000), (700, 4000))])
    assert two.outcome[0].p < best.outcome[1].p


def test_domain_7_peeking_every_day_seldom_calls_a_winner_where_there_is_none() -> None:
    rng = Random(11)
    wrong = 0
    for _ in range(150):
        counts = {"control": [0, 0], "short": [0, 0]}
        looks = []
        for day in range(1, 43):
            for _ in range(120):
                arm = counts[rng.choice(("control", "short"))]
                arm[0] += rng.random() < 0.3
                arm[1] += 1
            control, short = counts["control"], counts["short"]
            looks.append(_look(day, (control[0], control[1]), (short[0], short[1])))
        wrong += any(
            _judge(*looks[:end]).word in ("better", "worse") for end in (14, 21, 28, 35, 42)
        )
    # 5 % of 150 is 7.5, with a standard deviation of 2.7.
    assert wrong <= 12
