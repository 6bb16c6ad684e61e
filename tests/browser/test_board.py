"""The decision board in a real Chromium, on a whole `uptake up`."""

import json
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import opened
from tests.browser.organisation import open_deal
from tests.fixtures.running import Running

_OPENED = "article[aria-labelledby=i-opportunities_opened]"
_PATHS = (
    "/",
    "/?window=1h&cohort=team:Alder",
    "/indicators?window=1h",
    "/indicators/opportunities_opened?window=1h",
    "/journeys",
    "/suggestions",
    "/capability",
    "/experiments",
    "/experiments/short-hint",
    "/rubrics",
    "/rubrics/discovery-call/1",
    "/modules",
    "/pipeline",
    "/no-such-page",
)
_SHOWN = {
    "/capability": "15 people",
    "/experiments": "Is a hint of one line better than three?",
    "/experiments/short-hint": "a variant was shown to fewer than 10",
    "/rubrics": "version 1",
    "/rubrics/discovery-call/1": "Ratings of 15 people",
    "/modules": "1 module offers fewer than 3",
}

pytestmark = pytest.mark.timeout(600)


def test_a_number_moves_without_a_reload(page: Page, up: Running) -> None:
    page.goto("/indicators?window=1h")
    value = page.locator(f"{_OPENED} .value")
    expect(value).to_contain_text("15")
    page.evaluate("window.loadedOnce = true")
    open_deal(up, "Alder-0")
    expect(value).to_contain_text("16")
    assert page.evaluate("window.loadedOnce") is True


def test_drill_down_hides_a_small_team(page: Page) -> None:
    page.goto("/indicators?window=1h")
    page.get_by_role("link", name="Opportunities opened").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Opportunities opened")
    rows = page.locator("table").first
    expect(rows.get_by_role("row", name="Alder")).to_contain_text("12 people")
    expect(rows.get_by_role("row", name="Birch")).to_contain_text("too few people to show")
    rows.get_by_role("link", name="Alder").click()
    assert urlencode({"cohort": "team:Alder"}) in page.url
    page.goto("/?window=1h&cohort=team:Birch")
    expect(page.locator(".value").first).to_have_text("too few people to show")


def test_a_journey_hides_the_steps_of_a_small_team(page: Page) -> None:
    opened = page.locator("section[aria-labelledby=j-deal] tbody tr").first
    page.goto("/journeys?cohort=team:Alder")
    expect(opened).to_contain_text("opened")
    assert int(opened.locator("td").first.inner_text()) >= 12
    page.goto("/journeys?cohort=team:Birch")
    expect(opened.locator("td")).to_have_text("too few people to show")


def test_the_sql_of_a_page_gives_its_number(page: Page, up: Running) -> None:
    page.goto("/indicators/opportunities_opened?window=1h")
    sql = page.locator("pre").inner_text()
    shown = page.locator(f"{_OPENED} .value").inner_text().split()[0]
    assert up.rows(sql)[-1][2] == float(shown)


@pytest.mark.parametrize("path", _PATHS)
def test_each_page_is_accessible_in_light_and_dark(
    browser: Browser, up: Running, path: str
) -> None:
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        with opened(browser, up, color_scheme=scheme) as page:
            page.goto(path)
            found = Axe().run(page).response["violations"]
        serious = [each["id"] for each in found if each["impact"] in ("serious", "critical")]
        assert serious == [], json.dumps(found, indent=1)[:3000]


@pytest.mark.parametrize("path", _PATHS)
def test_each_page_fits_a_phone(browser: Browser, up: Running, path: str) -> None:
    with opened(browser, up, viewport={"width": 360, "height": 740}) as page:
        page.goto(path)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 360


def test_the_pages_about_growth_have_something_to_show(page: Page) -> None:
    for path, told in _SHOWN.items():
        page.goto(path)
        expect(page.locator("main")).to_contain_text(told)


def test_the_keyboard_reaches_the_numbers_first(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("To the numbers")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_board_prints_to_one_page(page: Page, tmp_path: Path) -> None:
    page.goto("/?window=1h")
    printed = page.pdf(format="A4")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") == 1


def test_what_is_asked_wrongly_is_answered_plainly(page: Page) -> None:
    for path in ("/?window=9y", "/?cohort=team:Nobody", "/indicators/nothing", "/nothing"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 404
        expect(page.get_by_role("heading", level=1)).to_have_text("Not shown")
