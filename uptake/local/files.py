"""Small files that are there wholly or not at all, and only for their owner."""

import os
from pathlib import Path

import msgspec

_OWNER_ONLY = 0o600


def write_private(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step, mode 0600, also through a crash."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), _OWNER_ONLY)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, value: object) -> None:
    """`value` as indented JSON; see `write_private`."""
    write_private(path, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
