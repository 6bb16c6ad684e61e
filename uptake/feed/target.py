"""Where to feed: what `run.json` says of a running Uptake."""

from pathlib import Path

import msgspec

from uptake.feed.errors import FeedError


class Target(msgspec.Struct, frozen=True):
    """The fields of `run.json` that feeding needs."""

    pid: int
    collector: str
    key: str
    kafka: str
    registry: str | None = None

    def __repr__(self) -> str:
        return f"Target(pid={self.pid}, collector={self.collector!r}, kafka={self.kafka!r})"


def read(path: Path) -> Target:
    """Read `run.json`. Raises FeedError when there is none or it is not whole."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Target)
    except FileNotFoundError:
        raise FeedError(
            f"{path} is not there: is Uptake running? Start `uptake up`, or give --config."
        ) from None
    except OSError as error:
        raise FeedError(f"{path} cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise FeedError(f"{path} is not a run.json of Uptake: {error}") from error
