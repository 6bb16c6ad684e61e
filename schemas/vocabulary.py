"""Signals: what an event means here, found from its verb, its object's type and its attributes.

The table is vocabulary.toml. http and https forms of an IRI are equal, and the old form
`activitystrea.ms/schema/1.0/X` equals `activitystrea.ms/X`. What the table does not know is
`unmapped`: stored and counted, not refused.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from schemas.records import Attribute

UNMAPPED: Final = "unmapped"
BASE: Final = "https://w3id.org/uptake/"
_CACHE: Final = 20_000
_ANY: Final = "*"


class Minted(Struct, forbid_unknown_fields=True, frozen=True):
    """A term of our own, where no standard one exists."""

    iri: str
    meaning: str


class Rule(Struct, forbid_unknown_fields=True, frozen=True):
    """A line of the table: any of these verbs on any of these types has this signal.

    Types: IRIs or CURIEs, `""` an object without type, `*` any. `when`: attributes that must have
    these values; a rule that asks for more attributes goes before one that asks for fewer, and a
    rule for a type before one for any.
    """

    signal: str
    verbs: list[str]
    types: list[str]
    when: dict[str, bool | int | str] = {}


class _File(Struct, forbid_unknown_fields=True):
    prefixes: dict[str, str]
    types: dict[str, list[str]]
    minted: list[Minted]
    rule: list[Rule]


_Condition = tuple[tuple[tuple[str, Attribute], ...], str]
"""(attributes asked for, signal)."""


class VocabularyError(ValueError):
    """The vocabulary file cannot be used; the text says why."""


class Vocabulary:
    """The table, ready for look-ups."""

    def __init__(self, text: str) -> None:
        """Raises VocabularyError."""
        try:
            table = msgspec.convert(tomllib.loads(text), _File)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise VocabularyError(str(error)) from error
        self.prefixes: Final[Mapping[str, str]] = table.prefixes
        self.minted: Final = tuple(table.minted)
        self.signals: Final = frozenset(rule.signal for rule in table.rule) | {UNMAPPED}
        self._cache: dict[tuple[str, str], str | list[_Condition]] = {}
        self._expanded: dict[str, str] = {}
        self._conditions: dict[tuple[str, str], list[_Condition]] = {}
        for rule in table.rule:
            self._add(rule, table.types)
        for conditions in self._conditions.values():
            conditions.sort(key=lambda condition: -len(condition[0]))

    def signal(self, verb: str, object_type: str, attributes: Mapping[str, Attribute]) -> str:
        """The signal of an event, by full IRIs as sent; UNMAPPED where there is none."""
        found = self._cache.get((verb, object_type))
        if found is None:
            found = self._find(verb, object_type)
        if isinstance(found, str):
            return found
        for asked, signal in found:
            if all(attributes.get(name) == value for name, value in asked):
                return signal
        return UNMAPPED

    def expand(self, curie: str) -> str:
        """`as:resolve` -> the full IRI; anything without a prefix of ours stays as it is."""
        found = self._expanded.get(curie)
        if found is None:
            prefix, colon, rest = curie.partition(":")
            base = self.prefixes.get(prefix) if colon and not rest.startswith("//") else None
            found = curie if base is None else base + rest
            if len(self._expanded) >= _CACHE:
                self._expanded.clear()
            self._expanded[curie] = found
        return found

    def rules(self) -> list[tuple[str, str, list[_Condition]]]:
        """The whole table in one form, whatever the order and prefixes of the file: verb, type
        and the conditions in the order in which they are tried."""
        return sorted((*key, conditions) for key, conditions in self._conditions.items())

    def _add(self, rule: Rule, groups: Mapping[str, list[str]]) -> None:
        asked = tuple(sorted(rule.when.items()))
        types = [each for name in rule.types for each in groups.get(name, [name])]
        for verb in rule.verbs:
            for type_ in types:
                key = (self._normal(verb), type_ if type_ == _ANY else self._normal(type_))
                conditions = self._conditions.setdefault(key, [])
                if any(known == asked for known, _ in conditions):
                    raise VocabularyError(f"two signals for {verb} on {type_ or 'no type'}")
                conditions.append((asked, rule.signal))

    def _normal(self, iri: str) -> str:
        """One form for the IRIs that count as equal, of a CURIE too."""
        full = self.expand(iri).removeprefix("https://").removeprefix("http://")
        return full.replace("activitystrea.ms/schema/1.0/", "activitystrea.ms/", 1)

    def _find(self, verb: str, object_type: str) -> str | list[_Condition]:
        """Looks the pair up in the table and remembers the answer."""
        name = self._normal(verb)
        conditions = [
            *self._conditions.get((name, self._normal(object_type)), []),
            *self._conditions.get((name, _ANY), []),
        ]
        found: str | list[_Condition] = conditions
        if not conditions:
            found = UNMAPPED
        elif not conditions[0][0]:
            found = conditions[0][1]
        if len(self._cache) >= _CACHE:
            self._cache.clear()
        self._cache[(verb, object_type)] = found
        return found


def load(path: str | Path | None = None) -> Vocabulary:
    """The vocabulary of a file; none: the bundled one. Raises VocabularyError, OSError."""
    if not path:
        return Vocabulary(files("schemas").joinpath("vocabulary.toml").read_text("utf-8"))
    return Vocabulary(Path(path).read_text("utf-8"))
