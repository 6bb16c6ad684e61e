"""The rating in a statement, if there is one (domain.md, section 1; schemas/ratings.py).

Levels come from the extension `rubrics` (criterion -> level), else from `quality-rating` (a score,
or a number), else from the answer to a likert question: its place in the question's own scale, or
the number it ends with. The rater is the instructor, else the extension `observer`. An extension
may hold anything: what does not fit is left out, as with all extensions.
"""

import re
from collections.abc import Callable, Collection
from typing import Any, Final, TypeGuard

import msgspec
from msgspec import UNSET, UnsetType

from schemas import identity
from schemas.ratings import MAX_CRITERIA, MAX_NAME, Rating, is_slug, tags_of
from schemas.records import Attribute
from schemas.xapi.errors import Invalid
from schemas.xapi.rules import check_actor
from schemas.xapi.statement import (
    Activity,
    Actor,
    AnyStatement,
    Context,
    Extensions,
    Result,
    Score,
)

_NAMES: Final = {
    "w3id.org/xapi/acrossx/extensions/rubrics": "rubrics",
    "id.tincanapi.com/extension/quality-rating": "quality",
    "id.tincanapi.com/extension/observer": "observer",
    "id.tincanapi.com/extension/reflection": "reflection",
}
_KEYS: Final = {
    f"{scheme}://{iri}": name for iri, name in _NAMES.items() for scheme in ("http", "https")
}
_IRIS: Final = frozenset(_KEYS)
_LAST_NUMBER = re.compile(r"(?:^|[^0-9.])([0-9]{1,2})$")
_LARGEST: Final = 1e300
_MOST_VERSION: Final = (1 << 31) - 1

Who = Callable[[tuple[str, str]], bytes]
"""(issuer, identifier) -> pseudonym."""


def rating(
    statement: AnyStatement,
    attributes: dict[str, Attribute],
    source: str,
    who: Who,
    tags: Collection[str],
) -> Rating | None:
    """`attributes`: those of the event; rubric, version and purpose are looked up there. `source`
    gave identifiers out that say nothing else. `tags`: those that may be kept of texts."""
    result, context = statement.result, statement.context
    of_result = UNSET if result is UNSET else result.extensions
    of_context = UNSET if context is UNSET else context.extensions
    # Most statements rate nothing, and are to find that out quickly.
    if not (
        (of_context is not UNSET and not _IRIS.isdisjoint(of_context))
        or (of_result is not UNSET and not _IRIS.isdisjoint(of_result))
        or (result is not UNSET and _answers(result, context))
    ):
        return None
    instructor = UNSET if context is UNSET else context.instructor
    found = {**_ours(of_context), **_ours(of_result)}
    made = Rating()
    _take_levels(made, statement, found)
    _take_text(made, statement, found, tags)
    if instructor is not UNSET:
        made.rater = who(identity.of_actor(instructor))
    elif "observer" in found:
        made.rater = _observer(found["observer"], source, who)
    rubric, version = attributes.get("rubric"), attributes.get("rubric_version")
    if isinstance(rubric, str) and is_slug(rubric):
        made.rubric = rubric
        if type(version) is int and 0 < version <= _MOST_VERSION:
            made.rubric_version = version
    purpose = attributes.get("purpose")
    if isinstance(purpose, str):
        made.purpose = purpose
    return made if made != _NOTHING else None


_NOTHING: Final = Rating()


def _answers(result: Result, context: Context | UnsetType) -> bool:
    """Whether there is an answer, or a score that somebody else gave."""
    if result.response is not UNSET:
        return True
    return result.score is not UNSET and context is not UNSET and context.instructor is not UNSET


def _ours(extensions: Extensions | UnsetType) -> dict[str, Any]:
    """Those that say something here, by their short names."""
    if extensions is UNSET:
        return {}
    return {_KEYS[iri]: extensions[iri] for iri in sorted(_IRIS.intersection(extensions))}


def _take_levels(made: Rating, statement: AnyStatement, found: dict[str, Any]) -> None:
    levels = found.get("rubrics")
    if isinstance(levels, dict):
        fits = {name: float(level) for name, level in levels.items() if _is_level(name, level)}
        made.levels = dict(list(fits.items())[:MAX_CRITERIA])
    if made.levels:
        return
    quality = found.get("quality")
    if _is_number(quality):
        made.levels = {"": float(quality)}
    elif isinstance(quality, dict):
        _take_score(made, quality)
    if not made.levels and statement.result is not UNSET:
        _take_answer(made, statement, statement.result)


def _take_answer(made: Rating, statement: AnyStatement, result: Result) -> None:
    """The answer to a likert question; its score where that has a scale of its own."""
    if _interaction(statement) != "likert":
        return
    response, thing = result.response, statement.object
    scale = thing.definition.scale
    items = [] if scale is UNSET else [each.id for each in scale]
    if response is not UNSET and response in items:
        made.levels = {"": float(items.index(response) + 1)}
        made.lowest, made.highest = (1.0, float(len(items))) if len(items) > 1 else (None, None)
        return
    score = UNSET if result.score is UNSET else result.score
    if isinstance(score, Score) and score.raw is not UNSET and score.max is not UNSET:
        _take_score(made, msgspec.to_builtins(score))
    elif response is not UNSET and (number := _LAST_NUMBER.search(response)):
        made.levels = {"": float(number[1])}


def _take_score(made: Rating, score: dict[str, Any]) -> None:
    """A score-like object; a scale of no length, as H5P sends, makes it unusable."""
    raw, low, high = score.get("raw"), score.get("min"), score.get("max")
    if _is_number(raw) and _is_number(low) and _is_number(high) and low <= raw <= high:
        if low < high:
            made.levels, made.lowest, made.highest = {"": float(raw)}, float(low), float(high)
        return
    scaled = score.get("scaled")
    if _is_number(scaled) and 0 <= scaled <= 1:
        made.levels, made.lowest, made.highest = {"": float(scaled)}, 0.0, 1.0
    elif _is_number(raw):
        made.levels = {"": float(raw)}


def _take_text(
    made: Rating, statement: AnyStatement, found: dict[str, Any], tags: Collection[str]
) -> None:
    """Length and tags of what somebody wrote; the answer to a question is no such text."""
    texts = []
    reflection = found.get("reflection")
    if isinstance(reflection, str):
        texts.append(reflection)
    elif isinstance(reflection, dict):
        texts += [text for text in reflection.values() if isinstance(text, str)]
    result = statement.result
    if result is not UNSET and result.response is not UNSET and _interaction(statement) is None:
        texts.append(result.response)
    if texts:
        made.text_length = sum(len(text.strip()) for text in texts)
        made.tags = tags_of(" ".join(texts), tags)


def _interaction(statement: AnyStatement) -> str | None:
    thing = statement.object
    if type(thing) is not Activity or thing.definition is UNSET:
        return None
    kind = thing.definition.interaction_type
    return None if kind is UNSET else kind


def _observer(value: object, source: str, who: Who) -> bytes:
    """An actor as in a statement, or an identifier of the tool."""
    if isinstance(value, str) and 0 < len(value) <= MAX_NAME:
        return who(identity.of_learner(source, value, ""))
    try:
        actor = msgspec.convert(value, Actor)
        check_actor(actor, "observer")
    except (msgspec.ValidationError, Invalid):
        return b""
    return who(identity.of_actor(actor))


def _is_level(name: object, level: object) -> bool:
    named = isinstance(name, str) and 0 < len(name) <= MAX_NAME and "@" not in name
    return named and _is_number(level)


def _is_number(value: object) -> TypeGuard[float]:
    return type(value) in (int, float) and -_LARGEST < value < _LARGEST  # type: ignore[operator]
