"""Loading rubrics: what is refused, and that the message names the place."""

from pathlib import Path

import msgspec
import pytest

from uptake.rubrics.definition import Rubric
from uptake.rubrics.load import RubricError, RubricRefused, check, load

_EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"
_FILES = sorted(_EXAMPLES.glob("rubric-*.toml"))
_GOOD = """
id = "summary"
version = 2
language = "en"
title = "Summing up"
levels = ["Not yet", "Yes"]

[[criteria]]
id = "own-words"
title = "Uses own words"

[[criteria.levels]]
level = 1
observable = ["Repeats the last sentence word for word"]
examples = ["As heard"]

[[criteria.levels]]
level = 2
observable = ["Repeats the problem in own words"]
examples = ["So mornings are the hard part"]
"""


def _load(tmp_path: Path, text: str) -> Rubric:
    path = tmp_path / "rubric.toml"
    path.write_text(text, "utf-8")
    return load(path)


def _faults(tmp_path: Path, *changes: tuple[str, str]) -> list[str]:
    text = _GOOD
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    with pytest.raises(RubricRefused) as refused:
        _load(tmp_path, text)
    return refused.value.faults


def test_the_examples_load() -> None:
    assert len(_FILES) == 2
    for path in _FILES:
        rubric = load(path)
        assert list(check(rubric)) == []
        assert len(rubric.criteria) == 2


def test_a_rubric_has_a_scale_and_criteria(tmp_path: Path) -> None:
    rubric = _load(tmp_path, _GOOD)
    assert list(rubric.scale) == [1, 2]
    found = rubric.criterion("own-words")
    assert found is not None
    assert found.title == "Uses own words"
    assert rubric.criterion("nothing") is None


def test_a_missing_level_is_named(tmp_path: Path) -> None:
    (fault,) = _faults(tmp_path, ('["Not yet", "Yes"]', '["Not yet", "Yes", "Adapts it"]'))
    assert fault == "criterion own-words: level 3 (Adapts it) is missing"


def test_a_doubled_level_and_one_that_is_none(tmp_path: Path) -> None:
    assert _faults(tmp_path, ("level = 2", "level = 1")) == [
        "criterion own-words: level 1 is there 2 times",
        "criterion own-words: level 2 (Yes) is missing",
    ]
    assert "criterion own-words: there is no level 7, only 1 to 2" in _faults(
        tmp_path, ("level = 2", "level = 7")
    )


def test_a_level_needs_behaviours_and_examples(tmp_path: Path) -> None:
    faults = _faults(
        tmp_path,
        ('observable = ["Repeats the problem in own words"]\n', ""),
        ('examples = ["As heard"]', 'examples = [" "]'),
    )
    assert faults == [
        "criterion own-words, level 1, example 1 is empty",
        "criterion own-words, level 2: `observable` is empty: name at least one behaviour that "
        "is seen or heard",
    ]


def test_an_anchor_that_nobody_can_see(tmp_path: Path) -> None:
    (fault,) = _faults(
        tmp_path, ("Repeats the problem in own words", "Understands the customer's problem")
    )
    assert fault.startswith(
        'criterion own-words, level 2, observable 1: "understands" cannot be seen or heard'
    )


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ("Repeats the problem in own words", "Sums up better than most colleagues", "observable 1"),
        ("So mornings are the hard part", "She was the best in the team", "example 1"),
        ('"Yes"]', '"Above average"]', "name of level 2"),
        ('title = "Uses own words"', 'title = "Is ahead of other people"', "title"),
        ('title = "Summing up"', 'title = "Who outperforms whom"', "title"),
    ],
)
def test_comparisons_between_people_are_refused_everywhere(
    tmp_path: Path, before: str, after: str, place: str
) -> None:
    (fault,) = _faults(tmp_path, (before, after))
    assert f"{place}: compares people" in fault


def test_levels_that_nobody_can_tell_apart(tmp_path: Path) -> None:
    (fault,) = _faults(
        tmp_path,
        ("Repeats the problem in own words", "repeats the last sentence word for word "),
    )
    assert fault == "criterion own-words: levels 1 and 2 have the same behaviours"


def test_doubled_criteria(tmp_path: Path) -> None:
    again = _GOOD[_GOOD.index("[[criteria]]") :]
    with pytest.raises(RubricRefused, match="2 criteria have this id"):
        _load(tmp_path, _GOOD + again)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("version = 2", "version = 0", "`int` >= 1 - at `version`"),
        ("version = 2\n", "", "missing required field `version`"),
        ('language = "en"', 'language = "xx"', "language"),
        ("level = 2", 'level = "two"', "at `criteria 1.levels 2.level`"),
        ("examples", "example", "unknown field `example` - at `criteria 1.levels 1`"),
        ('["Not yet", "Yes"]', '["Not yet"]', "levels"),
        ('id = "summary"', 'id = "Sum Mary"', "at `id`"),
        ("version", "version =", "is not TOML"),
    ],
)
def test_what_is_no_rubric_is_told_with_its_place(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    with pytest.raises(RubricError, match=r"rubric\.toml") as wrong:
        _load(tmp_path, _GOOD.replace(before, after, 1))
    assert message in str(wrong.value)
    assert not isinstance(wrong.value, RubricRefused)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RubricError, match="No such file"):
        load(tmp_path / "nothing.toml")


def test_equal_rubrics_have_equal_fingerprints(tmp_path: Path) -> None:
    rubric = _load(tmp_path, _GOOD)
    laid_out = "# a comment\n" + _GOOD.replace(" = ", "   =  ")
    assert _load(tmp_path, laid_out).fingerprint() == rubric.fingerprint()
    changed = _load(tmp_path, _GOOD.replace("As heard", "As it was heard"))
    assert changed.fingerprint() != rubric.fingerprint()
    assert len(rubric.fingerprint()) == 16
    assert msgspec.convert(msgspec.to_builtins(rubric), Rubric) == rubric
