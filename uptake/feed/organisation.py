"""A small simulated organisation: who there is, in which team, under whom, where."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

ISSUER = "https://people.example"
TEAMS = ("Alder", "Birch", "Cedar", "Elm", "Hazel", "Larch", "Maple", "Rowan")
REGIONS = ("North", "South", "West")
ELIGIBLE_SHARE = 0.9
LEARNERS = 120


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
    """Everybody; a team has one manager and lies in one region."""

    people: tuple[Person, ...]

    def colleague(self, person: Person, rng: Random) -> Person:
        """Somebody of the same team, perhaps the same person."""
        return rng.choice([other for other in self.people if other.team == person.team])

    def directory(self) -> Iterator[dict[str, object]]:
        """A line of the learner directory for each person."""
        for person in self.people:
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
    people = []
    for number in range(learners):
        place = number % len(TEAMS)
        people.append(
            Person(
                name=f"learner-{number + 1:03}",
                team=TEAMS[place],
                manager=f"Manager of {TEAMS[place]}",
                region=REGIONS[place % len(REGIONS)],
                eligible=rng.random() < ELIGIBLE_SHARE,
                skill=rng.betavariate(5, 3),
            )
        )
    return Organisation(tuple(people))
