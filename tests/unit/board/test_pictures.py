"""The pictures that README and docs show, as `make screenshots` drew them."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.browser.screenshots import PAGES

_ROOT = Path(__file__).parents[3]
_PICTURES = _ROOT / "docs" / "pictures"
_SVG = "{http://www.w3.org/2000/svg}"
_MOST_BYTES = 60_000


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_a_picture_that_names_itself(name: str) -> None:
    path = _PICTURES / f"{name}.svg"
    assert path.stat().st_size < _MOST_BYTES
    picture = ElementTree.parse(path).getroot()
    assert picture.tag == f"{_SVG}svg"
    title = picture.findtext(f"{_SVG}title")
    assert title
    assert "Uptake" in title
    assert len(picture.findall(f".//{_SVG}text")) > 10


@pytest.mark.parametrize("name", PAGES)
def test_a_picture_asks_for_nothing_from_elsewhere(name: str) -> None:
    text = (_PICTURES / f"{name}.svg").read_text(encoding="utf-8")
    assert not re.search(r"<(script|image|foreignObject|style|use)\b|href=|url\((?!#)", text)


def test_docs_show_the_pictures_there_are_and_all_of_them() -> None:
    shown = {
        (page.parent / path).resolve()
        for page in (_ROOT / "README.md", *(_ROOT / "docs").glob("*.md"))
        for path in re.findall(r"!\[[^\]]*\]\(([^)]+\.svg)\)", page.read_text(encoding="utf-8"))
    }
    assert shown == {path.resolve() for path in _PICTURES.iterdir()}
    assert {path.stem for path in shown} == set(PAGES)
