"""Windows, rows and people, on drawn timelines."""

from tests.recount.contributions import Cohorts, Event
from tests.recount.recount import DAY, HOUR, MINUTE, Key, Listed, Value, recount
from tests.unit.recount.timeline import timeline

RED: Cohorts = {"team": "red", "manager": "mo", "region": "", "eligible": True}
BLUE: Cohorts = {"team": "blue", "manager": "mo", "region": "", "eligible": True}
TEAMS = {"ann": RED, "bob": RED, "cid": BLUE}


def _series(
    events: list[Event], indicator: str, window: str, slide: int, cohort: tuple[str, str]
) -> dict[int, Value]:
    """Window end (in slides) -> value."""
    return {
        key.window_end // slide: value
        for key, value in recount(events).items()
        if (key.indicator, key.window) == (indicator, window)
        and (key.cohort_kind, key.cohort) == cohort
    }


def test_a_row_where_something_comes_in_or_has_just_left() -> None:
    #            0123
    drawing = "ann v..v"
    rows = _series(timeline(drawing, MINUTE), "video_plays", "1h", MINUTE, ("all", "all"))
    assert rows == {
        1: Value(1, None, 1),
        4: Value(2, None, 1),
        61: Value(1, None, 1),
        64: Value(0, None, 0),
    }


def test_each_window_has_its_slide() -> None:
    events = timeline("ann v", MINUTE)
    for window, slide, length in [
        ("1h", MINUTE, 60),
        ("1d", HOUR, 24),
        ("7d", DAY, 7),
        ("28d", DAY, 28),
    ]:
        rows = _series(events, "video_plays", window, slide, ("all", "all"))
        assert set(rows) == {1, 1 + length}, window


def test_people_are_counted_once_in_a_window_and_in_each_cohort() -> None:
    drawing = """
        ann vv.
        bob .v.
        cid ..v
    """
    events = timeline(drawing, DAY, cohorts=TEAMS)
    people = _series(events, "active_learners", "7d", DAY, ("all", "all"))
    assert [people[end].people for end in (1, 2, 3, 8, 9, 10)] == [1, 2, 3, 3, 1, 0]
    red = _series(events, "active_learners", "7d", DAY, ("team", "red"))
    assert {end: value.people for end, value in red.items()} == {1: 1, 2: 2, 8: 2, 9: 0}
    manager = _series(events, "active_learners", "7d", DAY, ("manager", "mo"))
    assert manager == people
    assert not _series(events, "active_learners", "7d", DAY, ("region", ""))


def test_two_slides_that_meet_make_one_row() -> None:
    # day 0 leaves the 7-day window in the slide in which day 7 comes in
    rows = _series(timeline("ann v......v", DAY), "video_plays", "7d", DAY, ("all", "all"))
    assert rows == {1: Value(1, None, 1), 8: Value(1, None, 1), 15: Value(0, None, 0)}


def test_adoption_divides_by_those_who_are_eligible_in_the_cohort_by_then() -> None:
    events = timeline("ann v.v", DAY, cohorts=TEAMS)
    directory: list[Listed] = [
        {"learner": "ann", "cohort": RED, "since": 0},
        {"learner": "bob", "cohort": RED, "since": 2 * DAY},
        {"learner": "cid", "cohort": BLUE, "since": 0},
        {"learner": "dan", "cohort": {**BLUE, "eligible": False}, "since": 0},
    ]
    rows = recount(events, directory)
    assert rows[Key("adoption", "team", "red", "7d", DAY)] == Value(1, 1, 1)
    assert rows[Key("adoption", "team", "red", "7d", 3 * DAY)] == Value(1, 2, 1)
    assert rows[Key("adoption", "all", "all", "7d", DAY)] == Value(1, 2, 1)
    assert Key("adoption", "team", "blue", "7d", DAY) not in rows


def test_a_handover_credits_the_one_who_took_the_step() -> None:
    drawing = """
        ann o...
        cid ...r
    """
    rows = recount(timeline(drawing, DAY, cohorts=TEAMS))
    assert rows[Key("tickets_opened", "team", "red", "1d", 1 * HOUR)] == Value(1, None, 1)
    assert rows[Key("tickets_resolved", "team", "blue", "28d", 4 * DAY)] == Value(1, None, 1)
    assert rows[Key("first_contact_resolution", "team", "blue", "28d", 4 * DAY)] == Value(1, 1, 1)
    assert Key("tickets_resolved", "team", "red", "28d", 4 * DAY) not in rows
