"""The experiments of an organisation: drafts in a folder, and what is in force on one topic.

A draft is a file that people write and review, FOLDER/NAME.toml. Starting publishes it: a record
of the compacted topic `uptake.experiments` with its name as key and an `Entry` in JSON as value,
the definition and all its switches. Starting and stopping are switches and nothing else: no
assignment and no count is lost, so both can be undone. A name never comes back with another
meaning.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from schemas.experiments.definition import DefinitionError, Experiment, is_name, parse


class Switch(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody started or stopped an experiment. `at`: milliseconds. `why`: in their words."""

    running: bool
    at: int
    why: str


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """All that is known of an experiment: its definition as it was written, and its switches, the
    oldest first, of which the last is in force. A new value has all of the old one."""

    name: str
    definition: str
    switches: list[Switch] = []

    @property
    def running(self) -> bool:
        """One that was never started is not."""
        return bool(self.switches) and self.switches[-1].running

    @property
    def changed_at(self) -> int:
        """The time of the last switch (ms); 0: there is none."""
        return self.switches[-1].at if self.switches else 0


class NoSuchExperiment(DefinitionError):
    """No definition has this name."""


encode: Final = msgspec.json.Encoder().encode
decode: Final = msgspec.json.Decoder(Entry).decode
"""The value of a record -> entry. Raises msgspec.DecodeError."""


class Book:
    """What is in force, as far as the topic was read. Entries may be taken by another thread."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self._entries = {entry.name: entry for entry in entries}
        self._parsed: dict[str, tuple[str, Experiment]] = {}

    def take(self, entry: Entry) -> None:
        """A newer value."""
        self._entries[entry.name] = entry

    def names(self) -> list[str]:
        """All, in order."""
        return sorted(self._entries)

    def entry(self, name: str) -> Entry:
        """Raises NoSuchExperiment."""
        entry = self._entries.get(name)
        if entry is None:
            raise NoSuchExperiment(f"There is no experiment {name!r}.")
        return entry

    def experiment(self, name: str) -> Experiment:
        """Raises NoSuchExperiment, DefinitionError."""
        text = self.entry(name).definition
        known = self._parsed.get(name)
        if known is None or known[0] != text:
            known = self._parsed[name] = (text, parse(text, name))
        return known[1]

    def switches(self, name: str) -> list[Switch]:
        """All switches of an experiment, the oldest first. Raises NoSuchExperiment."""
        return self.entry(name).switches

    def running(self, name: str) -> bool:
        """Whether the last switch says so. Raises NoSuchExperiment."""
        return self.entry(name).running

    def published(self, name: str, text: str) -> Entry:
        """The entry with this definition. Raises DefinitionError when it cannot be used, or when
        it means something else than what was started under this name."""
        wanted = parse(text, name)
        if name not in self._entries:
            return Entry(name, text)
        entry = self.entry(name)
        if entry.switches and self.experiment(name) != wanted:
            raise DefinitionError(
                f"{name} was started with another definition: give the changed one another name"
            )
        return Entry(name, text, entry.switches)


def switched(entry: Entry, running: bool, at: int, why: str) -> Entry | None:
    """The entry, started or stopped; None when it is so already."""
    if entry.running == running:
        return None
    return Entry(entry.name, entry.definition, [*entry.switches, Switch(running, at, why)])


class Drafts:
    """A folder of definitions."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """All that have a file, in order."""
        return sorted(path.stem for path in self._folder.glob("*.toml"))

    def text(self, name: str) -> str | None:
        """The file's text; None: there is none. Raises DefinitionError when it cannot be read."""
        path = self._folder / f"{name}.toml"
        # Only then is the path one inside the folder.
        if not is_name(name) or not path.exists():
            return None
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DefinitionError(f"{path} cannot be read: {error}") from error

    def experiment(self, name: str) -> Experiment:
        """Raises NoSuchExperiment, DefinitionError."""
        text = self.text(name)
        if text is None:
            raise NoSuchExperiment(f"There is no {self._folder / name}.toml.")
        return parse(text, name)

    def add(self, name: str, text: str) -> Path:
        """Write a new definition and return its file. Raises DefinitionError when it cannot be used
        or the name is taken."""
        parse(text, name)
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{name}.toml"
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise DefinitionError(f"{path} is there already; take another name") from None
        return path


def running_ms(switches: Sequence[Switch], until: int) -> int:
    """For how long, up to `until` (ms), these switches left their experiment running."""
    ends = [switch.at for switch in switches[1:]] + [until]
    spans = zip(switches, ends, strict=False)
    return sum(max(0, min(end, until) - one.at) for one, end in spans if one.running)
