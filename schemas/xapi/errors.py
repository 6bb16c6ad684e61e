"""The one error of everything that reads what a sender wrote: it can never be valid.

    ValueError
    +-- Invalid        this event, as sent, will never be valid: answer 400, or dead-letter it

Neither `field` nor `rule` ever holds a value from the event, so both may be logged and stored.
"""

import re
from typing import Final, Literal, get_args

from msgspec import ValidationError

Reason = Literal[
    "empty",
    "too-large",
    "too-deep",
    "too-many",
    "not-json",
    "not-avro",
    "unknown-schema",
    "wrong-type",
    "unknown-field",
    "missing-field",
    "bad-value",
    "bad-iri",
    "bad-time",
    "future-time",
    "bad-duration",
    "bad-actor",
    "bad-object",
    "bad-id",
    "bad-score",
    "bad-version",
    "bad-attribute",
    "repeated-id",
]
REASONS: Final[frozenset[str]] = frozenset(get_args(Reason))
"""Every reason there is: the label of a metric, so the list is closed."""


class Invalid(ValueError):
    """An event that can never be valid.

    `field` is the path of the part at fault (`actor.mbox`; empty: the whole), `rule` says in a few
    words what was expected there, `position` is the place in a list of several events, if any.
    """

    def __init__(self, reason: Reason, field: str, rule: str, position: int | None = None) -> None:
        super().__init__(reason, field, rule, position)
        self.reason: Reason = reason
        self.field = field
        self.rule = rule
        self.position = position

    def at(self, position: int) -> "Invalid":
        """The same fault, in the event at this place of a list."""
        return Invalid(self.reason, self.field, self.rule, position)

    @property
    def detail(self) -> str:
        """One line for people: the field and what was expected."""
        return f"{self.field}: {self.rule}" if self.field else self.rule

    def __str__(self) -> str:
        where = "" if self.position is None else f"[{self.position}] "
        return f"{where}{self.detail} ({self.reason})"


_PATH = re.compile(r"^(?P<text>.*?)(?: - at `(?P<key>key` in `)?\$(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(.*)`$", re.DOTALL)
_MISSING = re.compile(r"missing required field `(.*)`$", re.DOTALL)
_SHOWABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_SCORES = re.compile(r"(^|\.)score(\.|$)")


def from_msgspec(error: ValidationError) -> Invalid:
    """What msgspec says of a JSON text that has not the right shape, without its values."""
    found = _PATH.match(str(error))
    text, path = (found["text"], found["path"] or "") if found else ("", "")
    path = path.removeprefix(".")
    if unknown := _UNKNOWN.search(text):
        return Invalid("unknown-field", path, f"unknown key{_shown(unknown[1])}")
    if missing := _MISSING.search(text):
        return Invalid("missing-field", f"{path}.{missing[1]}".lstrip("."), "required")
    if text.startswith("Expected `") and ", got `" in text:
        return Invalid("wrong-type", path, text.replace("Expected", "expected", 1))
    if text.startswith("Expected `") and "regex" not in text:
        reason: Reason = "bad-score" if _SCORES.search(path) else "bad-value"
        return Invalid(reason, path, text.replace("Expected", "expected", 1))
    if "out of range" in text:
        return Invalid("bad-value", path, "number out of range")
    return Invalid("bad-value", path, "not one of the values allowed here")


def _shown(key: str) -> str:
    """A key is shown only if it looks like one: somebody may have put a name in its place."""
    return f" `{key}`" if _SHOWABLE.fullmatch(key) else ""
