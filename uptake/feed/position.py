"""How far a replay has come, so that an interrupted one goes on where it stopped.

A small JSON file beside `run.json`. It is trusted only for the same file, source and way in, and
only while the same Uptake runs: another one may have lost what this one acknowledged (an embedded
broker keeps nothing). When in doubt a replay begins again, which changes no number.
"""

from hashlib import blake2b
from pathlib import Path

import msgspec

from uptake.feed.target import Target

SAMPLE_BYTES = 65_536


class Position(msgspec.Struct):
    """`done` events, in the order of the feed, were acknowledged by the Uptake with `pid`."""

    pid: int
    collector: str
    feed: str
    done: int


class PositionFile:
    """The position of one feed. `name` says everything that makes it this feed."""

    def __init__(self, folder: Path, target: Target, name: str) -> None:
        digest = blake2b(name.encode(), digest_size=8).hexdigest()
        self.path = folder / f"replay-{digest}.json"
        self._target = target
        self._name = name

    def read(self) -> int:
        """How many events need not be sent again."""
        try:
            position = msgspec.json.decode(self.path.read_bytes(), type=Position)
        except (OSError, msgspec.MsgspecError):
            return 0
        return position.done if position == self._position(position.done) else 0

    def write(self, done: int) -> None:
        """Remember `done`; a crash meanwhile leaves the file as it was."""
        draft = self.path.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(self._position(done)))
        draft.replace(self.path)

    def remove(self) -> None:
        """The feed has come to its end: next time it begins again."""
        self.path.unlink(missing_ok=True)

    def _position(self, done: int) -> Position:
        return Position(self._target.pid, self._target.collector, self._name, done)


def fingerprint(file: Path) -> str:
    """Tells files apart by size and beginning, wherever they lie."""
    with file.open("rb") as content:
        digest = blake2b(content.read(SAMPLE_BYTES), digest_size=16)
    return f"{file.stat().st_size}-{digest.hexdigest()}"
