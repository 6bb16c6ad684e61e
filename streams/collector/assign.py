"""GET /assign/{experiment}: which variant a learner or a team gets.

A thin route over `schemas.experiments.assignment`; a tool that does not want to ask, or to put a
person's identifier into an address, computes the same itself.
"""

from collections.abc import Callable

from schemas import identity
from schemas.experiments.assignment import AssignmentError, assign, learner_unit
from schemas.experiments.book import Book, NoSuchExperiment
from schemas.experiments.definition import DefinitionError, Experiment
from schemas.settings import KeySettings
from streams.collector.request import Request, parameters
from streams.collector.responses import Answer, Refusal, json_answer, retry_after

PREFIX = "/assign/"
ROUTE = "/assign/{experiment}"
_KNOWN = ("learner", "issuer", "team")
_ANY_SOURCE = "*"


class Assignments:
    """The handler. `key`: who asks, or a Refusal. `book`: the experiments in force; None while
    they are not known yet."""

    def __init__(
        self, book: Callable[[], Book | None], key: Callable[[Request], KeySettings]
    ) -> None:
        self._book = book
        self._key = key

    async def get(self, request: Request) -> Answer:
        """The variant; of an experiment that does not run, the control."""
        key = self._key(request)
        name = request.path.removeprefix(PREFIX)
        book = self._book()
        if book is None:
            message = "The experiments have not been read from Kafka yet."
            raise Refusal(503, "not-ready", message, headers=retry_after(1))
        try:
            experiment = book.experiment(name)
            running = book.running(name)
        except NoSuchExperiment as error:
            raise Refusal(404, "experiment", str(error), field="experiment") from error
        except DefinitionError as error:
            message = f"The definition of {name} cannot be used: {error}"
            raise Refusal(503, "definition", message, field="experiment") from error
        unit = _unit(experiment, _given(request), key)
        variant = assign(experiment.name, unit, experiment.weights)
        return json_answer(
            {
                "experiment": experiment.name,
                "variant": variant if running else experiment.control.name,
                "running": running,
                "told": experiment.told,
            }
        )


def _given(request: Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parameters(request):
        if name not in _KNOWN:
            raise Refusal(400, "parameter", f"Known are {', '.join(_KNOWN)}.", field=name)
        if name in found or not value:
            raise Refusal(400, "parameter", "Give it once, and not empty.", field=name)
        found[name] = value
    return found


def _unit(experiment: Experiment, given: dict[str, str], key: KeySettings) -> str:
    """What is hashed. An issuer that is not given is the same as for an event with this key."""
    allowed = {"team"} if experiment.unit == "team" else {"learner", "issuer"}
    unit = given.get(experiment.unit)
    if unit is None or not allowed.issuperset(given):
        names = " and ".join(sorted(allowed, reverse=True))
        message = f"{experiment.name} is by {experiment.unit}: give {names}."
        raise Refusal(400, "parameter", message, field=experiment.unit)
    if experiment.unit == "team":
        return unit
    issuer = given.get("issuer", "")
    if not issuer and "@" not in unit and key.source == _ANY_SOURCE:
        message = "This key is bound to no source: say who issued the identifier."
        raise Refusal(400, "parameter", message, field="issuer")
    try:
        return learner_unit(*identity.of_learner(key.source, unit, issuer))
    except AssignmentError as error:
        raise Refusal(400, "unit", f"{error}.", field="learner") from error
