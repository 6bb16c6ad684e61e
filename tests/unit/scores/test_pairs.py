"""Values of windows -> lagged correlation by cohort."""

from importlib.resources import files
from pathlib import Path
from random import Random

import pytest

from streams.catalog import load
from streams.catalog.load import CatalogError, Pair
from uptake.scores.pairs import DAY_MS, Value, found

WEEKS = Pair("a", "b", "14d")
MONDAY = 20_457 * DAY_MS
"""2026-01-05."""


def values(pair: Pair, cohort: str, seed: int, lag: int, length: int) -> list[Value]:
    """b follows a by `lag` periods; each is said again on days between, and only the last value
    before the period's end counts."""
    draw = Random(seed)
    moves = [draw.random() for _ in range(40)]
    made = []
    for period, move in enumerate(moves):
        end = MONDAY + period * length
        made.append(Value(pair.leading, cohort, end, move))
        if period >= lag:
            made.append(Value(pair.lagging, cohort, end - length // 7, 0.5))
            made.append(Value(pair.lagging, cohort, end, 2 * moves[period - lag] + 1))
    draw.shuffle(made)
    return made


def test_a_pair_that_moves_together() -> None:
    of = [values(WEEKS, cohort, seed, 2, 7 * DAY_MS) for seed, cohort in enumerate("xy")]
    result = found("p", WEEKS, [one for each in of for one in each])
    assert (result.window, result.lag) == ("7d", 2)
    for each in (*result.cohorts.values(), result.together):
        assert each is not None
        assert each.correlation == pytest.approx(1)
        assert each.interval is not None
    assert [each.pairs for each in result.cohorts.values() if each] == [38, 38]


def test_another_delay_does_not_show_it() -> None:
    result = found("p", Pair("a", "b", "21d"), values(WEEKS, "x", 3, 2, 7 * DAY_MS))
    assert result.cohorts["x"] is not None
    assert abs(result.cohorts["x"].correlation) < 0.5
    assert result.together is None


def test_days_where_the_delay_is_of_no_weeks() -> None:
    days = Pair("a", "b", "3d")
    result = found("p", days, values(days, "x", 1, 3, DAY_MS))
    assert (result.window, result.lag) == ("1d", 3)
    assert result.cohorts["x"] is not None
    assert result.cohorts["x"].correlation == pytest.approx(1)


def test_too_few() -> None:
    result = found("p", WEEKS, [Value("a", "x", MONDAY, 1.0), Value("b", "x", MONDAY, 1.0)])
    assert result.cohorts == {"x": None}
    assert found("p", WEEKS, []).cohorts == {}


def test_the_catalog_refuses_pairs_of_the_wrong_kind(tmp_path: Path) -> None:
    assert load().pairs

    text = (files("streams.catalog") / "catalog.toml").read_text("utf-8")
    path = tmp_path / "catalog.toml"
    for old, new in (
        ('leading = "adoption"', 'leading = "win_rate"'),
        ('delay = "28d"', 'delay = "36h"'),
    ):
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(CatalogError, match="pair adoption_then_wins"):
            load(str(path))
