"""What the board says of a number."""

from datetime import timedelta

import pytest

from reports.board import charts, words
from reports.board.read import Point, at, period_before
from tests.unit.board.values import END, count, indicator, rate


@pytest.mark.parametrize(
    ("measure", "value", "text"),
    [
        ("rate", 0.62, "62 %"),
        ("rate", 0.034, "3.4 %"),
        ("rate", 1.0, "100 %"),
        ("rate", 0.0, "0 %"),
        ("count", 1204.0, "1,204"),
        ("mean", 3.44, "3.4 days"),
        ("rate", None, "no value"),
    ],
)
def test_a_value_with_its_unit(measure: str, value: float | None, text: str) -> None:
    assert words.number(indicator(measure=measure), value) == text


def test_a_change_is_named_by_the_good_direction() -> None:
    up = indicator()
    down = up._replace(good="down")
    now, before = rate(600, 1000), rate(500, 1000)
    assert words.change(up, now, before, "7d") == (
        "up 10.0 points from 50 % in the 7 days before",
        "good",
    )
    assert words.change(down, now, before, "7d")[1] == "bad"
    assert words.change(up, now, now, "7d") == ("as in the 7 days before", "same")
    assert words.change(up, now, None, "7d")[1] == "none"
    counted = indicator(measure="count")
    assert (
        words.change(counted, count(12), count(20), "1d")[0] == "down 8 from 20 in the day before"
    )


def test_a_change_that_may_be_chance_is_neither_good_nor_bad() -> None:
    one = indicator()
    # Newcombe (1998), method 10: the interval of 60 of 100 less 50 of 100 is -0.037 to 0.232.
    told, how = words.change(one, rate(60, 100), rate(50, 100), "7d")
    assert told == "up 10.0 points from 50 % in the 7 days before, which may be chance"
    assert how == "same"
    said = words.sentence(one, rate(60, 100), rate(50, 100), "7d", "Alder")
    assert "which may be chance." in said
    assert "better" not in said
    # And of 70 of 100 less 50 of 100 it is 0.064 to 0.325.
    assert words.change(one, rate(70, 100), rate(50, 100), "7d")[1] == "good"


def test_a_sentence_says_what_may_still_change() -> None:
    one = indicator()
    told = words.sentence(one, rate(60, 100)._replace(provisional=True), None, "7d", "Alder")
    assert told.startswith("Alder, the last 7 days: FCR is 60 %: 60 of 100 cases.")
    assert "There is nothing to compare with" in told
    told = words.sentence(
        one, rate(70, 100)._replace(provisional=True), rate(50, 100), "7d", "Alder"
    )
    assert "may still change" in told
    assert "which is better" in told


def test_few_people_are_not_shown() -> None:
    assert words.shown(count(5, people=10), 10)
    assert not words.shown(count(5, people=9), 10)
    assert not words.shown(None, 10)


def test_the_period_before_is_the_value_a_window_earlier() -> None:
    points = [rate(1, 2, at=END - timedelta(days=days)) for days in (9, 8, 3, 0)]
    assert period_before(points, "7d") == points[1]
    assert period_before(points[2:], "7d") is None
    assert at(points, END - timedelta(days=5)) == points[1]


def test_a_trend_leaves_out_what_few_people_stand_behind() -> None:
    one = indicator()
    points = [rate(50 + i, 100, at=END + timedelta(hours=i)) for i in range(4)]
    assert charts.trend(one, points[:1], 10, "x") == ""
    whole = charts.trend(one, points, 10, "x")
    assert whole.count('class="line"') == 1
    hidden: list[Point] = [*points[:1], points[1]._replace(people=3, value=0.99), *points[2:]]
    drawn = charts.trend(one, hidden, 10, "<b>")
    assert drawn.count('class="line"') == 2
    assert "99" not in drawn
    assert "<b>" not in drawn
