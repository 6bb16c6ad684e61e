"""The definition of an experiment: a TOML file that people write and review.

Beside form, `parse` checks what makes an experiment honest: a purpose, what learners are told, a
full week, a sample that was thought of before, guardrails.
"""

import re
import tomllib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

NAME = r"[a-z][a-z0-9-]{1,62}"
WEEK_DAYS = 7
_SENTENCE = 15
_NAME = re.compile(NAME)

Name = Annotated[str, Meta(pattern=f"^{NAME}$")]
Text = Annotated[str, Meta(min_length=_SENTENCE, max_length=1000)]


class DefinitionError(ValueError):
    """The definition cannot be used; the text has one line for each fault."""


class Variant(Struct, frozen=True, forbid_unknown_fields=True):
    """One arm. The first of a definition is the control: what everybody gets when it is stopped."""

    name: Name
    weight: Annotated[int, Meta(ge=1, le=1_000_000)]
    description: str


class Outcome(Struct, frozen=True, forbid_unknown_fields=True):
    """What decides. `indicator`: its name in the catalog, measured on the exposed units.

    `smallest_effect`: the smallest difference of the indicator (absolute, in its unit) that would
    change what we do; the test is sharpest there.
    """

    indicator: str
    good: Literal["up", "down"]
    smallest_effect: Annotated[float, Meta(gt=0)]


class Guardrail(Struct, frozen=True, forbid_unknown_fields=True):
    """What must not get worse: by `tolerance` at most (absolute, in the indicator's unit)."""

    indicator: str
    good: Literal["up", "down"]
    smallest_effect: Annotated[float, Meta(gt=0)]
    tolerance: Annotated[float, Meta(ge=0)] = 0.0


class Experiment(Struct, frozen=True, forbid_unknown_fields=True):
    """Shares of `alpha` are spent over all looks together; days are of 24 hours."""

    name: Name
    owner: Annotated[str, Meta(min_length=1)]
    purpose: Text
    told: Text
    """What learners are told, in the words they read."""
    unit: Literal["learner", "team"]
    variants: Annotated[list[Variant], Meta(min_length=2, max_length=10)]
    outcome: Outcome
    guardrails: Annotated[list[Guardrail], Meta(min_length=1)]
    minimum_units: Annotated[int, Meta(ge=20)]
    """Exposed units in each variant before anything is called."""
    minimum_days: Annotated[int, Meta(ge=WEEK_DAYS)] = 2 * WEEK_DAYS
    maximum_days: Annotated[int, Meta(ge=WEEK_DAYS)] = 8 * WEEK_DAYS
    alpha: Annotated[float, Meta(gt=0, le=0.2)] = 0.05
    notes: list[str] = field(default_factory=list)

    @property
    def control(self) -> Variant:
        return self.variants[0]

    @property
    def weights(self) -> dict[str, int]:
        """Variant -> weight, in the order of the definition."""
        return {variant.name: variant.weight for variant in self.variants}


def is_name(text: str) -> bool:
    """Whether it can name an experiment or a variant."""
    return _NAME.fullmatch(text) is not None


def parse(text: str, name: str) -> Experiment:
    """The definition in a file called `name`.toml. Raises DefinitionError."""
    try:
        experiment = msgspec.convert(tomllib.loads(text), Experiment)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise DefinitionError(f"{name}: {error}") from error
    faults = _faults(experiment, name)
    if faults:
        raise DefinitionError("\n".join(f"{name}: {fault}" for fault in faults))
    return experiment


def _faults(experiment: Experiment, name: str) -> list[str]:
    found = []
    if experiment.name != name:
        found.append(f"`name` is {experiment.name}, but the file is called {name}.toml")
    if len(experiment.weights) < len(experiment.variants):
        found.append("two variants have the same name")
    if experiment.maximum_days < experiment.minimum_days:
        found.append("`maximum_days` is below `minimum_days`")
    guarded = [guardrail.indicator for guardrail in experiment.guardrails]
    if len(set(guarded)) < len(guarded):
        found.append("two guardrails watch the same indicator")
    if experiment.outcome.indicator in guarded:
        found.append("the outcome cannot be its own guardrail")
    return found
