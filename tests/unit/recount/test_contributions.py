"""Each indicator's definition on a drawn timeline, one column a day unless said otherwise."""

import pytest

from tests.recount.contributions import DAY, Attribute, Event, contributions
from tests.unit.recount.timeline import timeline

PUBLIC: dict[str, dict[str, Attribute]] = {"p": {"public": True}}

CASES = [
    # indicator, drawing, (learner, day, num, den) of each case
    ("module_starts", "ann ..S.S", [("ann", 2, 1, 0)]),
    ("module_starts", "ann S\nbob .S", [("ann", 0, 1, 0), ("bob", 1, 1, 0)]),
    ("module_completions", "ann .C.C", [("ann", 1, 1, 0)]),
    ("module_completion_rate", "ann S" + "." * 27 + "C", [("ann", 0, 1, 1)]),
    ("module_completion_rate", "ann S" + "." * 28 + "C", [("ann", 0, 0, 1)]),
    ("module_completion_rate", "ann C.S", [("ann", 2, 0, 1)]),
    ("module_completion_rate", "ann S\nbob .C", [("ann", 0, 0, 1)]),
    ("video_engagement", "ann V......W", [("ann", 0, 1, 1)]),
    ("video_engagement", "ann V.......W", [("ann", 0, 0, 1)]),
    ("video_plays", "ann v.vv", [("ann", 0, 1, 0), ("ann", 2, 1, 0), ("ann", 3, 1, 0)]),
    ("tickets_opened", "ann o..o", [("ann", 0, 1, 0)]),
    ("tickets_resolved", "ann o.\nbob .rrc", [("bob", 1, 1, 0)]),
    ("tickets_resolved", "ann o.rxxrc", [("ann", 2, 1, 0), ("ann", 5, 1, 0)]),
    ("tickets_resolved", "ann o.c", [("ann", 2, 1, 0)]),
    ("tickets_resolved", "ann rx..c", [("ann", 0, 1, 0), ("ann", 4, 1, 0)]),
    ("tickets_resolved", "ann r.or", [("ann", 0, 1, 0), ("ann", 3, 1, 0)]),
    ("tickets_reopened", "ann .rxrx", [("ann", 2, 1, 0), ("ann", 4, 1, 0)]),
    ("first_contact_resolution", "ann opr", [("ann", 2, 1, 1)]),
    ("first_contact_resolution", "ann oppr", [("ann", 3, 0, 1)]),
    ("first_contact_resolution", "ann oprpp", [("ann", 2, 1, 1)]),
    ("first_contact_resolution", "ann or....x", [("ann", 1, 0, 1)]),
    ("first_contact_resolution", "ann or.....x", [("ann", 1, 1, 1)]),
    ("first_contact_resolution", "ann oc.x.r", [("ann", 1, 0, 1)]),
    ("escalation_rate", "ann o\nbob .......e", [("ann", 0, 1, 1)]),
    ("escalation_rate", "ann o\nbob ........e", [("ann", 0, 0, 1)]),
    ("escalation_rate", "ann .o\nbob e", [("ann", 1, 0, 1)]),
    ("opportunities_opened", "ann .DD", [("ann", 1, 1, 0)]),
    ("opportunities_won", "ann .Dww", [("ann", 2, 1, 0)]),
    ("win_rate", "ann Dlw", [("ann", 1, 0, 1)]),
    ("win_rate", "ann D.wl", [("ann", 2, 1, 1)]),
    ("days_to_close", "ann DD..w", [("ann", 4, 4 * DAY, 1)]),
    ("days_to_close", "ann w", []),
    ("days_to_close", "ann wD.w", [("ann", 3, 2 * DAY, 1)]),
    ("active_learners", "ann v?", [("ann", 0, 0, 0)]),
    ("adoption", "ann v", []),
]


@pytest.mark.parametrize(("indicator", "drawing", "expected"), CASES)
def test_definition(
    indicator: str, drawing: str, expected: list[tuple[str, int, int, int]]
) -> None:
    events = timeline(drawing, DAY, attributes=PUBLIC)
    assert _cases(indicator, events) == expected


def test_a_reply_that_is_not_public_is_no_contact() -> None:
    events = timeline("ann opppr", DAY, attributes={"p": {"public": False}})
    assert _cases("first_contact_resolution", events) == [("ann", 4, 1, 1)]


def test_sla_counts_at_the_first_closing_that_knows_it() -> None:
    unknown = timeline("ann oc", DAY)
    known = timeline("bob ...c", DAY, attributes={"c": {"sla_met": True}})
    later = timeline("cid ....c", DAY, attributes={"c": {"sla_met": False}})
    assert _cases("sla_met", unknown) == []
    assert _cases("sla_met", unknown + known + later) == [("bob", 3, 1, 1)]
    assert _cases("sla_met", unknown + later) == [("cid", 4, 0, 1)]


def test_steps_at_one_moment_are_in_the_order_of_their_ids() -> None:
    resolved, reopened = timeline("ann r\nbob x", DAY)
    resolved["event_id"], reopened["event_id"] = b"\1" * 16, b"\2" * 16
    after = timeline("cid .c", DAY)
    assert len(_cases("tickets_resolved", [reopened, resolved, *after])) == 2
    resolved["event_id"], reopened["event_id"] = b"\2" * 16, b"\1" * 16
    assert len(_cases("tickets_resolved", [reopened, resolved, *after])) == 1


def test_adoption_asks_whether_the_learner_was_eligible_at_the_event() -> None:
    ann, bob = timeline("ann v\nbob v", DAY)
    bob["cohort"] = {"team": "", "manager": "", "region": "", "eligible": True}
    assert _cases("adoption", [ann, bob]) == [("bob", 0, 0, 0)]
    assert len(_cases("active_learners", [ann, bob])) == 2


def _cases(indicator: str, events: list[Event]) -> list[tuple[object, int, int, int]]:
    found = [
        (one.event["learner"], one.event["occurred_at"] // DAY, one.num, one.den)
        for one in contributions(events)
        if one.indicator == indicator
    ]
    return sorted(found, key=lambda case: case[1])
