"""SQL about the facts of an event: its attributes, and what every event has."""

from collections.abc import Iterable, Sequence
from typing import Final

from streams.catalog.load import JOINED, Equals

OWN: Final = (
    "(toString(source), object_id, parent, toString(module), ifNull(toInt8(success), -1),"
    " ifNull(toInt8(completion), -1))"
)
"""What every event has, in one value; the conditions below call it `own`. -1: not given."""

_TEXTS: Final = {"tool": "own.1", "object": "own.2", "parent": "own.3", "module": "own.4"}
_ANSWERS: Final = {"success": "own.5", "completion": "own.6"}


def text(value: str) -> str:
    """A literal."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def array(values: Iterable[object]) -> str:
    """An array of literals; text is quoted."""
    parts = (text(value) if isinstance(value, str) else str(value) for value in values)
    return f"[{', '.join(parts)}]"


def has_fact(name: str) -> str:
    """Whether the event has it."""
    if name in _TEXTS:
        return f"{_TEXTS[name]} != ''"
    if name in _ANSWERS:
        return f"{_ANSWERS[name]} >= 0"
    return f"JSONHas(attributes, {text(name)})"


def holds(rule: Equals) -> str:
    """Whether the fact is there with this value; 1 is not true and not 1.0."""
    name, wanted = rule.name, rule.equals
    if name in _TEXTS:
        return f"{_TEXTS[name]} = {text(wanted)}" if isinstance(wanted, str) and wanted else "0"
    if name in _ANSWERS:
        return f"{_ANSWERS[name]} = {int(wanted)}" if isinstance(wanted, bool) else "0"
    place = f"attributes, {text(name)}"
    if isinstance(wanted, bool):
        return f"(JSONType({place}) = 'Bool' AND JSONExtractBool({place}) = {wanted})"
    if isinstance(wanted, str):
        return f"(JSONType({place}) = 'String' AND JSONExtractString({place}) = {text(wanted)})"
    if isinstance(wanted, int):
        return f"({whole_number(name)} AND JSONExtractInt({place}) = {wanted})"
    return f"(JSONType({place}) = 'Double' AND JSONExtractFloat({place}) = {wanted!r})"


def whole_number(name: str) -> str:
    """Whether the attribute is there and a whole number."""
    return f"JSONType(attributes, {text(name)}) IN ('Int64', 'UInt64')"


def fact_text(name: str) -> str:
    """The fact as the name of a cohort; empty: it names none."""
    if name in _TEXTS:
        return _TEXTS[name]
    if name in _ANSWERS:
        return f"transform({_ANSWERS[name]}, [0, 1], ['false', 'true'], '')"
    place = f"attributes, {text(name)}"
    return (
        f"multiIf(JSONType({place}) = 'String', JSONExtractString({place}),"
        f" JSONType({place}) = 'Bool', if(JSONExtractBool({place}), 'true', 'false'),"
        f" {whole_number(name)}, JSONExtractRaw({place}), '')"
    )


def label(parts: Sequence[str]) -> str:
    """The cohort that these texts name together; empty: one of them is."""
    if len(parts) == 1:
        return parts[0]
    every = f"[{', '.join(parts)}]"
    return f"if(has({every}, ''), '', arrayStringConcat({every}, {text(JOINED)}))"
