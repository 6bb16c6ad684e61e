"""The file of challenges: modules, and what each offers. Refuses what is unknown or doubled."""

import tomllib
from collections import Counter
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from uptake.challenges.words import Kind, Language

Id = Annotated[str, Meta(pattern=r"^\S{1,200}$")]
Text = Annotated[str, Meta(min_length=1, max_length=2000)]


class ChallengesError(ValueError):
    """The file cannot be read as challenges; the text names file and place."""


class Challenge(Struct, frozen=True, forbid_unknown_fields=True):
    id: Id
    kind: Kind
    text: Text


class Module(Struct, frozen=True, forbid_unknown_fields=True):
    id: Id
    challenges: list[Challenge]
    title: str = ""


class Challenges(Struct, frozen=True, forbid_unknown_fields=True):
    language: Language
    modules: list[Module]


def load(path: Path) -> Challenges:
    """The challenges in a TOML file. Raises ChallengesError."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Challenges)
    except OSError as error:
        raise ChallengesError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ChallengesError(f"{path}: is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ChallengesError(f"{path}: {error}") from error
    for what, ids in (
        ("module", [module.id for module in found.modules]),
        ("challenge", [each.id for module in found.modules for each in module.challenges]),
    ):
        for name, count in Counter(ids).items():
            if count > 1:
                raise ChallengesError(f"{path}: {count} of the {what}s have the id '{name}'")
    return found
