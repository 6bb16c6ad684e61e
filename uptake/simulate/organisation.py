"""A simulated organisation: who there is, in which team, under whom, where."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from random import Random

ISSUER = "https://people.example"
TEAMS = ("Alder", "Birch", "Cedar", "Elm", "Hazel", "Larch", "Maple", "Rowan")
REGIONS = ("North", "South", "West")
ELIGIBLE_SHARE = 0.9
LEARNERS = 120
TEAM_SIZE = 15
LEARNERS_A_RATER = 40
SKILL = (5, 3)
MEAN_SKILL = SKILL[0] / sum(SKILL)


@dataclass(frozen=True)
class Person:
    """Somebody who learns and works. `skill` (0 to 1) is what the simulation knows of them."""

    name: str
    team: str
    manager: str
    region: str
    eligible: bool
    skill: float


@dataclass(frozen=True)
class Organisation:
    """Everybody; a team has one manager and lies in one region. Managers and raters are people
    too, but not among the learners."""

    seed: int
    people: tuple[Person, ...]
    managers: dict[str, Person]
    """Team -> its manager."""
    raters: tuple[Person, ...]

    @cached_property
    def teams(self) -> dict[str, tuple[Person, ...]]:
        """Team -> its learners."""
        members: dict[str, list[Person]] = {}
        for person in self.people:
            members.setdefault(person.team, []).append(person)
        return {team: tuple(people) for team, people in members.items()}

    @cached_property
    def rollout(self) -> frozenset[str]:
        """The teams that a rollout reaches: every second one."""
        return frozenset(list(self.teams)[::2])

    def colleague(self, person: Person, rng: Random) -> Person:
        """Somebody of the same team, perhaps the same person."""
        return rng.choice(self.teams[person.team])

    def directory(self) -> Iterator[dict[str, object]]:
        """A line of the learner directory for each learner and each manager."""
        for person in (*self.people, *self.managers.values()):
            yield {
                "issuer": ISSUER,
                "learner": person.name,
                "team": person.team,
                "manager": person.manager,
                "region": person.region,
                "eligible": person.eligible,
            }


def organisation(seed: int, learners: int = LEARNERS) -> Organisation:
    """The organisation of a seed: always the same one."""
    rng = Random(seed)
    teams = [_team(place) for place in range(max(1, learners // TEAM_SIZE))]
    people = []
    for number in range(learners):
        place = number % len(teams)
        people.append(
            Person(
                name=f"learner-{number + 1:03}",
                team=teams[place],
                manager=f"Manager of {teams[place]}",
                region=REGIONS[place % len(REGIONS)],
                eligible=rng.random() < ELIGIBLE_SHARE,
                skill=rng.betavariate(*SKILL),
            )
        )
    managers = {
        team: Person(f"manager-{place + 1:02}", team, "", REGIONS[place % len(REGIONS)], False, 0.5)
        for place, team in enumerate(teams)
    }
    raters = tuple(
        Person(f"rater-{number + 1:02}", "", "", "", False, 0.5)
        for number in range(max(3, learners // LEARNERS_A_RATER))
    )
    return Organisation(seed, tuple(people), managers, raters)


def _team(place: int) -> str:
    """`Alder`, ..., `Rowan`, `Alder 2`, ..."""
    lap, tree = divmod(place, len(TEAMS))
    return TEAMS[tree] if lap == 0 else f"{TEAMS[tree]} {lap + 1}"
