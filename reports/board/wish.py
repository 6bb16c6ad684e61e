"""What a page is asked for, and what all pages about a cohort have in common."""

from typing import Any, NamedTuple

from reports.board import read, words
from reports.board.access import Viewer
from reports.board.read import Cohort
from schemas.settings import Settings
from sinks.clickhouse.client import Store


class NotThere(Exception):
    """What was asked for does not exist, or is not for this viewer."""


class Wish(NamedTuple):
    """Who asks for what. `cohort` None: the first one that the viewer may see."""

    viewer: Viewer
    cohort: Cohort | None
    window: str
    settings: Settings

    @property
    def least(self) -> int:
        """People who must stand behind what is shown."""
        return self.settings.board.least_people


def frame(title: str, cohorts: list[Cohort], cohort: Cohort) -> dict[str, Any]:
    """What every page about a cohort has."""
    return {
        "title": title,
        "cohorts": cohorts,
        "cohort": cohort,
        "windows": words.WINDOW_WORDS,
    }


def chosen(store: Store, wish: Wish) -> tuple[list[Cohort], Cohort]:
    """The cohorts that the viewer may see, and the one that is meant. Raises NotThere."""
    visible = wish.viewer.visible(read.cohorts(store))
    cohort = wish.cohort or (visible[0] if visible else None)
    if cohort is None:
        raise NotThere("There is no cohort that you may see yet.")
    if cohort not in visible and cohort != read.EVERYBODY:
        raise NotThere("There is no such cohort, or it is not yours to see.")
    return visible, cohort


def only_for_all(wish: Wish) -> None:
    """Raises NotThere unless the viewer may see everybody: the page knows no cohorts."""
    if not wish.viewer.may_see_all:
        raise NotThere("This page is for viewers who may see everybody.")
