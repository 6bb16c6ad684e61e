"""All stories, and how often each is told."""

from collections.abc import Callable
from random import Random

from uptake.simulate.growth import check, observation, roleplay, suggestion
from uptake.simulate.happening import Scene, Story
from uptake.simulate.learning import lesson, trial, video
from uptake.simulate.work import deal, idle_nudge, ticket

StoryTeller = Callable[[Scene, Random], Story]

STORIES: tuple[tuple[StoryTeller, float], ...] = (
    (lesson, 3.0),
    (video, 2.0),
    (ticket, 2.0),
    (deal, 2.0),
    (idle_nudge, 0.3),
    (trial, 0.7),
    (roleplay, 0.5),
    (check, 0.7),
    (suggestion, 0.3),
    (observation, 0.2),
)
"""Each story and how often it is told, compared with the others."""

EVENTS_A_STORY = 5.4
"""Mean length of a story over STORIES; the tests hold it to the stories."""
