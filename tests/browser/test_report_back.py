"""Reporting back on a suggestion: one click in a real Chromium, seen as events in the store."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import KEY
from tests.browser.organisation import suggestion_of
from tests.fixtures.running import Running
from tests.fixtures.waiting import wait_for

_SQL = f"""
SELECT toString(signal), success, JSONExtractString(attributes, 'kind') FROM events
WHERE object_id = '{suggestion_of("Alder-0")}' ORDER BY occurred_at"""

pytestmark = pytest.mark.timeout(600)


def test_one_click_becomes_the_events_a_tool_would_send(
    page: Page, own_board: str, up: Running
) -> None:
    page.goto(f"{own_board}/suggestions")
    page.get_by_label("Your key").fill(KEY)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Suggestions").click()
    expect(page.get_by_role("button", name="It worked")).to_have_count(1)
    page.get_by_role("button", name="It worked").click()
    expect(page.get_by_role("status").first).to_contain_text("Thank you")
    # The page shows it by itself.
    expect(page.get_by_text("You said that it worked.")).to_be_visible()
    expect(page.get_by_role("button", name="It worked")).to_have_count(0)
    expected = [
        ["suggestion.offered", None, "team-huddle"],
        ["suggestion.tried", None, "team-huddle"],
        ["suggestion.reported", True, "team-huddle"],
    ]
    wait_for(lambda: up.rows(_SQL) == expected, 60, "both events")


def test_who_is_not_known_sees_how_suggestions_do_and_no_buttons(page: Page) -> None:
    page.goto("/suggestions")
    expect(page.get_by_role("row", name="team-huddle")).to_contain_text("15 to 15 people")
    expect(page.get_by_text("Nobody knows here which suggestions are yours")).to_be_visible()
    expect(page.get_by_role("button", name="It worked")).to_have_count(0)
    page.goto("/suggestions?cohort=team:Birch")
    expect(page.get_by_role("row", name="team-huddle")).to_contain_text("too few people to show")
