"""The page of the catalog."""

from pathlib import Path

from streams.catalog import load
from uptake.docs.catalog import page


def test_the_page_in_the_repository_is_what_the_catalog_says() -> None:
    file = Path(__file__).parents[3] / "docs" / "catalog.md"
    assert file.read_text("utf-8") == page(load()), "run `make docs`"


def test_every_journey_and_indicator_is_on_it() -> None:
    catalog = load()
    text = page(catalog)
    for name in catalog.journeys:
        assert f"### Journey `{name}`" in text
    for name, indicator in catalog.indicators.items():
        assert f"### {indicator.title} (`{name}`)" in text
        assert f"WHERE indicator = '{name}'" in text
