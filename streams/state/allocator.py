"""What the C library is told about memory, where there is a way to tell it (glibc)."""

import ctypes
from typing import Any, Final

_ARENA_MAX: Final = -8
"""`M_ARENA_MAX` of malloc.h."""


def one_arena() -> None:
    """To be called before there are threads. Each would get memory of its own, and a pass over all
    rows beside the loop would take as much again as it frees."""
    limit = _function("mallopt")
    if limit is not None:
        limit(_ARENA_MAX, 1)


def give_back() -> None:
    """Give free memory back to the system."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _function(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None)
