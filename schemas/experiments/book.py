"""The experiments of an organisation: a folder of definitions and one log of switches.

    EXPERIMENTS/NAME.toml       the definition; its name never comes back with another meaning
    EXPERIMENTS/switches.jsonl  one line a switch, appended; the last one of a name is in force

Starting and stopping are switches and nothing else: no assignment and no count is lost, so both can
be undone. Both records are made to be the values of a compacted topic later: key `NAME` for
the definition and `NAME/switch` for the switch, each a whole value; the folder is then one more
reader and writer of it.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from schemas.experiments.definition import DefinitionError, Experiment, is_name, parse

SWITCHES = "switches.jsonl"


class Switch(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody started or stopped an experiment. `at`: milliseconds. `why`: in their words."""

    experiment: str
    running: bool
    at: int
    why: str


class NoSuchExperiment(DefinitionError):
    """No definition has this name."""


_Stamp = tuple[int, int, int]
_decode = msgspec.json.Decoder(Switch).decode


class Book:
    """Reads the folder; what it has read is kept until the file changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._definitions: dict[str, tuple[_Stamp, Experiment]] = {}
        self._switches: tuple[_Stamp, dict[str, list[Switch]]] | None = None

    def names(self) -> list[str]:
        """All that have a definition, in order."""
        return sorted(path.stem for path in self._folder.glob("*.toml"))

    def experiment(self, name: str) -> Experiment:
        """Raises NoSuchExperiment, DefinitionError."""
        path = self._folder / f"{name}.toml"
        # Only then is the path one inside the folder.
        stamp = _stamp(path) if is_name(name) else None
        if stamp is None:
            raise NoSuchExperiment(f"There is no experiment {name!r}.")
        known = self._definitions.get(name)
        if known is None or known[0] != stamp:
            known = self._definitions[name] = (stamp, parse(_text(path), name))
        return known[1]

    def switches(self, name: str) -> list[Switch]:
        """All switches of an experiment, the oldest first. Raises DefinitionError."""
        path = self._folder / SWITCHES
        stamp = _stamp(path)
        if stamp is None:
            return []
        if self._switches is None or self._switches[0] != stamp:
            self._switches = (stamp, _by_name(path))
        return self._switches[1].get(name, [])

    def running(self, name: str) -> bool:
        """Whether the last switch says so; one that was never started is not."""
        switches = self.switches(name)
        return bool(switches) and switches[-1].running

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

    def switch(self, name: str, running: bool, at: int, why: str) -> bool:
        """Start or stop; false when it is so already. Raises DefinitionError."""
        self.experiment(name)
        if self.running(name) == running:
            return False
        line = json.dumps({"experiment": name, "running": running, "at": at, "why": why})
        with (self._folder / SWITCHES).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        return True


def running_ms(switches: Sequence[Switch], until: int) -> int:
    """For how long, up to `until` (ms), these switches left their experiment running."""
    ends = [switch.at for switch in switches[1:]] + [until]
    spans = zip(switches, ends, strict=False)
    return sum(max(0, min(end, until) - one.at) for one, end in spans if one.running)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{path} cannot be read: {error}") from error


def _by_name(path: Path) -> dict[str, list[Switch]]:
    found: dict[str, list[Switch]] = {}
    for switch in _lines(path):
        found.setdefault(switch.experiment, []).append(switch)
    return found


def _lines(path: Path) -> Iterator[Switch]:
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            yield _decode(line)
        except msgspec.MsgspecError as error:
            raise DefinitionError(f"{path}, line {number}: {error}") from error


def _stamp(path: Path) -> _Stamp | None:
    """What changes when the file does; None when there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
